"""What the storefront's server keeps to itself, and what it does not keep."""

import json
import re

import pytest

from bodega.platform import pages
from tests.storefront.conftest import Storefront, product

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]


async def test_nothing_secret_leaves_the_server(storefront: Storefront) -> None:
    for path in ("/", "/products/mug", "/checkout", "/account/sign-in", "/no-such-page"):
        told = await (await storefront.get(path)).text()
        for secret in ("of-the-edge", "of-the-purger"):
            assert secret not in told, path
    scripts = [*(pages.STOREFRONT / ".next/static").rglob("*.js")]
    assert scripts
    for script in scripts:
        assert "BODEGA_STOREFRONT_" not in script.read_text(), f"{script} knows the server's settings"


async def test_the_server_keeps_no_answer_of_its_own(storefront: Storefront) -> None:
    """The edge alone remembers: whatever it asks for again is made anew."""
    for title in ("A mug", "The same mug by another name"):
        storefront.api.products["mug"] = product(title=title)
        for rsc in ({}, {"RSC": "1"}):
            assert title in await (await storefront.get("/products/mug", **rsc)).text()


async def test_the_client_of_the_api_knows_each_address_that_is_described() -> None:
    """Its whole text is compared when the pages are checked; this sees at once that nobody generated it."""
    schema = (pages.STOREFRONT / "src/api/schema.ts").read_text()
    described = json.loads((pages.STOREFRONT.parent / "docs/openapi.json").read_text())["paths"]
    assert set(re.findall(r'^    "(/[^"]*)": \{$', schema, re.MULTILINE)) == set(described)
