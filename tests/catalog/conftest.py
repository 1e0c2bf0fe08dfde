"""The catalog room on the real engines, with a database of the run's own."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from aiobotocore.session import get_session
from botocore.config import Config
from botocore.exceptions import ClientError
from fastapi import FastAPI
from pydantic import SecretStr
from pymongo import AsyncMongoClient

from bodega.kit.testing import Caller, Credentials, Topics, serving
from bodega.services.catalog.app import create_app
from bodega.services.catalog.settings import Settings
from tests.conftest import RUN, engine, topics_for

topics = topics_for("catalog")


@dataclass
class Room:
    """A running catalog: `shop` is a shopper, `merchant` has the role, `cart` another service."""

    app: FastAPI
    settings: Settings
    shop: Caller
    merchant: Caller
    cart: Caller


def in_database(url: str, name: str) -> str:
    """The same server's address with another database; what else it says (users, replica set, TLS) stays."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="package")
async def mongo_url() -> AsyncIterator[str]:
    """A database of the run's own: on the server that BODEGA_TEST_MONGO_URL names, or else on the shop's stand-in."""
    base = os.environ.get("BODEGA_TEST_MONGO_URL") or engine("BODEGA_CATALOG_MONGO_URL")
    name = f"t_catalog_{RUN}"
    yield in_database(base, name)
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(base)
    await client.drop_database(name)
    await client.close()


@pytest.fixture(scope="package")
async def uploads_bucket() -> str:
    async with get_session().create_client(
        "s3",
        endpoint_url=engine("BODEGA_CATALOG_S3_URL"),
        aws_access_key_id=engine("BODEGA_TEST_S3_ACCESS_KEY"),
        aws_secret_access_key=engine("BODEGA_TEST_S3_SECRET_KEY"),
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    ) as client:
        for bucket in ("media", "uploads"):
            try:
                await client.create_bucket(Bucket=bucket)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise
    return "uploads"


@pytest.fixture(scope="package")
def settings(mongo_url: str, topics: Topics, credentials: Credentials, uploads_bucket: str) -> Settings:
    return Settings(
        mongo_url=mongo_url,
        kafka=topics.bootstrap,
        topic_prefix=topics.prefix,
        s3_uploads_bucket=uploads_bucket,
        s3_access_key=engine("BODEGA_TEST_S3_ACCESS_KEY"),  # the test's own buckets are no service's
        s3_secret_key=SecretStr(engine("BODEGA_TEST_S3_SECRET_KEY")),
        allowed_callers=["cart"],
        internal_jwks_file=credentials.jwks_file,
        picture_pixels=4_000_000,
        # What is pending must be told by the wake-up after a write, not found by looking again.
        relay_poll_seconds=30,
    )


@pytest.fixture(scope="package")
async def room(settings: Settings, credentials: Credentials) -> AsyncIterator[Room]:
    app = create_app(settings)
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app) as caller:
        yield Room(
            app=app,
            settings=settings,
            shop=caller,
            merchant=caller.being(credentials.customer("cus_merchant", "merchant")),
            cart=caller.being(credentials.service("cart", "catalog")),
        )
