"""OpenSearch, one node, through a runner that needs neither an installation nor a user of its own.

By itself it asks nobody who they are. `KeyPlugin.java` does; it is compiled when it or the engine has changed.
"""

import hashlib
from functools import partial
from pathlib import Path

import aiohttp

from bodega.platform.engines.java import java
from bodega.platform.engines.program import Program, answers, run
from bodega.platform.jars import class_path
from bodega.platform.secrets import Secrets
from bodega.platform.settings import OPENSEARCH_USER
from bodega.platform.system import LOOPBACK, Instance

_PLUGIN = Path(__file__).with_name("KeyPlugin.java")


def program(instance: Instance, secrets: Secrets) -> Program:
    """OpenSearch on the instance's ports, with a password; indexes are made by the search service."""
    folder = instance.data / "opensearch"
    configuration = folder / "config"
    configuration.mkdir(parents=True, exist_ok=True, mode=0o700)
    ports, password = instance.ports["opensearch"], secrets.read("opensearch")
    (configuration / "opensearch.yml").write_text(
        f"network.host: {LOOPBACK}\n"
        f"transport.port: {ports['transport']}\n"
        "action.auto_create_index: false\n"
        "cluster.routing.allocation.disk.threshold_enabled: false\n"
    )
    login = configuration / "login"
    login.touch(mode=0o600)
    login.write_text(f"{OPENSEARCH_USER}:{password}\n")
    jars, plugin = class_path(instance.home, "opensearch"), folder / "plugin"
    # The runner adds the node's number (1) to the base port, and takes the next free one if that is taken:
    # so the supervisor makes sure beforehand that it is free.
    base = ports["http"] - 1
    return Program(
        name="opensearch",
        command=(
            java(), "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
            "--enable-native-access=ALL-UNNAMED", *instance.spec.java, "-cp", f"{plugin}:{jars}",
            "org.codelibs.opensearch.runner.OpenSearchRunner",
            "-basePath", str(folder / "node"), "-confPath", str(configuration), "-numOfNode", "1",
            "-baseHttpPort", str(base), "-clusterName", f"bodega-{instance.name}", "-pluginTypes", "bodega.KeyPlugin",
        ),
        folder=folder,
        ports=ports,
        ready=answers(
            f"http://{LOOPBACK}:{ports['http']}/_cluster/health?wait_for_status=yellow&timeout=1s",
            headers={"Authorization": aiohttp.encode_basic_auth(OPENSEARCH_USER, password)},
        ),
        prepare=partial(_compile, plugin, jars, class_path(instance.home, "compiler")),
        patience_seconds=120,
    )  # fmt: skip


async def _compile(plugin: Path, jars: str, compiler: str) -> None:
    """Make the plugin's classes, unless they are of this source, engine and compiler. Raises CannotStart."""
    made_of = hashlib.sha256(_PLUGIN.read_bytes() + f"{jars} {compiler}".encode()).hexdigest()
    stamp = plugin / "made-of"
    if stamp.exists() and stamp.read_text() == made_of:
        return
    plugin.mkdir(exist_ok=True)
    await run(
        [java(), "-XX:TieredStopAtLevel=1", "-cp", compiler, "org.eclipse.jdt.internal.compiler.batch.Main",
         "-21", "-nowarn", "-proc:none", "-cp", jars, "-d", str(plugin), str(_PLUGIN)]
    )  # fmt: skip
    stamp.write_text(made_of)
