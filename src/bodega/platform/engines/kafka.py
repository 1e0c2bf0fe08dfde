"""Kafka, one node that is broker and controller: the facts that services tell each other."""

import uuid
from base64 import urlsafe_b64encode
from functools import partial
from pathlib import Path

from bodega.platform.engines.java import java
from bodega.platform.engines.program import Program, accepts, run
from bodega.platform.jars import class_path
from bodega.platform.secrets import Secrets
from bodega.platform.settings import KAFKA_ADMIN
from bodega.platform.system import LOOPBACK, Instance

LISTENER = "SASL_PLAINTEXT"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


def program(instance: Instance, secrets: Secrets) -> Program:
    """Kafka on the instance's ports; its storage is formatted at the first start."""
    folder = instance.data / "kafka"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ports = instance.ports["kafka"]
    configuration = folder / "server.properties"
    configuration.touch(mode=0o600)
    configuration.chmod(0o600)
    configuration.write_text(properties(instance, secrets, folder / "data"))
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


def properties(instance: Instance, secrets: Secrets, data: Path) -> str:
    """Its configuration; `data` is where it keeps its topics.

    Nobody is anonymous. Services have users and rights in its own records (see `broker`); the administrator's password,
    and the one by which broker and controller speak to each other, stand here.
    """
    ports = instance.ports["kafka"]
    admin, controller = secrets.read("kafka-admin"), secrets.read("kafka-controller")
    inside = f"{LOOPBACK}:{ports['controller']}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{inside}",
        "listeners": f"{LISTENER}://{instance.listen}:{ports['kafka']},CONTROLLER://{inside}",
        "advertised.listeners": f"{LISTENER}://{instance.kafka}",
        "listener.security.protocol.map": f"{LISTENER}:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "inter.broker.listener.name": LISTENER,
        "controller.listener.names": "CONTROLLER",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        f"listener.name.{LISTENER.lower()}.scram-sha-512.sasl.jaas.config": _SCRAM,
        f"listener.name.{LISTENER.lower()}.plain.sasl.jaas.config": _login(KAFKA_ADMIN, admin),
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": _login("controller", controller),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{KAFKA_ADMIN};User:controller",
        "allow.everyone.if.no.acl.found": "false",
        "log.dirs": str(data),
        # One node: every internal topic has one replica.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "10",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.num.partitions": "2",
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


def _login(user: str, password: str) -> str:
    """Who may come in by this password, and as whom we do."""
    return f'{_PLAIN} username="{user}" password="{password}" user_{user}="{password}";'


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
