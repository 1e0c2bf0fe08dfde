"""Object storage, by S3's protocol: where pictures arrive, and where they are shown from."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import aiohttp
from aiobotocore.session import get_session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bodega.kit.errors import Unavailable
from bodega.services.catalog.domain.pictures import File
from bodega.services.catalog.errors import Unreadable
from bodega.services.catalog.settings import Settings

_DOWN = (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError)
PICTURES = "products/"
"""All that catalog shows lies below it."""
_FOR_EVER = "public, max-age=31536000, immutable"


class ObjectStorage:
    """Open it in the service's lifespan, close it at its end. All calls raise Unavailable."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._client: Any = None

    async def open(self) -> None:
        self._client = await self._stack.enter_async_context(
            get_session().create_client(
                "s3",
                endpoint_url=self._settings.s3_url,
                aws_access_key_id=self._settings.s3_access_key,
                aws_secret_access_key=self._settings.s3_secret_key.get_secret_value(),
                region_name="us-east-1",
                config=Config(
                    signature_version="s3v4",
                    s3={"addressing_style": "path"},
                    connect_timeout=2,
                    read_timeout=5,
                    retries={"max_attempts": 2},
                    # Not every S3 knows the newer checksums.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
            )
        )

    async def close(self) -> None:
        await self._stack.aclose()

    async def place_for(self, name: str, content_type: str, size_bytes: int) -> str:
        """An address that takes one file, of this type and size and no other, for a while."""
        address: str = await self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._settings.s3_uploads_bucket,
                "Key": name,
                "ContentType": content_type,
                "ContentLength": size_bytes,
            },
            ExpiresIn=self._settings.upload_seconds,
        )
        return address

    async def uploaded(self, name: str, *, size_bytes: int) -> bytes | None:
        """What was uploaded; None: nothing. Raises Unreadable, if it is of another size: then it is not read."""
        try:
            answer = await self._client.get_object(Bucket=self._settings.s3_uploads_bucket, Key=name)
            async with answer["Body"] as body:
                if answer["ContentLength"] != size_bytes:
                    raise Unreadable(f"{size_bytes} bytes were announced, the file has {answer['ContentLength']}")
                content: bytes = await body.read()
                return content
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "NotFound", "404"):
                return None
            raise Unavailable("object storage refuses to give the upload") from error
        except _DOWN as error:
            raise Unavailable("object storage does not answer") from error

    async def show(self, path: str, file: File) -> None:
        """Puts a file where everybody may read it. Its path is made from its content, so it never changes."""
        try:
            await self._client.put_object(
                Bucket=self._settings.s3_bucket,
                Key=path,
                Body=file.content,
                ContentType=file.content_type,
                CacheControl=_FOR_EVER,
            )
        except (ClientError, *_DOWN) as error:
            raise Unavailable("object storage does not take the picture") from error

    async def shown_before(self, moment: datetime) -> AsyncIterator[str]:
        """The paths of all pictures' files that were last put there before the moment."""
        try:
            pages = self._client.get_paginator("list_objects_v2")
            async for page in pages.paginate(Bucket=self._settings.s3_bucket, Prefix=PICTURES):
                for one in page.get("Contents", ()):
                    if one["LastModified"] < moment:
                        yield one["Key"]
        except (ClientError, *_DOWN) as error:
            raise Unavailable("object storage does not answer") from error

    async def take_down(self, path: str, *, before: datetime) -> bool:
        """Takes a file away, unless it has been put there anew since the moment."""
        bucket = self._settings.s3_bucket
        try:
            standing = await self._client.head_object(Bucket=bucket, Key=path)
            if standing["LastModified"] >= before:
                return False
            await self._client.delete_object(Bucket=bucket, Key=path)
            return True
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "NotFound", "404"):
                return False
            raise Unavailable("object storage refuses to take the file away") from error
        except _DOWN as error:
            raise Unavailable("object storage does not answer") from error

    async def discard_upload(self, name: str) -> None:
        try:
            await self._client.delete_object(Bucket=self._settings.s3_uploads_bucket, Key=name)
        except (ClientError, *_DOWN) as error:
            raise Unavailable("object storage does not answer") from error
