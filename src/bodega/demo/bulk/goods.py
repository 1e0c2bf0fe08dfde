"""Product number `n` of a large catalogue: always the same, made from its number and the words beside this file."""

import hashlib
import itertools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeVar

from bodega.demo.catalogue import CURRENCY

Json = dict[str, Any]
Word = TypeVar("Word")

MOST: Final = 10_000_000
"""How many products there are: their numbers have seven digits, from 0."""
_MOST_VARIANTS: Final = 6
_ENDINGS: Final = (0, 50, 90, 95)
"""Of a price, in minor units."""
_GROWING: Final = ("Size", "Length", "Pack")
"""Options whose later values are larger, or more."""


@dataclass(frozen=True, slots=True)
class Goods:
    """A product, and what is on hand of its SKUs when it is new. `row`: of `POST /admin/products/import`."""

    row: Json
    stock: dict[str, int]

    @property
    def in_stock(self) -> bool:
        return any(self.stock.values())


class _Lot:
    """Draws from a number's digest: the same in every release of Python, which `random` does not promise."""

    def __init__(self, number: int) -> None:
        self._left = int.from_bytes(hashlib.blake2b(number.to_bytes(8, "big"), digest_size=64).digest(), "big")

    def below(self, end: int) -> int:
        self._left, drawn = divmod(self._left, end)
        return drawn

    def one_of(self, words: Sequence[Word]) -> Word:
        return words[self.below(len(words))]

    def between(self, least: int, most: int) -> int:
        return least + self.below(most - least + 1)

    def some_of(self, words: Sequence[Word], count: int) -> list[Word]:
        """In a row, in the order in which they stand."""
        start = self.below(len(words) - count + 1)
        return list(words[start : start + count])


def categories() -> list[Json]:
    """As `POST /admin/categories` takes them."""
    return [
        {name: category[name] for name in ("slug", "title", "description", "position")}
        for category in _words()["categories"]
    ]


def slug_of(number: int) -> str:
    """Ends in the product's number, so that no two have the same."""
    return str(goods(number).row["slug"])


def goods(number: int, currency: str = CURRENCY) -> Goods:
    """The product of a number from 0 to MOST - 1. Prices are the same number in any currency."""
    words, lot = _words(), _Lot(number)
    category = lot.one_of(words["categories"])
    thing = lot.one_of(category["things"])
    series = lot.one_of(words["name_begins"]) + lot.one_of(words["name_ends"])
    title = f"{series} {lot.one_of(thing['made'])} {thing['name']}"
    options = _options(lot, thing["choose"])
    price = lot.between(*thing["price"]) // 100 * 100 + lot.one_of(_ENDINGS)
    reduced = lot.below(8) == 0
    weight = lot.between(*thing["weight"])
    begins, ends = lot.one_of(words["begins"]), lot.one_of(words["ends"])
    variants, stock = [], {}
    for place, chosen in enumerate(itertools.product(*options.values())):
        sku = f"WH-{number:07d}-{place + 1:02d}"
        # The next larger one costs a tenth more, and weighs so.
        more = sum(options[name].index(value) for name, value in zip(options, chosen, strict=True) if name in _GROWING)
        costs = price + price // 1000 * 100 * more
        variant: Json = {
            "sku": sku,
            "options": dict(zip(options, chosen, strict=True)),
            "price": {"amount": costs, "currency": currency},
            "weight_grams": weight + weight // 10 * more,
            "barcode": _barcode(number, place + 1),
        }
        if reduced:
            variant["compare_at_price"] = {"amount": costs + costs // 500 * 100 + 100, "currency": currency}
        variants.append(variant)
        stock[sku] = _on_hand(lot)
    size = f"- {weight / 1000:.1f} kg with its packaging" if weight >= 1000 else f"- {weight} g with its packaging"
    number_said = f"- Article {number:07d}"
    row = {
        "slug": f"{title.lower().replace(chr(39), '').replace(' ', '-')}-{number:07d}",
        "title": title,
        "description": f"{begins} {ends}\n\n{size}\n{number_said}",
        "brand": lot.one_of(words["brands"]),
        "categories": [category["slug"]],
        "options": [{"name": name, "values": values} for name, values in options.items()],
        "variants": variants,
        "seo": {"title": title, "description": f"{title}. {begins}"},
        "status": "published",
    }
    return Goods(row, stock)


def _options(lot: _Lot, names: Sequence[str]) -> dict[str, list[str]]:
    """At most six variants come of it; most products have one to four."""
    found: dict[str, list[str]] = {}
    left = _MOST_VARIANTS
    for name in names:
        values = _words()["values"][name]
        found[name] = lot.some_of(values, lot.between(1, min(left, 3, len(values))))
        left //= len(found[name])
    return found


def _on_hand(lot: _Lot) -> int:
    """One in twenty is sold out, two are nearly."""
    match lot.below(20):
        case 0:
            return 0
        case 1 | 2:
            return lot.between(1, 9)
        case _:
            return lot.between(10, 250)


def _barcode(number: int, place: int) -> str:
    """An EAN-13 of the range for use inside a shop (GS1 General Specifications: prefixes 020 to 029, and 2)."""
    digits = f"21{number:08d}{place:02d}"
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighed % 10}"


@cache
def _words() -> Json:
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))
