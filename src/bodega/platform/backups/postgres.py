"""PostgreSQL: a base backup, and the log up to a named point, at which recovery ends.

One cluster holds all services with SQL, so that point is one instant for all of them, outboxes and inboxes included.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from bodega.kit.db import Connection
from bodega.kit.outbox import DELETING
from bodega.platform.backups.archive import BackupError
from bodega.platform.engines.postgres import server_binaries
from bodega.platform.environment import inherited
from bodega.platform.secrets import Secrets
from bodega.platform.settings import ADMIN_ROLE, admin_url, database_url
from bodega.platform.system import LOOPBACK, Instance

_SLOT = "bodega_backup"
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_PATIENCE_SECONDS = 10
"""For an event's deletion that is under way. If ours is interrupted, the server lets the others go on after this."""
_RECOVERY = "# As restored by Bodega.\n"


@dataclass(frozen=True)
class Point:
    """An instant of the whole cluster. What was committed before `at` is in it."""

    name: str
    lsn: str
    at: datetime


class Cluster:
    """The running cluster of an instance, while it is copied."""

    def __init__(self, instance: Instance, connection: Connection) -> None:
        self._instance = instance
        self._connection = connection

    @property
    def _folder(self) -> Path:
        return self._instance.data / "postgres" / "data"

    async def copy_base(self, cluster: Path) -> None:
        """Its files, as they change; what makes a whole of them is in the log. Raises BackupError."""
        cluster.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        process = await asyncio.create_subprocess_exec(
            str(server_binaries() / "pg_basebackup"), "-D", str(cluster), "-X", "none", "--checkpoint=fast",
            "--no-sync", "--no-manifest", "--no-password", "-h", LOOPBACK,
            "-p", str(self._instance.port("postgres", "sql")), "-U", ADMIN_ROLE,
            env={**inherited(), "PGPASSWORD": Secrets.of(self._instance).read("postgres-admin")},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise BackupError(f"PostgreSQL gives no base backup: {said.decode(errors='replace').strip()[-1000:]}")

    async def mark(self) -> Point:
        """A point in the log, now."""
        at: datetime = await self._connection.fetchval("SELECT clock_timestamp()")
        name = f"bodega {at.astimezone(UTC).isoformat()}"
        lsn = await self._connection.fetchval("SELECT pg_create_restore_point($1)::text", name)
        return Point(name, lsn, at)

    async def copy_log(self, cluster: Path, point: Point) -> None:
        """The log from where the base backup needs it to the point, and what makes a start recover up to there."""
        last: str = await self._connection.fetchval("SELECT pg_walfile_name($1::text::pg_lsn)", point.lsn)
        await self._connection.execute("SELECT pg_switch_wal()")  # the point's segment is written to its end
        label = (cluster / "backup_label").read_text()
        first = label.partition("(file ")[2].partition(")")[0]
        if not _SEGMENT.fullmatch(first):
            raise BackupError(f"PostgreSQL's base backup does not say where its log begins: {label!r}")
        for path in sorted((self._folder / "pg_wal").iterdir()):
            needed = _SEGMENT.fullmatch(path.name) and first[8:] <= path.name[8:] <= last[8:]
            if needed or path.suffix == ".history":
                await asyncio.to_thread(shutil.copyfile, path, cluster / "pg_wal" / path.name)
        _recover_to(cluster, point.name)


@asynccontextmanager
async def cluster_of(instance: Instance) -> AsyncIterator[Cluster]:
    """The cluster, which keeps its log for us until the end. Raises BackupError, if another backup is under way."""
    connection: Connection = await asyncpg.connect(admin_url(instance, Secrets.of(instance)))
    try:
        await connection.execute("SELECT pg_create_physical_replication_slot($1, true, true)", _SLOT)
    except asyncpg.DuplicateObjectError as error:
        await connection.close()
        raise BackupError(f"another backup of {instance.name} is under way") from error
    try:
        yield Cluster(instance, connection)
    finally:
        await connection.close()  # and with it the slot


@asynccontextmanager
async def nothing_leaves_the_outboxes(instance: Instance) -> AsyncIterator[None]:
    """Relays may publish, but delete nothing meanwhile; nobody else waits for it. To be held for a moment.

    Raises BackupError, if it was not so to the end; then what was done meanwhile is worth nothing.
    """
    secrets = Secrets.of(instance)
    async with AsyncExitStack() as stack:
        held: list[Connection] = []
        for service in instance.system.services.values():
            if service.publishes is None or service.store != "postgres":
                continue
            connection = await asyncpg.connect(
                database_url(instance, secrets, service.name, owner=True),
                server_settings={
                    "lock_timeout": f"{_PATIENCE_SECONDS}s", "idle_session_timeout": f"{_PATIENCE_SECONDS}s",
                    "application_name": "bodega backup",
                },
            )  # fmt: skip
            stack.push_async_callback(connection.close)
            held.append(connection)
        try:
            await asyncio.gather(*(one.execute("SELECT pg_advisory_lock($1)", DELETING) for one in held))
        except asyncpg.LockNotAvailableError as error:
            raise BackupError("a service is still taking events from its outbox: try again") from error
        yield
        try:
            await asyncio.gather(*(one.execute("SELECT") for one in held))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise BackupError(f"the backup was held up at its point: {error}. Try again") from error


def _recover_to(cluster: Path, name: str) -> None:
    """Its next start replays the log up to the point of this name, then goes on as a cluster of its own. Nobody is
    answered before: a reader would see it older than it is going to be."""
    settings = {
        "restore_command": "false",  # all of the log that there is lies in the cluster
        "recovery_target_name": name,
        "recovery_target_timeline": "current",
        "recovery_target_action": "promote",
        "hot_standby": "off",
    }
    configuration = cluster / "postgresql.auto.conf"
    before = configuration.read_text().partition(_RECOVERY)[0]
    configuration.write_text(before + _RECOVERY + "".join(f"{key} = '{value}'\n" for key, value in settings.items()))
    (cluster / "recovery.signal").touch(mode=0o600)


async def remember(url: str, since: datetime) -> None:
    """Of a service's database: what its inbox has taken since then counts as taken now. It may be read again, and must
    be known even where the backup is so old that such rows would be deleted."""
    connection: Connection = await asyncpg.connect(url)
    try:
        await connection.execute("UPDATE inbox SET received_at = now() WHERE received_at >= $1", since)
    finally:
        await connection.close()


async def known(instance: Instance, service: str, query: str) -> set[Any]:
    """The first column of a query, of a service's database."""
    connection: Connection = await asyncpg.connect(database_url(instance, Secrets.of(instance), service, owner=True))
    try:
        return {row[0] for row in await connection.fetch(query)}
    finally:
        await connection.close()
