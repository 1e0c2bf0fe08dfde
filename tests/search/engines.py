"""The engines that search is tested on: the shop's own, and Elasticsearch 7.10, started for the tests that ask."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bodega.kit.testing import eventually
from bodega.platform import jars
from bodega.platform.engines.java import java
from bodega.platform.system import LOOPBACK, state_home

PORTS = range(9271, 9281)
"""For HTTP. The runner takes none above 9299; the shop's own engines keep below."""
SECONDS = 90


@asynccontextmanager
async def elasticsearch(folder: Path, name: str) -> AsyncIterator[str]:
    """The address of a node of its own, with its data in the folder; gone afterwards."""
    home = state_home()
    if jars.missing(home, jars.TEST_ENGINES):
        pytest.fail("Elasticsearch has not been fetched yet: ./bodega test tests/search does it")
    port = next(port for port in PORTS if _is_free(port))
    settings = folder / "config"
    settings.mkdir(parents=True)
    (settings / "elasticsearch.yml").write_text(
        f"network.host: {LOOPBACK}\n"
        f"transport.port: {_free_port()}\n"
        "action.auto_create_index: false\n"
        "cluster.routing.allocation.disk.threshold_enabled: false\n"
    )
    command = [
        java(), "-Xms256m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-cp", jars.class_path(home, "elasticsearch"),
        "org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner",
        # The runner adds the node's number (1) to the base port.
        "-basePath", str(folder / "node"), "-confPath", str(settings), "-numOfNode", "1",
        "-baseHttpPort", str(port - 1), "-clusterName", name,
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        url = f"http://{LOOPBACK}:{port}"
        await eventually(lambda: _answers(process, url, name, folder / "log"), within_seconds=SECONDS)
        yield url
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _answers(process: "subprocess.Popen[bytes]", url: str, name: str, log: Path) -> None:
    """The node, and not another one that has taken the port in the meantime."""
    if process.poll() is not None:
        pytest.fail(f"Elasticsearch ended: {log.read_text()[-2000:]}")
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            told = json.loads(await answer.read())
    except aiohttp.ClientError as error:
        raise AssertionError(f"{url} does not answer") from error
    assert told["cluster_name"] == name


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex((LOOPBACK, port)) != 0


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        port: int = one.getsockname()[1]
        return port
