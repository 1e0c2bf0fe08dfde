"""What is on every answer, and what is written down about it."""

import gzip
import json
import uuid

import pytest

from bodega.kit.http import PROBLEM_TYPE
from tests.gateway.stage import EDGE_SECRET, Answer, Stage, bearer, token

pytestmark = pytest.mark.service


async def _refusals(gateway: Stage) -> dict[int, Answer]:
    return {
        400: await gateway.say(b"GET /cart HTTP/1.1\r\n\r\n"),
        401: await gateway.ask("GET", "/users/me"),
        403: await gateway.ask("GET", "/admin/orders", bearer()),
        404: await gateway.ask("GET", "/internal"),
        413: await gateway.ask("POST", "/cart", body=b"x" * 1_100_000),
        431: await gateway.ask("GET", "/cart", {"X-Large": "x" * 70_000}),
        503: await gateway.ask("GET", "/notifications", bearer()),
    }


async def test_every_refusal_is_a_problem_document(gateway: Stage) -> None:
    for status, answer in (await _refusals(gateway)).items():
        assert answer.status == status
        assert answer.headers["content-type"] == "application/problem+json", status
        assert answer.headers["cache-control"] == "no-store", status
        assert set(answer.json) == {"type", "title", "status", "code", "detail", "request_id"}
        assert (answer.json["status"], answer.json["type"]) == (status, PROBLEM_TYPE + answer.json["code"])
        assert all(answer.json[word] for word in ("title", "code", "detail"))


async def test_a_refusal_names_its_request(gateway: Stage) -> None:
    answer = await gateway.ask("GET", "/users/me")
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert uuid.UUID(answer.headers["x-request-id"])


async def test_the_request_id_is_the_services_too(gateway: Stage) -> None:
    answer = await gateway.ask("GET", "/products")
    assert answer.headers["x-request-id"] == answer.seen.headers["x-request-id"]


@pytest.mark.parametrize("target", ["/products", "/users/me", "/internal", "/healthz"])
async def test_every_answer_has_the_security_headers_and_names_no_server(gateway: Stage, target: str) -> None:
    answer = await gateway.ask("GET", target)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "strict-transport-security" not in answer.headers
    assert "server" not in answer.headers
    assert not {name for name in answer.headers if name.startswith("x-envoy")}


async def test_an_answer_to_somebody_is_kept_by_no_cache(gateway: Stage) -> None:
    assert (await gateway.ask("GET", "/users/me", bearer())).headers["cache-control"] == "private, no-store"
    assert (await gateway.ask("GET", "/cart")).headers["cache-control"] == "private, no-store"
    assert "cache-control" not in (await gateway.ask("GET", "/products")).headers


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_large_answers_are_compressed_as_the_client_likes(gateway: Stage, coding: str) -> None:
    answer = await gateway.ask("GET", "/products?size=500", {"Accept-Encoding": coding})
    assert answer.headers["content-encoding"] == coding
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert len(answer.body) < 1000
    if coding == "gzip":
        assert json.loads(gzip.decompress(answer.body))["service"] == "catalog"


async def test_zstd_is_chosen_first(gateway: Stage) -> None:
    answer = await gateway.ask("GET", "/products?size=500", {"Accept-Encoding": "gzip, br, zstd"})
    assert answer.headers["content-encoding"] == "zstd"


async def test_an_etag_stays_strong(gateway: Stage) -> None:
    answer = await gateway.ask("GET", "/products?size=500&etag=1", {"Accept-Encoding": "gzip"})
    assert (answer.headers["etag"], answer.headers.get("content-encoding")) == ('"1"', None)


async def test_small_answers_are_left_alone(gateway: Stage) -> None:
    answer = await gateway.ask("GET", "/healthz", {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


async def test_the_access_log_tells_who_did_what(gateway: Stage) -> None:
    answer = await gateway.ask("GET", "/users/me?page=2", bearer(sub="cus_9"))
    line = await gateway.logged(answer.headers["x-request-id"])
    assert (line["method"], line["path"], line["status"], line["route"]) == (
        "GET",
        "/users/me",
        200,
        "users:/users:read",
    )
    assert (line["customer"], line["client"], line["listener"], line["attempts"]) == ("cus_9", "127.0.0.1", "public", 1)


async def test_the_access_log_has_no_secret(gateway: Stage) -> None:
    secret = {
        "authorization": f"Bearer {token(sid='ses_secret')}",
        "Cookie": "bodega_refresh=rt-secret",
        "Cart-Token": "crt-secret",
        "Order-Token": "ord-secret",
        "Referer": "http://127.0.0.1:8000/reset?token=referer-secret",
    }
    answer = await gateway.ask("GET", "/orders/ord_1?token=link-secret", secret)
    await gateway.logged(answer.headers["x-request-id"])
    refused = await gateway.ask("GET", "/orders/..%2finternal?token=link-secret", secret)
    assert (await gateway.logged(refused.headers["x-request-id"]))["status"] == 404
    log = gateway.log.read_text()
    for word in (
        secret["authorization"],
        "rt-secret",
        "crt-secret",
        "ord-secret",
        "link-secret",
        "referer-secret",
        EDGE_SECRET,
    ):
        assert word not in log
