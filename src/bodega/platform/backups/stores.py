"""Valkey, the MongoDB stand-in and the sandbox: a copy of each as of one instant, while it goes on.

Each copy lies where the engine of a restored instance looks for its data.
"""

import asyncio
import shutil
import sqlite3
import zipfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bodega.platform.backups.archive import BackupError
from bodega.platform.engines.mongo import COPY, COPY_SUFFIX
from bodega.platform.secrets import Secrets
from bodega.platform.settings import mongo_url, valkey_url
from bodega.platform.system import Instance

_LOOK_SECONDS = 0.05
_MOST_SECONDS = 600
_BASE = "appendonly.aof.1.base.rdb"


async def begin_valkey(instance: Instance) -> datetime:
    """Have the carts as of now written to Valkey's disk by a process of its own. Gives when that was at the latest.

    Raises BackupError, if it has not begun within ten minutes; RedisError.
    """

    async def begun() -> bool:
        try:
            await client.bgsave()
        except ResponseError as error:
            if "in progress" in str(error) or "active" in str(error):  # it is rewriting its append-only file
                return False
            raise
        return True

    async with _valkey(instance) as client:
        await _until(begun, "Valkey does not begin to save")
        return datetime.now(UTC)


async def finish_valkey(instance: Instance, folder: Path) -> None:
    """Wait for the writing and take its file as the base of an append-only file. Raises BackupError, RedisError."""

    async def done() -> bool:
        told = await client.info("persistence")
        if told["rdb_bgsave_in_progress"]:
            return False
        if told["rdb_last_bgsave_status"] != "ok":
            raise BackupError("Valkey could not save: its log says why")
        return True

    async with _valkey(instance) as client:
        await _until(done, "Valkey is still saving")
    saved = instance.data / "valkey" / "dump.rdb"
    files = folder / "appendonlydir"
    files.mkdir(parents=True, mode=0o700)
    await asyncio.to_thread(shutil.copyfile, saved, files / _BASE)
    (files / "appendonly.aof.manifest").write_text(f"file {_BASE} seq 1 type b\n")
    saved.unlink()


async def copy_mongo(instance: Instance, folder: Path) -> datetime:
    """The catalog's documents as of an instant. Gives when that was at the latest. Raises BackupError."""
    secrets = Secrets.of(instance)
    copied = instance.data / "mongo" / f"catalog.mv{COPY_SUFFIX}"
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(mongo_url(instance, secrets), appname="backup")

    async def done() -> bool:
        return bool((await client.admin.command({COPY: "look"}))["done"])

    try:
        await client.admin.command({COPY: "begin"})
        await _until(done, "the documents are still being copied")
    except PyMongoError as error:
        raise BackupError(f"the MongoDB stand-in makes no copy: {error}") from error
    finally:
        await client.close()
    at = datetime.now(UTC)
    folder.mkdir(parents=True, mode=0o700)
    await asyncio.to_thread(_unzip, copied, folder / "catalog.mv")
    copied.unlink()
    return at


async def versions(instance: Instance) -> dict[str, int]:
    """Of each product and category its version, as the catalog's documents say. Raises PyMongoError."""
    client: AsyncMongoClient[dict[str, int]] = AsyncMongoClient(mongo_url(instance, Secrets.of(instance)))
    try:
        database = client.get_default_database("bodega")
        return {
            str(document["_id"]): int(document.get("version", 0))
            for name in ("product", "category")
            async for document in database[name].find({}, {"version": 1})
        }
    finally:
        await client.close()


def copy_sandbox(instance: Instance, folder: Path) -> datetime:
    """The world outside as of an instant. Gives when that was at the latest."""
    if not sandbox_file(instance).exists():  # its engines have run, its shop never has
        return datetime.now(UTC)
    folder.mkdir(parents=True, mode=0o700)
    source = sqlite3.connect(f"file:{sandbox_file(instance)}?mode=ro", uri=True)
    try:
        target = sqlite3.connect(folder / sandbox_file(instance).name)
        try:
            source.backup(target)
        finally:
            target.close()
    finally:
        source.close()
    return datetime.now(UTC)


def sandbox_file(instance: Instance) -> Path:
    """Where the sandbox keeps everything."""
    return instance.data / "sandbox" / "sandbox.sqlite3"


def _valkey(instance: Instance) -> Redis:
    return Redis.from_url(valkey_url(instance, Secrets.of(instance)), socket_timeout=60, decode_responses=True)


def _unzip(packed: Path, target: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        [entry] = archive.namelist()
        with archive.open(entry) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)


async def _until(is_so: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Ask again and again: neither engine tells by itself. Raises BackupError with `otherwise` after ten minutes."""
    deadline = asyncio.get_running_loop().time() + _MOST_SECONDS
    while not await is_so():
        if asyncio.get_running_loop().time() > deadline:
            raise BackupError(otherwise)
        await asyncio.sleep(_LOOK_SECONDS)
