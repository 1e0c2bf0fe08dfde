"""OpenSearch, one node, through a runner that needs neither an installation nor a user of its own."""

from bodega.platform.engines.java import java
from bodega.platform.engines.program import Program, answers
from bodega.platform.jars import class_path
from bodega.platform.system import LOOPBACK, Instance


def program(instance: Instance) -> Program:
    """OpenSearch on the instance's ports; indexes are made by the search service."""
    folder = instance.data / "opensearch"
    configuration = folder / "config"
    configuration.mkdir(parents=True, exist_ok=True, mode=0o700)
    ports = instance.ports["opensearch"]
    (configuration / "opensearch.yml").write_text(
        f"network.host: {LOOPBACK}\n"
        f"transport.port: {ports['transport']}\n"
        "action.auto_create_index: false\n"
        "cluster.routing.allocation.disk.threshold_enabled: false\n"
    )
    # The runner adds the node's number (1) to the base port, and takes the next free one if that is taken:
    # so the supervisor makes sure beforehand that it is free.
    base = ports["http"] - 1
    return Program(
        name="opensearch",
        command=(
            java(), "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
            "--enable-native-access=ALL-UNNAMED", "-cp", class_path(instance.home, "opensearch"),
            "org.codelibs.opensearch.runner.OpenSearchRunner",
            "-basePath", str(folder / "node"), "-confPath", str(configuration), "-numOfNode", "1",
            "-baseHttpPort", str(base), "-clusterName", f"bodega-{instance.name}",
        ),
        folder=folder,
        ports=ports,
        ready=answers(f"http://{LOOPBACK}:{ports['http']}/_cluster/health?wait_for_status=yellow&timeout=1s"),
        patience_seconds=120,
    )  # fmt: skip
