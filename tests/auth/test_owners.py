"""What owners of an account can do about it, and what others cannot: passwords, sessions, devices, sign-ups."""

import asyncio
from http.cookies import SimpleCookie
from typing import Any

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Answered, Caller, Topics
from bodega.services.auth.domain.seals import Vault
from tests.auth.conftest import PASSWORD, SECRET, StartAuth, bearer, from_address, log_in, new_email, refresh, register

pytestmark = pytest.mark.service

NEW_PASSWORD = "another teapot entirely"


async def change(auth: Caller, who: Answered, current: str = PASSWORD, password: str = NEW_PASSWORD) -> Answered:
    body = {"current_password": current, "password": password}
    return await auth.being(bearer(who)).post("/auth/password/change", body)


async def cookies_of(auth: Caller, path: str, **body: Any) -> dict[str, str]:
    """What a browser keeps of a sign-in."""
    async with auth.session.post(
        auth.base + path, json={"password": PASSWORD, "cookies": True, **body}, headers=auth.headers
    ) as answer:
        assert answer.status in (200, 201), await answer.read()
        return {name: morsel.value for name, morsel in answer.cookies.items()}


def showing(auth: Caller, *cookies: tuple[str, str]) -> Caller:
    return auth.being({"Cookie": "; ".join(f"{name}={value}" for name, value in cookies)})


# --- changing the password --------------------------------------------------------------------------


async def test_who_knows_the_password_sets_a_new_one_and_stays_signed_in_here_alone(auth: Caller) -> None:
    email = new_email()
    here, there = await register(auth, email), await log_in(auth, email)
    assert (await change(auth, here)).status == 204
    assert (await refresh(auth, there.json["refresh_token"])).code == "session_ended"
    assert (await refresh(auth, here.json["refresh_token"])).status == 200
    assert (await log_in(auth, email)).code == "bad_credentials"
    assert (await log_in(auth, email, NEW_PASSWORD)).status == 200


async def test_a_session_alone_changes_no_password(auth: Caller) -> None:
    email = new_email()
    made = await register(auth, email)
    wrong = await change(auth, made, "not the password")
    assert (wrong.status, wrong.code, wrong.json["detail"]) == (
        401, "bad_credentials", "The current password is wrong.",
    )  # fmt: skip
    weak = await change(auth, made, password="Password2026!")
    assert (weak.code, weak.json["errors"][0]["pointer"]) == ("weak_password", "/password")
    assert (
        await auth.post("/auth/password/change", {"current_password": PASSWORD, "password": NEW_PASSWORD})
    ).code == ("unauthenticated")
    assert (await log_in(auth, email)).status == 200


async def test_guessing_the_password_with_a_session_gets_slower_too(auth: Caller) -> None:
    made = await register(auth, new_email())
    answers = [await change(auth, made, f"wrong guess {n}") for n in range(8)]
    assert [one.status for one in answers] == [401] * 6 + [429] * 2


async def test_of_two_changes_at_once_one_is_made(auth: Caller) -> None:
    email = new_email()
    made = await register(auth, email)
    wishes = ["the first new sentence", "the second new sentence"]
    answers = await asyncio.gather(*(change(auth, made, password=one) for one in wishes))
    assert sorted(one.status for one in answers) == [204, 401]
    accepted = [one for one in wishes if (await log_in(auth, email, one)).status == 200]
    assert len(accepted) == 1


async def test_a_changed_password_is_told_and_voids_the_links_to_set_another(
    auth: Caller, notifications: Caller, topics: Topics
) -> None:
    email = new_email()
    made = await register(auth, email)
    await auth.post("/auth/password/forgot", {"email": email})
    told = await topics.of_subject("users", made.json["customer_id"], "PasswordResetRequested")
    assert (await change(auth, made)).status == 204
    await topics.of_subject("users", made.json["customer_id"], "PasswordChanged")
    late = await notifications.post("/internal/mail-links", {"event_id": told[-1]["id"]})
    assert late.code == "token_used"


# --- sessions ---------------------------------------------------------------------------------------


async def test_one_ends_all_ones_other_sessions_and_nobody_elses(auth: Caller) -> None:
    email = new_email()
    here = await register(auth, email)
    others = [await log_in(auth, email) for _ in range(3)]
    stranger = await register(auth, new_email())
    me = auth.being(bearer(here))
    assert (await me.delete("/auth/sessions")).status == 204
    assert [one["current"] for one in (await me.get("/auth/sessions")).json["items"]] == [True]
    for one in others:
        assert (await refresh(auth, one.json["refresh_token"])).code == "session_ended"
    assert (await refresh(auth, stranger.json["refresh_token"])).status == 200
    assert (await me.delete("/auth/sessions")).status == 204, "asking twice is harmless"


@pytest.mark.parametrize("path", ["/auth/login", "/auth/register"])
async def test_signing_in_ends_the_session_whose_cookie_comes_along(auth: Caller, path: str) -> None:
    email = new_email()
    first = await cookies_of(auth, "/auth/register", email=email, name="Ada")
    elsewhere = await log_in(auth, email)
    browser = showing(auth, ("bodega_refresh", first["bodega_refresh"]))
    body = {"email": email if path.endswith("login") else new_email()}
    second = await cookies_of(browser, path, **body, **({"name": "Ada"} if path.endswith("register") else {}))
    assert (await refresh(auth, first["bodega_refresh"])).code == "session_ended"
    assert (await refresh(auth, second["bodega_refresh"])).status == 200
    assert (await refresh(auth, elsewhere.json["refresh_token"])).status == 200


async def test_a_failed_sign_in_ends_nothing(auth: Caller) -> None:
    email = new_email()
    first = await cookies_of(auth, "/auth/register", email=email, name="Ada")
    browser = showing(auth, ("bodega_refresh", first["bodega_refresh"]))
    assert (await log_in(browser, email, "not the password")).status == 401
    assert (await refresh(auth, first["bodega_refresh"])).status == 200


async def test_the_operator_signs_anybody_out(auth: Caller, cli: Caller, notifications: Caller) -> None:
    email = new_email()
    made = await register(auth, email)
    assert (await notifications.post("/internal/users/sign-out", {"email": email})).code == "forbidden"
    assert (await cli.post("/internal/users/sign-out", {"email": email.upper()})).json == {"sessions": 1}
    assert (await refresh(auth, made.json["refresh_token"])).code == "session_ended"
    assert (await log_in(auth, email)).status == 200


# --- who is let through while others guess ----------------------------------------------------------


async def test_the_owner_comes_in_from_a_known_device_while_others_guess(auth: Caller) -> None:
    email = new_email()
    kept = await cookies_of(auth, "/auth/register", email=email, name="Ada")
    guesses = [await log_in(auth, email, f"wrong guess {n}") for n in range(8)]
    assert guesses[-1].status == 429, "the account is under attack"
    async with from_address(auth, "127.0.7.2") as elsewhere:
        assert (await log_in(elsewhere, email)).status == 429, "a new device must wait"
        known = showing(elsewhere, ("bodega_device", kept["bodega_device"]))
        assert (await log_in(known, email)).status == 200
        assert (await log_in(known, email)).status == 200, "as often as they wish"
    assert (await log_in(auth, email)).status == 429, "which does not help the others"


async def test_a_known_device_may_guess_no_more_than_anybody(auth: Caller) -> None:
    email, other = new_email(), new_email()
    kept = await cookies_of(auth, "/auth/register", email=email, name="Ada")
    await register(auth, other)
    device = showing(auth, ("bodega_device", kept["bodega_device"]))
    answers = [await log_in(device, email, f"wrong guess {n}") for n in range(8)]
    assert [one.status for one in answers] == [401] * 6 + [429] * 2
    assert (await log_in(auth, email)).status == 200, "and shuts out nobody else"
    guesses = [await log_in(device, other, f"wrong guess {n}") for n in range(8)]
    assert guesses[-1].status == 429
    assert (await log_in(auth, other)).status == 429, "of another account it is a stranger"


@pytest.mark.parametrize("made_up", ["", ".", "x", "nonce.mac", "ünïcode.ñ", "a.b.c", "x" * 3_000])
async def test_a_made_up_device_is_a_strangers(auth: Caller, made_up: str) -> None:
    email = new_email()
    await register(auth, email)
    for n in range(8):
        await log_in(auth, email, f"wrong guess {n}")
    assert (await log_in(showing(auth, ("bodega_device", made_up)), email)).status == 429


def test_a_devices_token_is_for_one_account_and_of_one_secret() -> None:
    vault, account = Vault(SECRET), new_id("cus")
    token = vault.device_token(account)
    assert vault.knows_device(token, account)
    assert not vault.knows_device(token, new_id("cus"))
    assert not Vault(b"another" * 5).knows_device(token, account)
    assert vault.device_token(account) != token
    assert account not in token


async def test_a_device_keeps_its_cookie_and_it_goes_to_auth_alone(start_auth: StartAuth) -> None:
    auth = await start_auth(site_url="https://shop.example")
    email = new_email()
    async with auth.session.post(
        f"{auth.base}/auth/register", json={"email": email, "password": PASSWORD, "name": "Ada", "cookies": True}
    ) as answer:
        first = answer.cookies["__Secure-bodega_device"]
    assert (first["path"], first["httponly"], first["secure"], first["samesite"]) == ("/api/auth", True, True, "lax")
    assert int(first["max-age"]) == 400 * 86_400
    again = await cookies_of(showing(auth, ("__Secure-bodega_device", first.value)), "/auth/login", email=email)
    assert again["__Secure-bodega_device"] == first.value
    out = await auth.post("/auth/logout", headers={"Cookie": f"__Secure-bodega_device={first.value}"})
    assert "__Secure-bodega_device" not in SimpleCookie(out.headers["set-cookie"]), "it outlives the session"


# --- sign-ups ---------------------------------------------------------------------------------------


async def test_making_many_accounts_from_one_address_gets_slower(start_auth: StartAuth) -> None:
    auth = await start_auth(address_free_sign_ups=5)
    async with from_address(auth, "127.0.7.3") as crowd:
        answers = [await register(crowd, new_email()) for _ in range(8)]
        assert [one.status for one in answers] == [201] * 6 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) >= 1
        refused = new_email()
        assert (await register(crowd, refused)).status == 429
        assert (await log_in(crowd, refused)).code == "bad_credentials", "no account was made"
    async with from_address(auth, "127.0.7.4") as others:
        made = await register(others, new_email())
        assert made.status == 201
        again = [await log_in(others, new_email(), "not the password") for _ in range(3)]
        assert {one.status for one in again} == {401}
