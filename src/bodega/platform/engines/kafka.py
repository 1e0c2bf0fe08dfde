"""Kafka, one node that is broker and controller: the facts that services tell each other."""

import uuid
from base64 import urlsafe_b64encode
from functools import partial
from pathlib import Path

from bodega.platform.engines.java import java
from bodega.platform.engines.program import Program, accepts, run
from bodega.platform.jars import class_path
from bodega.platform.system import LOOPBACK, Instance


def program(instance: Instance) -> Program:
    """Kafka on the instance's ports; its storage is formatted at the first start."""
    folder = instance.data / "kafka"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ports = instance.ports["kafka"]
    configuration = folder / "server.properties"
    configuration.write_text(_properties(folder / "data", ports["kafka"], ports["controller"]))
    jars = class_path(instance.home, "kafka")
    return Program(
        name="kafka",
        command=(
            java(), "-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
            "-cp", jars, "kafka.Kafka", str(configuration),
        ),
        folder=folder,
        ports=ports,
        ready=accepts(ports["kafka"]),
        prepare=partial(_format, folder, jars, configuration),
    )  # fmt: skip


def _properties(data: Path, broker: int, controller: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{broker},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{broker}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        # One node: every internal topic has one replica.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "10",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # Offsets outlive the topics' retention, so that a shop which slept for a month goes on where it was.
        "offsets.retention.minutes": str(60 * 24 * 60),
        "auto.create.topics.enable": "false",
        "log.cleaner.dedupe.buffer.size": "10485760",
        "num.network.threads": "2",
        "num.io.threads": "4",
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


async def _format(folder: Path, jars: str, configuration: Path) -> None:
    if (folder / "data" / "meta.properties").exists():
        return
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    if cluster.startswith("-"):  # would be read as an option
        cluster = "B" + cluster[1:]
    await run(
        [java(), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.tools.StorageTool", "format",
         "-t", cluster, "-c", str(configuration)],
        cwd=folder,
    )  # fmt: skip
