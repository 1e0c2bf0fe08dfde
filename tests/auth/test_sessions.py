"""Refresh tokens: rotated, told from copies, kind to two tabs. Signing keys: changed without logging anyone out."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bodega.kit.auth import AccessTokens
from bodega.kit.db import Database
from bodega.kit.testing import Caller, eventually
from bodega.services.auth import service
from bodega.services.auth.domain.passwords import Hasher
from bodega.services.auth.domain.seals import Vault
from bodega.services.auth.service import Tools
from bodega.services.auth.settings import Settings
from tests.auth.conftest import SECRET, StartAuth, log_in, new_email, refresh, register

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

    await eventually(gone, within_seconds=3)


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
