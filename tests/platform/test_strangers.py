"""Natively, who has no secret gets nothing from any engine: the loopback address is everybody's on this machine.

Each line of the table is somebody who reaches a port and knows how to speak, as nobody or with a wrong secret.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from aiobotocore.session import get_session
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from bodega.platform.engines.seaweedfs import binary
from bodega.platform.programs import programs
from bodega.platform.secrets import Secrets
from bodega.platform.settings import valkey_url
from bodega.platform.system import LOOPBACK, Instance, System
from tests.platform.ownership import held, owned_by, running

pytestmark = pytest.mark.service

WRONG = "wrong-wrong-wrong-wrong"


def instance() -> Instance:
    return System.load().instance(os.environ.get("BODEGA_TEST_INSTANCE", "test"))


async def postgres(login: str) -> None:
    port = instance().port("postgres", "sql")
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(f"postgresql://{login}{LOOPBACK}:{port}/bodega_orders")


async def valkey(login: str) -> None:
    async with Redis.from_url(f"redis://{login}{LOOPBACK}:{instance().port('valkey', 'redis')}/0") as client:
        with pytest.raises((AuthenticationError, ResponseError)):
            await client.keys("*")


async def mongo(login: str) -> None:
    port = instance().port("mongo", "mongo")
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(f"mongodb://{login}{LOOPBACK}:{port}/bodega")
    try:
        for ask in (
            client.bodega.product.find_one,
            client.list_database_names,
            lambda: client.bodega.product.insert_one({"_id": "x"}),
            client.bodega.product.drop,
            lambda: client.admin.command("serverStatus"),
            lambda: client.bodega.command("killCursors", "product", cursors=[1]),
        ):
            with pytest.raises(OperationFailure, match=r"requires authentication|Authentication failed"):
                await ask()
        if not login:
            assert (await client.admin.command("ping"))["ok"] == 1.0, "it is there, and says so"
    finally:
        await client.close()


async def kafka(user: str) -> None:
    login = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": user,
             "sasl_plain_password": WRONG} if user else {}  # fmt: skip
    consumer = AIOKafkaConsumer("orders", bootstrap_servers=instance().kafka, request_timeout_ms=5000, **login)
    with pytest.raises(KafkaError):
        await consumer.start()
    await consumer.stop()


async def opensearch(login: str) -> None:
    base = f"http://{LOOPBACK}:{instance().port('opensearch', 'http')}"
    auth = aiohttp.encode_basic_auth(*login.split(":")) if login else None
    headers = {"Authorization": auth} if auth else {}
    async with aiohttp.ClientSession(headers=headers) as session:
        for method, path in (
            ("GET", "/"), ("GET", "/_cat/indices"), ("GET", "/_search"), ("PUT", "/t_stranger"), ("DELETE", "/_all"),
            ("GET", "/_cluster/settings"), ("POST", "/_bulk"), ("GET", "/_nodes"), ("HEAD", "/bodega-products"),
        ):  # fmt: skip
            async with session.request(method, base + path) as answer:
                assert answer.status == 401, (method, path, answer.status)


async def s3(key: str) -> None:
    config = Config(s3={"addressing_style": "path"}, **({} if key else {"signature_version": UNSIGNED}))
    async with get_session().create_client(
        "s3", endpoint_url=instance().s3_url, region_name="us-east-1", config=config,
        aws_access_key_id=key or None, aws_secret_access_key=WRONG if key else None,
    ) as client:  # fmt: skip
        for ask in (
            client.list_buckets,
            lambda: client.list_objects_v2(Bucket="labels"),
            lambda: client.list_objects_v2(Bucket="media"),
            lambda: client.put_object(Bucket="media", Key="x", Body=b"x"),
        ):
            with pytest.raises(ClientError) as refused:
                await ask()
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (401, 403)


async def seaweedfs_http(part: str) -> None:
    url = f"{LOOPBACK}:{instance().port('seaweedfs', part)}"
    async with aiohttp.ClientSession() as session:
        for path in ("/", "/buckets/labels/", "/dir/assign", "/dir/status", "/status", "/1,01637037d6"):
            async with session.get(f"http://{url}{path}") as answer:
                assert answer.status == 400, (path, answer.status, "plain HTTP is not spoken here")
            with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)):
                async with session.get(f"https://{url}{path}", ssl=False) as answer:
                    await answer.read()


async def seaweedfs_shell(_login: str) -> None:
    """The engine's own tool, started where no certificate is."""
    ports = instance().ports["seaweedfs"]
    with tempfile.TemporaryDirectory() as folder:
        shell = await asyncio.create_subprocess_exec(
            str(binary()), "shell", f"-master={LOOPBACK}:{ports['master']}.{ports['master_grpc']}",
            f"-filer={LOOPBACK}:{ports['filer']}.{ports['filer_grpc']}", cwd=folder, env={"HOME": folder},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            said, _ = await asyncio.wait_for(shell.communicate(b"fs.ls /buckets\nexit\n"), 8)
        except TimeoutError:  # it asks again and again
            shell.kill()
            said, _ = await shell.communicate()
    assert b"labels" not in said
    assert b"media" not in said


Attempt = Callable[[str], Awaitable[None]]
TABLE: list[tuple[Attempt, str]] = [
    (postgres, "bodega_orders@"), (postgres, f"bodega_orders:{WRONG}@"), (postgres, f"postgres:{WRONG}@"),
    (valkey, ""), (valkey, f":{WRONG}@"), (valkey, f"cart:{WRONG}@"),
    (mongo, ""), (mongo, f"bodega:{WRONG}@"), (mongo, f"root:{WRONG}@"),
    (kafka, ""), (kafka, "orders"), (kafka, "admin"),
    (opensearch, ""), (opensearch, f"bodega:{WRONG}"), (opensearch, f"admin:{WRONG}"), (opensearch, "admin:admin"),
    (s3, ""), (s3, "AKIAWRONGWRONGWRONGW"),
    (seaweedfs_http, "master"), (seaweedfs_http, "volume"), (seaweedfs_http, "filer"), (seaweedfs_shell, ""),
]  # fmt: skip


@pytest.mark.parametrize(("attempt", "login"), TABLE, ids=[f"{one.__name__} {login}".strip() for one, login in TABLE])
async def test_who_has_no_secret_gets_nothing(attempt: Attempt, login: str) -> None:
    await attempt(login)


def test_every_engine_is_in_the_table() -> None:
    tried = {attempt.__name__.partition("_")[0] for attempt, _ in TABLE} | {"seaweedfs"} - {"s3"}
    assert {program.name for program in programs(instance(), "engines") if not program.once} <= tried


def test_no_engines_process_holds_a_secret_of_another_part() -> None:
    made = instance()
    found = [(part, held(texts, Secrets.of(made))) for part, texts in running(made)]
    assert {"postgres", "valkey", "mongo", "kafka", "opensearch", "seaweedfs"} <= {part for part, _ in found}
    assert not [(part, foreign) for part, its in found if (foreign := its - owned_by(part, made))]


@pytest.mark.parametrize(
    "words", ["CONFIG GET *", "ACL LIST", "FLUSHALL", "SHUTDOWN", "KEYS *", "MONITOR", "CLIENT LIST"]
)
async def test_a_service_administers_nothing_at_valkey(words: str) -> None:
    made = instance()
    async with Redis.from_url(valkey_url(made, Secrets.of(made), "cart")) as client:
        assert await client.ping()
        with pytest.raises(NoPermissionError):
            await client.execute_command(*words.split())  # type: ignore[no-untyped-call]


def test_what_the_engines_are_told_is_read_by_their_owner_alone() -> None:
    data = instance().data
    told = [Path("seaweedfs/security.toml"), Path("seaweedfs/key.pem"), Path("seaweedfs/s3.json"),
            Path("valkey/valkey.conf"), Path("kafka/server.properties"), Path("secrets/mongo")]  # fmt: skip
    for path in told:
        assert (data / path).stat().st_mode & 0o077 == 0, path
