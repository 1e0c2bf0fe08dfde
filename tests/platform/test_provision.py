"""What must be in the engines before services start is made, and as platform.toml says."""

import secrets

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from bodega.kit.bus import Broker
from bodega.kit.testing import eventually
from bodega.platform import provision
from bodega.platform.system import System
from tests.conftest import engine

pytestmark = pytest.mark.service


async def test_topics_have_their_partitions_and_their_retention_also_if_there_were_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instance = System.load(local=False).instance("test")
    new, narrow = (f"t{secrets.token_hex(4)}.topic" for _ in range(2))
    address = engine("BODEGA_TEST_KAFKA")
    monkeypatch.setattr(provision, "kafka_admin_url", lambda *_: address)
    monkeypatch.setattr(System, "topic_names", property(lambda _: [new, narrow]))
    admin = AIOKafkaAdminClient(**Broker.of(address).options())
    await admin.start()
    try:
        await admin.create_topics([NewTopic(narrow, num_partitions=1, replication_factor=1)])

        async def are_as_wide_as_wanted() -> None:
            described = {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics([new, narrow])}
            assert described == {new: 6, narrow: 6}

        for _ in range(2):  # it may be run as often as one likes
            await provision.topics(instance)
            await eventually(are_as_wide_as_wanted)
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, new)])
        settings = {entry[0]: entry[1] for entry in answer.resources[0][4]}
        assert settings["retention.ms"] == str(7 * 24 * 3600 * 1000)
    finally:
        await admin.delete_topics([new, narrow])
        await admin.close()
