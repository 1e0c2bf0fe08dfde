"""Passwords: which are too easy to guess, and how one is kept.

The list of the commonest is made of stems, because people make `Summer2026!` of `summer`: a password is refused if
nothing is left of it but one or two of them once case, digits and signs around it and look-alikes (`p4ssw0rd`) are
taken away, or if it is a walk along the keyboard, or a few characters over and over. So is every password of the public
lists that guessers begin with (zxcvbn's 30,000, and the 20,000 of Royce Williams that Django ships, kept here as far as
they are long enough to be chosen), and what is made of the shop's words or of the person's own name and e-mail.
"""

import asyncio
import base64
import re
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from prometheus_client import Histogram
from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

from bodega.kit.errors import Unavailable
from bodega.services.auth.errors import WeakPassword

_HASHING = Histogram(
    "password_hash_seconds", "One argon2id computation, waiting included", buckets=(0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)
)

_STEMS: Final = frozenset(Path(__file__).with_name("common_passwords.txt").read_text("utf-8").split())
_PUBLIC: Final = frozenset(
    one.casefold()
    for one in (
        *FREQUENCY_LISTS["passwords"],
        *Path(__file__).with_name("public_passwords.txt").read_text("utf-8").splitlines(),
    )
)
_ROLES: Final = ("customer", "merchant", "support", "admin", "staff")
_WALKS: Final = (
    "1234567890" * 2, "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujm", "!@#$%^&*()", "1a2b3c4d5e6f7g8h9i0j", "a1b2c3d4e5f6g7h8i9j0", "147258369", "0147852369",
    "123qweasdzxc", "1234qwerasdfzxcv", "12345qwertasdfgzxcvb", "qwe123asd456zxc789",
)  # fmt: skip
_LOOKALIKES: Final = str.maketrans("01345678@$!|€", "oieasgtbasile")


def prepared(password: str) -> str:
    """The same characters, however a keyboard composes them (NFKC, as NIST SP 800-63B says)."""
    return unicodedata.normalize("NFKC", password)


def refuse_weak(password: str, email_key: str, *known: str) -> None:
    """Raises WeakPassword, saying why, if it is among what is tried first. `known`: what anybody may know of the person
    and the shop, such as their names."""
    text = prepared(password).casefold()
    if _is_common(text):
        why = "This password, or one very like it, is on the lists of the most common passwords."
    elif _is_walk(text) or _repeats(text):
        why = "This password is a row of keys or the same characters over and over."
    elif _is_of(_words(email_key, *known, *_ROLES), text):
        why = "This password is made of your name, your e-mail address or the shop's own words."
    else:
        return
    raise WeakPassword.field("/password", f"{why} Please choose another one; a sentence is fine.")


def _words(*known: str) -> list[str]:
    """The longest first: a name is taken away before a part of it."""
    found = {word for text in known for word in re.split(r"[\W_\d]+", prepared(text).casefold()) if len(word) > 2}
    return sorted(found, key=len, reverse=True)


def _is_of(words: list[str], text: str) -> bool:
    """Whether nothing but these, once or more, is in it; what is added may be a common word or very short."""
    rest = re.sub(r"[\W_\d]+", "", text)
    had = len(rest)
    for word in words:
        rest = rest.replace(word, "")
    return len(rest) < had and (len(rest) < 3 or rest in _STEMS)


def _is_common(text: str) -> bool:
    if text in _PUBLIC or "".join(text.split()) in _PUBLIC:
        return True
    for core in {_core(text), _core(text).translate(_LOOKALIKES)}:
        if (
            core in _STEMS
            or core in _PUBLIC
            or any(core[:at] in _STEMS and core[at:] in _STEMS for at in range(1, len(core)))
        ):
            return True
    return False


def _core(text: str) -> str:
    """Without what people put around a word."""
    return "".join(text.split()).strip("0123456789!?.,:;-_+*#$%&/()=@^~'\"")


def _is_walk(text: str) -> bool:
    return any(text in walk or text[::-1] in walk for walk in _WALKS)


def _repeats(text: str) -> bool:
    """`aaaaaaaaaa`, `abcabcabcabc`: up to six characters over and over, the last time perhaps not whole."""
    return any(text == (text[:unit] * len(text))[: len(text)] for unit in range(1, 7) if 2 * unit <= len(text))


class Hasher:
    """argon2id in threads of its own, so that neither the loop nor memory is at the mercy of who knocks.

    Each `hash` and each `check` is one computation of the same cost, also for an account that does not exist.
    """

    def __init__(self, *, memory_kib: int, iterations: int, lanes: int, threads: int, queue: int) -> None:
        self._argon2 = PasswordHasher(time_cost=iterations, memory_cost=memory_kib, parallelism=lanes)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._queue = queue
        self._waiting = 0
        # Nobody's: a hash of our parameters that no password fits.
        self._nobodys = (
            f"$argon2id$v=19$m={memory_kib},t={iterations},p={lanes}${_base64(secrets.token_bytes(16))}"
            f"${_base64(secrets.token_bytes(32))}"
        )

    async def hash(self, password: str) -> str:
        """Raises Unavailable, if too many wait already."""
        return await self._compute(prepared(password), None)

    async def check(self, password: str, stored: str | None) -> bool:
        """Whether the password fits; with None for a hash, the same work is done and the answer is no.

        Raises Unavailable, if too many wait already.
        """
        fits = await self._compute(prepared(password), stored or self._nobodys)
        return bool(fits) and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(stored)

    async def _compute(self, password: str, stored: str | None) -> str:
        if self._waiting >= self._queue:
            raise Unavailable("too many people are signing in at the moment")
        self._waiting += 1
        try:
            with _HASHING.time():
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._argon, password, stored)
        finally:
            self._waiting -= 1

    def _argon(self, password: str, stored: str | None) -> str:
        """A hash; or, given one, itself if the password fits it and nothing if not."""
        if stored is None:
            return self._argon2.hash(password)
        try:
            self._argon2.verify(stored, password)
        except VerifyMismatchError:  # nothing else: a hash that cannot be computed would answer too soon
            return ""
        return stored


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
