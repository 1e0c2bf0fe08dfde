"""How the indexes are made: what is kept, and how text becomes words.

A name carries a hash of its definition, so that another definition makes another index.
"""

import hashlib
import json
from importlib.resources import files
from typing import Any

_SYNONYMS = [
    line
    for line in files("bodega.services.search").joinpath("synonyms.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]

_FOLDING = ["lowercase", "asciifolding"]
_LONGEST_BEGINNING = 15
_WORDS_LOOKED_UP = 12

_ANALYSIS: dict[str, Any] = {
    # The engine also prepares analyzers that nobody uses. Java runtimes without Thai word breaking then refuse
    # to make any index at all, unless the name stands for something else.
    "tokenizer": {"thai": {"type": "standard"}},
    "filter": {
        "possessive": {"type": "stemmer", "language": "possessive_english"},
        "stop_words": {"type": "stop", "stopwords": "_english_"},
        "stems": {"type": "stemmer", "language": "english"},
        "synonyms": {"type": "synonym_graph", "synonyms": _SYNONYMS},
        "beginnings": {"type": "edge_ngram", "min_gram": 1, "max_gram": _LONGEST_BEGINNING},
        "cut": {"type": "truncate", "length": _LONGEST_BEGINNING},
        # What is asked has no more words than this, whatever its letters: each costs a look into every field.
        "first": {"type": "limit", "max_token_count": _WORDS_LOOKED_UP},
    },
    "analyzer": {
        "thai": {"type": "standard"},
        "words": {
            "type": "custom",
            "tokenizer": "standard",
            "filter": [*_FOLDING, "possessive", "stop_words", "stems"],
        },
        "asked_words": {
            "type": "custom",
            "tokenizer": "standard",
            "filter": [*_FOLDING, "first", "possessive", "synonyms", "stop_words", "stems"],
        },
        "asked_literally": {
            "type": "custom",
            "tokenizer": "standard",
            "filter": [*_FOLDING, "first", "possessive", "stop_words", "stems"],
        },
        "plain_words": {"type": "custom", "tokenizer": "standard", "filter": _FOLDING},
        "asked_plain_words": {"type": "custom", "tokenizer": "standard", "filter": [*_FOLDING, "first"]},
        "beginnings": {"type": "custom", "tokenizer": "standard", "filter": [*_FOLDING, "beginnings"]},
        "typed_words": {"type": "custom", "tokenizer": "standard", "filter": [*_FOLDING, "first", "cut"]},
    },
}

# How well a product fits says where the words are, and nothing of the other products: its place among the others is the
# same while they change, so pages that follow each other show each product once.
_STEADY = {"similarity": "boolean"}
_PLAIN = {"type": "text", "analyzer": "plain_words", "search_analyzer": "asked_plain_words", **_STEADY}
_WORDS: dict[str, Any] = {"type": "text", "analyzer": "words", "search_analyzer": "asked_words", **_STEADY}
_TYPED: dict[str, Any] = {
    "type": "text",
    "analyzer": "beginnings",
    "search_analyzer": "typed_words",
    "index_options": "docs",
    "norms": False,
    **_STEADY,
}
"""All beginnings of all words, so that what is being typed is found by looking it up, not by trying what it begins."""
_KEYWORD = {"type": "keyword"}

PRODUCTS: dict[str, Any] = {
    "settings": {"number_of_shards": 1, "analysis": _ANALYSIS},
    "mappings": {
        "dynamic": "strict",
        "properties": {
            "id": _KEYWORD,
            "version": {"type": "long"},
            "deleted": {"type": "boolean"},
            "slug": _KEYWORD,
            "title": {**_WORDS, "copy_to": ["all", "typed"], "fields": {"plain": _PLAIN, "typed": _TYPED}},
            "brand": {**_KEYWORD, "copy_to": ["all", "typed"], "fields": {"words": _WORDS}},
            "categories": {**_KEYWORD, "copy_to": ["all", "typed"], "fields": {"words": _WORDS}},
            "description": {**_WORDS, "copy_to": "all"},
            "option_values": {**_WORDS, "copy_to": ["all", "typed"]},
            # What shoppers call its colours and materials (families.txt).
            "families": {**_WORDS, "copy_to": ["all", "typed"]},
            # Every word of every text: all words asked for must be somewhere, not all in one field.
            "all": {**_WORDS, "fields": {"plain": _PLAIN}},
            # Of what a product is called, not of how it is described.
            "typed": _TYPED,
            # SKUs and barcodes, as domain.compact writes them.
            "codes": _KEYWORD,
            # Words of what it is called, written together and apart, and the codes (domain.runs).
            "runs": _KEYWORD,
            "price": {"type": "long"},
            "price_to": {"type": "long"},
            "compare_at_price": {"type": "long"},
            "currency": _KEYWORD,
            "image": {"type": "object", "enabled": False},
            "created_at": {"type": "date"},
            "in_stock": {"type": "boolean"},
            "variants": {
                "type": "nested",
                "dynamic": "strict",
                "properties": {
                    "sku": _KEYWORD,
                    # What variants are found by (domain.choice), and the same as the merchant writes it.
                    "options": _KEYWORD,
                    "choices": {
                        "type": "nested",
                        "dynamic": "strict",
                        "properties": {"option": _KEYWORD, "name": _KEYWORD, "value": _KEYWORD},
                    },
                    "price": {"type": "long"},
                    "in_stock": {"type": "boolean"},
                    "stock_version": {"type": "long"},
                },
            },
            # A category's document has this and nothing else beside id and version.
            "name": {**_TYPED, "fields": {"plain": _PLAIN}},
        },
    },
}

STOCK: dict[str, Any] = {
    "settings": {"number_of_shards": 1, "analysis": {"tokenizer": {"thai": {"type": "standard"}},
                                                     "analyzer": {"thai": {"type": "standard"}}}},
    "mappings": {
        "dynamic": "strict",
        "properties": {"product_id": _KEYWORD, "in_stock": {"type": "boolean"}},
    },
}  # fmt: skip
"""By SKU. The version is the document's own (external): the engine itself refuses an older one."""


def fingerprint(definition: dict[str, Any], *read_when_indexed: str) -> str:
    return hashlib.sha256(json.dumps([definition, *read_when_indexed], sort_keys=True).encode()).hexdigest()[:10]
