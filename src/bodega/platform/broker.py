"""Who may do what at the broker: users and rights, derived from platform.toml, and made in it by its administrator.

Every process that speaks to Kafka has a user of its own. It may write the topic that it publishes, read those that it
subscribes to, with its own group, and do both with its own topic of parked messages; nothing else. A service whose
store is MongoDB publishes in transactions, under its own name. Only the administrator makes topics.
A right that platform.toml does not give is taken away.

    python -m bodega.platform.broker

prints them all, for whoever gives rights at a broker of their own.
"""

import asyncio
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from bodega.kit.bus import Broker
from bodega.platform.secrets import Secrets
from bodega.platform.settings import KAFKA_ADMIN_URL, kafka_admin_url, kafka_password
from bodega.platform.system import Instance, System

ITERATIONS: Final = 4096
"""Of SCRAM's hash. The passwords are random, 256 bits: more would protect nothing and cost at every connection."""
TIMEOUT_SECONDS: Final = 30

Kind = Literal["topic", "group", "transaction"]
Operation = Literal["read", "write"]


class BrokerError(Exception):
    """Users and rights could not be made; the message says why."""


@dataclass(frozen=True, order=True)
class Right:
    """One operation that one user may do with one topic, group or transactional id, and looking at that."""

    user: str
    kind: Kind
    name: str
    operation: Operation


def rights(system: System) -> set[Right]:
    """Every right of every user but the administrator, who may do everything."""
    found: set[Right] = set()
    for user in system.broker_users:
        process = system.services.get(user) or system.engines[user]
        published = system.services[user].publishes if user in system.services else None
        parked = system.parked_topic_of(user)
        if published:
            found.add(Right(user, "topic", published, "write"))
        if published and system.services[user].store == "mongo":  # its relay has no lock of a database, but a fence
            found.add(Right(user, "transaction", user, "write"))
        if process.hears:
            found.add(Right(user, "group", user, "read"))
            found |= {Right(user, "topic", topic, "read") for topic in process.hears}
        if parked:  # put there by the process, looked at and replayed from there by hand, by a group of that name
            found |= {Right(user, "topic", parked, operation) for operation in ("read", "write")}
            found.add(Right(user, "group", parked, "read"))
    return found


async def make(instance: Instance, secrets: Secrets) -> None:
    """Our users with their passwords, and exactly these rights. Raises BrokerError.

    A broker that BODEGA_KAFKA_ADMIN_URL names has users of its own: then nothing is made.
    """
    if os.environ.get(KAFKA_ADMIN_URL):
        return
    from confluent_kafka import KafkaException

    try:
        await asyncio.to_thread(_make, instance, secrets)
    except (KafkaException, TimeoutError) as error:
        raise BrokerError(f"the broker's users and rights could not be made: {error}") from error


def _make(instance: Instance, secrets: Secrets) -> None:
    from confluent_kafka.admin import (
        AclBinding,
        AclBindingFilter,
        AclOperation,
        AclPermissionType,
        AdminClient,
        ResourcePatternType,
        ResourceType,
        ScramCredentialInfo,
        ScramMechanism,
        UserScramCredentialUpsertion,
    )

    admin = Broker.of(kafka_admin_url(instance, secrets))
    client = AdminClient(
        {
            "bootstrap.servers": admin.servers,
            "security.protocol": admin.protocol,
            "sasl.mechanism": admin.mechanism,
            "sasl.username": admin.user,
            "sasl.password": admin.password,
            "log_level": 2,
        }
    )
    strength = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    _all_of(
        client.alter_user_scram_credentials(
            [
                UserScramCredentialUpsertion(user, strength, kafka_password(secrets, user).encode())
                for user in instance.system.broker_users
            ],
            request_timeout=TIMEOUT_SECONDS,
        ).values()
    )
    kinds = {
        "topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "transaction": ResourceType.TRANSACTIONAL_ID,
    }  # fmt: skip
    operations = {"read": AclOperation.READ, "write": AclOperation.WRITE}
    wanted = {
        AclBinding(
            kinds[right.kind], right.name, ResourcePatternType.LITERAL, f"User:{right.user}", "*",
            operations[right.operation], AclPermissionType.ALLOW,
        )
        for right in rights(instance.system)
    }  # fmt: skip
    anything = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    ours = {f"User:{user}" for user in instance.system.broker_users}
    present = set(client.describe_acls(anything, request_timeout=TIMEOUT_SECONDS).result(TIMEOUT_SECONDS))
    present = {one for one in present if one.principal in ours}  # an operator may have users of his own
    if missing := wanted - present:
        _all_of(client.create_acls(list(missing), request_timeout=TIMEOUT_SECONDS).values())
    if unwanted := present - wanted:
        filters = [
            AclBindingFilter(
                one.restype, one.name, one.resource_pattern_type, one.principal, one.host, one.operation,
                one.permission_type,
            )
            for one in unwanted
        ]  # fmt: skip
        _all_of(client.delete_acls(filters, request_timeout=TIMEOUT_SECONDS).values())


def _all_of(answers: Iterable[Any]) -> None:
    for answer in answers:
        answer.result(TIMEOUT_SECONDS)


def main() -> None:
    """Print every right, a line each."""
    for right in sorted(rights(System.load())):
        sys.stdout.write(f"{right.user}: {right.operation} {right.kind} {right.name}\n")


if __name__ == "__main__":
    main()
