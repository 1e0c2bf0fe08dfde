"""What exists from outside, and what does not, in whatever spelling."""

import pytest

from tests.gateway.stage import Stage, bearer

pytestmark = pytest.mark.service

MERCHANT = bearer(roles=("customer", "merchant"))

INTERNAL_SPELLINGS = [
    "/internal",
    "/internal/prices",
    "//internal/prices",
    "///internal//prices",
    "/%69nternal/prices",
    "/%69%6e%74ernal/prices",
    "/x/../internal/prices",
    "/orders/../internal/prices",
    "/orders/./../internal/prices",
    "/orders/%2e%2e/internal/prices",
    "/orders/%2E%2E/internal/prices",
    "/orders/..%2finternal/prices",
    "/orders/..%2Finternal/prices",
    "/orders/..%5cinternal/prices",
    "/orders/%2e%2e%2finternal%2fprices",
    "/orders%2f..%2finternal/prices",
    "/%2finternal/prices",
    "/\\internal/prices",
    "/orders\\..\\internal/prices",
    "/INTERNAL/prices",
    "/internal;x=1/prices",
    "/internal?x=1",
    "/./internal",
    "http://shop.test/internal/prices",
    "http://shop.test//internal/prices",
]


@pytest.mark.parametrize("spelling", INTERNAL_SPELLINGS)
async def test_internal_does_not_exist_in_any_spelling(gateway: Stage, spelling: str) -> None:
    before = len(gateway.seen)
    answer = await gateway.ask("GET", spelling, MERCHANT)
    assert answer.status == 404
    assert answer.json["code"] == "not_found"
    assert len(gateway.seen) == before


@pytest.mark.parametrize("spelling", ["/orders/%252e%252e/internal", "/orders/..%252finternal", "/orders/..;/internal"])
async def test_what_is_escaped_twice_stays_below_the_path_it_was_asked_for(gateway: Stage, spelling: str) -> None:
    answer = await gateway.ask("GET", spelling, MERCHANT)
    assert answer.status == 404 or answer.seen.path.startswith("/orders/")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/orders/../metrics", "//readyz", "/", "/nothing"])
async def test_the_services_own_pages_are_not_served(gateway: Stage, path: str) -> None:
    answer = await gateway.ask("GET", path)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_the_gateway_says_that_it_lives(gateway: Stage) -> None:
    answer = await gateway.ask("GET", "/healthz")
    assert (answer.status, answer.body, answer.headers["cache-control"]) == (200, b"ok\n", "no-store")


@pytest.mark.parametrize(
    ("target", "service"),
    [
        ("/cart", "cart"),
        ("/cart/", "cart"),
        ("/cart/lines/A-1", "cart"),
        ("/cart?x=1", "cart"),
        ("/products/prd_1", "catalog"),
        ("/products/caf%C3%A9", "catalog"),
        ("/search/suggest?q=a%2Fb", "search"),
        ("/shipments/TRACK1", "shipping"),
        ("/shipping/rates", "shipping"),
        ("/.well-known/openid-configuration", "auth"),
    ],
)
async def test_a_path_leads_to_its_service_unchanged(gateway: Stage, target: str, service: str) -> None:
    seen = (await gateway.ask("GET", target)).seen
    assert (seen.service, seen.target) == (service, target)


@pytest.mark.parametrize("path", ["/cartx", "/cart-x", "/CART", "/Products", "/.well-known/jwks.json/x", "/authx"])
async def test_a_path_is_matched_by_whole_segments_and_as_written(gateway: Stage, path: str) -> None:
    assert (await gateway.ask("GET", path)).status == 404


async def test_the_longer_path_is_asked_first(gateway: Stage) -> None:
    assert (await gateway.ask("GET", "/auth/sessions")).status == 401
    assert (await gateway.ask("POST", "/auth/login", body=b"{}")).seen.service == "auth"


@pytest.mark.parametrize(
    "spelling", ["//admin/orders", "/%61dmin/orders", "/cart/../admin/orders", "/cart/..%2fadmin/orders"]
)
async def test_a_merchants_path_is_guarded_in_any_spelling(gateway: Stage, spelling: str) -> None:
    assert (await gateway.ask("GET", spelling)).status == 401
    assert (await gateway.ask("GET", spelling, bearer())).status == 403
    assert (await gateway.ask("GET", spelling, MERCHANT)).seen.path == "/admin/orders"
