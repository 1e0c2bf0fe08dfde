"""Who may come in, as whom, and from where."""

import base64
import hmac
import json
import time
from pathlib import Path

import pytest

from tests.gateway.stage import EDGE_SECRET, KEY, STRANGERS_KEY, Stage, bearer, stage, token

pytestmark = pytest.mark.service

NOW = int(time.time())


def _signed_with_the_public_key() -> str:
    """The old trick: what is public taken for the secret of another algorithm."""

    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    claims = {"iss": "bodega", "aud": "bodega", "sub": "cus_1", "exp": NOW + 600}
    signed = part(b'{"alg":"HS256","kid":"k1"}') + b"." + part(json.dumps(claims).encode())
    mac = hmac.digest(KEY.as_pem(private=False), signed, "sha256")
    return (signed + b"." + part(mac)).decode()


BAD_TOKENS = {
    "expired": token(exp=NOW - 3600),
    "without an expiry": token(exp=None),
    "not yet valid": token(nbf=NOW + 3600),
    "of another issuer": token(iss="cart"),
    "for another audience": token(aud="orders"),
    "signed by a stranger": token(key=STRANGERS_KEY),
    "altered": token()[:-6] + "AAAAAA",
    "unsigned": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjdXNfMSIsImlzcyI6ImJvZGVnYSIsImF1ZCI6ImJvZGVnYSJ9.",
    "not a token": "nonsense",
    "signed with the public key": _signed_with_the_public_key(),
}


async def test_while_the_keys_cannot_be_had_a_token_is_503_and_what_needs_none_goes_on(tmp_path: Path) -> None:
    async with stage(tmp_path, without=("auth",)) as gateway:
        answer = await gateway.ask("GET", "/users/me", bearer())
        assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")
        assert (await gateway.ask("GET", "/users/me")).status == 401
        assert (await gateway.ask("GET", "/cart")).status == 200
        assert (await gateway.ask("GET", "/products", bearer())).status == 200
        async with gateway.come_up("auth"):
            await gateway.until_answered("/users/me")


@pytest.mark.parametrize("path", ["/users/me", "/auth/sessions", "/notifications/preferences", "/admin/orders"])
async def test_without_a_token_a_customers_path_is_401(gateway: Stage, path: str) -> None:
    answer = await gateway.ask("GET", path)
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", BAD_TOKENS)
@pytest.mark.parametrize("path", ["/users/me", "/cart", "/admin/orders"])
async def test_a_bad_token_is_401_where_a_token_counts(gateway: Stage, path: str, kind: str) -> None:
    for headers in (
        {"Authorization": f"Bearer {BAD_TOKENS[kind]}"},
        {"Cookie": f"bodega_access={BAD_TOKENS[kind]}"},
    ):
        answer = await gateway.ask("GET", path, headers)
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated"), headers


async def test_an_optional_path_takes_nobody_and_a_customer(gateway: Stage) -> None:
    assert "authorization" not in (await gateway.ask("GET", "/cart")).seen.headers
    headers = bearer()
    assert (await gateway.ask("GET", "/cart", headers)).seen.headers["authorization"] == headers["Authorization"]


async def test_the_token_goes_on_to_the_service(gateway: Stage) -> None:
    headers = bearer()
    assert (await gateway.ask("GET", "/users/me", headers)).seen.headers["authorization"] == headers["Authorization"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_schemes_name_is_case_insensitive(gateway: Stage, scheme: str) -> None:
    access = token()
    seen = (await gateway.ask("GET", "/users/me", {"Authorization": f"{scheme} {access}"})).seen
    assert seen.headers["authorization"] == f"Bearer {access}"


@pytest.mark.parametrize(
    "cookie", ["bodega_access={}", "a=b; bodega_access={}; c=d", "x_bodega_access=1;bodega_access={}"]
)
async def test_the_sites_cookie_is_as_good_as_the_header(gateway: Stage, cookie: str) -> None:
    access = token()
    seen = (await gateway.ask("GET", "/users/me", {"Cookie": cookie.format(access)})).seen
    assert seen.headers["authorization"] == f"Bearer {access}"


async def test_the_header_wins_over_the_cookie(gateway: Stage) -> None:
    mine, theirs = token(sub="cus_1"), token(sub="cus_2")
    headers = {"Authorization": f"Bearer {mine}", "Cookie": f"bodega_access={theirs}"}
    assert (await gateway.ask("GET", "/users/me", headers)).seen.headers["authorization"] == f"Bearer {mine}"
    assert (await gateway.ask("GET", "/users/me", {**headers, "Authorization": "Basic eA=="})).status == 401


async def test_another_cookies_token_is_no_token(gateway: Stage) -> None:
    assert (await gateway.ask("GET", "/users/me", {"Cookie": f"xbodega_access={token()}"})).status == 401


async def test_a_token_in_the_query_is_no_token(gateway: Stage) -> None:
    assert (await gateway.ask("GET", f"/users/me?access_token={token()}")).status == 401


@pytest.mark.parametrize("kind", ["expired", "signed by a stranger"])
async def test_an_open_path_knows_nobody(gateway: Stage, kind: str) -> None:
    for access in (token(), BAD_TOKENS[kind]):
        headers = {"Authorization": f"Bearer {access}", "Cookie": f"bodega_access={access}"}
        seen = (await gateway.ask("GET", "/products", headers)).seen
        assert not {"authorization", "cookie"} & set(seen.headers)


async def test_whoever_holds_an_expired_token_can_have_a_new_one(gateway: Stage) -> None:
    expired = {"Authorization": f"Bearer {BAD_TOKENS['expired']}"}
    for path in ("/auth/login", "/auth/refresh"):
        assert (await gateway.ask("POST", path, expired, b"{}")).seen.service == "auth"
    assert (await gateway.ask("GET", "/auth/sessions", expired)).status == 401


@pytest.mark.parametrize(
    ("roles", "status"),
    [((), 403), (("customer",), 403), (("support",), 403), (("merchants",), 403), (("customer", "merchant"), 200)],
)
async def test_only_a_merchant_passes_to_admin(gateway: Stage, roles: tuple[str, ...], status: int) -> None:
    answer = await gateway.ask("POST", "/admin/products", bearer(roles=roles), b"{}")
    assert answer.status == status
    if status == 403:
        assert answer.json["code"] == "forbidden"
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/admin/orders", "/admin/payments", "/admin/shipments", "/admin/notifications"])
async def test_support_passes_to_what_customers_ask_about(gateway: Stage, path: str) -> None:
    for roles, refused in [(("customer",), True), (("customer", "support"), False), (("merchant",), False)]:
        assert ((await gateway.ask("GET", path, bearer(roles=roles))).status == 403) is refused, roles
        assert ((await gateway.ask("POST", f"{path}/x/y", bearer(roles=roles), b"{}")).status == 403) is refused, roles


@pytest.mark.parametrize("path", ["/admin/products", "/admin/categories", "/admin/inventory", "/admin/tax-rates"])
async def test_support_passes_to_no_more_than_that(gateway: Stage, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert (await gateway.ask(method, f"{path}/x", bearer(roles=("support",)), b"{}")).status == 403


async def test_roles_that_are_not_a_list_are_no_roles(gateway: Stage) -> None:
    assert (await gateway.ask("GET", "/admin/orders", bearer(roles="merchant"))).status == 403
    assert (await gateway.ask("GET", "/admin/orders", bearer(roles=None, role="merchant"))).status == 403


SPOOFED = {
    "X-User-Id": "cus_2",
    "x-user-role": "merchant",
    "X-Auth-Request-User": "root",
    "X-Envoy-External-Address": "8.8.8.8",
    "X-Envoy-Retry-On": "5xx",
    "X-Envoy-Upstream-Rq-Timeout-Ms": "60000",
    "X-Envoy-Original-Path": "/internal",
    "X-Forwarded-For": "8.8.8.8",
    "X-Forwarded-Host": "evil.test",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-User": "root",
    "Forwarded": "for=8.8.8.8",
    "X-Real-IP": "8.8.8.8",
    "True-Client-IP": "8.8.8.8",
    "X-Original-URL": "/internal",
    "X-Rewrite-URL": "/internal",
    "X-HTTP-Method-Override": "DELETE",
    "Bodega-Deadline-Ms": "999999",
    "Bodega-Caller": "checkout",
    "X-Edge-Secret": "guess",
    "X-Request-Id": "chosen-by-the-client",
    "X_User_Id": "cus_2",
}


@pytest.mark.parametrize("path", ["/products", "/cart", "/users/me"])
async def test_no_header_of_the_client_passes_for_one_of_ours(gateway: Stage, path: str) -> None:
    seen = (await gateway.ask("GET", path, SPOOFED | bearer())).seen
    spoofed = {name.lower(): value for name, value in SPOOFED.items()}
    assert {name for name, value in seen.headers.items() if spoofed.get(name) == value} == set()
    ours = {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "bodega-deadline-ms": "950"}
    assert {name: value for name, value in seen.headers.items() if name in spoofed} == {
        **ours,
        "x-request-id": seen.headers["x-request-id"],
    }


async def test_headers_that_are_the_clients_to_give_pass(gateway: Stage) -> None:
    given = {
        "Cart-Token": "crt_1.abc",
        "Idempotency-Key": "k1",
        "If-Match": '"1"',
        "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "Tracestate": "a=b",
    }
    seen = (await gateway.ask("POST", "/cart", given, b"{}")).seen
    assert {name: seen.headers[name.lower()] for name in given} == given


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("origin", [None, "http://evil.test", "null", "http://127.0.0.1:8000.evil.test"])
async def test_a_change_with_a_cookie_must_come_from_our_pages(gateway: Stage, method: str, origin: str | None) -> None:
    headers = {"Cookie": "bodega_cart=crt_1"} | ({"Origin": origin} if origin else {})
    answer = await gateway.ask(method, "/cart", headers, b"{}")
    assert (answer.status, answer.json["code"]) == (403, "origin_not_allowed")


async def test_a_change_with_a_cookie_from_our_pages_passes(gateway: Stage) -> None:
    for origin in (gateway.instance.site_url, gateway.instance.api_url):
        answer = await gateway.ask("POST", "/cart", {"Cookie": "a=b", "Origin": origin}, b"{}")
        assert answer.seen.method == "POST"


async def test_what_bears_no_cookie_may_come_from_anywhere(gateway: Stage) -> None:
    assert (await gateway.ask("POST", "/cart", {"Origin": "http://evil.test"}, b"{}")).status == 200
    assert (await gateway.ask("GET", "/cart", {"Origin": "http://evil.test", "Cookie": "a=b"})).status == 200


@pytest.mark.parametrize("path", ["/payments/webhooks/stripe", "/shipping/webhooks/carrier"])
async def test_a_webhook_knows_neither_origin_nor_cors(gateway: Stage, path: str) -> None:
    headers = {"Cookie": "a=b", "Origin": gateway.instance.site_url, "Stripe-Signature": "t=1,v1=x"}
    answer = await gateway.ask("POST", path, headers, b"{}")
    assert answer.seen.headers["stripe-signature"] == "t=1,v1=x"
    assert "access-control-allow-origin" not in answer.headers
    assert (await gateway.ask("POST", path, {**headers, "Origin": "http://evil.test"}, b"{}")).status == 200


async def test_the_sites_pages_may_ask_with_credentials(gateway: Stage) -> None:
    site = gateway.instance.site_url
    ask = {"Origin": site, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "cart-token"}
    preflight = await gateway.ask("OPTIONS", "/users/me", ask)
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == site
    assert preflight.headers["access-control-allow-credentials"] == "true"
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert "Cart-Token" in preflight.headers["access-control-allow-headers"]
    answer = await gateway.ask("GET", "/products", {"Origin": site})
    assert answer.headers["access-control-allow-origin"] == site
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Cart-Token", "Location", "Idempotency-Replayed", "Retry-After", "X-Request-Id"} <= set(exposed)


async def test_a_cache_tells_answers_to_our_site_from_others(gateway: Stage) -> None:
    assert "origin" in (await gateway.ask("GET", "/products")).headers["vary"]
    edge = await gateway.ask("GET", "/products", {"X-Edge-Secret": EDGE_SECRET}, port=gateway.edge)
    assert "origin" not in edge.headers.get("vary", "")


async def test_a_refusal_can_be_read_by_the_sites_pages(gateway: Stage) -> None:
    answer = await gateway.ask("GET", "/users/me", {"Origin": gateway.instance.site_url})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, gateway.instance.site_url)


async def test_others_pages_may_not_read(gateway: Stage) -> None:
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": "http://evil.test", "Access-Control-Request-Method": "GET"}
        answer = await gateway.ask(method, "/products", headers)
        assert not {name for name in answer.headers if name.startswith("access-control")}
