"""A backup of an instance that runs: no engine is stopped, and no shopper waits.

Who reads must not know of more than who wrote, and what a writer has told must be on its topic. Hence the order:

1. How far every group of readers has read, then the carts. Both may be older than the rest: what they lack is read
   again.
2. PostgreSQL's point, and before it the topics' ends, while nothing leaves an outbox: so all that the outboxes at the
   point no longer hold is on the topics, and nothing of later is.
3. The sandbox, which knows of a little more; that is forgotten at the restore.
4. The catalog's documents, then the end of its topic: what was told of newer versions is left out at the restore.
5. Objects, which never change.

The search index is no part of it: search makes it anew from its sources.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from aiokafka.errors import KafkaError
from botocore.exceptions import BotoCoreError, ClientError
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from bodega.platform import state, versions
from bodega.platform.backups import incoming, objects, postgres, stores, topics
from bodega.platform.backups.archive import BackupError, kept_of, manifest_of, pack
from bodega.platform.backups.points import Points
from bodega.platform.state import State
from bodega.platform.system import Instance

_COPIED = ("postgres", "valkey", "mongo", "kafka", "seaweedfs", "sandbox")
_ENGINES = {*_COPIED, "opensearch"}

UNREADABLE = (
    OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, PyMongoError, RedisError,
    ClientError, BotoCoreError, sqlite3.Error,
)  # fmt: skip
"""What is raised where an engine cannot be copied."""

Say = Callable[[str], None]


async def make_running(instance: Instance, target: Path, say: Say) -> tuple[int, Points]:
    """Copy a running instance into a file, which has its name only when it is whole. Gives its size in bytes, and the
    points. `say` is told what is being copied.

    Raises BackupError, VersionMismatch, any of UNREADABLE.
    """
    _must_run(instance)
    versions.check(instance)
    folder = instance.home / f"{instance.name}.backing-up"
    async with postgres.cluster_of(instance) as cluster:  # from here on nobody else makes a backup of it
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            points = await _copy(instance, cluster, folder, say)
            say("Packing ...")
            others = [path for path in kept_of(instance) if path.name not in {*_ENGINES, incoming.FOLDER}]
            paths = sorted([*others, *folder.iterdir()], key=lambda path: path.name)
            owner = (instance.data / "postgres").stat().st_uid
            size = await asyncio.to_thread(pack, target, manifest_of(instance, points), paths, owner)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return size, points


async def _copy(instance: Instance, cluster: postgres.Cluster, folder: Path, say: Say) -> Points:
    database = folder / "postgres" / "data"
    later = folder / incoming.FOLDER
    later.mkdir(mode=0o700)
    say("Copying PostgreSQL ...")
    await cluster.copy_base(database)
    async with topics.log_of(instance) as log:
        say("Taking the points ...")
        committed, read_at = await log.committed(), datetime.now(UTC)
        valkey_at = await stores.begin_valkey(instance)
        async with postgres.nothing_leaves_the_outboxes(instance):
            ends = await log.ends()
            point = await cluster.mark()
        sandbox_at = await asyncio.to_thread(stores.copy_sandbox, instance, folder / "sandbox")
        mongo_at = await stores.copy_mongo(instance, folder / "mongo")
        catalog_ends = await log.ends("catalog")
        say("Copying PostgreSQL's log, the carts and the events ...")
        await cluster.copy_log(database, point)
        await stores.finish_valkey(instance, folder / "valkey")
        await topics.write(log, ends | catalog_ends, later / incoming.RECORDS)
    say("Copying pictures and labels ...")
    await objects.copy(instance, later / incoming.OBJECTS)
    points = Points(
        committed=committed, read_at=read_at, valkey_at=valkey_at, postgres_at=point.at, postgres_point=point.name,
        postgres_lsn=point.lsn, ends=ends, sandbox_at=sandbox_at, mongo_at=mongo_at, catalog_ends=catalog_ends,
        objects_at=datetime.now(UTC),
    )  # fmt: skip
    incoming.leave(later, points)
    return points


def _must_run(instance: Instance) -> None:
    report = state.running(instance)
    if report is None:
        raise BackupError(f"{instance.name} does not run")
    parts = report.parts
    away = [name for name in _COPIED if name in parts and parts[name].state != State.READY]
    if away or incoming.is_due(instance):
        raise BackupError(f"not all engines run: {', '.join(away) or 'what was restored is still being taken in'}")
