"""Asking a running service's internal door, as the caller `cli`."""

import asyncio
from typing import Any

from bodega.cli.screen import fail
from bodega.platform.secrets import CLI, Secrets
from bodega.platform.system import Instance

SECONDS = 10


def ask(
    instance: Instance,
    service: str,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    seconds: float = SECONDS,
) -> Any:
    """The JSON answer of a service; ends the command, saying what the service said, if it refuses."""
    status, answer = asyncio.run(send(instance, service, method, path, body, seconds=seconds))
    if status >= 400:
        problem = answer if isinstance(answer, dict) else {}
        fail(
            f"{service} answered {status}: {problem.get('title', '')}",
            str(problem.get("detail") or problem.get("errors") or problem.get("code") or ""),
        )
    return answer


async def send(
    instance: Instance, service: str, method: str, path: str, body: dict[str, Any] | None, *, seconds: float = SECONDS
) -> tuple[int, Any]:
    """Status and JSON of a service's answer; ends the command if it cannot be reached."""
    import aiohttp

    from bodega.kit.auth import InternalTokens

    secrets = Secrets.of(instance)
    tokens = InternalTokens(CLI, secrets.key_file(CLI), secrets.jwks_file, frozenset())
    headers = {"Authorization": f"Bearer {tokens.token_for(service)}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session,
            session.request(method, f"{instance.service_url(service)}{path}", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError) as error:
        fail(
            f"{service} cannot be reached.",
            str(error),
            "Is the shop running? `./bodega status` shows it, `./bodega up` starts it.",
        )
