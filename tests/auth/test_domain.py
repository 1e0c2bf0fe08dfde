"""The rules of accounts, sessions, guessing and keys."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

from bodega.kit.errors import Unavailable
from bodega.services.auth import domain
from bodega.services.auth.domain import KeyState, RefreshToken, SigningKey, passwords
from bodega.services.auth.domain.passwords import Hasher, refuse_weak
from bodega.services.auth.domain.seals import Vault, open_successor, seal_successor
from bodega.services.auth.errors import InvalidEmail, WeakPassword
from bodega.services.auth.settings import Settings

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Shop.Example", "ada@shop.example"),
        ("ada@MÜNCHEN.de", "ada@xn--mnchen-3ya.de"),
        ("Ada.Löv@shop.example", "ada.lo\u0308v@shop.example"),
        (" ada@shop.example"[1:], "ADA@SHOP.EXAMPLE"),
    ],
)
def test_two_spellings_of_a_mailbox_are_one(one: str, other: str) -> None:
    assert domain.mailbox(one).key == domain.mailbox(other).key


@pytest.mark.parametrize("text", [
    "ada", "ada@", "@shop.example", "ada@shop", "a da@shop.example", "ada@shop..example", "ada@[127.0.0.1]",
    "ada@shop.example\n", '"a b"@shop.example', "ada@localhost",
])  # fmt: skip
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(InvalidEmail):
        domain.mailbox(text)


@pytest.mark.parametrize("password", [
    "password123", "Password2026!", "P4ssw0rd!!", "1234567890", "0987654321", "qwertyuiop", "1q2w3e4r5t",
    "1qaz2wsx3edc", "aaaaaaaaaa", "abcabcabcabc", "iloveyou12", "summersummer", "dragonmonkey", "Summer 2026",
    "pa$$w0rd123", "ada.lovelace", "ada.lovelace1", "LetMeIn!!!!", "zxcvbnm,./1", "12345678901234567890", "hallo12345",
])  # fmt: skip
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        refuse_weak(password, "ada.lovelace@shop.example")


@pytest.mark.parametrize("password", [
    "a teapot of one's own", "correct horse battery", "kX9#vLq2pZ", "8f2c61d09ab3e471", "7305918264",
    "Grünspecht im Tann", "パスワードを変えてください",
])  # fmt: skip
def test_what_nobody_guesses_is_taken(password: str) -> None:
    refuse_weak(password, "ada.lovelace@shop.example")
    refuse_weak(password, "1@shop.example")


def test_every_password_of_the_public_lists_that_the_policy_would_allow_is_refused() -> None:
    """They are what guessers begin with: zxcvbn's list of 30,000, and the one of 20,000 that Django ships."""
    kept = Path(passwords.__file__).with_name("public_passwords.txt").read_text("utf-8").splitlines()
    tried = [one for one in {*FREQUENCY_LISTS["passwords"], *kept} if len(one) >= 10]
    assert len(tried) > 2000
    taken = []
    for spelling in (str, str.upper, str.title):
        for password in map(spelling, tried):
            with suppress(WeakPassword):
                refuse_weak(password, "1@shop.example")
                taken.append(password)
    assert taken == []


@pytest.mark.parametrize(
    "password", ["AdaLovelace1815", "lovelace.ada.99", "Ada@shop.example", "Bodega Shop 2026", "Merchant2026",
                 "Support!!2026", "bodega-merchant", "Lovelace!!!99"],
)  # fmt: skip
def test_nobodys_own_name_is_a_password_nor_are_the_shops_words(password: str) -> None:
    with pytest.raises(WeakPassword, match=r"your name, your e-mail address or the shop's own words|common passwords"):
        refuse_weak(password, "ada.lovelace@shop.example", "Ada Lovelace", "Bodega")
    refuse_weak("Lovelace wrote the first program", "ada.lovelace@shop.example", "Ada Lovelace", "Bodega")


@given(st.text(max_size=200), st.text(max_size=20))
@settings(max_examples=200)
def test_any_password_is_judged(password: str, local: str) -> None:
    with suppress(WeakPassword):
        refuse_weak(password, f"{local}@shop.example")


@given(st.integers(0, 100_000), st.integers(0, 400))
def test_waiting_grows_and_ends(failures: int, free: int) -> None:
    wait = domain.wait_seconds(failures, free, first=1, most=300)
    assert 0 <= wait <= 300
    assert wait <= domain.wait_seconds(failures + 1, free, first=1, most=300)
    assert (wait == 0) == (failures <= free)


@pytest.mark.parametrize(
    ("token", "verdict"),
    [
        (RefreshToken(b"", None, None), "rotate"),
        (RefreshToken(b"", 0.0, b"sealed"), "repeat"),
        (RefreshToken(b"", 29.9, b"sealed"), "repeat"),
        (RefreshToken(b"", 30.1, b"sealed"), "reused"),
        (RefreshToken(b"", 0.1, None), "reused"),  # its successor has been used
        (RefreshToken(b"", 90_000.0, None), "reused"),
    ],
)
def test_what_a_refresh_token_means(token: RefreshToken, verdict: str) -> None:
    assert domain.verdict(token, successor_seconds=30) == verdict


def test_a_household_is_one_address() -> None:
    assert domain.neighbourhood("2001:db8:1:2:3::4") == domain.neighbourhood("2001:db8:1:2:ffff::1")
    assert domain.neighbourhood("2001:db8:1:3::1") != domain.neighbourhood("2001:db8:1:2::1")
    assert domain.neighbourhood("192.0.2.1") != domain.neighbourhood("192.0.2.2")
    assert domain.neighbourhood("nonsense") == "unknown"


def key(state: KeyState, age: float) -> SigningKey:
    return SigningKey(kid=state, state=state, public={}, sealed=b"", age_seconds=age)


@pytest.mark.parametrize(
    ("keys", "due"),
    [
        ([key("current", 99), key("next", 99)], False),
        ([key("current", 101), key("next", 101)], True),
        ([key("current", 101), key("next", 5)], False),  # not everybody may have fetched it
        ([key("current", 101), key("next", 99), key("previous", 30)], False),  # its last tokens are still valid
        ([key("current", 101), key("next", 99), key("previous", 61)], True),
    ],
)
def test_when_the_next_key_takes_over(keys: list[SigningKey], due: bool) -> None:
    assert domain.rotation_is_due(keys, rotation_seconds=100, notice_seconds=10, token_seconds=60) is due


def test_only_the_predecessor_opens_its_successors_seal() -> None:
    sealed = seal_successor("the next", "the last")
    assert open_successor(sealed, "the last") == "the next"
    assert b"the next" not in sealed
    with pytest.raises(InvalidTag):
        open_successor(sealed, "another")


def test_a_signing_key_is_opened_by_its_rooms_secret_alone_and_under_its_own_id() -> None:
    vault = Vault(bytes(32))
    kid, public, sealed = vault.new_signing_key()
    assert public["kid"] == kid
    assert "d" not in public
    assert b"PRIVATE" not in sealed
    assert vault.signing_key(kid, sealed).as_dict(private=False)["x"] == public["x"]
    with pytest.raises(Unavailable):
        Vault(bytes(31) + b"1").signing_key(kid, sealed)
    with pytest.raises(Unavailable):
        vault.signing_key("key_other", sealed)


async def test_nobodys_hash_costs_what_a_real_one_costs_and_fits_nothing() -> None:
    hasher = Hasher(memory_kib=64, iterations=1, lanes=1, threads=2, queue=100)
    real = await hasher.hash("a teapot of one's own")
    assert real.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert hasher._nobodys.rpartition("$")[0].rpartition("$")[0] == real.rpartition("$")[0].rpartition("$")[0]
    assert len(hasher._nobodys) == len(real)
    assert await hasher.check("a teapot of one's own", real)
    assert not await hasher.check("another", real)
    assert not await hasher.check("a teapot of one's own", None)


async def test_a_password_is_the_same_however_the_keyboard_composes_it() -> None:
    hasher = Hasher(memory_kib=64, iterations=1, lanes=1, threads=2, queue=100)
    assert await hasher.check("Gru\u0308nspecht im Tann", await hasher.hash("Gr\u00fcnspecht im Tann"))


async def test_a_flood_of_passwords_is_refused_and_not_queued_for_ever() -> None:
    hasher = Hasher(memory_kib=4096, iterations=2, lanes=1, threads=2, queue=4)
    answers = await asyncio.gather(*(hasher.hash("x") for _ in range(10)), return_exceptions=True)
    assert len([one for one in answers if isinstance(one, Unavailable)]) == 6
    assert await hasher.hash("x"), "and then it goes on"


def test_the_figures_of_auth_are_those_that_it_promises() -> None:
    """What other tests shorten, or do not wait for."""
    ours = Settings()
    assert ours.successor_seconds == 30, "an old refresh token is answered so long"
    assert ours.mail_link_seconds == 30 * 60
    assert (ours.argon2_memory_kib, ours.argon2_iterations, ours.argon2_lanes) == (19 * 1024, 2, 1), "OWASP"
    assert ours.attempt_wait_most_seconds <= 300, "nobody is locked out"
    assert ours.session_limit <= 50
