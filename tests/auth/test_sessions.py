"""Refresh tokens: rotated, told from copies, kind to two tabs. Signing keys: changed without logging anyone out."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import APIRouter

from bodega.kit.app import create_service
from bodega.kit.auth import AccessTokens, Customer
from bodega.kit.db import Database
from bodega.kit.settings import ServiceSettings
from bodega.kit.testing import Caller, Credentials, eventually, serving
from bodega.services.auth import service, store
from bodega.services.auth.domain.passwords import Hasher
from bodega.services.auth.domain.seals import Vault
from bodega.services.auth.service import Tools
from bodega.services.auth.settings import Settings
from tests.auth.conftest import PASSWORD, SECRET, StartAuth, bearer, log_in, new_email, refresh, register

pytestmark = pytest.mark.service


async def test_a_refresh_token_is_good_for_its_successor(auth: Caller) -> None:
    token = (await register(auth, new_email())).json["refresh_token"]
    seen = {token}
    for _ in range(5):
        token = (await refresh(auth, token)).json["refresh_token"]
        seen.add(token)
    assert len(seen) == 6


async def test_two_tabs_at_once_get_the_same_successor_and_both_go_on(auth: Caller) -> None:
    made = (await register(auth, new_email())).json
    answers = await asyncio.gather(*(refresh(auth, made["refresh_token"]) for _ in range(8)))
    assert {one.status for one in answers} == {200}
    assert len({one.json["refresh_token"] for one in answers}) == 1
    assert {one.json["session_id"] for one in answers} == {made["session_id"]}
    assert (await refresh(auth, answers[0].json["refresh_token"])).status == 200


async def test_an_old_token_after_its_successors_first_use_ends_the_whole_session(auth: Caller) -> None:
    first = (await register(auth, new_email())).json["refresh_token"]
    second = (await refresh(auth, first)).json["refresh_token"]
    third = (await refresh(auth, second)).json["refresh_token"]
    assert (await refresh(auth, first)).code == "session_ended"
    assert (await refresh(auth, third)).code == "session_ended", "the session has ended, for thief and owner alike"
    assert (await refresh(auth, second)).code == "session_ended"


async def test_a_token_from_long_ago_is_known_for_a_copy(auth: Caller) -> None:
    first = token = (await register(auth, new_email())).json["refresh_token"]
    for _ in range(4):
        token = (await refresh(auth, token)).json["refresh_token"]
    assert (await refresh(auth, first)).code == "session_ended"
    assert (await refresh(auth, token)).code == "session_ended"


async def test_the_predecessor_is_not_answered_any_more_when_its_time_is_over(
    start_auth: StartAuth, database: Database
) -> None:
    auth = await start_auth(successor_seconds=0.3, chores_poll_seconds=60)  # the seal is still there: the clock counts
    made = (await register(auth, new_email())).json
    second = (await refresh(auth, made["refresh_token"])).json["refresh_token"]
    await asyncio.sleep(0.35)
    assert (await refresh(auth, made["refresh_token"])).code == "session_ended"
    assert (await refresh(auth, second)).code == "session_ended"


async def test_the_seal_is_deleted_when_its_time_is_over(start_auth: StartAuth, database: Database) -> None:
    auth = await start_auth(successor_seconds=0.2)
    made = (await register(auth, new_email())).json

    async def seals() -> int:
        async with database.transaction() as tx:
            count: int = await tx.fetchval(
                "SELECT count(sealed_successor) FROM refresh_token WHERE session_id = $1", made["session_id"]
            )
            return count

    await refresh(auth, made["refresh_token"])

    async def gone() -> None:
        assert await seals() == 0

    await eventually(gone)


async def test_ending_one_session_leaves_the_others(auth: Caller) -> None:
    email = new_email()
    one, other = (await register(auth, email)).json, (await log_in(auth, email)).json
    assert (await auth.post("/auth/logout", {"refresh_token": one["refresh_token"]})).status == 204
    assert (await refresh(auth, one["refresh_token"])).code == "session_ended"
    assert (await refresh(auth, other["refresh_token"])).status == 200


async def test_an_old_token_and_the_current_one_at_once_never_leave_a_session(auth: Caller) -> None:
    for _ in range(5):
        first = (await register(auth, new_email())).json["refresh_token"]
        second = (await refresh(auth, first)).json["refresh_token"]
        third = (await refresh(auth, second)).json["refresh_token"]
        answers = await asyncio.gather(refresh(auth, first), refresh(auth, third))
        assert answers[0].status == 401
        last = answers[1].json["refresh_token"] if answers[1].status == 200 else third
        assert (await refresh(auth, last)).code == "session_ended"


# --- signing keys -----------------------------------------------------------------------------------


@pytest.fixture
def rotating(database_url: str, secret_file: Path) -> Tools:
    settings = Settings(database_url=database_url, key_rotation_seconds=0, key_notice_seconds=0, access_token_seconds=0)
    return Tools(settings, Hasher(memory_kib=64, iterations=1, lanes=1, threads=1, queue=1), Vault(SECRET))


async def test_keys_change_without_logging_anyone_out(auth: Caller, database: Database, rotating: Tools) -> None:
    before = (await register(auth, new_email())).json
    verifier = AccessTokens(f"{auth.base}/.well-known/jwks.json", issuer="bodega", audience="bodega")
    await verifier.verify(before["access_token"])
    known = {key["kid"] for key in (await auth.get("/.well-known/jwks.json")).json["keys"]}
    async with database.transaction() as tx:
        next_kid = (await service.keys(tx, rotating.vault))["next"].kid
        assert await service.rotate_keys(tx, rotating)
    after = (await refresh(auth, before["refresh_token"])).json
    assert next_kid in known, "whoever knew the keys before knows the one that signs now"
    await verifier.verify(after["access_token"])
    fresh = AccessTokens(f"{auth.base}/.well-known/jwks.json", issuer="bodega", audience="bodega")
    await fresh.verify(before["access_token"])
    await fresh.verify(after["access_token"])
    assert len((await auth.get("/.well-known/jwks.json")).json["keys"]) == 3


async def test_keys_do_not_change_before_their_time(auth: Caller, database: Database, rotating: Tools) -> None:
    await auth.get("/.well-known/jwks.json")
    patient = replace(rotating, settings=rotating.settings.model_copy(update={"key_notice_seconds": 3_600}))
    async with database.transaction() as tx:
        assert not await service.rotate_keys(tx, patient)


async def test_ten_first_askers_make_one_pair_of_keys(auth: Caller, database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM signing_key")
    answers = await asyncio.gather(*(auth.get("/.well-known/jwks.json") for _ in range(10)))
    assert {one.status for one in answers} == {200}
    assert len({one.body for one in answers}) == 1
    assert len(answers[0].json["keys"]) == 2


async def test_a_restart_keeps_everybody_signed_in(start_auth: StartAuth, auth: Caller) -> None:
    made = (await register(auth, new_email())).json
    restarted = await start_auth()
    verifier = AccessTokens(f"{restarted.base}/.well-known/jwks.json", issuer="bodega", audience="bodega")
    await verifier.verify(made["access_token"])
    assert (await refresh(restarted, made["refresh_token"])).status == 200


DAY = 86_400


@pytest.mark.parametrize(
    ("roles", "idle", "most"),
    [(["customer"], 30 * DAY, 365 * DAY), (["merchant"], DAY / 2, 7 * DAY), (["support"], DAY / 2, 7 * DAY)],
)  # fmt: skip
async def test_how_long_a_session_lasts(
    auth: Caller, cli: Caller, database: Database, roles: list[str], idle: float, most: float
) -> None:
    email = new_email()
    await cli.post("/internal/users", {"email": email, "password": PASSWORD, "roles": roles})
    made = (await log_in(auth, email)).json

    async def left() -> float:
        async with database.transaction() as tx:
            return await store.seconds_left(tx, made["session_id"])

    async def opened(seconds_ago: float) -> None:
        async with database.transaction() as tx:
            await tx.execute(
                "UPDATE session SET created_at = now() - make_interval(secs => $2) WHERE id = $1",
                made["session_id"], seconds_ago,
            )  # fmt: skip

    assert idle - 60 < await left() <= idle
    await opened(most - 3600)
    second = await refresh(auth, made["refresh_token"])
    assert 3540 < await left() <= 3600, "however it is used, it ends"
    await opened(most - 120)
    third = await refresh(auth, second.json["refresh_token"])
    assert third.json["expires_in"] <= 120, "no access token outlives its session"
    await opened(most + 1)
    fourth = await refresh(auth, third.json["refresh_token"])
    assert fourth.status == 200  # it still lasted; from now on it does not
    assert (await refresh(auth, fourth.json["refresh_token"])).code == "session_ended"


async def test_another_service_refuses_the_tokens_of_a_session_that_has_ended(
    auth: Caller, credentials: Credentials
) -> None:
    router = APIRouter()

    @router.get("/me")
    async def me(customer: Customer) -> dict[str, str]:
        return {"subject": customer.subject}

    settings = ServiceSettings(
        service_urls={"auth": auth.base}, jwks_url=f"{auth.base}/.well-known/jwks.json",
        internal_key_file=credentials.key_file("orders"), internal_jwks_file=credentials.jwks_file,
    )  # fmt: skip
    app = create_service("orders", settings, [router], titles={}, description="", state={}, ready={})
    made = await register(auth, new_email())
    async with serving(app) as orders:
        device = orders.being(bearer(made))
        assert (await device.get("/me")).json == {"subject": made.json["customer_id"]}
        await auth.post("/auth/logout", {"refresh_token": made.json["refresh_token"]})

        async def is_refused() -> None:
            answer = await device.get("/me")
            assert (answer.status, answer.json.get("code")) == (401, "session_ended")

        await eventually(is_refused, within_seconds=5)
