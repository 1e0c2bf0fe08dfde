"""The edge's own door: it believes what it is told of addresses, so it opens to the edge alone."""

import pytest

from tests.gateway.stage import EDGE_SECRET, Stage, bearer

pytestmark = pytest.mark.service


@pytest.mark.parametrize("secret", [None, "", "guess", EDGE_SECRET[:-1], f"{EDGE_SECRET}x", EDGE_SECRET.upper()])
@pytest.mark.parametrize("target", ["/products", "/healthz", "/internal"])
async def test_without_its_secret_the_edges_door_is_403(gateway: Stage, secret: str | None, target: str) -> None:
    headers = {} if secret is None else {"X-Edge-Secret": secret}
    answer = await gateway.ask("GET", target, headers, port=gateway.edge)
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


async def test_the_secret_goes_no_further(gateway: Stage) -> None:
    for port in (gateway.edge, gateway.public):
        seen = (await gateway.ask("GET", "/products", {"X-Edge-Secret": EDGE_SECRET}, port=port)).seen
        assert "x-edge-secret" not in seen.headers


@pytest.mark.parametrize(
    ("told", "client"),
    [("8.8.8.8", "8.8.8.8"), ("1.1.1.1, 8.8.8.8", "8.8.8.8"), ("2001:db8::7", "2001:db8::7"), (None, "127.0.0.1")],
)
async def test_the_client_is_whom_the_edge_saw(gateway: Stage, told: str | None, client: str) -> None:
    headers = {"X-Edge-Secret": EDGE_SECRET} | ({"X-Forwarded-For": told} if told else {})
    answer = await gateway.ask("GET", "/products", headers, port=gateway.edge)
    assert answer.seen.headers["x-forwarded-for"] == client
    line = await gateway.logged(answer.headers["x-request-id"])
    assert (line["client"], line["listener"]) == (client, "edge")


async def test_of_other_headers_the_edge_may_tell_the_scheme_alone(gateway: Stage) -> None:
    told = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Prefix": "/evil",
        "X-User-Id": "cus_2",
        "Bodega-Deadline-Ms": "9",
    }
    headers = {"X-Edge-Secret": EDGE_SECRET, "X-Forwarded-For": "8.8.8.8", **told}
    seen = (await gateway.ask("GET", "/products", headers, port=gateway.edge)).seen
    assert seen.headers["x-forwarded-proto"] == "https"
    assert not {"x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix", "x-user-id"} & set(seen.headers)
    assert seen.headers["bodega-deadline-ms"] == "950"


async def test_the_same_rules_hold_behind_the_edge(gateway: Stage) -> None:
    async def status(method: str, target: str, headers: dict[str, str]) -> int:
        given = {"X-Edge-Secret": EDGE_SECRET, "X-Forwarded-For": "8.8.8.8", **headers}
        return (await gateway.ask(method, target, given, port=gateway.edge)).status

    assert await status("GET", "/users/me", {}) == 401
    assert await status("GET", "/admin/orders", bearer()) == 403
    assert await status("GET", "/orders/..%2finternal", {}) == 404
    assert await status("POST", "/cart", {"Cookie": "a=b", "Content-Length": "0"}) == 403
