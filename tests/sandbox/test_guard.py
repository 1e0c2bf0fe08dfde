"""The sandbox answers to its own names alone, and does nothing at the wish of a foreign site's page."""

import aiohttp
import pytest

from tests.sandbox.stand import Sandbox

pytestmark = pytest.mark.service

PATHS = ["/", "/mails", "/sandbox/faults", "/v1/payment_intents", "/carrier/shipments", "/static/x", "/nowhere"]
FOREIGN = [
    "evil.example",
    "evil.example:7080",
    "127.0.0.1.evil.example",
    "localhost.evil.example:80",
    "",
    "[",
    "127.0.0.2",
]


@pytest.mark.parametrize("host", FOREIGN)
async def test_a_foreign_name_reads_nothing(sandbox: Sandbox, http: aiohttp.ClientSession, host: str) -> None:
    for path in PATHS:
        async with http.get(sandbox.url + path, headers={"Host": host}) as answer:
            assert answer.status in (400, 403), path
            assert "@" not in await answer.text()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "127.0.0.1:80"])
async def test_its_own_names_are_answered(sandbox: Sandbox, http: aiohttp.ClientSession, name: str) -> None:
    async with http.get(f"{sandbox.url}/", headers={"Host": name}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://localhost:1"]
)
async def test_a_foreign_page_changes_nothing(
    sandbox: Sandbox, http: aiohttp.ClientSession, method: str, origin: str
) -> None:
    for path in PATHS:
        async with http.request(method, sandbox.url + path, headers={"Origin": origin}) as answer:
            assert answer.status == 403, path


async def test_a_page_of_its_own_and_a_program_may(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    for headers in ({"Origin": sandbox.url}, {}):
        async with http.delete(f"{sandbox.url}/sandbox/faults", headers=headers) as answer:
            assert answer.status == 204


async def test_health_is_told_by_whatever_name(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{sandbox.url}/livez", headers={"Host": "10.1.2.3:7080"}) as answer:
        assert answer.status == 200
