"""What the engine is asked, and what its answer means.

The filters do not narrow the query but what is shown of it (post_filter), so that every facet can be counted
under all filters but its own: a shopper who has chosen green still sees how many there are in red.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from bodega.contracts.catalog import folded
from bodega.services.search import domain
from bodega.services.search.domain import AS_WRITTEN, WORDS_READ, Criteria, Reading, Sort, choice

Query = dict[str, Any]

_SHOWN = [
    "id", "slug", "title", "brand", "categories", "price", "price_to", "compare_at_price", "currency", "image",
    "in_stock", "variants.sku",
]  # fmt: skip
POPULAR = 6
OPTIONS_SHOWN = 30
VALUES_SHOWN = 100
"""Of each option."""
CATEGORIES_AT_MOST = 1000
SHORTEST_BEGINNING = 3
"""Of a code, in letters and digits."""
LONGEST_BEGINNING = 200
"""As long as a title."""
_CHOICES = "variants.choices"
_NO_BUCKETS: Query = {"buckets": ()}
"""Of an index of an earlier definition."""
_NOT_DELETED: Query = {"term": {"deleted": False}}
_FUZZY = {"fuzziness": "AUTO", "prefix_length": 1, "max_expansions": 15}
"""One typo from three letters on, two from six; the first letter is right."""

ORDERS: Mapping[Sort, tuple[Sequence[dict[str, str]], tuple[type, ...]]] = {
    "price": ([{"price": "asc"}, {"id": "asc"}], (int, str)),
    "-price": ([{"price": "desc"}, {"id": "desc"}], (int, str)),
    "newest": ([{"created_at": "desc"}, {"id": "desc"}], (int, str)),
    "relevance": ([{"in_stock": "desc"}, {"_score": "desc"}, {"created_at": "desc"}, {"id": "desc"}],
                  (int, float, int, str)),
}  # fmt: skip
"""The order, and of which types its values are in a cursor."""


@dataclass(frozen=True, slots=True)
class Counted:
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class CountedOption:
    """An option, spelled as most of the variants found have it."""

    key: str
    name: str
    count: int
    """Products that have it."""
    values: Sequence[Counted]


@dataclass(frozen=True, slots=True)
class Category:
    """By name, and with how many products it has."""

    slug: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Suggested:
    products: Sequence[Mapping[str, Any]]
    categories: Sequence[Category]


@dataclass(frozen=True, slots=True)
class Found:
    """The engine's answer."""

    matched: int
    """Products that the words alone find."""
    total: int
    """Of these, what is left by the filters."""
    products: Sequence[Mapping[str, Any]]
    last: Sequence[Any] | None
    """Where the last one stands in the order."""
    suggestion: str | None = None
    categories: Sequence[Counted] = ()
    brands: Sequence[Counted] = ()
    options: Sequence[CountedOption] = ()
    """That which the most products have comes first."""
    in_stock: int = 0
    price_range: tuple[int, int] | None = None
    is_whole: bool = True
    """False: the engine's time ran out before it had looked at everything."""
    popular: Sequence[Counted] = ()
    """When the words find nothing at all: the shop's largest categories."""


def search(
    criteria: Criteria, reading: Reading, *, limit: int, after: Sequence[Any] | None, milliseconds: int
) -> tuple[Query, Query]:
    """The products, and the facets. `milliseconds`: what has been found by then is the answer.

    Facets look at every product that the words find. They are a question without products, the same for every page and
    order, because the engine keeps the answers to such questions for as long as nothing changes.
    """
    words = domain.words_of(criteria.words)
    common: Query = {
        "timeout": f"{milliseconds}ms",
        "query": _matching(criteria.words, reading) if criteria.words else {"bool": {"filter": [_NOT_DELETED]}},
    }
    filters = _filters(criteria)
    products: Query = {
        **common,
        "size": limit,
        "track_total_hits": True,
        "_source": _SHOWN,
        "post_filter": {"bool": {"filter": filters.all()}},
        "sort": list(ORDERS[criteria.sort][0]),
        "track_scores": criteria.sort == "relevance",
    }
    if after is not None:
        products["search_after"] = list(after)
    spelling = {"field": "all.plain", "suggest_mode": "missing", "prefix_length": 1, "min_word_length": 3}
    if misspelled := domain.mendable(words, reading.mended):
        products["suggest"] = {f"word {place}": {"text": words[place], "term": spelling} for place in misspelled}
    facets: Query = {**common, "size": 0, "track_total_hits": False, "aggs": _facets(criteria, filters)}
    if reading != AS_WRITTEN:
        facets["aggs"]["popular"] = _of_the_shop(_values("categories", POPULAR))
    return products, facets


def suggest(words: str, reading: Reading, *, limit: int, milliseconds: int) -> Sequence[Query]:
    """Products; categories by name; how many products each category has. The last is always the same question, so
    the engine has its answer ready for as long as nothing changes."""
    exact = reading == AS_WRITTEN
    products: Query = {
        "size": limit,
        "timeout": f"{milliseconds}ms",
        "track_total_hits": False,
        "_source": _SHOWN,
        "query": _beginning(words) if exact else _matching(words, reading, typed=True),
        "sort": list(ORDERS["relevance"][0]),
    }
    called: Query = {"match": _all_words("name", words)}
    categories: Query = {
        "size": CATEGORIES_AT_MOST,
        "timeout": f"{milliseconds}ms",
        "track_total_hits": False,
        "_source": ["id", "name"],
        "query": called if exact else _each_word(words, reading, _category_word),
        "sort": ["_doc"],
    }
    counts: Query = {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": [_NOT_DELETED]}},
        "aggs": {"categories": _values("categories", CATEGORIES_AT_MOST)},
    }
    return products, categories, counts


def with_word(words: Sequence[str], place: int) -> Query:
    """Whether a product of the shop has a word as it is written: one is enough."""
    found = _product_word(words, place, is_mended=False, is_needed=True)
    return {"size": 0, "terminate_after": 1, "query": {"bool": {"filter": [_NOT_DELETED, found]}}}


def skeletons(after: str | None, until: str | None, limit: int) -> Query:
    """The products with ids in (after, until], by id: what an audit compares."""
    bounds = {"gt": after, "lte": until}
    return {
        "size": limit,
        "_source": ["id", "version", "variants"],
        "query": {"bool": {"filter": [
            _NOT_DELETED, {"range": {"id": {k: v for k, v in bounds.items() if v is not None}}}
        ]}},
        "sort": [{"id": "asc"}],
    }  # fmt: skip


def categories() -> Query:
    """All that are known by name: what an audit compares."""
    return {"size": CATEGORIES_AT_MOST, "_source": ["id", "version"], "query": {"exists": {"field": "name"}}}


def with_option(key: str) -> Query:
    """Whether a product of the shop has an option: one is enough."""
    has = {"nested": {"path": _CHOICES, "query": {"term": {f"{_CHOICES}.option": key}}, "ignore_unmapped": True}}
    return {"size": 0, "terminate_after": 1, "query": {"bool": {"filter": [_NOT_DELETED, has]}}}


def read_search(answers: Sequence[Mapping[str, Any]], criteria: Criteria) -> Found:
    answer, counted = answers
    hits, facets = answer["hits"]["hits"], counted["aggregations"]
    options = [
        _option(bucket)
        for name, facet in facets.items()
        if name == "options" or name.startswith("option ")
        for bucket in facet["variants"]["those"]["choices"].get("options", _NO_BUCKETS)["buckets"]
        # A chosen option is counted by its own facet alone.
        if (bucket["key"] in (criteria.options or {})) == (name != "options")
    ]
    options.sort(key=lambda one: (-one.count, one.name))  # the engine has ordered by variants, not by products
    prices = facets["price"]["variants"]["those"]
    lost = "popular" in facets and not facets["matched"]["doc_count"]
    return Found(
        matched=facets["matched"]["doc_count"],
        total=answer["hits"]["total"]["value"],
        products=[hit["_source"] for hit in hits],
        last=hits[-1]["sort"] if hits else None,
        suggestion=_spelling(answer.get("suggest", {}), criteria.words),
        is_whole=not answer["timed_out"] and not counted["timed_out"],
        categories=_counted(facets["categories"]["values"]),
        brands=[one for one in _counted(facets["brands"]["values"]) if one.value],
        options=options,
        in_stock=facets["in_stock"]["variants"]["those"]["products"]["doc_count"],
        price_range=(int(prices["lowest"]["value"]), int(prices["highest"]["value"])) if prices["doc_count"] else None,
        popular=_counted(facets["popular"]["sold"]["values"]) if lost else (),
    )


def read_suggest(answers: Sequence[Mapping[str, Any]], *, limit: int) -> Suggested:
    products, names, counts = answers
    kept = [hit["_source"] for hit in names["hits"]["hits"]]
    name_of = {one["id"]: one["name"] for one in kept}
    found = [
        Category(one.value, name_of[one.value], one.count)
        for one in _counted(counts["aggregations"]["categories"])
        if one.value in name_of
    ]
    return Suggested([hit["_source"] for hit in products["hits"]["hits"]], found[:limit])


# --- words ------------------------------------------------------------------------------------------


def _matching(text: str, reading: Reading, *, typed: bool = False) -> Query:
    """All words must be somewhere in the product, the last one perhaps unfinished; or it is a code, or begins one.

    Where they are decides the order: title before brand before category, choices and colours before description.
    `typed`: every word may be unfinished.
    """
    each = _each_word(text, reading, partial(_product_word, typed=typed))
    if reading.any_word:  # what has more of them stands further up
        return {"bool": {"filter": [_NOT_DELETED], "must": [each], "should": _better(text)}}
    if reading != AS_WRITTEN:
        return {"bool": {"filter": [_NOT_DELETED, each], "should": [*_better(text), *_mended(text, reading)]}}
    somewhere = [
        *_codes(text),
        {"match": {"all": {"query": text, "operator": "and"}}},
        {"match_bool_prefix": {"all": {"query": text, "operator": "and", "analyzer": "asked_literally"}}},
        *([each] if len(text.split()) <= WORDS_READ else ()),  # or it would overlook some
    ]
    return {
        "bool": {
            "filter": [_NOT_DELETED, {"bool": {"should": somewhere, "minimum_should_match": 1}}],
            "should": _better(text),
        }
    }


def _better(text: str) -> list[Query]:
    """What stands further up."""
    fields = ["title^8", "brand.words^4", "categories.words^3", "option_values^3", "families^3", "description"]
    return [
        *_code_first(text),
        {"multi_match": {"query": text, "type": "most_fields", "fields": fields}},
        # A desk lamp is a lamp, and a desk clock is none.
        *({"match": {"title": {"query": word, "boost": 3}}} for word in domain.words_of(text)[-1:]),
        {"match_bool_prefix": {"title.plain": {"query": text, "boost": 4}}},
        # By an analyzer without synonyms: of these the engine would try every combination.
        {"match_phrase": {"title": {"query": text, "slop": 2, "boost": 4, "analyzer": "asked_literally"}}},
    ]


def _mended(text: str, reading: Reading) -> Iterator[Query]:
    """Words with typing errors, in the title."""
    words = domain.words_of(text)
    for place in domain.mendable(words, reading.mended):
        name = "title.typed" if place == len(words) - 1 else "title.plain"
        yield {"match": {name: {"query": words[place], "boost": 8, **_FUZZY}}}


def _beginning(text: str) -> Query:
    """All words, each perhaps unfinished, are in what the product is called; or they are somewhere in it as they
    stand; or it is a code, or begins one. First comes what has them in its title.

    A question of few parts that only looks up: it is asked at each key that is pressed.
    """
    found = [*_codes(text), {"match": _all_words("typed", text)}, {"match": _all_words("all", text)}]
    return {
        "bool": {
            "filter": [_NOT_DELETED, {"bool": {"should": found, "minimum_should_match": 1}}],
            "should": [
                *_code_first(text),
                {"constant_score": {"filter": {"match": _all_words("title.typed", text)}, "boost": 20}},
                {"match": {"title": {"query": text, "boost": 8}}},
            ],
        }
    }


def _codes(text: str) -> list[Query]:
    """What begins a code, with its separators or without or with others; and what is written together."""
    code = domain.compact(text)
    begins = _begins("codes", code) if len(code) >= SHORTEST_BEGINNING else []
    return [{"term": {"runs": code}}, *begins] if code else []


def _begins(field: str, text: str) -> list[Query]:
    """Nothing that is kept is as long as some letters become when they are taken apart, and Elasticsearch refuses to
    look for the beginning of more than a thousand."""
    return [{"prefix": {field: text}}] if 0 < len(text) <= LONGEST_BEGINNING else []


def _code_first(text: str) -> list[Query]:
    """A code, and before the rest what begins one: `16DF-A.16` is also the words 16DF and, unfinished, 16, and these
    may be in many codes. Letters alone are a word more often than a code's beginning."""
    code = domain.compact(text)
    begins = _begins("codes", code) if len(code) >= SHORTEST_BEGINNING and any(map(str.isdigit, code)) else []
    ways = [({"term": {"codes": code}}, 1000), *((way, 100) for way in begins)]
    return [{"constant_score": {"filter": way, "boost": boost}} for way, boost in ways]


class _OneWord(Protocol):
    def __call__(self, words: Sequence[str], place: int, *, is_mended: bool, is_needed: bool) -> Query: ...


def _each_word(text: str, reading: Reading, one_word: _OneWord) -> Query:
    words = domain.words_of(text)
    mended = domain.mendable(words, reading.mended)
    clauses = [
        one_word(words, place, is_mended=place in mended, is_needed=not reading.any_word and len(words) > 1)
        for place in range(len(words))
    ]
    if not clauses:
        return {"match_none": {}}
    if reading.any_word:
        each = [{"constant_score": {"filter": clause, "boost": 10}} for clause in clauses]
        return {"bool": {"should": each, "minimum_should_match": 1}}
    return {"bool": {"must": clauses}}


def _product_word(words: Sequence[str], place: int, *, is_mended: bool, is_needed: bool, typed: bool = False) -> Query:
    """A word is somewhere in the product: as it stands, as a synonym, together with its neighbours, unfinished if it is
    the last; if it is mended, with a typing error. `is_needed`: a word that says nothing ("of") is then everywhere,
    otherwise nowhere."""
    word = words[place]
    ways: list[Query] = [
        {"match": {"all": {"query": word, "operator": "and", "zero_terms_query": "all" if is_needed else "none"}}},
        {"terms": {"runs": domain.joined(words, place)}},
    ]
    if place == len(words) - 1 or typed:
        ways += [
            {"match_bool_prefix": {"all.plain": {"query": word, "operator": "and"}}},
            *_begins("runs", domain.compact(word)),
        ]
    if is_mended:
        ways += [
            {"match": {name: {"query": word, "operator": "and", **_FUZZY}}}
            for name in ("all.plain", *(("typed",) if place == len(words) - 1 or typed else ()))
        ]
    return {"bool": {"should": ways, "minimum_should_match": 1}}


def _category_word(words: Sequence[str], place: int, *, is_mended: bool, is_needed: bool) -> Query:
    """A word of a category's name, perhaps unfinished."""
    ways: list[Query] = [{"match": _all_words("name", words[place])}]
    if is_mended:
        ways.append({"match": {"name.plain": {"query": words[place], "operator": "and", **_FUZZY}}})
    return {"bool": {"should": ways, "minimum_should_match": 1}}


def _all_words(name: str, words: str) -> Query:
    return {name: {"query": words, "operator": "and"}}


def _spelling(answers: Mapping[str, Any], text: str) -> str | None:
    """The words with those mended that could be."""
    words = [word.casefold() for word in domain.words_of(text)]
    corrected = list(words)
    for place in range(len(words)):
        if entries := answers.get(f"word {place}"):
            corrected[place] = " ".join(e["options"][0]["text"] if e["options"] else e["text"] for e in entries)
    return " ".join(corrected) if corrected != words else None


# --- filters and facets -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Filters:
    products: Mapping[str, Query]
    """Facet -> what it demands of the product."""
    variants: Mapping[str, Query]
    """Facet -> what it demands of one and the same variant."""

    def all(self, *, but: str = "") -> list[Query]:
        demanded = self.of_product(but=but)
        if of_variant := self.of_variant(but=but):
            demanded.append({"nested": {"path": "variants", "query": {"bool": {"filter": of_variant}}}})
        return demanded

    def of_product(self, *, but: str = "") -> list[Query]:
        return [query for facet, query in self.products.items() if facet != but]

    def of_variant(self, *, but: str = "") -> list[Query]:
        return [query for facet, query in self.variants.items() if facet != but]


def _filters(criteria: Criteria) -> _Filters:
    products: dict[str, Query] = {}
    if criteria.categories:
        products["categories"] = {"terms": {"categories": list(criteria.categories)}}
    if criteria.brands:
        products["brands"] = {"terms": {"brand": list(criteria.brands)}}
    variants: dict[str, Query] = {}
    bounds = {"gte": criteria.price_min, "lte": criteria.price_max}
    if criteria.price_min is not None or criteria.price_max is not None:
        variants["price"] = {"range": {"variants.price": {k: v for k, v in bounds.items() if v is not None}}}
    if criteria.in_stock:
        variants["in_stock"] = {"term": {"variants.in_stock": True}}
    for key, values in (criteria.options or {}).items():
        variants[f"option {key}"] = {"terms": {"variants.options": [choice(key, value) for value in values]}}
    return _Filters(products, variants)


def _facets(criteria: Criteria, filters: _Filters) -> Query:
    of_products: Query = {"products": {"reverse_nested": {}}}

    def of_product(facet: str, values: Query) -> Query:
        return {"filter": {"bool": {"filter": filters.all(but=facet)}}, "aggs": {"values": values}}

    def of_variant(facet: str, aggs: Query, *demanded: Query) -> Query:
        those = {"filter": {"bool": {"filter": [*filters.of_variant(but=facet), *demanded]}}, "aggs": aggs}
        return {
            "filter": {"bool": {"filter": filters.of_product()}},
            "aggs": {"variants": {"nested": {"path": "variants"}, "aggs": {"those": those}}},
        }

    def of_option(facet: str, **narrowed: Sequence[str]) -> Query:
        options: Query = {
            **_values(f"{_CHOICES}.option", OPTIONS_SHOWN, **narrowed),
            "aggs": {
                **of_products,
                "names": _values(f"{_CHOICES}.name", 1),
                "values": {**_values(f"{_CHOICES}.value", VALUES_SHOWN), "aggs": of_products},
            },
        }
        return of_variant(facet, {"choices": {"nested": {"path": _CHOICES}, "aggs": {"options": options}}})

    return {
        "matched": {"filter": {"match_all": {}}},
        "categories": of_product("categories", _values("categories", 100)),
        "brands": of_product("brands", _values("brand", 100)),
        "in_stock": of_variant("in_stock", of_products, {"term": {"variants.in_stock": True}}),
        "price": of_variant(
            "price", {"lowest": {"min": {"field": "variants.price"}}, "highest": {"max": {"field": "variants.price"}}}
        ),
        "options": of_option(""),
        **{f"option {key}": of_option(f"option {key}", include=[key]) for key in criteria.options or {}},
    }


def _values(name: str, size: int, **narrowed: Sequence[str]) -> Query:
    return {"terms": {"field": name, "size": size, **narrowed}}


def _of_the_shop(values: Query) -> Query:
    """Counted over all that is sold, whatever was asked."""
    return {"global": {}, "aggs": {"sold": {"filter": _NOT_DELETED, "aggs": {"values": values}}}}


def _counted(values: Mapping[str, Any]) -> list[Counted]:
    return [Counted(bucket["key"], bucket["doc_count"]) for bucket in values["buckets"]]


def _option(bucket: Mapping[str, Any]) -> CountedOption:
    """Values that are the same but for capitals are one, spelled as most variants have it: a product has each once."""
    spelled: dict[str, str] = {}
    counts: dict[str, int] = {}
    for value in bucket["values"]["buckets"]:
        one = folded(value["key"])
        spelled.setdefault(one, value["key"])
        counts[one] = counts.get(one, 0) + value["products"]["doc_count"]
    values = [Counted(spelled[one], count) for one, count in counts.items()]
    values.sort(key=lambda one: (-one.count, one.value))
    (name,) = bucket["names"]["buckets"]
    return CountedOption(bucket["key"], name["key"], bucket["products"]["doc_count"], values)
