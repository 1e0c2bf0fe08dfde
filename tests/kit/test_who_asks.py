"""Who asks, and from where: what a service believes."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from fastapi import APIRouter, Request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from bodega.kit.app import Server, create_service
from bodega.kit.auth import ALGORITHM, AccessTokens, Customer, EndedList, EndedSessions
from bodega.kit.errors import Unavailable
from bodega.kit.settings import ServiceSettings
from bodega.kit.testing import serving
from tests.kit.making import ready, service

pytestmark = pytest.mark.service
SHOPPER = "203.0.113.44"
NOT_THE_LOOPBACK = "127.0.9.30"


@asynccontextmanager
async def behind(*gateways: str) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """A service's own server that believes these; call it with the peer's address: from where it sees a request."""
    router = APIRouter()

    @router.get("/from")
    async def seen(request: Request) -> dict[str, str]:
        return {"host": request.client.host if request.client else ""}

    settings = ServiceSettings(gateways=list(gateways)) if gateways else ServiceSettings()
    app = create_service("counter", settings, [router], titles={}, description="", state={}, ready={"nothing": ready})
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # connections wait until the server takes them
    server = Server(app, "127.0.0.1", 0)
    task = asyncio.create_task(server.serve(sockets=[listener]))

    async def ask(peer: str) -> str:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(peer, 0))) as session,
            session.get(
                f"http://127.0.0.1:{listener.getsockname()[1]}/from", headers={"X-Forwarded-For": SHOPPER}
            ) as answer,
        ):
            return str((await answer.json())["host"])

    try:
        yield ask
    finally:
        server.should_exit = True
        await task
        listener.close()


async def test_natively_the_gateway_on_the_loopback_is_believed_and_nobody_else() -> None:
    async with behind() as ask:
        assert await ask("127.0.0.1") == SHOPPER
        assert await ask(NOT_THE_LOOPBACK) == NOT_THE_LOOPBACK


@pytest.mark.parametrize("gateway", [NOT_THE_LOOPBACK, "127.0.9.0/24"])
async def test_a_gateway_elsewhere_is_believed_by_its_address_or_network_and_nobody_else(gateway: str) -> None:
    async with behind(gateway) as ask:
        assert await ask(NOT_THE_LOOPBACK) == SHOPPER
        assert await ask("127.0.8.1") == "127.0.8.1"


# --- access tokens -------------------------------------------------------------------------------------

KEY = ECKey.generate_key("P-256", {"kid": "test", "use": "sig"})
CLAIMS = {"iss": "bodega", "aud": "bodega", "sub": "cus_1", "roles": ["customer"], "sid": "ses_1"}


def token(**claims: Any) -> str:
    """Signed by the right key; a claim that is None is missing."""
    now = int(time.time())
    content = {
        name: value for name, value in {**CLAIMS, "iat": now, "exp": now + 600, **claims}.items() if value is not None
    }
    return jwt.encode({"alg": ALGORITHM, "kid": "test"}, content, KEY, algorithms=[ALGORITHM])


def verifier(ended: EndedSessions | None = None) -> AccessTokens:
    return AccessTokens("", issuer="bodega", audience="bodega", keys=KeySet([KEY]), ended=ended)


async def status_of(bearer: str, tokens: AccessTokens) -> tuple[int, str]:
    router = APIRouter()

    @router.get("/me")
    async def me(customer: Customer) -> dict[str, str]:
        return {"code": customer.subject}

    app = service(None, router)
    app.state.access_tokens = tokens
    async with serving(app) as caller:
        answer = await caller.get("/me", headers={"Authorization": f"Bearer {bearer}"})
    return answer.status, answer.code


@pytest.mark.parametrize(
    "claims",
    [{"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": ["cus_1"]}, {"sid": None}, {"sid": {}}, {"roles": 5},
     {"roles": [["merchant"]]}, {"roles": {"merchant": 1}}, {"exp": None}, {"exp": "soon"}, {"aud": None}, {"iss": 1}],
    ids=str,
)  # fmt: skip
async def test_a_signed_token_that_does_not_say_who_is_asking_is_no_token(claims: dict[str, Any]) -> None:
    assert await status_of(token(), verifier()) == (200, "cus_1")
    assert await status_of(token(**claims), verifier()) == (401, "unauthenticated")


class Auth:
    """What auth says of sessions, and how often it is asked."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.asked = 0
        self.away = False

    async def __call__(self, since: float | None) -> EndedList:
        self.asked += 1
        if self.away:
            raise Unavailable("auth cannot be reached")
        return EndedList(as_of=time.time(), sessions=self.ended)


async def test_an_ended_session_is_refused_within_a_second_at_the_price_of_one_question_for_all_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr("bodega.kit.auth.time", SimpleNamespace(monotonic=lambda: clock[0], time=time.time))
    auth = Auth()
    ended = EndedSessions(auth)
    assert [await ended.has("ses_1") for _ in range(500)].count(True) == 0
    assert auth.asked == 1
    auth.ended = ["ses_1"]
    clock[0] += 0.4
    assert not await ended.has("ses_1")
    clock[0] += 0.2
    assert [await ended.has("ses_1") for _ in range(500)].count(True) == 500
    assert auth.asked == 2
    assert await status_of(token(), verifier(ended)) == (401, "session_ended")
    assert await status_of(token(sid="ses_2"), verifier(ended)) == (200, "cus_1")


async def test_while_auth_is_away_what_it_said_last_holds_and_signed_in_people_go_on() -> None:
    auth = Auth()
    auth.ended = ["ses_1"]
    ended = EndedSessions(auth)
    ended.FRESH_SECONDS = 0  # type: ignore[misc] - asked each time
    assert await ended.has("ses_1")
    auth.away, auth.ended = True, []
    assert await ended.has("ses_1")
    assert not await ended.has("ses_2")
    assert auth.asked == 3


async def test_before_auth_has_ever_said_anything_nobody_is_let_in() -> None:
    auth = Auth()
    auth.away = True
    with pytest.raises(Unavailable):
        await EndedSessions(auth).has("ses_1")
