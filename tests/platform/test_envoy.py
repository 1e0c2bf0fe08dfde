"""Envoy's administration, which tells the edge's secret and stops the gateway, is for its owner alone."""

import json
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bodega.gateway.render import envoy_config
from bodega.kit.testing import eventually
from bodega.platform.engines import envoy
from bodega.platform.engines.program import NotReady
from bodega.platform.system import InstanceSpec, System
from tests.edge.stage import _free_ports

pytestmark = pytest.mark.service


@pytest.mark.parametrize("depth", [0, 12])
async def test_it_listens_on_a_socket_file_of_its_owner_and_on_no_port(tmp_path: Path, depth: int) -> None:
    """Also where the folder's path is longer than a socket's address may be."""
    folder = tmp_path.joinpath(*["a-long-name"] * depth)
    folder.mkdir(parents=True, exist_ok=True)
    public, edge, admin = _free_ports(3)
    instance = replace(
        System.load().instance("test", tmp_path),
        spec=InstanceSpec(times="fast", ports={"envoy": {"public": public, "edge": edge, "admin": admin}}),
    )
    secret = "a-secret-of-the-edges-own"
    (folder / "envoy.json").write_text(json.dumps(envoy_config(instance.system, instance, edge_secret=secret)))
    process = subprocess.Popen(
        [str(envoy.binary()), "-c", "envoy.json", "--concurrency", "1", "--disable-hot-restart", "-l", "warn"],
        cwd=folder,
    )
    try:

        async def is_ready() -> None:
            assert process.poll() is None
            try:
                await envoy._is_ready(folder)
            except NotReady as lack:
                raise AssertionError(str(lack)) from lack

        await eventually(is_ready, within_seconds=60)
        socket = folder / envoy.ADMIN_SOCKET
        assert stat.S_ISSOCK(socket.stat().st_mode)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert socket.stat().st_uid == os.geteuid()
        ports = {c.laddr.port for c in psutil.Process(process.pid).net_connections("tcp") if c.status == "LISTEN"}
        assert ports == {public, edge}
        async with envoy.administration(folder) as session, session.get("/config_dump") as answer:
            assert secret in await answer.text()
        await envoy._drain(folder)
    finally:
        process.terminate()
        process.wait(20)
    await envoy._drain(folder)  # it is gone: nothing to wait for
