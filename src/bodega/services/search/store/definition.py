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

_ANALYSIS: dict[str, Any] = {
    # The engine also prepares analyzers that nobody uses. Java runtimes without Thai word breaking then refuse
    # to make any index at all, unless the name stands for something else.
    "tokenizer": {"thai": {"type": "standard"}},
    "filter": {
        "possessive": {"type": "stemmer", "language": "possessive_english"},
        "stop_words": {"type": "stop", "stopwords": "_english_"},
        "stems": {"type": "stemmer", "language": "english"},
        "synonyms": {"type": "synonym_graph", "synonyms": _SYNONYMS},
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
            "filter": [*_FOLDING, "possessive", "synonyms", "stop_words", "stems"],
        },
        "plain_words": {"type": "custom", "tokenizer": "standard", "filter": _FOLDING},
    },
    "normalizer": {"folded": {"type": "custom", "filter": _FOLDING}},
}

_PLAIN = {"type": "text", "analyzer": "plain_words"}
_WORDS: dict[str, Any] = {"type": "text", "analyzer": "words", "search_analyzer": "asked_words"}
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
            "title": {**_WORDS, "copy_to": "all", "fields": {"plain": _PLAIN}},
            "brand": {**_KEYWORD, "copy_to": "all", "fields": {"words": _WORDS}},
            "categories": {**_KEYWORD, "copy_to": "all", "fields": {"words": _WORDS}},
            "description": {**_WORDS, "copy_to": "all"},
            "option_values": {**_WORDS, "copy_to": "all"},
            # Every word of every text: all words asked for must be somewhere, not all in one field.
            "all": {**_WORDS, "fields": {"plain": _PLAIN}},
            "codes": {**_KEYWORD, "normalizer": "folded"},
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
                    "options": {**_KEYWORD, "fields": {"folded": {**_KEYWORD, "normalizer": "folded"}}},
                    "price": {"type": "long"},
                    "in_stock": {"type": "boolean"},
                    "stock_version": {"type": "long"},
                },
            },
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


def fingerprint(definition: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()[:10]
