"""At object storage each service uses its own buckets, and no other; the table is made from platform.toml."""

import os
import secrets as random
from typing import Any

import pytest
from aiobotocore.session import get_session
from botocore.config import Config
from botocore.exceptions import ClientError

from bodega.platform.secrets import Secrets
from bodega.platform.settings import s3_keys
from bodega.platform.system import Instance, System
from tests.conftest import engine

pytestmark = pytest.mark.service

SYSTEM = System.load(local=False)
OWNERS = {bucket: service.name for service in SYSTEM.services.values() for bucket in service.buckets}


def client(instance: Instance, service: str) -> Any:
    access_key, secret_key = s3_keys(Secrets.of(instance), service)
    return get_session().create_client(
        "s3", endpoint_url=engine("BODEGA_CATALOG_S3_URL"), aws_access_key_id=access_key,
        aws_secret_access_key=secret_key, region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )  # fmt: skip


async def allows(call: Any) -> bool:
    try:
        await call
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
            return False
        raise
    return True


@pytest.mark.parametrize("service", sorted(set(OWNERS.values())))
@pytest.mark.parametrize("bucket", sorted(OWNERS))
async def test_a_service_uses_its_own_buckets_and_no_other(service: str, bucket: str) -> None:
    instance = System.load().instance(os.environ.get("BODEGA_TEST_INSTANCE", "test"))
    own, key = OWNERS[bucket] == service, f"tests/{random.token_hex(4)}"
    async with client(instance, OWNERS[bucket]) as owner, client(instance, service) as s3:
        await owner.put_object(Bucket=bucket, Key=key, Body=b"x")
        try:
            assert await allows(s3.put_object(Bucket=bucket, Key=key + "2", Body=b"y")) is own
            assert await allows(s3.list_objects_v2(Bucket=bucket, Prefix="tests/")) is own
            assert await allows(s3.get_object(Bucket=bucket, Key=key)) is own
            assert await allows(s3.delete_object(Bucket=bucket, Key=key)) is own
        finally:
            for name in (key, key + "2"):
                await owner.delete_object(Bucket=bucket, Key=name)


@pytest.mark.parametrize("service", sorted(set(OWNERS.values())))
async def test_a_service_makes_and_removes_no_bucket(service: str) -> None:
    instance = System.load().instance(os.environ.get("BODEGA_TEST_INSTANCE", "test"))
    async with client(instance, service) as s3:
        assert not await allows(s3.create_bucket(Bucket=f"t{random.token_hex(6)}"))
        for bucket, owner in OWNERS.items():
            if owner != service:
                assert not await allows(s3.delete_bucket(Bucket=bucket))
