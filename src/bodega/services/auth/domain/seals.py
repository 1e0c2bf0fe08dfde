"""What only the right hands can open: tokens by their hash, keys and successors under seals (AES-256-GCM, HKDF)."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.jwk import ECKey

from bodega.contracts.ids import new_id
from bodega.kit.auth import ALGORITHM
from bodega.kit.errors import Unavailable

_NONCE_BYTES = 12


def new_token() -> str:
    """256 random bits. Whoever has it is believed; we keep its hash alone."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """How a token is remembered. A fast hash is enough: nobody guesses 256 bits."""
    return hashlib.sha256(token.encode()).digest()


def seal_successor(successor: str, predecessor: str) -> bytes:
    """Only who still has the predecessor can open it: in our database alone it is worthless."""
    return _seal(_key(predecessor.encode(), "successor"), successor.encode())


def open_successor(sealed: bytes, predecessor: str) -> str:
    """Raises InvalidTag, if it was sealed for another token."""
    return _open(_key(predecessor.encode(), "successor"), sealed).decode()


class Vault:
    """What the room's secret protects."""

    def __init__(self, secret: bytes) -> None:
        self._key = _key(secret, "signing keys")
        self._links = _key(secret, "mail links")
        self._devices = _key(secret, "devices")

    def new_signing_key(self) -> tuple[str, dict[str, Any], bytes]:
        """Its id, the public part as a JWK, and the private part sealed."""
        kid = new_id("key")
        key = ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": ALGORITHM})
        return kid, dict(key.as_dict(private=False)), _seal(self._key, key.as_pem(private=True), kid)

    def signing_key(self, kid: str, sealed: bytes) -> ECKey:
        """Raises Unavailable, if it was sealed with another secret."""
        try:
            return ECKey.import_key(_open(self._key, sealed, kid), {"kid": kid})
        except InvalidTag as error:
            raise Unavailable(
                "the signing key cannot be opened: this room's secret file is not the one it was sealed with"
            ) from error

    def link_token(self, event_id: str) -> str:
        """The secret in the link about an event. Always the same one: a mail that is sent twice bears one link."""
        mac = hmac.new(self._links, event_id.encode(), "sha256").digest()
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")

    def device_token(self, account_id: str) -> str:
        """For the cookie of a device that has signed in to this account. It opens nothing: who shows it is only not
        counted together with strangers who guess the account's password."""
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{self._mac_of_device(nonce, account_id)}"

    def knows_device(self, token: str, account_id: str) -> bool:
        """Whether the token was made by `device_token` for this account."""
        nonce, _, mac = token.partition(".")
        return hmac.compare_digest(mac.encode(), self._mac_of_device(nonce, account_id).encode())

    def _mac_of_device(self, nonce: str, account_id: str) -> str:
        mac = hmac.new(self._devices, f"{nonce} {account_id}".encode(), "sha256").digest()
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def access_token(
    key: ECKey, kid: str, *, issuer: str, audience: str, subject: str, roles: Sequence[str], session: str, seconds: int
) -> str:
    now = int(time.time())
    claims = {
        "iss": issuer, "aud": audience, "sub": subject, "roles": list(roles), "sid": session,
        "iat": now, "exp": now + seconds,
    }  # fmt: skip
    return jwt.encode({"alg": ALGORITHM, "kid": kid, "typ": "JWT"}, claims, key, algorithms=[ALGORITHM])


def _key(source: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"bodega auth {purpose}".encode()).derive(source)


def _seal(key: bytes, plain: bytes, about: str = "") -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, about.encode())


def _open(key: bytes, sealed: bytes, about: str = "") -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
