"""At the broker each process may do what platform.toml says of it, and nothing else; nobody is anonymous.

The tables are made from platform.toml; each line of them is tried at the running broker, as that user.
"""

import asyncio
import os
import secrets as random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from bodega.kit.bus import Broker
from bodega.kit.testing import eventually
from bodega.platform import broker, settings
from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance, System
from tests.conftest import engine

SYSTEM = System.load(local=False)
USERS = SYSTEM.broker_users
TOPICS = SYSTEM.topic_names
REFUSED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART)


def may_write(user: str) -> set[str]:
    published = {SYSTEM.services[user].publishes} if user in SYSTEM.services else set()
    return {topic for topic in (*published, f"{user}.parked") if topic in TOPICS}


def may_read(user: str) -> set[str]:
    hears = (SYSTEM.services.get(user) or SYSTEM.engines[user]).hears
    return {topic for topic in (*hears, f"{user}.parked") if topic in TOPICS}


@pytest.fixture(scope="module")
def instance() -> Instance:
    return System.load().instance(os.environ.get("BODEGA_TEST_INSTANCE", "test"))


def login(address: str, **more: Any) -> dict[str, Any]:
    told = Broker.of(address)
    return {
        "bootstrap.servers": told.servers, "security.protocol": told.protocol, "sasl.mechanism": told.mechanism,
        "sasl.username": told.user or "", "sasl.password": told.password, "log_level": 0, **more,
    }  # fmt: skip


def as_user(instance: Instance, user: str, **more: Any) -> dict[str, Any]:
    return login(settings.kafka_url(instance, Secrets.of(instance), user), **more)


@pytest.mark.unit
def test_rights_follow_from_who_publishes_and_who_subscribes() -> None:
    found = broker.rights(SYSTEM)
    for user in USERS:
        of = {(one.kind, one.name, one.operation) for one in found if one.user == user}
        assert {name for kind, name, does in of if (kind, does) == ("topic", "write")} == may_write(user)
        assert {name for kind, name, does in of if (kind, does) == ("topic", "read")} == may_read(user)
        assert {name for kind, name, _ in of if kind == "group"} <= {user, f"{user}.parked"}
    assert "admin" not in {one.user for one in found}


@pytest.mark.unit
@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("a:1,b:2", Broker("a:1,b:2")),
        ("kafka://a:1,b:2", Broker("a:1,b:2")),
        ("kafka://o:p@a:1,b:2", Broker("a:1,b:2", "o", "p")),
        (f"kafka://o:{quote('p@:/?', safe='')}@a:1", Broker("a:1", "o", "p@:/?")),
        ("kafkas://o:p@a:1?mechanism=PLAIN", Broker("a:1", "o", "p", "PLAIN", tls=True)),
        ("kafkas://a:1", Broker("a:1", tls=True)),
    ],
)
def test_a_brokers_address_says_as_whom_and_how_it_is_spoken_to(setting: str, told: Broker) -> None:
    assert Broker.of(setting) == told
    assert ("ssl_context" in told.options()) is told.tls
    assert told.protocol == {
        (False, False): "PLAINTEXT", (True, False): "SASL_PLAINTEXT", (False, True): "SSL", (True, True): "SASL_SSL",
    }[told.user is not None, told.tls]  # fmt: skip


@pytest.mark.unit
def test_what_is_no_brokers_address_is_refused_and_a_password_is_not_shown() -> None:
    with pytest.raises(ValueError, match="kafka://"):
        Broker.of("http://a:1")
    assert "hush" not in repr(Broker.of("kafka://o:hush@a:1"))


@pytest.mark.service
@pytest.mark.parametrize("user", USERS)
def test_a_user_reads_the_topics_that_it_subscribes_to_and_no_other(instance: Instance, user: str) -> None:
    consumer = Consumer(as_user(instance, user, **{"group.id": user, "enable.partition.eof": True}))
    try:
        assert {topic for topic in TOPICS if reads(consumer, topic)} == may_read(user)
    finally:
        consumer.close()


def reads(consumer: Any, topic: str) -> bool:
    refusal = consumer.list_topics(topic, timeout=20).topics[topic].error
    if refusal is not None:
        assert refusal.code() in REFUSED, refusal
        return False
    consumer.assign([TopicPartition(topic, 0, 0)])
    while True:
        message = consumer.poll(10)
        assert message is not None, f"neither an answer nor a refusal for {topic}"
        if message.topic() != topic:  # of the one before
            continue
        error = message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            return True
        assert error.code() in REFUSED, error
        return False


@pytest.mark.service
@pytest.mark.parametrize("user", USERS)
def test_a_user_may_write_the_topics_that_it_publishes_and_no_other(instance: Instance, user: str) -> None:
    """Forbidden ones are tried. For the others the broker is asked: what is written there would be heard."""
    admin = AdminClient(as_user(instance, user))
    assert {topic for topic in TOPICS if "WRITE" in operations(admin, topic)} == may_write(user)
    answers: dict[str, Any] = {}
    producer = Producer(as_user(instance, user))
    for topic in set(TOPICS) - may_write(user):
        producer.produce(topic, b"forged", on_delivery=lambda error, message: answers.update({message.topic(): error}))
    assert producer.flush(20) == 0
    assert set(answers) == set(TOPICS) - may_write(user)
    assert {error.code() for error in answers.values()} <= set(REFUSED)


def operations(admin: Any, topic: str) -> set[str]:
    from confluent_kafka import TopicCollection

    (answer,) = admin.describe_topics(
        TopicCollection([topic]), include_authorized_operations=True, request_timeout=20
    ).values()
    refusal = code_of(answer.result)
    assert refusal is None or refusal in REFUSED
    return set() if refusal else {one.name for one in answer.result().authorized_operations}


def code_of(call: Callable[[], Any]) -> int | None:
    """The error that a call ends with; None, if it succeeds."""
    try:
        call()
    except KafkaException as error:
        code: int = error.args[0].code()
        return code
    return None


@pytest.mark.service
@pytest.mark.parametrize("user", USERS)
async def test_a_user_uses_no_group_but_its_own(instance: Instance, user: str) -> None:
    groups = [*USERS, *(topic for topic in TOPICS if topic.endswith(".parked"))]
    options = Broker.of(settings.kafka_url(instance, Secrets.of(instance), user)).options()
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    refused = set()
    try:
        for group in groups:
            try:
                await admin.find_coordinator(group)
            except GroupAuthorizationFailedError:
                refused.add(group)
    finally:
        await admin.close()
    assert set(groups) - refused == {
        one.name for one in broker.rights(SYSTEM) if (one.user, one.kind) == (user, "group")
    }


@pytest.mark.service
@pytest.mark.parametrize("user", USERS)
def test_only_the_administrator_makes_topics_users_and_rights(instance: Instance, user: str) -> None:
    admin = AdminClient(as_user(instance, user))
    (made,) = admin.create_topics([NewTopic(f"t{random.token_hex(4)}", 1, 1)], request_timeout=20).values()
    with pytest.raises(KafkaException) as refusal:
        made.result()
    assert refusal.value.args[0].code() in (
        KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    )  # fmt: skip
    forbidden = AclBinding(
        ResourceType.TOPIC, "payments", ResourcePatternType.LITERAL, f"User:{user}", "*",
        AclOperation.WRITE, AclPermissionType.ALLOW,
    )  # fmt: skip
    (given,) = admin.create_acls([forbidden], request_timeout=20).values()
    assert code_of(given.result) == KafkaError.CLUSTER_AUTHORIZATION_FAILED


@pytest.mark.service
@pytest.mark.parametrize(
    "changed",
    [
        {"security.protocol": "PLAINTEXT"},
        {"sasl.password": "wrong"},
        {"sasl.username": "nobody"},
        {"sasl.username": "admin"},
        {"sasl.username": "admin", "sasl.mechanism": "PLAIN"},
        {"sasl.mechanism": "PLAIN"},
    ],
    ids=str,
)
def test_without_a_users_own_password_nobody_is_let_in(instance: Instance, changed: dict[str, str]) -> None:
    client = AdminClient(as_user(instance, "orders", **changed))
    with pytest.raises(KafkaException):
        client.list_topics(timeout=3)


@pytest.fixture
def foreign_right(instance: Instance) -> Iterator[tuple[Any, Any]]:
    """A right that platform.toml does not give: to orders, whoever gave it."""
    admin = AdminClient(login(engine("BODEGA_TEST_KAFKA")))
    about = (ResourceType.TOPIC, "payments", ResourcePatternType.LITERAL, "User:orders", "*")
    wrong = AclBinding(*about, AclOperation.WRITE, AclPermissionType.ALLOW)
    only = AclBindingFilter(*about, AclOperation.WRITE, AclPermissionType.ALLOW)
    for made in admin.create_acls([wrong]).values():
        made.result(20)
    yield admin, only
    for gone in admin.delete_acls([only]).values():
        gone.result(20)


@pytest.mark.service
async def test_a_right_that_the_description_does_not_give_is_taken_away_at_the_next_start(
    instance: Instance, foreign_right: tuple[Any, Any]
) -> None:
    admin, only = foreign_right

    async def are(count: int) -> None:  # the broker tells of what its controller has done a moment later
        assert len(await asyncio.to_thread(lambda: admin.describe_acls(only).result(20))) == count

    await eventually(lambda: are(1))
    await broker.make(instance, Secrets.of(instance))
    await eventually(lambda: are(0))
    await broker.make(instance, Secrets.of(instance))  # as often as one likes
