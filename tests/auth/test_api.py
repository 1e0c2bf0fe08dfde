"""Coming in and going out, over HTTP."""

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from bodega.kit.auth import AccessTokens
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials
from tests.auth.conftest import PASSWORD, StartAuth, bearer, log_in, new_email, refresh, register

pytestmark = pytest.mark.service


async def hashes_made(auth: Caller) -> int:
    metrics = (await auth.get("/metrics")).body.decode()
    found = re.search(r"^password_hash_seconds_count (\S+)", metrics, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


async def test_who_registers_is_signed_in_and_may_sign_in_again(auth: Caller) -> None:
    email = new_email()
    made = await register(auth, email)
    assert made.status == 201
    assert made.headers["location"] == "/users/me"
    assert made.headers["cache-control"] == "no-store"
    assert made.json["customer_id"].startswith("cus_")
    again = await log_in(auth, email.upper())
    assert again.status == 200
    assert again.json.keys() == made.json.keys()
    assert again.json["customer_id"] == made.json["customer_id"]
    assert again.json["session_id"] != made.json["session_id"]


async def test_the_access_token_is_what_every_verifier_expects(auth: Caller) -> None:
    made = (await register(auth, new_email())).json
    tokens = AccessTokens(f"{auth.base}/.well-known/jwks.json", issuer="bodega", audience="bodega")
    identity = await tokens.verify(made["access_token"])
    assert (identity.subject, identity.session) == (made["customer_id"], made["session_id"])
    assert identity.roles == {"customer"}
    jwks = (await auth.get("/.well-known/jwks.json")).json
    opened = jws.deserialize_compact(made["access_token"], KeySet.import_key_set(jwks), algorithms=["ES256"])
    claims = json.loads(opened.payload)
    assert claims["roles"] == ["customer"]
    assert (claims["iss"], claims["aud"]) == ("bodega", "bodega")
    assert claims["exp"] - claims["iat"] == made["expires_in"] == 600
    assert opened.headers()["kid"] in {key["kid"] for key in jwks["keys"]}


async def test_registering_again_with_the_same_password_signs_in_and_with_another_is_refused(auth: Caller) -> None:
    email = new_email()
    first, again = await register(auth, email), await register(auth, email.title())
    assert again.status == 201
    assert again.json["customer_id"] == first.json["customer_id"]
    other = await register(auth, email, "another teapot entirely")
    assert (other.status, other.code) == (409, "email_taken")


async def test_ten_registrations_at_once_make_one_account(auth: Caller, database: Database) -> None:
    email = new_email()
    answers = await asyncio.gather(*(register(auth, email) for _ in range(10)))
    made = {answer.json["customer_id"] for answer in answers if answer.status == 201}
    assert len(made) == 1
    assert {answer.status for answer in answers} <= {201, 429}, "a guess under way counts until it has succeeded"
    async with database.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM account WHERE email_key = $1", email) == 1


async def test_nothing_tells_a_wrong_password_from_an_account_that_is_not_there(auth: Caller) -> None:
    email = new_email()
    await register(auth, email)
    answers, work = [], []
    for tried, password in ((email, "not the password"), (new_email(), "not the password"), (new_email(), PASSWORD)):
        before = await hashes_made(auth)
        answers.append(await log_in(auth, tried, password))
        work.append(await hashes_made(auth) - before)
    assert {(one.status, one.body) for one in answers} == {(401, answers[0].body)}
    assert answers[0].code == "bad_credentials"
    assert {tuple(sorted(one.headers)) for one in answers} == {tuple(sorted(answers[0].headers))}
    assert work == [1, 1, 1], "one argon2id computation each, or the clock would tell"


async def test_registering_costs_the_same_whether_the_mail_is_taken_or_not(auth: Caller) -> None:
    email = new_email()
    before = await hashes_made(auth)
    await register(auth, email)
    made = await hashes_made(auth)
    await register(auth, email, "another teapot entirely")
    assert (made - before, await hashes_made(auth) - made) == (1, 1)


async def test_guessing_an_account_gets_slower_but_nobody_is_locked_out(start_auth: StartAuth) -> None:
    auth = await start_auth(attempt_wait_first_seconds=2, attempt_wait_most_seconds=4, account_free_attempts=3)
    email, unknown = new_email(), new_email()
    await register(auth, email)
    for tried in (email, unknown):
        for _ in range(4):
            assert (await log_in(auth, tried, "not the password")).status == 401
        refused = await log_in(auth, tried, PASSWORD)
        assert (refused.status, refused.code) == (429, "too_many_requests")
        assert int(refused.headers["retry-after"]) >= 1
    await asyncio.sleep(2.05)
    assert (await log_in(auth, email)).status == 200, "the right password is let in once the wait is over"
    for _ in range(4):
        assert (await log_in(auth, email, "not the password")).status == 401, "and the count begins anew"


async def test_a_hundred_guesses_at_once_are_not_all_the_first(auth: Caller) -> None:
    email = new_email()
    await register(auth, email)
    answers = await asyncio.gather(*(log_in(auth, email, f"wrong guess {n}") for n in range(40)))
    assert len([one for one in answers if one.status == 401]) <= 6 + 1
    assert {one.status for one in answers} == {401, 429}


async def test_guessing_many_accounts_from_one_address_gets_slower_and_a_success_helps_little(
    start_auth: StartAuth, database: Database
) -> None:
    auth = await start_auth(address_free_attempts=3, attempt_wait_first_seconds=2)
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM throttle")
    for _ in range(4):
        assert (await log_in(auth, new_email(), "not the password")).status == 401
    assert (await log_in(auth, new_email(), "not the password")).status == 429
    await asyncio.sleep(2.05)
    assert (await register(auth, new_email())).status == 201
    assert (await log_in(auth, new_email(), "not the password")).status == 401
    assert (await log_in(auth, new_email(), "not the password")).status == 429
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM throttle")


async def test_a_hash_of_other_parameters_is_renewed_at_login(start_auth: StartAuth, database: Database) -> None:
    old, new = await start_auth(argon2_memory_kib=32), await start_auth(argon2_memory_kib=128)
    email = new_email()
    await register(old, email)
    for _ in range(2):
        assert (await log_in(new, email)).status == 200
    async with database.transaction() as tx:
        assert "m=128" in await tx.fetchval("SELECT password_hash FROM account WHERE email_key = $1", email)


async def test_weak_and_short_passwords_and_odd_mailboxes_are_refused(auth: Caller) -> None:
    weak = await register(auth, new_email(), "Password2026!")
    assert (weak.status, weak.code) == (422, "weak_password")
    assert weak.json["errors"][0]["pointer"] == "/password"
    short = await register(auth, new_email(), "kX9#vLq2p")
    assert (short.status, short.code, short.json["errors"][0]["pointer"]) == (422, "invalid_request", "/password")
    odd = await register(auth, "ada@shop")
    assert (odd.status, odd.code, odd.json["errors"][0]["pointer"]) == (422, "invalid_request", "/email")
    unknown = await register(auth, new_email(), roles=["merchant"])
    assert (unknown.status, unknown.json["errors"][0]["pointer"]) == (422, "/roles")


async def test_no_answer_repeats_a_password(auth: Caller) -> None:
    answer = await register(auth, "ada@shop", "Password2026!")
    assert b"Password2026" not in answer.body
    short = await register(auth, new_email(), "teapot")
    assert b"teapot" not in short.body


async def test_what_the_database_keeps_opens_nothing(auth: Caller, database: Database) -> None:
    made = (await register(auth, new_email())).json
    await refresh(auth, made["refresh_token"])
    kept = ""
    async with database.transaction() as tx:
        for table in ("account", "session", "refresh_token", "signing_key", "throttle"):
            for row in await tx.fetch(f"SELECT * FROM {table}"):
                kept += " ".join(value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row)
    assert made["refresh_token"] not in kept
    assert PASSWORD not in kept
    assert "PRIVATE KEY" not in kept


async def test_web_pages_get_cookies_that_scripts_cannot_read(start_auth: StartAuth) -> None:
    auth = await start_auth(site_url="https://shop.example")
    email = new_email()
    made = await register(auth, email, cookies=True)
    assert made.json["access_token"] is made.json["refresh_token"] is None
    async with auth.session.post(
        f"{auth.base}/auth/login", json={"email": email, "password": PASSWORD, "cookies": True}
    ) as answer:
        cookies = answer.cookies
    access, kept = cookies["__Host-bodega_access"], cookies["__Secure-bodega_refresh"]
    for cookie, path in ((access, "/"), (kept, "/api/auth")):
        assert cookie["path"] == path
        assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "lax")
    assert (await auth.get("/auth/sessions", headers={"Cookie": f"__Host-bodega_access={access.value}"})).status == 200
    again = await auth.post("/auth/refresh", headers={"Cookie": f"__Secure-bodega_refresh={kept.value}"})
    assert again.status == 200
    assert again.json["access_token"] is None
    assert "bodega_" in again.headers["set-cookie"]
    out = await auth.post("/auth/logout", headers={"Cookie": f"__Secure-bodega_refresh={kept.value}"})
    assert out.status == 204
    assert "Max-Age=0" in out.headers["set-cookie"]
    late = await auth.post("/auth/refresh", headers={"Cookie": f"__Secure-bodega_refresh={kept.value}"})
    assert late.code == "session_ended"


async def test_a_browser_is_told_apart_from_a_guest_until_its_session_ends(auth: Caller) -> None:
    """Ten minutes after signing in all that other services get of a session is that there is one."""
    async with auth.session.post(
        f"{auth.base}/auth/register", json={"email": new_email(), "password": PASSWORD, "name": "Ada", "cookies": True}
    ) as answer:
        marker, kept = answer.cookies["bodega_session"], answer.cookies["bodega_refresh"]
    assert (marker["path"], marker["httponly"], marker["samesite"]) == ("/", True, "lax")
    assert marker["max-age"] == kept["max-age"]
    browser = auth.being({"Cookie": "bodega_session=1"})
    resent = await browser.post("/auth/email/resend")
    assert (resent.status, resent.code) == (401, "access_expired")
    ended = await auth.post("/auth/refresh", headers={"Cookie": "bodega_session=1; bodega_refresh=ended"})
    assert ended.code == "session_ended"


async def test_whatever_ends_a_session_takes_all_its_cookies_along(auth: Caller) -> None:
    for path in ("/auth/logout", "/auth/refresh", "/auth/renew"):
        async with auth.session.post(
            auth.base + path, headers={"Cookie": "bodega_refresh=ended"}, allow_redirects=False
        ) as answer:
            gone = {name for name, cookie in answer.cookies.items() if cookie["max-age"] == "0"}
            assert gone == {"bodega_access", "bodega_session", "bodega_refresh", "bodega_cart"}, path


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_page_without_scripts_is_led_back_with_a_renewed_session(auth: Caller, method: str) -> None:
    async with auth.session.post(
        f"{auth.base}/auth/register", json={"email": new_email(), "password": PASSWORD, "name": "Ada", "cookies": True}
    ) as answer:
        kept = answer.cookies["bodega_refresh"].value
    form = {"Cookie": f"bodega_refresh={kept}", "Content-Type": "application/x-www-form-urlencoded"}
    async with auth.session.request(
        method, f"{auth.base}/auth/renew?next=%2Fcart%2Fadd", headers=form, data=b"sku=MUG", allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["Location"]) == (307, "../../cart/add")  # 307: a form is sent again
        access = answer.cookies["bodega_access"].value
    assert (await auth.get("/auth/sessions", headers={"Cookie": f"bodega_access={access}"})).status == 200


@pytest.mark.parametrize(
    "next_path", ["//evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example", "https://evil.example",
                  "", " //evil.example", "/\x00/evil.example", "javascript:alert(1)", "evil", "/é"],
)  # fmt: skip
async def test_renewing_leads_nowhere_but_to_the_shop(auth: Caller, next_path: str) -> None:
    led = await auth.get("/auth/renew?" + urlencode({"next": next_path}))
    # A NUL in an address is refused before anything else looks at it.
    assert led.status == 400 or (led.status, led.headers["location"]) == (307, "../../")


async def test_one_sees_and_ends_ones_own_sessions_alone(auth: Caller) -> None:
    email = new_email()
    first, second = await register(auth, email), await log_in(auth, email)
    stranger = auth.being(bearer(await register(auth, new_email())))
    me = auth.being(bearer(second))
    seen = (await me.get("/auth/sessions")).json["items"]
    assert [(one["id"], one["current"]) for one in seen] == [
        (second.json["session_id"], True), (first.json["session_id"], False),
    ]  # fmt: skip
    path = f"/auth/sessions/{first.json['session_id']}"
    assert (await stranger.delete(path)).code == "not_found"
    assert (await me.delete(path)).status == 204
    assert (await me.delete(path)).code == "not_found"
    assert (await refresh(auth, first.json["refresh_token"])).code == "session_ended"
    assert (await refresh(auth, second.json["refresh_token"])).status == 200
    assert (await auth.get("/auth/sessions")).code == "unauthenticated"


async def test_the_longest_unused_session_ends_when_there_are_too_many(start_auth: StartAuth) -> None:
    auth = await start_auth(session_limit=3)
    email = new_email()
    opened = [await register(auth, email)] + [await log_in(auth, email) for _ in range(3)]
    answers = [await refresh(auth, one.json["refresh_token"]) for one in opened]
    assert [one.status for one in answers] == [401, 200, 200, 200]


async def test_a_session_that_is_not_used_ends(start_auth: StartAuth) -> None:
    auth = await start_auth(session_idle_seconds=0)
    made = await register(auth, new_email())
    assert (await refresh(auth, made.json["refresh_token"])).code == "session_ended"


async def test_the_command_line_makes_a_merchant_as_often_as_it_likes(cli: Caller, auth: Caller) -> None:
    email = new_email()
    body = {"email": email, "password": PASSWORD, "roles": ["customer", "merchant"]}
    answers = [await cli.post("/internal/users", body) for _ in range(2)]
    assert [one.status for one in answers] == [201, 200]
    assert answers[0].json == answers[1].json
    assert (await log_in(auth, email)).json["roles"] == ["customer", "merchant"]


async def test_the_command_line_gives_a_customer_rights_and_the_password_it_says(cli: Caller, auth: Caller) -> None:
    email = new_email()
    made = await register(auth, email)
    body = {"email": email, "password": "another teapot entirely", "roles": ["merchant"]}
    assert (await cli.post("/internal/users", body)).json["customer_id"] == made.json["customer_id"]
    assert (await log_in(auth, email)).code == "bad_credentials"
    assert (await log_in(auth, email, "another teapot entirely")).json["roles"] == ["customer", "merchant"]
    assert (await refresh(auth, made.json["refresh_token"])).code == "session_ended"


async def test_the_command_line_gives_rights_lists_who_has_them_and_takes_them_away(cli: Caller, auth: Caller) -> None:
    email = new_email()
    body = {"email": email, "password": PASSWORD, "roles": ["customer", "support"]}
    made = (await cli.post("/internal/users", body)).json
    await register(auth, new_email())
    opened = await log_in(auth, email)
    assert opened.json["roles"] == ["customer", "support"]

    async def listed() -> list[Any]:
        staff = (await cli.get("/internal/users")).json["items"]
        assert all({"merchant", "support"} & set(one["roles"]) for one in staff)
        return [one for one in staff if one["email"] == email]

    assert await listed() == [{**made, "email": email, "roles": ["customer", "support"]}]
    for _ in range(2):
        assert (await cli.post("/internal/users/revoke", {"email": email.upper()})).status == 204
    assert await listed() == []
    assert (await refresh(auth, opened.json["refresh_token"])).code == "session_ended"
    again = await log_in(auth, email)
    assert again.json["roles"] == ["customer"]
    await cli.post("/internal/users/revoke", {"email": email})
    assert (await refresh(auth, again.json["refresh_token"])).status == 200, "a customer stays signed in"
    assert (await cli.post("/internal/users/revoke", {"email": new_email()})).code == "not_found"


async def test_who_may_call_what(auth: Caller, cli: Caller, notifications: Caller, credentials: Credentials) -> None:
    user = {"email": new_email(), "password": PASSWORD, "roles": ["merchant"]}
    link = {"event_id": "01900000-0000-7000-8000-000000000000"}
    assert (await auth.post("/internal/users", user)).code == "unauthenticated"
    assert (await auth.get("/internal/users")).code == "unauthenticated"
    assert (await notifications.get("/internal/users")).code == "forbidden"
    assert (await notifications.post("/internal/users/revoke", {"email": user["email"]})).code == "forbidden"
    assert (await notifications.post("/internal/users", user)).code == "forbidden"
    assert (await auth.being(credentials.service("orders", "auth")).post("/internal/users", user)).code == "forbidden"
    assert (await cli.post("/internal/mail-links", link)).code == "forbidden"
    assert (await notifications.post("/internal/mail-links", link)).code == "not_found"
    assert (await notifications.post("/internal/mail-links", {"event_id": "x"})).code == "not_found"


@pytest.mark.parametrize("path", ["/auth/login", "/auth/register", "/auth/password/forgot", "/auth/password/reset"])
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"email": 1}', b'{"email": "a\\u0000@b.de"}',
                                 b'{"email": "ada@shop.example", "password": {"$ne": null}}'])  # fmt: skip
async def test_bad_input_is_refused_cleanly(auth: Caller, path: str, raw: bytes) -> None:
    answer = await auth.post(path, raw=raw)
    assert answer.status in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_odd_refresh_tokens_are_refused_cleanly(auth: Caller) -> None:
    for body in (None, {}, {"refresh_token": ""}, {"refresh_token": "ünïcode"}, {"refresh_token": "x" * 200}):
        answer = await auth.post("/auth/refresh", body)
        assert (answer.status, answer.code) == (401, "session_ended")
        assert (await auth.post("/auth/logout", body)).status == 204
    assert (await auth.post("/auth/refresh", {"refresh_token": "x" * 201})).status == 422


async def test_health_openapi_and_discovery_are_there(auth: Caller) -> None:
    assert (await auth.get("/readyz")).json["parts"]["postgres"] == "ok"
    document = (await auth.get("/openapi.json")).json
    assert not [path for path in document["paths"] if path.startswith("/internal")]
    assert (await auth.get("/.well-known/openid-configuration")).json["jwks_uri"].endswith("/.well-known/jwks.json")
