"""Services know each other by a token of the caller's own key, made for the callee, and good for a minute."""

import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from bodega.gateway import access
from bodega.kit.auth import ALGORITHM, CLOCK_SKEW_SECONDS, InternalTokens, jwt_header
from bodega.kit.errors import Forbidden, Unauthenticated
from bodega.kit.testing import Credentials

pytestmark = pytest.mark.unit


@pytest.fixture
def orders(credentials: Credentials) -> InternalTokens:
    return InternalTokens("orders", None, credentials.jwks_file, frozenset({"checkout", "shipping"}))


def made_by(credentials: Credentials, service: str) -> InternalTokens:
    return InternalTokens(service, credentials.key_file(service), None, frozenset())


def signed(key_file: Path, kid: str, **claims: object) -> str:
    key = ECKey.import_key(key_file.read_text())
    now = int(time.time())
    whole = {"iss": "checkout", "aud": "orders", "iat": now, "exp": now + 60, **claims}
    return jwt.encode({"alg": ALGORITHM, "kid": kid}, whole, key, algorithms=[ALGORITHM])


def test_who_may_call_is_known_by_its_token(orders: InternalTokens, credentials: Credentials) -> None:
    token = made_by(credentials, "checkout").token_for("orders")
    assert orders.verify(token).name == "checkout"
    assert jwt_header(token)["kid"] == "checkout"
    claims = jwt.decode(token, ECKey.import_key(credentials.key_file("checkout").read_text())).claims
    assert claims["exp"] - claims["iat"] == 60


def test_who_may_not_call_is_refused(orders: InternalTokens, credentials: Credentials) -> None:
    with pytest.raises(Forbidden):
        orders.verify(made_by(credentials, "cart").token_for("orders"))


def test_a_token_for_another_service_is_none_here(orders: InternalTokens, credentials: Credentials) -> None:
    with pytest.raises(Unauthenticated):
        orders.verify(made_by(credentials, "checkout").token_for("payments"))


def test_no_service_passes_for_another(orders: InternalTokens, credentials: Credentials) -> None:
    for kid in ("cart", "checkout"):
        with pytest.raises(Unauthenticated):
            orders.verify(signed(credentials.key_file("cart"), kid))


@pytest.mark.parametrize("ahead_seconds", [-25, 0, 25])
def test_clocks_may_differ(orders: InternalTokens, credentials: Credentials, ahead_seconds: int) -> None:
    """Also of a token that its maker, who renews it 20 s before its end, uses for the last time."""
    made = int(time.time()) + ahead_seconds
    new = signed(credentials.key_file("checkout"), "checkout", iat=made, exp=made + 60)
    old = signed(credentials.key_file("checkout"), "checkout", iat=made - 40, exp=made + 20)
    assert [orders.verify(token).name for token in (new, old)] == ["checkout", "checkout"]


@pytest.mark.parametrize(("iat", "exp"), [(-120, -60), (60, 120)], ids=["expired", "not yet made"])
def test_a_token_whose_time_is_not_now_is_none(
    orders: InternalTokens, credentials: Credentials, iat: int, exp: int
) -> None:
    now = int(time.time())
    with pytest.raises(Unauthenticated):
        orders.verify(signed(credentials.key_file("checkout"), "checkout", iat=now + iat, exp=now + exp))


def test_the_gateway_allows_clocks_to_differ_as_the_services_do() -> None:
    assert access.CLOCK_SKEW_SECONDS == CLOCK_SKEW_SECONDS
