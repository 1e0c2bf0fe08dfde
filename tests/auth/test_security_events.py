"""The log of security events: whatever auth decides about people leaves a line, and no line says more than ids."""

import asyncio
import io
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.routing import APIRoute
from structlog.stdlib import ProcessorFormatter

from bodega.kit import security
from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Credentials, Topics, eventually
from bodega.services.auth import routes, service
from bodega.services.auth.domain import mailbox
from tests.auth.conftest import PASSWORD, StartAuth, bearer, from_address, log_in, new_email, refresh, register

pytestmark = pytest.mark.service

NEW_PASSWORD = "another teapot entirely"
Event = dict[str, Any]


class Log:
    """What the services of this process, and their libraries, have written since the last look."""

    def __init__(self, capsys: pytest.CaptureFixture[str], of_libraries: io.StringIO) -> None:
        self._capsys, self._of_libraries = capsys, of_libraries
        self.text = ""

    def forget(self) -> None:
        self._read()
        self.text = ""

    def _read(self) -> str:
        read = self._capsys.readouterr().out + self._of_libraries.getvalue()
        self._of_libraries.seek(0)
        self._of_libraries.truncate()
        return read

    def events(self) -> list[Event]:
        self.text += self._read()
        lines = [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "security"]

    def asked_for(self) -> list[Event]:
        """Those that a request brought about; what chores do has no client."""
        return [one for one in self.events() if "source_ip" in one]


@dataclass
class World:
    auth: Caller
    cli: Caller
    notifications: Caller
    users: Caller
    topics: Topics
    log: Log
    impatient: Caller
    """An auth where the second failure of an account, and the second sign-up of an address, must wait."""

    async def customer(self) -> tuple[str, Answered]:
        email = new_email()
        return email, await register(self.auth, email)

    async def last_told(self, customer_id: str, kind: str) -> str:
        """The id of the last event of a kind about a customer."""
        found = [one for one in await self.topics.of_subject("users", customer_id, kind) if one["type"] == kind]
        assert found
        return str(found[-1]["id"])

    async def link(self, customer_id: str, kind: str) -> str:
        async def minted() -> Answered:
            event_id = await self.last_told(customer_id, kind)
            answer = await self.notifications.post("/internal/mail-links", {"event_id": event_id})
            assert answer.status == 200
            return answer

        return urlsplit(str((await eventually(minted)).json["url"])).fragment.removeprefix("token=")


Expected = list[tuple[str, str]]
Play = Callable[[World], Awaitable[Expected]]
CASES: dict[tuple[str, str], Play] = {}
OK, NO = "success", "failure"


def case(route: str, outcome: str) -> Callable[[Play], Play]:
    def keep(play: Play) -> Play:
        CASES[route, outcome] = play
        return play

    return keep


# Not about a person: what anybody may read, what another service asks every half second, and what was typed wrongly.
SILENT_ROUTES = {
    "GET /.well-known/jwks.json",
    "GET /.well-known/openid-configuration",
    "GET /internal/sessions/ended",
    "GET /internal/users",
    "GET /auth/sessions",
}
SILENT_OUTCOMES = {"invalid_request", "weak_password", "access_expired"}


@case("POST /auth/register", "success")
async def _(w: World) -> Expected:
    w.log.forget()
    await w.customer()
    return [("user_created", OK), ("authn_login_success", OK)]


@case("POST /auth/register", "email_taken")
async def _(w: World) -> Expected:
    email, _ = await w.customer()
    w.log.forget()
    assert (await register(w.auth, email, NEW_PASSWORD)).code == "email_taken"
    return [("authn_login_fail", NO)]


@case("POST /auth/register", "too_many_requests")
async def _(w: World) -> Expected:
    async with from_address(w.impatient, "127.0.7.1") as crowd:
        for _ in range(2):
            await register(crowd, new_email())
        w.log.forget()
        assert (await register(crowd, new_email())).status == 429
    return [("excess_rate_limit_exceeded", NO)]


@case("POST /auth/login", "success")
async def _(w: World) -> Expected:
    email, _ = await w.customer()
    w.log.forget()
    assert (await log_in(w.auth, email)).status == 200
    return [("authn_login_success", OK)]


@case("POST /auth/login", "bad_credentials")
async def _(w: World) -> Expected:
    email, _ = await w.customer()
    w.log.forget()
    for tried in (email, new_email()):
        assert (await log_in(w.auth, tried, NEW_PASSWORD)).status == 401
    known, unknown = w.log.events()
    assert "subject" in known
    assert "subject" not in unknown
    return [("authn_login_fail", NO)] * 2


async def _blocked(w: World) -> tuple[str, Answered]:
    """An account of which the next attempt must wait."""
    email, made = await w.customer()
    for _ in range(2):
        await log_in(w.impatient, email, NEW_PASSWORD)
    w.log.forget()
    return email, made


@case("POST /auth/login", "too_many_requests")
async def _(w: World) -> Expected:
    email, _ = await _blocked(w)
    assert (await log_in(w.impatient, email)).status == 429
    return [("excess_rate_limit_exceeded", NO)]


@case("POST /auth/refresh", "success")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    w.log.forget()
    assert (await refresh(w.auth, made.json["refresh_token"])).status == 200
    return [("session_renewed", OK)]


@case("POST /auth/refresh", "session_ended")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    first = made.json["refresh_token"]
    second = (await refresh(w.auth, first)).json["refresh_token"]
    await refresh(w.auth, second)
    w.log.forget()
    for token in (first, second):  # the first is a copy, and ends the session; nobody knows the second any more
        assert (await refresh(w.auth, token)).status == 401
    return [("authn_token_reuse", NO), ("authn_token_invalid", NO)]


def _renews(method: str) -> None:
    @case(f"{method} /auth/renew", "success")
    async def _(w: World) -> Expected:
        _, made = await w.customer()
        w.log.forget()
        cookie = {"Cookie": f"bodega_refresh={made.json['refresh_token']}"}
        assert (await w.auth.request(method, "/auth/renew", headers=cookie)).status == 307
        return [("session_renewed", OK)]


for _method in ("GET", "POST"):
    _renews(_method)


@case("POST /auth/logout", "success")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    w.log.forget()
    for _ in range(2):
        await w.auth.post("/auth/logout", {"refresh_token": made.json["refresh_token"]})
    return [("session_ended", OK)]


@case("POST /auth/email/verify", "success")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    token = await w.link(made.json["customer_id"], "CustomerRegistered")
    w.log.forget()
    assert (await w.auth.being(bearer(made)).post("/auth/email/verify", {"token": token})).status == 204
    return [("authn_mailbox_proven", OK)]


@case("POST /auth/email/verify", "confirm_identity")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    token = await w.link(made.json["customer_id"], "CustomerRegistered")
    w.log.forget()
    assert (await w.auth.post("/auth/email/verify", {"token": token})).code == "confirm_identity"
    return [("authz_fail", NO)]


@case("POST /auth/email/verify", "bad_credentials")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    token = await w.link(made.json["customer_id"], "CustomerRegistered")
    w.log.forget()
    answer = await w.auth.post("/auth/email/verify", {"token": token, "password": NEW_PASSWORD})
    assert answer.code == "bad_credentials"
    return [("authn_login_fail", NO)]


@case("POST /auth/email/verify", "token_used")
async def _(w: World) -> Expected:
    w.log.forget()
    assert (await w.auth.post("/auth/email/verify", {"token": "never minted"})).code == "token_used"
    return [("authn_link_refused", NO)]


@case("POST /auth/email/verify", "too_many_requests")
async def _(w: World) -> Expected:
    email, made = await w.customer()
    token = await w.link(made.json["customer_id"], "CustomerRegistered")
    for _ in range(2):
        await log_in(w.impatient, email, NEW_PASSWORD)
    w.log.forget()
    answer = await w.impatient.post("/auth/email/verify", {"token": token, "password": PASSWORD})
    assert answer.status == 429
    return [("excess_rate_limit_exceeded", NO)]


@case("POST /auth/email/resend", "success")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    w.log.forget()
    assert (await w.auth.being(bearer(made)).post("/auth/email/resend")).status == 202
    return [("authn_link_sent", OK)]


@case("POST /auth/email/resend", "too_many_requests")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    me = w.impatient.being(bearer(made))
    for _ in range(2):
        await me.post("/auth/email/resend")
    w.log.forget()
    assert (await me.post("/auth/email/resend")).status == 429
    return [("excess_rate_limit_exceeded", NO)]


@case("POST /auth/password/forgot", "success")
async def _(w: World) -> Expected:
    email, made = await w.customer()
    w.log.forget()
    for one in (email, new_email()):
        assert (await w.auth.post("/auth/password/forgot", {"email": one})).status == 202

    async def started() -> None:
        found = [one for one in w.log.events() if one["security"] == "authn_password_reset_started"]
        assert [one["subject"] for one in found] == [made.json["customer_id"]]

    await eventually(started)
    return [("authn_password_reset_requested", OK)] * 2


@case("POST /auth/password/forgot", "too_many_requests")
async def _(w: World) -> Expected:
    email = new_email()
    for _ in range(2):
        await w.impatient.post("/auth/password/forgot", {"email": email})
    w.log.forget()
    assert (await w.impatient.post("/auth/password/forgot", {"email": email})).status == 429
    return [("excess_rate_limit_exceeded", NO)]


@case("POST /auth/password/reset", "success")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    token = await w.link(made.json["customer_id"], "CustomerRegistered")
    w.log.forget()
    body = {"token": token, "password": NEW_PASSWORD}
    assert (await w.auth.post("/auth/password/reset", body)).status == 204

    async def proven() -> None:
        found = [one for one in w.log.events() if one["security"] == "authn_mailbox_proven"]
        assert [one["subject"] for one in found] == [made.json["customer_id"]]

    await eventually(proven)
    return [("session_ended", OK), ("authn_password_change", OK)]


@case("POST /auth/password/reset", "token_used")
async def _(w: World) -> Expected:
    w.log.forget()
    body = {"token": "never minted", "password": NEW_PASSWORD}
    assert (await w.auth.post("/auth/password/reset", body)).code == "token_used"
    return [("authn_link_refused", NO)]


async def _changes(auth: Caller, who: Answered, current: str, password: str = NEW_PASSWORD) -> Answered:
    body = {"current_password": current, "password": password}
    return await auth.being(bearer(who)).post("/auth/password/change", body)


@case("POST /auth/password/change", "success")
async def _(w: World) -> Expected:
    email, made = await w.customer()
    await log_in(w.auth, email)
    w.log.forget()
    assert (await _changes(w.auth, made, PASSWORD)).status == 204
    return [("session_ended", OK), ("authn_password_change", OK)]


@case("POST /auth/password/change", "bad_credentials")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    w.log.forget()
    assert (await _changes(w.auth, made, "not the password")).code == "bad_credentials"
    return [("authn_login_fail", NO)]


@case("POST /auth/password/change", "too_many_requests")
async def _(w: World) -> Expected:
    _, made = await _blocked(w)
    assert (await _changes(w.impatient, made, PASSWORD)).status == 429
    return [("excess_rate_limit_exceeded", NO)]


@case("DELETE /auth/sessions", "success")
async def _(w: World) -> Expected:
    email, made = await w.customer()
    await log_in(w.auth, email)
    w.log.forget()
    assert (await w.auth.being(bearer(made)).delete("/auth/sessions")).status == 204
    return [("session_ended", OK)]


@case("DELETE /auth/sessions/{session_id}", "success")
async def _(w: World) -> Expected:
    email, made = await w.customer()
    other = (await log_in(w.auth, email)).json["session_id"]
    w.log.forget()
    assert (await w.auth.being(bearer(made)).delete(f"/auth/sessions/{other}")).status == 204
    return [("session_ended", OK)]


@case("DELETE /auth/sessions/{session_id}", "not_found")
async def _(w: World) -> Expected:
    (_, made), (_, theirs) = await w.customer(), await w.customer()
    w.log.forget()
    path = f"/auth/sessions/{theirs.json['session_id']}"
    assert (await w.auth.being(bearer(made)).delete(path)).status == 404
    return [("authz_fail", NO)]


async def _forged(w: World) -> dict[str, str]:
    return {"Authorization": "Bearer of.nothing.good"}


async def _of_an_ended_session(w: World) -> dict[str, str]:
    _, made = await w.customer()
    await w.auth.post("/auth/logout", {"refresh_token": made.json["refresh_token"]})

    async def refused() -> None:
        assert (await w.auth.being(bearer(made)).get("/auth/sessions")).status == 401

    await eventually(refused)
    return bearer(made)


def _unauthenticated(method: str, path: str, code: str, shown: Callable[[World], Awaitable[dict[str, str]]]) -> None:
    """Whoever shows a token that is not good leaves a line, at whichever route."""

    @case(f"{method} {path}", code)
    async def _(w: World) -> Expected:
        body = {"token": "x", "current_password": "x", "password": NEW_PASSWORD} if method == "POST" else None
        if path.endswith("verify"):
            body = {"token": "x"}
        if path.endswith("change"):
            body = {"current_password": "x", "password": NEW_PASSWORD}
        who = w.auth.being(await shown(w))
        w.log.forget()
        answer = await who.request(method, path.replace("{session_id}", "ses_1"), body)
        assert (answer.status, answer.code) == (401, code)
        assert [one["reason"] for one in w.log.events()] == [code]
        return [("authn_token_invalid", NO)]


for _method, _path in (
    ("POST", "/auth/email/verify"),
    ("POST", "/auth/email/resend"),
    ("POST", "/auth/password/change"),
    ("DELETE", "/auth/sessions"),
    ("DELETE", "/auth/sessions/{session_id}"),
):
    _unauthenticated(_method, _path, "unauthenticated", _forged)
    _unauthenticated(_method, _path, "session_ended", _of_an_ended_session)


# --- other services and the operator ----------------------------------------------------------------


@case("POST /internal/mail-links", "success")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    await w.topics.of_subject("users", made.json["customer_id"], "CustomerRegistered")
    w.log.forget()
    await w.link(made.json["customer_id"], "CustomerRegistered")
    return [("authn_link_sent", OK)]


@case("POST /internal/mail-links", "token_used")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    token = await w.link(made.json["customer_id"], "CustomerRegistered")
    assert (await w.auth.being(bearer(made)).post("/auth/email/verify", {"token": token})).status == 204
    event_id = await w.last_told(made.json["customer_id"], "CustomerRegistered")
    w.log.forget()
    assert (await w.notifications.post("/internal/mail-links", {"event_id": event_id})).code == "token_used"
    return [("authn_link_refused", NO)]


@case("POST /internal/mail-links", "not_found")
async def _(w: World) -> Expected:
    w.log.forget()
    assert (await w.notifications.post("/internal/mail-links", {"event_id": "x"})).code == "not_found"
    return [("authn_link_refused", NO)]


@case("POST /internal/users", "success")
async def _(w: World) -> Expected:
    w.log.forget()
    email = new_email()
    body = {"email": email, "password": PASSWORD, "roles": ["customer"]}
    await w.cli.post("/internal/users", body)
    await w.cli.post("/internal/users", {**body, "password": NEW_PASSWORD, "roles": ["merchant"]})
    changes = [one for one in w.log.events() if one["security"] == "authz_change"]
    assert [(one.get("had"), one["has"], one["actor"]) for one in changes] == [
        ("", "customer", "cli"), ("customer", "customer merchant", "cli"),
    ]  # fmt: skip
    return [
        ("user_created", OK), ("authz_change", OK), ("authn_mailbox_proven", OK),
        ("authz_change", OK), ("authn_password_change", OK),
    ]  # fmt: skip


@case("POST /internal/users/revoke", "success")
async def _(w: World) -> Expected:
    email = new_email()
    await w.cli.post("/internal/users", {"email": email, "password": PASSWORD, "roles": ["merchant"]})
    await log_in(w.auth, email)
    w.log.forget()
    for _ in range(2):
        await w.cli.post("/internal/users/revoke", {"email": email})
    return [("authz_change", OK), ("session_ended", OK)]


@case("POST /internal/users/revoke", "not_found")
async def _(w: World) -> Expected:
    w.log.forget()
    assert (await w.cli.post("/internal/users/revoke", {"email": new_email()})).status == 404
    return [("authz_change", NO)]


@case("POST /internal/users/sign-out", "success")
async def _(w: World) -> Expected:
    email, _ = await w.customer()
    w.log.forget()
    answers = [await w.cli.post("/internal/users/sign-out", {"email": email.upper()}) for _ in range(2)]
    assert [one.json for one in answers] == [{"sessions": 1}, {"sessions": 0}]
    return [("session_ended", OK)]


@case("POST /internal/users/sign-out", "not_found")
async def _(w: World) -> Expected:
    w.log.forget()
    assert (await w.cli.post("/internal/users/sign-out", {"email": new_email()})).status == 404
    return [("session_ended", NO)]


@case("POST /internal/customers/{customer_id}/confirm", "success")
async def _(w: World) -> Expected:
    _, made = await w.customer()
    path = f"/internal/customers/{made.json['customer_id']}/confirm"
    w.log.forget()
    for password in (PASSWORD, NEW_PASSWORD):
        await w.users.post(path, {"session_id": made.json["session_id"], "password": password})
    return [("authn_identity_confirmed", OK), ("authn_identity_confirmed", NO)]


@case("POST /internal/customers/{customer_id}/export", "success")
async def _(w: World) -> Expected:
    email, made = await w.customer()
    person = {"email": email, "order_ids": [], "checkout_ids": []}
    w.log.forget()
    answer = await w.users.post(f"/internal/customers/{made.json['customer_id']}/export", person)
    assert answer.status == 200, answer.body
    return [("user_exported", OK)]


@case("POST /internal/customers/{customer_id}/erase", "success")
async def _(w: World) -> Expected:
    email, made = await w.customer()
    person = {"email": email, "order_ids": [], "checkout_ids": []}
    w.log.forget()
    answer = await w.users.post(f"/internal/customers/{made.json['customer_id']}/erase", person)
    assert answer.status == 200, answer.body
    return [("user_deleted", OK)]


# --- the walk ---------------------------------------------------------------------------------------


@pytest.fixture(scope="package")
async def impatient(start_auth: StartAuth) -> Caller:
    return await start_auth(account_free_attempts=1, address_free_sign_ups=1, attempt_wait_first_seconds=30)


@pytest.fixture
def world(
    auth: Caller, cli: Caller, notifications: Caller, credentials: Credentials, topics: Topics, impatient: Caller,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> World:  # fmt: skip
    # What libraries log goes to the stdout that was there when the service began.
    (handler,) = (one for one in logging.root.handlers if isinstance(one.formatter, ProcessorFormatter))
    of_libraries = io.StringIO()
    monkeypatch.setattr(handler, "stream", of_libraries)
    users = auth.being(credentials.service("users", "auth"))
    return World(auth, cli, notifications, users, topics, Log(capsys, of_libraries), impatient)


def outcomes() -> Iterator[tuple[str, str]]:
    """Every route of auth with each answer that it documents of its own."""
    for router in (routes.public, routes.well_known, routes.internal):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            codes = {code for answer in route.responses.values() for code in answer.get("x-codes", ())}
            for method in route.methods or ():
                name = f"{method} {route.path}"
                if name not in SILENT_ROUTES:
                    yield from ((name, outcome) for outcome in {"success", *codes} - SILENT_OUTCOMES)


@pytest.mark.parametrize(("route", "outcome"), sorted(outcomes()))
async def test_every_answer_of_auth_leaves_a_security_event(world: World, route: str, outcome: str) -> None:
    expected = await CASES[route, outcome](world)
    found = world.log.asked_for()
    assert [(one["security"], one["outcome"]) for one in found] == expected
    for one in found:
        assert one["security"] in security.NAMES
        assert one["source_ip"] in ("127.0.0.1", "127.0.7.1")
        assert re.fullmatch(r"(ses_|cus_).*", one.get("session") or one.get("subject") or "ses_")
        assert one["level"] == ("info" if one["outcome"] == OK else "warning")


@pytest.mark.parametrize(("route", "outcome"), sorted(outcomes()))
async def test_no_line_of_the_log_has_an_address_a_name_a_password_or_a_token(
    world: World, route: str, outcome: str
) -> None:
    await CASES[route, outcome](world)
    logging.getLogger("library").warning("heard")
    world.log.events()
    assert '"heard"' in world.log.text, "lines that do not come from us are read too"
    for secret in (PASSWORD, NEW_PASSWORD, "@shop.example", "Ada", "eyJ"):
        assert secret not in world.log.text


async def test_what_was_rolled_back_is_not_logged(world: World, database: Database) -> None:
    email, _ = await world.customer()
    world.log.forget()

    def ended() -> list[Event]:
        return [one for one in world.log.events() if one["security"] == "session_ended"]

    with pytest.raises(LookupError):
        async with database.transaction() as tx:
            assert await service.sign_out(tx, mailbox(email)) == 1
            raise LookupError("after it was recorded")
    assert ended() == []
    async with database.transaction() as tx:
        assert await service.sign_out(tx, mailbox(email)) == 1, "its session goes on"
        assert ended() == []
    assert len(ended()) == 1


async def test_of_four_who_register_the_same_at_once_one_leaves_a_line_of_a_new_account(world: World) -> None:
    email = new_email()
    world.log.forget()
    answers = await asyncio.gather(*(register(world.auth, email) for _ in range(4)))
    assert {one.status for one in answers} <= {201, 429}
    created = [one for one in world.log.events() if one["security"] == "user_created"]
    assert len(created) == 1


def test_every_security_event_is_explained_to_operators(root: Path) -> None:
    guide = (root / "docs/guides/operating.md").read_text()
    assert [name for name in security.NAMES if f"`{name}`" not in guide] == []
