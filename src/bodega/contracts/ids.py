"""Identifiers: a prefix that says what is meant, then a UUIDv7 (RFC 9562) in Crockford's base32.

They sort by time of birth, are safe in URLs, and cannot be confused with a slug or an order number.
"""

import hashlib
import secrets
import time
from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BODY: Final = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"


def _id_type(prefix: str) -> StringConstraints:
    return StringConstraints(pattern=rf"^{prefix}_{_BODY}$")


OrderId = Annotated[str, _id_type("ord")]
CustomerId = Annotated[str, _id_type("cus")]
ProductId = Annotated[str, _id_type("prd")]
CheckoutId = Annotated[str, _id_type("chk")]
PaymentId = Annotated[str, _id_type("pay")]
ReservationId = Annotated[str, _id_type("res")]
ShipmentId = Annotated[str, _id_type("shp")]
CartId = Annotated[str, _id_type("crt")]
OrderNumber = Annotated[str, StringConstraints(pattern=r"^BDG-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$")]


def uuid7() -> UUID:
    """A UUIDv7: 48 bits of milliseconds since 1970, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def _base32(value: int, digits: int) -> str:
    return "".join(_ALPHABET[(value >> (5 * place)) & 31] for place in reversed(range(digits)))


def new_id(prefix: str, uuid: UUID | None = None) -> str:
    """`new_id("ord")` -> `ord_06F2…`; the same UUID always gives the same id."""
    return f"{prefix}_{_base32((uuid or uuid7()).int, 26)}"


def derived_id(prefix: str, source: str, nth: int = 0) -> str:
    """The id of a thing that belongs to `source`: an order's from its checkout's, the nth attempt to pay.

    Whoever repeats a lost call must name the same thing again, so such an id cannot be random.
    """
    if nth == 0:
        return f"{prefix}_{source.partition('_')[2]}"
    digest = hashlib.sha256(f"{source}/{nth}".encode()).digest()
    return new_id(prefix, UUID(bytes=digest[:16], version=5))


def new_order_number() -> str:
    """A number for people: 40 random bits, no sequence to guess. Unique by constraint, retried on a clash."""
    body = _base32(secrets.randbits(40), 8)
    return f"BDG-{body[:4]}-{body[4:]}"
