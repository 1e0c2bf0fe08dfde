"""Object storage: every object of every bucket, read and put back through its S3 door.

Its own files are not copied: its index is not of one instant while it runs. Pictures and labels never change under
their names, and are there before any row or document names them: a copy made after the stores' holds them all.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiobotocore.session import get_session
from botocore.config import Config
from botocore.exceptions import ClientError

from bodega.platform.secrets import Secrets
from bodega.platform.settings import s3_keys
from bodega.platform.system import Instance

_AT_ONCE = 8
_SAID = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "Metadata")
"""What an object is stored with, beside its content."""
_GONE = ("NoSuchKey", "NotFound", "404")


@asynccontextmanager
async def storage_of(instance: Instance) -> AsyncIterator[Any]:
    """Object storage, as its administrator sees it."""
    access_key, secret_key = s3_keys(Secrets.of(instance))
    async with get_session().create_client(
        "s3", endpoint_url=instance.s3_url, aws_access_key_id=access_key, aws_secret_access_key=secret_key,
        region_name="us-east-1", config=Config(s3={"addressing_style": "path"}, proxies={}),
    ) as client:  # fmt: skip
        yield client


async def copy(instance: Instance, folder: Path) -> int:
    """All objects into a folder: `objects.jsonl` names them, their contents are numbered files. Gives their number.

    Raises ClientError, OSError.
    """
    folder.mkdir(mode=0o700)
    gate = asyncio.Semaphore(_AT_ONCE)
    count = 0

    async def fetch(client: Any, bucket: str, key: str, number: int) -> str | None:
        async with gate:
            try:
                answer = await client.get_object(Bucket=bucket, Key=key)
                async with answer["Body"] as body:
                    content: bytes = await body.read()
            except ClientError as error:
                if error.response["Error"]["Code"] in _GONE:  # an upload that has been taken in meanwhile
                    return None
                raise
            (folder / str(number)).write_bytes(content)
            said = {name: answer[name] for name in _SAID if answer.get(name)}
            return json.dumps({"bucket": bucket, "key": key, "file": number, "said": said})

    with (folder / "objects.jsonl").open("w") as lines:
        async with storage_of(instance) as client:
            for bucket in _buckets(instance):
                async for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                    keys = [one["Key"] for one in page.get("Contents", ())]
                    fetched = await asyncio.gather(
                        *(fetch(client, bucket, key, count + n) for n, key in enumerate(keys))
                    )
                    count += len(keys)
                    lines.writelines(f"{line}\n" for line in fetched if line is not None)
    return count


async def load(instance: Instance, folder: Path) -> None:
    """Put all of them into the buckets, which are there. Raises ClientError, OSError."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def put(client: Any, line: str) -> None:
        async with gate:
            told = json.loads(line)
            content = (folder / str(told["file"])).read_bytes()
            await client.put_object(Bucket=told["bucket"], Key=told["key"], Body=content, **told["said"])

    with (folder / "objects.jsonl").open() as lines:
        async with storage_of(instance) as client:
            while some := list(_first(lines, 1000)):
                await asyncio.gather(*(put(client, line) for line in some))


def _buckets(instance: Instance) -> list[str]:
    return [bucket for service in instance.system.services.values() for bucket in service.buckets]


def _first(lines: Iterable[str], most: int) -> Iterable[str]:
    return (line for _, line in zip(range(most), lines, strict=False))
