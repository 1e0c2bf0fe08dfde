"""Who asks for what cannot be undone; what auth shows of an account, and how it ends."""

import pytest

from bodega.kit.testing import Caller, Credentials, Topics, eventually
from tests.auth.conftest import PASSWORD, StartAuth, bearer, log_in, new_email, refresh, register

pytestmark = pytest.mark.service


@pytest.fixture
def users(auth: Caller, credentials: Credentials) -> Caller:
    return auth.being(credentials.service("users", "auth"))


async def confirmed(caller: Caller, customer: str, session: str, password: str | None = None) -> str:
    answer = await caller.post(f"/internal/customers/{customer}/confirm", {"session_id": session, "password": password})
    assert answer.status == 200, answer.body
    return str(answer.json["outcome"])


async def test_a_fresh_login_or_the_password_says_who_it_is(start_auth: StartAuth, auth: Caller, users: Caller) -> None:
    made = (await register(auth, new_email())).json
    customer, session = made["customer_id"], made["session_id"]
    other = (await register(auth, new_email())).json
    assert await confirmed(users, customer, session) == "confirmed"
    assert await confirmed(users, customer, other["session_id"]) == "refused", "a fresh login of somebody else"
    slow = (await start_auth(fresh_login_seconds=0)).being(users.headers)
    assert await confirmed(slow, customer, session) == "refused"
    assert await confirmed(slow, customer, session, "not my password") == "refused"
    assert await confirmed(slow, customer, session, PASSWORD) == "confirmed"


async def test_passwords_cannot_be_guessed_there_either(auth: Caller, users: Caller) -> None:
    email = new_email()
    made = (await register(auth, email)).json
    tried = [await confirmed(users, made["customer_id"], "ses_x", "not my password") for _ in range(7)]
    assert tried[:5] == ["refused"] * 5
    assert tried[-1] == "too_many_attempts"
    assert (await log_in(auth, email)).status == 429, "it is one count with login's"


async def test_an_address_that_is_not_proven_is_not_told(
    auth: Caller, users: Caller, notifications: Caller, topics: Topics
) -> None:
    email = new_email()
    made = (await register(auth, email)).json
    path, body = f"/internal/customers/{made['customer_id']}/confirm", {"session_id": made["session_id"]}
    assert (await users.post(path, body)).json["email"] is None
    told = await topics.of_subject("users", made["customer_id"], "CustomerRegistered")
    link = (await notifications.post("/internal/mail-links", {"event_id": told[0]["id"]})).json["url"]
    await auth.post("/auth/email/verify", {"token": link.partition("#token=")[2], "password": PASSWORD})
    assert (await users.post(path, body)).json["email"] == email


async def test_staff_do_not_erase_themselves(cli: Caller, auth: Caller, users: Caller) -> None:
    email = new_email()
    await cli.post("/internal/users", {"email": email, "password": PASSWORD, "roles": ["merchant"]})
    made = (await log_in(auth, email)).json
    assert await confirmed(users, made["customer_id"], made["session_id"]) == "staff"


async def test_an_account_is_shown_without_its_secrets(auth: Caller, users: Caller) -> None:
    email = new_email()
    made = (await register(auth, email)).json
    answer = await users.post(f"/internal/customers/{made['customer_id']}/export", {})
    assert answer.json["data"]["account"]["email"] == email
    assert [one["id"] for one in answer.json["data"]["sessions"]] == [made["session_id"]]
    assert "argon2" not in answer.body.decode()


async def test_an_erased_account_lets_nobody_in_and_its_mailbox_is_free(auth: Caller, users: Caller) -> None:
    email = new_email()
    answer = await register(auth, email)
    made = answer.json
    path = f"/internal/customers/{made['customer_id']}"
    assert [(await users.post(f"{path}/erase", {})).json["deleted"] for _ in range(2)] == [
        {"accounts": 1}, {"accounts": 0},
    ]  # fmt: skip
    assert (await refresh(auth, made["refresh_token"])).code == "session_ended"
    assert (await log_in(auth, email)).code == "bad_credentials"

    async def is_refused() -> None:
        shown = await auth.being(bearer(answer)).get("/auth/sessions")
        assert (shown.status, shown.json.get("code")) == (401, "session_ended")

    await eventually(is_refused)
    assert (await users.post(f"{path}/export", {})).json["data"] == {}
    assert await confirmed(users, made["customer_id"], made["session_id"], PASSWORD) == "refused"
    again = await register(auth, email)
    assert (again.status, again.json["customer_id"] != made["customer_id"]) == (201, True)


async def test_only_users_may_ask(auth: Caller, cli: Caller, credentials: Credentials) -> None:
    made = (await register(auth, new_email())).json
    for other in (cli, auth.being(credentials.service("orders", "auth"))):
        for what in ("confirm", "export", "erase"):
            answer = await other.post(f"/internal/customers/{made['customer_id']}/{what}", {"session_id": "s"})
            assert answer.code == "forbidden"
