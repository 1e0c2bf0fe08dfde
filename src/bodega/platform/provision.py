"""What must exist in the engines before services start, databases apart: Kafka's topics, users and rights, buckets.

    python -m bodega.platform.provision INSTANCE

Idempotent: what is there is left alone, but a topic with fewer partitions than platform.toml says gets the rest.

After a restore it takes in what the backup holds for topics and buckets (see `backups`).
"""

import asyncio
import sqlite3
import sys
from contextlib import suppress

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from botocore.exceptions import ClientError
from pymongo.errors import PyMongoError

from bodega.kit.bus import Broker
from bodega.platform import broker
from bodega.platform.backups import incoming
from bodega.platform.backups.archive import BackupError
from bodega.platform.backups.objects import storage_of
from bodega.platform.secrets import Secrets
from bodega.platform.settings import kafka_admin_url
from bodega.platform.system import Instance, System


async def topics(instance: Instance) -> None:
    """Make every topic of platform.toml. Raises KafkaError."""
    wanted = instance.system.topics
    admin = Broker.of(kafka_admin_url(instance, Secrets.of(instance)))
    client = AIOKafkaAdminClient(**admin.options())
    await client.start()
    try:
        existing = {t["topic"]: len(t["partitions"]) for t in await client.describe_topics() if not t["error_code"]}
        new = [
            NewTopic(
                name,
                num_partitions=wanted.partitions,
                replication_factor=1,
                topic_configs={"retention.ms": str(wanted.retention_hours * 3_600_000)},
            )
            for name in instance.system.topic_names
            if name not in existing
        ]
        if new:
            answer = await client.create_topics(new)
            for name, code, *_ in answer.topic_errors:
                with suppress(TopicAlreadyExistsError):
                    if code:
                        raise for_code(code)(f"topic {name}")
        grow = {
            name: NewPartitions(total_count=wanted.partitions)
            for name in instance.system.topic_names
            if 0 < existing.get(name, 0) < wanted.partitions
        }
        if grow:
            await client.create_partitions(grow)
    finally:
        await client.close()


async def buckets(instance: Instance) -> None:
    """Make every bucket that a service names. Raises ClientError."""
    async with storage_of(instance) as client:
        for service in instance.system.services.values():
            for bucket in service.buckets:
                try:
                    await client.create_bucket(Bucket=bucket)
                except ClientError as error:
                    if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                        raise


async def provision(instance: Instance) -> None:
    """All of it."""
    await asyncio.gather(topics(instance), broker.make(instance, Secrets.of(instance)), buckets(instance))
    if incoming.is_due(instance):
        from bodega.platform.backups import (
            loading,  # once in the life of an instance; every start waits for this module
        )

        await loading.take_in(instance)


def main() -> None:
    """Provision the instance named on the command line."""
    try:
        asyncio.run(provision(System.load().instance(sys.argv[1])))
    except (
        KafkaError, broker.BrokerError, BackupError, ClientError, OSError, PyMongoError, sqlite3.Error,
        asyncpg.PostgresError,
    ) as error:  # fmt: skip
        sys.exit(f"topics, users and buckets could not be made: {error}. Are the engines running? (`./bodega status`)")


if __name__ == "__main__":
    main()
