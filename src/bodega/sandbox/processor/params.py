"""Reading Stripe's requests: form encoding with brackets, and the checks made before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from bodega.sandbox.processor import errors

Reader = Callable[[Any, str], Any]
"""Turns the raw value of a parameter (text, dict or list) into a typed one; gets its name for messages."""

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_MAX_PARAMETERS = 1000


def decode(text: str) -> dict[str, Any]:
    """`a[b]=1&c[0]=2&d[]=3` as nested dicts and lists; raises StripeError on what is not a form."""
    tree: dict[str, Any] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS, errors="strict")
    except ValueError as error:
        raise errors.invalid("The request body is not a readable form.") from error
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if match is None:
            raise errors.invalid(f"Invalid parameter name: {key[:100]}")
        path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        if len(path) > 8:
            raise errors.invalid(f"Parameter nested too deeply: {key[:100]}")
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part or str(len(node)), {})
            if not isinstance(node, dict):
                raise errors.invalid(f"Parameter given as a value and as a hash: {key[:100]}")
        node[path[-1] or str(len(node))] = value
    return {key: _lists(value) for key, value in tree.items()}


def _lists(node: Any) -> Any:
    """Dicts whose keys are 0, 1, 2, … become lists."""
    if not isinstance(node, dict):
        return node
    node = {key: _lists(value) for key, value in node.items()}
    if node and set(node) == {str(n) for n in range(len(node))}:
        return [node[str(n)] for n in range(len(node))]
    return node


def read(raw: Mapping[str, Any], readers: Mapping[str, Reader], required: tuple[str, ...] = (), at: str = "") -> (
    dict[str, Any]
):  # fmt: skip
    """The known parameters, typed; raises StripeError on an unknown, missing or unusable one."""
    for name in raw:
        if name not in readers:
            full = _under(at, name)
            raise errors.invalid(f"Received unknown parameter: {full}", param=full, code="parameter_unknown")
    for name in required:
        if name not in raw:
            full = _under(at, name)
            raise errors.invalid(f"Missing required param: {full}.", param=full, code="parameter_missing")
    return {name: readers[name](value, _under(at, name)) for name, value in raw.items()}


def _under(at: str, name: str) -> str:
    return f"{at}[{name}]" if at else name


def text(longest: int = 5000, *, empty: bool = False) -> Reader:
    """A string. An empty one is refused unless it may clear the field (then None)."""

    def reader(value: Any, name: str) -> str | None:
        if not isinstance(value, str):
            raise errors.invalid(f"Invalid string: {str(value)[:100]}", param=name)
        if not value:
            if empty:
                return None
            raise errors.invalid(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
                f"parameter; however '{name}' cannot be unset.", param=name, code="parameter_invalid_empty",
            )  # fmt: skip
        if len(value) > longest:
            raise errors.invalid(f"Invalid string: {value[:30]}…; must be at most {longest} characters", param=name)
        return value

    return reader


def integer(least: int = 0, most: int | None = None) -> Reader:
    """An integer within bounds."""

    def reader(value: Any, name: str) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            raise errors.invalid(f"Invalid integer: {str(value)[:100]}", param=name, code="parameter_invalid_integer")
        number = int(value)
        if number < least:
            raise errors.invalid(
                f"This value must be greater than or equal to {least}.", param=name, code="parameter_invalid_integer"
            )
        if most is not None and number > most:
            raise errors.invalid(
                f"This value must be less than or equal to {most}.", param=name, code="parameter_invalid_integer"
            )
        return number

    return reader


def boolean(value: Any, name: str) -> bool:
    """`true` or `false`."""
    if value not in ("true", "false"):
        raise errors.invalid(f"Invalid boolean: {str(value)[:100]}", param=name)
    return bool(value == "true")


def one_of(*choices: str) -> Reader:
    """One of a few words."""

    def reader(value: Any, name: str) -> str:
        if value not in choices:
            raise errors.invalid(f"Invalid {name}: must be one of {', '.join(choices)}", param=name)
        return str(value)

    return reader


def hash_of(readers: Mapping[str, Reader], required: tuple[str, ...] = ()) -> Reader:
    """A nested hash with known parameters."""

    def reader(value: Any, name: str) -> dict[str, Any] | None:
        if value == "":
            return None
        if not isinstance(value, dict):
            raise errors.invalid(f"Invalid object: {name}", param=name)
        return read(value, readers, required, name)

    return reader


def any_hash(value: Any, name: str) -> dict[str, Any]:
    """A nested hash that is not looked into."""
    if not isinstance(value, dict):
        raise errors.invalid(f"Invalid object: {name}", param=name)
    return value


def list_of(item: Reader) -> Reader:
    """An array."""

    def reader(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list):
            raise errors.invalid("Invalid array", param=name)
        return [item(each, f"{name}[{place}]") for place, each in enumerate(value)]

    return reader


def metadata(value: Any, name: str) -> dict[str, str]:
    """Up to 50 keys of 40 characters with values of 500; an empty value unsets its key."""
    if value == "":
        return {}
    if isinstance(value, list):
        value = {str(place): each for place, each in enumerate(value)}
    if not isinstance(value, dict) or len(value) > 50:
        raise errors.invalid("Metadata must be a hash of at most 50 keys.", param=name)
    for key, each in value.items():
        if len(key) > 40 or not isinstance(each, str) or len(each) > 500:
            raise errors.invalid(
                f"Metadata key or value too long: {key[:40]} (keys: 40 characters, values: 500).",
                param=_under(name, key),
            )
    return dict(value)


_CURRENCIES: Final = frozenset(
    {
        "usd", "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt", "bgn",
        "bhd", "bif", "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "clp", "cny",
        "cop", "crc", "cve", "czk", "djf", "dkk", "dop", "dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp", "gel",
        "gip", "gmd", "gnf", "gtq", "gyd", "hkd", "hnl", "htg", "huf", "idr", "ils", "inr", "isk", "jmd", "jod",
        "jpy", "kes", "kgs", "khr", "kmf", "krw", "kwd", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad",
        "mdl", "mga", "mkd", "mmk", "mnt", "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio",
        "nok", "npr", "nzd", "omr", "pab", "pen", "pgk", "php", "pkr", "pln", "pyg", "qar", "ron", "rsd", "rub",
        "rwf", "sar", "sbd", "scr", "sek", "sgd", "shp", "sle", "sos", "srd", "std", "szl", "thb", "tjs", "tnd",
        "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "uyu", "uzs", "vnd", "vuv", "wst", "xaf", "xcd", "xof",
        "xpf", "yer", "zar", "zmw",
    }
)  # fmt: skip
_LEAST_AMOUNT: Final = {
    "aed": 200, "bgn": 100, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17500, "jpy": 50, "mxn": 1000,
    "myr": 200, "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1000,
}  # fmt: skip
_MOST_AMOUNT: Final = 99_999_999


def currency(value: Any, name: str) -> str:
    """An ISO 4217 code that the processor takes, in lower case."""
    code = str(value).lower()
    if code not in _CURRENCIES:
        raise errors.invalid(f"Invalid currency: {code[:10]}.", param=name)
    return code


def check_amount(amount: int, code: str) -> None:
    """Raises StripeError for an amount that the processor does not take (minor units)."""
    least = _LEAST_AMOUNT.get(code, 50)
    if amount < least:
        raise errors.invalid(f"Amount must be no less than {least} {code}", param="amount", code="amount_too_small")
    if amount > _MOST_AMOUNT:
        raise errors.invalid(
            f"Amount must be no more than {_MOST_AMOUNT} {code}", param="amount", code="amount_too_large"
        )


_ADDRESS: Final = hash_of(
    dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), text(empty=True))
)
SHIPPING: Final = hash_of(
    {"address": _ADDRESS, "name": text(), "carrier": text(empty=True), "phone": text(empty=True),
     "tracking_number": text(empty=True)}, required=("address", "name"),
)  # fmt: skip
BILLING: Final = hash_of(
    {"address": _ADDRESS, "name": text(empty=True), "email": text(empty=True), "phone": text(empty=True)}
)
EXPAND: Final = list_of(text(100))
TIME_RANGE: Final = hash_of({bound: integer() for bound in ("gt", "gte", "lt", "lte")})


def created(value: Any, name: str) -> dict[str, int]:
    """A point in time or a range, as lists take it."""
    if isinstance(value, dict):
        bounds: dict[str, int] = TIME_RANGE(value, name)
        return bounds
    return {"gte": integer()(value, name), "lte": integer()(value, name)}


PAGE: Final[dict[str, Reader]] = {
    "limit": integer(1, 100), "starting_after": text(100), "ending_before": text(100), "created": created,
    "expand": EXPAND,
}  # fmt: skip
