"""What auth says on its topic, and the links that only a mail bears."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Topics, eventually, outbox_is_empty
from tests.auth.conftest import PASSWORD, StartAuth, bearer, log_in, new_email, refresh, register

pytestmark = pytest.mark.service

NEW_PASSWORD = "another teapot entirely"


async def facts(topics: Topics, customer_id: str, *types: str) -> list[dict[str, Any]]:
    return await topics.of_subject("users", customer_id, *types)


async def mailed_link(notifications: Caller, topics: Topics, customer_id: str, kind: str) -> Answered:
    """The link of the latest event of a kind."""
    told = [one for one in await facts(topics, customer_id, kind) if one["type"] == kind]
    return await notifications.post("/internal/mail-links", {"event_id": told[-1]["id"]})


def token_of(link: Answered) -> str:
    assert link.status == 200, link.body
    return urlsplit(str(link.json["url"])).fragment.removeprefix("token=")


async def test_a_registration_is_told_once_with_name_and_language(
    auth: Caller, topics: Topics, database: Database
) -> None:
    email = new_email()
    made = await register(auth, email, locale="de-AT")
    await register(auth, email)
    await register(auth, email, NEW_PASSWORD)
    await outbox_is_empty(database)
    told = await facts(topics, made.json["customer_id"], "CustomerRegistered")
    assert [(one["type"], one["sequence"]) for one in told] == [("CustomerRegistered", "1")]
    assert told[0]["data"] == {
        "customer_id": made.json["customer_id"], "email": email, "locale": "de-AT", "name": "Ada Lovelace",
    }  # fmt: skip


async def test_the_mailed_link_proves_the_address_once(auth: Caller, notifications: Caller, topics: Topics) -> None:
    signed_in = await register(auth, new_email())
    made, me = signed_in.json, auth.being(bearer(signed_in))
    link = await mailed_link(notifications, topics, made["customer_id"], "CustomerRegistered")
    assert link.json["url"].startswith("http://shop.example/account/verify-email#token=")
    again = await mailed_link(notifications, topics, made["customer_id"], "CustomerRegistered")
    assert token_of(again) == token_of(link), "a mail that is sent twice bears one link"
    answers = await asyncio.gather(*(me.post("/auth/email/verify", {"token": token_of(link)}) for _ in range(5)))
    assert sorted(one.status for one in answers) == [204, 409, 409, 409, 409]
    told = await facts(topics, made["customer_id"], "CustomerVerified")
    assert [(one["type"], one["sequence"]) for one in told] == [("CustomerRegistered", "1"), ("CustomerVerified", "2")]
    late = await mailed_link(notifications, topics, made["customer_id"], "CustomerRegistered")
    assert (late.status, late.code) == (409, "token_used")


async def test_an_event_never_bears_a_secret(auth: Caller, notifications: Caller, topics: Topics) -> None:
    made = (await register(auth, new_email())).json
    link = await mailed_link(notifications, topics, made["customer_id"], "CustomerRegistered")
    told = str(await facts(topics, made["customer_id"], "CustomerRegistered"))
    for secret in (token_of(link), made["refresh_token"], made["access_token"], PASSWORD):
        assert secret not in told


async def test_a_forgotten_password_is_set_anew_by_the_mailed_link(
    auth: Caller, notifications: Caller, topics: Topics
) -> None:
    email = new_email()
    made = (await register(auth, email)).json
    assert (await auth.post("/auth/password/forgot", {"email": email.upper()})).status == 202
    link = await mailed_link(notifications, topics, made["customer_id"], "PasswordResetRequested")
    weak = await auth.post("/auth/password/reset", {"token": token_of(link), "password": "Password2026!"})
    assert weak.code == "weak_password", "and the link is still good"
    body = {"token": token_of(link), "password": NEW_PASSWORD}
    answers = await asyncio.gather(*(auth.post("/auth/password/reset", body) for _ in range(3)))
    assert sorted(one.status for one in answers) == [204, 409, 409]
    assert (await log_in(auth, email)).code == "bad_credentials"
    assert (await log_in(auth, email, NEW_PASSWORD)).status == 200
    assert (await refresh(auth, made["refresh_token"])).code == "session_ended", "other sessions have ended"
    told = await facts(topics, made["customer_id"], "PasswordChanged", "CustomerVerified")
    assert [one["type"] for one in told] == [
        "CustomerRegistered", "PasswordResetRequested", "PasswordChanged", "CustomerVerified",
    ]  # fmt: skip
    assert [one["sequence"] for one in told] == ["1", "2", "3", "4"]


async def test_a_new_password_voids_the_links_that_were_mailed_before(
    auth: Caller, notifications: Caller, topics: Topics
) -> None:
    email = new_email()
    made = (await register(auth, email)).json
    tokens = []
    for n in (1, 2):
        await auth.post("/auth/password/forgot", {"email": email})

        async def told(count: int = n) -> None:
            found = await facts(topics, made["customer_id"], "PasswordResetRequested")
            assert len([one for one in found if one["type"] == "PasswordResetRequested"]) == count

        await eventually(told)
        tokens.append(token_of(await mailed_link(notifications, topics, made["customer_id"], "PasswordResetRequested")))
    assert tokens[0] != tokens[1]
    assert (await auth.post("/auth/password/reset", {"token": tokens[1], "password": NEW_PASSWORD})).status == 204
    late = await auth.post("/auth/password/reset", {"token": tokens[0], "password": NEW_PASSWORD})
    assert late.code == "token_used"


async def test_forgetting_says_the_same_of_an_account_that_is_not_there(auth: Caller) -> None:
    email = new_email()
    await register(auth, email)
    answers = [await auth.post("/auth/password/forgot", {"email": one}) for one in (email, new_email())]
    assert {(one.status, one.body) for one in answers} == {(202, b"")}
    assert {tuple(sorted(one.headers)) for one in answers} == {tuple(sorted(answers[0].headers))}


async def test_asking_for_many_mails_gets_slower_whether_there_is_an_account_or_not(start_auth: StartAuth) -> None:
    auth = await start_auth(account_free_attempts=2, attempt_wait_first_seconds=30)
    email = new_email()
    await register(auth, email)
    for tried in (email, new_email()):
        answers = [await auth.post("/auth/password/forgot", {"email": tried}) for _ in range(4)]
        assert [one.status for one in answers] == [202, 202, 202, 429]


async def test_a_link_runs_out(start_auth: StartAuth, auth: Caller, notifications: Caller, topics: Topics) -> None:
    hasty = (await start_auth(mail_link_seconds=0)).being(notifications.headers)
    made = (await register(auth, new_email())).json
    link = await mailed_link(hasty, topics, made["customer_id"], "CustomerRegistered")
    assert (await auth.post("/auth/email/verify", {"token": token_of(link)})).code == "token_used"


async def test_a_link_for_a_new_password_proves_no_mailbox_by_itself(
    auth: Caller, notifications: Caller, topics: Topics
) -> None:
    email = new_email()
    signed_in = await register(auth, email)
    await auth.post("/auth/password/forgot", {"email": email})
    link = await mailed_link(notifications, topics, signed_in.json["customer_id"], "PasswordResetRequested")
    answer = await auth.being(bearer(signed_in)).post("/auth/email/verify", {"token": token_of(link)})
    assert (answer.status, answer.code) == (409, "token_used")


async def test_the_link_alone_proves_no_mailbox_but_only_with_the_session_or_password_that_registered(
    auth: Caller, notifications: Caller, topics: Topics
) -> None:
    """Somebody else may have registered with the address: what its owner clicks must not be theirs."""
    made = (await register(auth, new_email())).json
    token = token_of(await mailed_link(notifications, topics, made["customer_id"], "CustomerRegistered"))
    stranger = auth.being(bearer(await register(auth, new_email())))
    for device in (auth, stranger):
        refused = await device.post("/auth/email/verify", {"token": token})
        assert (refused.status, refused.code) == (403, "confirm_identity")
        wrong = await device.post("/auth/email/verify", {"token": token, "password": NEW_PASSWORD})
        assert (wrong.status, wrong.code) == (401, "bad_credentials")
    proven = await auth.post("/auth/email/verify", {"token": token, "password": PASSWORD})
    assert proven.status == 204
    assert [one["type"] for one in await facts(topics, made["customer_id"], "CustomerVerified")][
        -1
    ] == "CustomerVerified"


async def test_from_elsewhere_the_link_sets_a_new_password_and_ends_all_sessions_before_the_mailbox_is_proven(
    auth: Caller, notifications: Caller, topics: Topics
) -> None:
    email = new_email()
    taken = await register(auth, email)  # by somebody who cannot read the mail
    subject = taken.json["customer_id"]
    token = token_of(await mailed_link(notifications, topics, subject, "CustomerRegistered"))
    assert (await auth.post("/auth/password/reset", {"token": token, "password": NEW_PASSWORD})).status == 204
    assert (await refresh(auth, taken.json["refresh_token"])).code == "session_ended"
    assert (await log_in(auth, email)).code == "bad_credentials"
    assert (await log_in(auth, email, NEW_PASSWORD)).status == 200
    told = await facts(topics, subject, "PasswordChanged", "CustomerVerified")
    assert [one["type"] for one in told] == ["CustomerRegistered", "PasswordChanged", "CustomerVerified"]
    # Guest orders are given away by the last of them: no service may take the old access token by then.
    refused = await auth.being(bearer(taken)).get("/auth/sessions")
    assert (refused.status, refused.code) == (401, "session_ended")
    assert (await auth.post("/auth/password/reset", {"token": token, "password": PASSWORD})).code == "token_used"


async def test_a_merchant_of_the_command_line_is_verified(cli: Caller, notifications: Caller, topics: Topics) -> None:
    body = {"email": new_email(), "password": PASSWORD, "roles": ["merchant"]}
    made = (await cli.post("/internal/users", body)).json["customer_id"]
    await cli.post("/internal/users", body)
    told = await facts(topics, made, "CustomerRegistered", "CustomerVerified")
    assert [one["type"] for one in told] == ["CustomerRegistered", "CustomerVerified"]
    assert (await mailed_link(notifications, topics, made, "CustomerRegistered")).code == "token_used"


async def test_another_mail_can_be_had_to_prove_the_e_mail(
    start_auth: StartAuth, auth: Caller, notifications: Caller, topics: Topics
) -> None:
    answer = await register(auth, new_email())
    me = auth.being(bearer(answer))
    subject = answer.json["customer_id"]
    assert (await auth.post("/auth/email/resend")).code == "unauthenticated"
    assert (await me.post("/auth/email/resend")).status == 202

    async def told() -> list[str]:
        found = await facts(topics, subject, "CustomerRegistered")
        assert [one["sequence"] for one in found] == ["1", "2"]
        return [one["id"] for one in found]

    links = [
        await notifications.post("/internal/mail-links", {"event_id": event_id}) for event_id in await eventually(told)
    ]
    assert token_of(links[0]) != token_of(links[1])
    assert (await me.post("/auth/email/verify", {"token": token_of(links[1])})).status == 204
    assert (await me.post("/auth/email/resend")).status == 202
    after = await facts(topics, subject, "CustomerVerified")
    assert [one["type"] for one in after] == ["CustomerRegistered", "CustomerRegistered", "CustomerVerified"]
    slow = (await start_auth(account_free_attempts=0, attempt_wait_first_seconds=30)).being(bearer(answer))
    assert [(await slow.post("/auth/email/resend")).status for _ in range(2)][-1] == 429
