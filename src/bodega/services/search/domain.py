"""What a product is to those who look for it: pure rules, no I/O."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final, Literal, Protocol

from bodega.contracts.catalog import CategoryUpdated, Product, folded, option_key

Sort = Literal["relevance", "price", "-price", "newest"]

WORDS_READ: Final = 6
"""So many words are read one by one: each may be written together with its neighbours, be unfinished, or be mended."""
MENDED_AT_MOST: Final = 3
LONGEST_MENDED: Final = 16
"""How many words are looked for with typing errors, and how many letters such a word has at most."""
_PIECE: Final = re.compile(r"[^\W\d_]+|\d+")
_LONGEST_RUN: Final = 4
_RUNS_AT_MOST: Final = 1000
FAMILIES: Final = files("bodega.services.search").joinpath("families.txt").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Stock:
    """Whether a SKU can be had, as of a version of its stock."""

    sku: str
    product_id: str | None
    in_stock: bool
    version: int


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a shopper asks for. Within one criterion any value will do; between them all must hold.

    Price, stock and options speak of one and the same variant: "green, in stock" is not met by a green one that
    is sold out beside a red one that is not. Prices are minor units of the shop's currency.
    """

    words: str = ""
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    in_stock: bool = False
    options: Mapping[str, tuple[str, ...]] | None = None
    """Key of the option (see `option_key`) -> wanted values."""
    sort: Sort = "relevance"

    def fingerprint(self) -> str:
        """The same for whatever finds the same in the same order."""
        options = {key: sorted(map(folded, values)) for key, values in (self.options or {}).items()}
        asked = [
            self.words, sorted(self.categories), sorted(self.brands), self.price_min, self.price_max, self.in_stock,
            options, self.sort,
        ]  # fmt: skip
        return hashlib.blake2b(json.dumps(asked, sort_keys=True).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Reading:
    """How a shopper's words are read: as they are written, or more generously where nothing has all of them."""

    mended: frozenset[int] = frozenset()
    """Places of the words that no product has: they may be misspelled."""
    any_word: bool = False
    """What has some of the words will do."""

    @property
    def number(self) -> int:
        """All of it in a number, 0: as they are written."""
        return sum(2 << place for place in self.mended) + self.any_word

    @classmethod
    def of_number(cls, number: int) -> "Reading":
        """Raises ValueError, if it is none of ours."""
        if not 0 <= number < 2 << WORDS_READ:
            raise ValueError(f"{number} is no reading")
        places = frozenset(place for place in range(WORDS_READ) if number & (2 << place))
        return cls(places, bool(number & 1))


AS_WRITTEN: Final = Reading()


def words_of(text: str) -> tuple[str, ...]:
    """The words that are read one by one."""
    return tuple(word for word in text.split() if compact(word))[:WORDS_READ]


def compact(text: str) -> str:
    """Its letters and digits alone, accents and capitals aside: so codes are compared, and words that are written
    together or apart."""
    return "".join(letter for letter in _plain(text) if letter.isalnum())


def mendable(words: Sequence[str], places: Collection[int]) -> list[int]:
    """Of these places, those whose words are looked for with typing errors. That costs much, and more with each letter:
    so they are few, and neither long nor of several pieces."""
    found = [
        place
        for place, word in enumerate(words)
        if place in places and len(word) <= LONGEST_MENDED and _PIECE.fullmatch(_plain(word))
    ]
    return found[:MENDED_AT_MOST]


def joined(words: Sequence[str], place: int) -> list[str]:
    """A word alone, and written together with its neighbours."""
    before, after = max(place - 2, 0), min(place + 3, len(words))
    return [
        "".join(map(compact, words[start:end]))
        for start in range(before, place + 1)
        for end in range(place + 1, after + 1)
        if end - start < _LONGEST_RUN
    ]


def runs(texts: Iterable[str]) -> list[str]:
    """The pieces of texts (`M8x20`: m, 8, x, 20), and neighbours among them written together, up to four."""
    found: dict[str, None] = {}
    for text in texts:
        pieces = _PIECE.findall(_plain(text))
        for start in range(len(pieces)):
            for end in range(start + 1, min(start + _LONGEST_RUN, len(pieces)) + 1):
                found["".join(pieces[start:end])] = None
    return list(found)[:_RUNS_AT_MOST]


def families(values: Iterable[str], title: str) -> list[str]:
    """What shoppers call the colours and materials of a product, from its options' values and its title."""
    found: dict[str, None] = {}
    for text, is_value in [*((value, True) for value in values), (title, False)]:
        pieces = _PIECE.findall(_plain(text))
        for phrase in (*pieces, *map(" ".join, pairwise(pieces))):
            for name, is_sure in _FAMILIES.get(phrase, ()):
                if is_sure or is_value:
                    found[name] = None
    return list(found)


def _plain(text: str) -> str:
    """Without accents and capitals."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _read_families(table: str) -> Iterator[tuple[str, str, bool]]:
    """A colour or material, a name of its family, and whether it is one wherever it stands."""
    for line in table.splitlines():
        if line and not line.startswith("#"):
            names, _, members = line.partition(":")
            for name in names.split(","):
                for member in members.split(","):
                    yield member.strip().removesuffix("*"), name.strip(), not member.endswith("*")


_FAMILIES: Final[dict[str, list[tuple[str, bool]]]] = {}
for _member, _name, _is_sure in _read_families(FAMILIES):
    _FAMILIES.setdefault(_member, []).append((_name, _is_sure))


def choice(key: str, value: str) -> str:
    """A value of an option, as variants are found by it."""
    return f"{key}={folded(value)}"


def document(product: Product) -> dict[str, Any]:
    """A product as it is indexed. What is in stock is not said here: another source tells it."""
    cheapest = min(product.variants, key=lambda variant: variant.price.amount)
    picture = product.media[0] if product.media else None
    values = sorted({value for variant in product.variants for value in variant.options.values()})
    codes = [
        compact(code) for variant in product.variants for code in (variant.sku, variant.barcode) if code is not None
    ]
    return {
        "id": product.id,
        "version": product.version,
        "deleted": False,
        "slug": product.slug,
        "title": product.title,
        "brand": product.brand,
        "categories": product.categories,
        "description": product.description,
        "option_values": values,
        "families": families(values, product.title),
        "codes": codes,
        "runs": [*runs([product.title, product.brand, *values]), *codes],
        "price": cheapest.price.amount,
        "price_to": max(variant.price.amount for variant in product.variants),
        "compare_at_price": cheapest.compare_at_price.amount if cheapest.compare_at_price else None,
        "currency": cheapest.price.currency,
        "image": {"alt": picture.alt, "renditions": picture.renditions} if picture else None,
        "created_at": product.created_at.isoformat(),
        "in_stock": False,
        "variants": [
            {
                "sku": variant.sku,
                "options": [choice(option_key(name), value) for name, value in variant.options.items()],
                "choices": [
                    {"option": option_key(name), "name": name, "value": value}
                    for name, value in variant.options.items()
                ],
                "price": variant.price.amount,
                "in_stock": False,
                "stock_version": 0,
            }
            for variant in product.variants
        ],
    }


def category_document(category: CategoryUpdated) -> dict[str, Any]:
    """A category as it is indexed, beside the products: by slug, which never looks like a product's id."""
    return {"id": category.slug, "version": category.version, "name": category.title}


def tombstone(document_id: str, version: int) -> dict[str, Any]:
    """What remains of what is gone: so that a late, older state of it does not come back."""
    return {"id": document_id, "version": version, "deleted": True}


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the index and its sources do not agree."""

    id: str
    """A product's id, or a category's slug."""
    what: Literal["missing", "older", "surplus", "stock"]


class Indexed(Protocol):
    """Of a product in the index, what is compared."""

    @property
    def version(self) -> int: ...
    @property
    def in_stock(self) -> Mapping[str, bool]: ...


def differences(
    told: Mapping[str, Product], stock: Mapping[str, Stock], kept: Mapping[str, Indexed]
) -> list[Difference]:
    """Between what the sources tell of some products and what is kept of them; one for each product at most."""
    found: list[Difference] = []
    for product_id, product in told.items():
        one = kept.get(product_id)
        if one is None:
            found.append(Difference(product_id, "missing"))
        elif one.version < product.version:
            found.append(Difference(product_id, "older"))
        elif any(stock[sku].in_stock != shown for sku, shown in one.in_stock.items() if sku in stock):
            found.append(Difference(product_id, "stock"))
    return found + [Difference(product_id, "surplus") for product_id in kept.keys() - told.keys()]


def category_differences(told: Mapping[str, CategoryUpdated], kept: Mapping[str, int]) -> list[Difference]:
    """Between the categories and the versions that are kept of them."""
    found = [
        Difference(slug, "missing" if slug not in kept else "older")
        for slug, category in told.items()
        if kept.get(slug, -1) < category.version
    ]
    return found + [Difference(slug, "surplus") for slug in kept.keys() - told.keys()]
