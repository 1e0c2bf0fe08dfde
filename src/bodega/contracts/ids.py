"""Identifiers: a prefix that says what is meant, then a UUIDv7 (RFC 9562) in Crockford's base32.

They sort by time of birth, are safe in URLs, and cannot be confused with a slug or an order number.
"""

import hashlib
import re
import secrets
import time
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from bodega.contracts.wording import Worded

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BODY: Final = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"


def _id_type(prefix: str) -> StringConstraints:
    return StringConstraints(pattern=rf"^{prefix}_{_BODY}$")


def _shown(description: str, example: str) -> Any:
    return Field(description=description, examples=[example])


_NO_ID: Final = Worded("This is not an id of this kind: three letters, an underscore, 26 letters and digits.")


# The examples belong together: a checkout of one cart by one customer, and what came of it.
OrderId = Annotated[
    str,
    _id_type("ord"),
    _shown("Names the order in paths and events; people say its `number`", "ord_01M7WM9DBPETFB59TDWH9EDD1R"),
    _NO_ID,
]
CustomerId = Annotated[
    str,
    _id_type("cus"),
    _shown("Names the customer in every room, and is `sub` of their access token", "cus_01M3YX1AKDFHEAD8X4A1JH69RE"),
    _NO_ID,
]
ProductId = Annotated[
    str,
    _id_type("prd"),
    _shown("Names the product for life, whatever becomes of its slug", "prd_01M1DZPWCWF4QS4FR84G98PBSK"),
    _NO_ID,
]
CheckoutId = Annotated[
    str,
    _id_type("chk"),
    _shown("Names the checkout, as in `/checkout/{id}`", "chk_01M7WM9DBPETFB59TDWH9EDD1R"),
    _NO_ID,
]
PaymentId = Annotated[
    str,
    _id_type("pay"),
    _shown("Names one attempt to pay: another card is another payment", "pay_01M7WM9DBPETFB59TDWH9EDD1R"),
    _NO_ID,
]
ReservationId = Annotated[
    str,
    _id_type("res"),
    _shown("Names what inventory has set aside for one checkout", "res_01M7WM9DBPETFB59TDWH9EDD1R"),
    _NO_ID,
]
ShipmentId = Annotated[
    str,
    _id_type("shp"),
    _shown("Names the parcel, whichever label it bears; one per order", "shp_01M7WM9DBPETFB59TDWH9EDD1R"),
    _NO_ID,
]
CartId = Annotated[
    str,
    _id_type("crt"),
    _shown("Names the cart. It opens nothing: that takes the signed `Cart-Token`", "crt_01M7WKP496E7KTHRJXJG7DJ13N"),
    _NO_ID,
]
WithdrawalId = Annotated[
    str,
    _id_type("wdr"),
    _shown("Names a statement of withdrawal, on its receipt too", "wdr_01M7Z4Q8T2V5X9B3D6F8H0K2M4"),
    _NO_ID,
]
OrderNumber = Annotated[
    str,
    StringConstraints(pattern=r"^BDG-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$"),
    _shown("The order's name for people: on its page, in mails, on the phone. Random, no sequence", "BDG-TNDA-FC5E"),
    Worded("This is not an order's number. It looks like BDG-TNDA-FC5E."),
]


def order_number(typed: str) -> str:
    """An order's number, or how one begins, as people type it: `bdg 7k3m9q2x` is `BDG-7K3M-9Q2X`. The letters that
    are easily taken for a digit are read as that digit. What is no such number comes back as it was given."""
    body = re.sub(r"[\s\u2010-\u2015-]", "", typed).upper()
    if re.fullmatch("BDG[0-9A-Z]{1,8}", body) is None:
        return typed
    rest = body[3:].translate(str.maketrans("OIL", "011"))
    return "-".join(part for part in ("BDG", rest[:4], rest[4:]) if part)


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
