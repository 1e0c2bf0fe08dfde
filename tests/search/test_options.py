"""Options and their values, called as merchants like: each is offered as it is written, and finds what has it."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bodega.kit.testing import Answered, eventually
from tests.search.conftest import PATIENCE_SECONDS, Stage
from tests.search.making import product, updated, variant

pytestmark = pytest.mark.service

OWN_PARAMETERS = ("q", "category", "brand", "price_min", "price_max", "in_stock", "sort", "limit", "cursor")
TRICKY = [
    "Brand", "Category", "Sort", "Limit", "Q", "Cursor", "In stock", "Price min", "Price max", "Option",
    "option.color", "—", "–", "…", "Size (cm)", "Size cm", "Size-cm", "size_cm", "Größe", "Grosse", "USB-C",
    "LED colour", "Cable length", "Cable  length", "色", "サイズ", "Цвет", "مقاس", "😀", "a&b=c", "100%", "a+b", "#",
    "?", "a/b", "a=b", ".*", "[a-z]", "\\", '"', "<b>", "__proto__", "i", "ı", "İstanbul", "x" * 60,
]  # fmt: skip

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"]), min_size=1, max_size=60
).filter(lambda name: name.strip() == name)


async def ask(stage: Stage, wanted: Mapping[str, str]) -> Answered:
    return await stage.search.get(f"/search?{urlencode(wanted)}")


async def offered(stage: Stage, word: str, choices: Sequence[Mapping[str, str]]) -> dict[str, list[dict[str, Any]]]:
    """Sells a product for each of these choices, all with the word in their titles. Of each product's slug: what the
    search offers to choose from where it is found alone."""
    made = [
        product(f"{word} {word}{number:03}", {**variant(f"{word}-{number}"), "options": options})
        for number, options in enumerate(choices)
    ]
    await stage.topics.publish(*(updated(one) for one in made))

    async def found() -> None:
        assert (await stage.search.get(f"/search?q={word}")).json["total"] == len(made)

    await eventually(found, within_seconds=PATIENCE_SECONDS)
    return {one.slug: (await ask(stage, {"q": one.title.split()[1]})).json["facets"]["options"] for one in made}


def unique() -> str:
    return "opt" + secrets.token_hex(4).translate(str.maketrans("0123456789", "ghijklmnop"))


async def each_is_offered_and_found(stage: Stage, choices: Sequence[Mapping[str, str]]) -> None:
    word = unique()
    facets = await offered(stage, word, choices)
    for (slug, shown), options in zip(facets.items(), choices, strict=True):
        assert {facet["name"]: [one["value"] for one in facet["values"]] for facet in shown} == {
            name: [value] for name, value in options.items()
        }
        for facet in shown:
            assert facet["parameter"] not in OWN_PARAMETERS
            wanted = {"q": word, facet["parameter"]: facet["values"][0]["value"]}
            answer = await ask(stage, wanted)
            assert answer.status == 200, (wanted, answer.body)
            assert slug in [item["slug"] for item in answer.json["items"]], wanted
            (chosen,) = [one for one in answer.json["facets"]["options"] if one["parameter"] == facet["parameter"]]
            counts = {one["value"]: one["count"] for one in chosen["values"] if one["selected"]}
            assert counts == {facet["values"][0]["value"]: answer.json["total"]}


async def test_an_option_of_any_name_is_a_filter_and_is_called_as_it_is_written(stage: Stage) -> None:
    await each_is_offered_and_found(stage, [{name: f"value of {n}"} for n, name in enumerate(TRICKY)])


async def test_a_value_of_any_spelling_finds_what_has_it_and_nothing_else(stage: Stage) -> None:
    choices = [{f"Kind {word}": value} for word, value in zip((unique() for _ in TRICKY), TRICKY, strict=True)]
    await each_is_offered_and_found(stage, choices)
    word = unique()
    values = ["Rosé", "Rose", "Größe", "Grosse", "L", "l.", "10", "1O"]
    facets = await offered(stage, word, [{"Kind": value} for value in values])
    for slug, value in zip(facets, values, strict=True):
        parameter = facets[slug][0]["parameter"]
        answer = await ask(stage, {"q": word, parameter: value})
        assert [item["slug"] for item in answer.json["items"]] == [slug], value


@given(choices=st.lists(st.dictionaries(NAMES, NAMES, min_size=1, max_size=3), min_size=5, max_size=10))
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes on a real engine
)
async def test_whatever_merchants_call_their_options_shoppers_can_choose_by_them(
    stage: Stage, choices: list[dict[str, str]]
) -> None:
    # Within a product they differ in more than capitals, as the catalog wants it; here between products, too.
    seen: set[str] = set()
    apart = []
    for options in choices:
        words = [word.casefold() for pair in options.items() for word in pair]
        if len(set(words)) == len(words) and not seen & set(words):
            seen |= set(words)
            apart.append(options)
    await each_is_offered_and_found(stage, apart)


async def test_spellings_that_differ_in_capitals_alone_are_one_choice(stage: Stage) -> None:
    word = unique()
    facets = await offered(stage, word, [{"Color": "Forest"}, {"Color": "Forest"}, {"COLOR": "FOREST"}])
    (facet,) = (await stage.search.get(f"/search?q={word}")).json["facets"]["options"]
    assert (facet["name"], facet["values"]) == ("Color", [{"value": "Forest", "count": 3, "selected": False}])
    assert len({shown[0]["parameter"] for shown in facets.values()}) == 1
    for value in ("Forest", "FOREST", "forest"):
        assert (await stage.search.get(f"/search?q={word}&{facet['parameter']}={value}")).json["total"] == 3


async def test_every_option_is_offered_however_many_values_others_have(stage: Stage) -> None:
    word = unique()
    many = [{"Shade": f"Shade {number}"} for number in range(400)]
    facets = await offered(stage, word, [*many, {"Rare": "One"}])
    shown = {one["name"]: one for one in (await stage.search.get(f"/search?q={word}")).json["facets"]["options"]}
    assert set(shown) == {"Shade", "Rare"}
    for slug in (next(iter(facets)), list(facets)[399]):
        (facet,) = facets[slug]
        answer = await ask(stage, {"q": word, facet["parameter"]: facet["values"][0]["value"]})
        assert [item["slug"] for item in answer.json["items"]] == [slug]


async def test_a_parameter_that_is_no_option_of_the_name_space_is_passed_over(stage: Stage) -> None:
    word = unique()
    await offered(stage, word, [{"Color": "Forest"}, {"Color": "Sand"}])
    for query in (
        "color=Forest",
        "Color=Forest",
        "gclid=x",
        "options.color=Forest",
        "optioncolor=x",
        "x" * 4000 + "=1",
    ):
        answer = await stage.search.get(f"/search?q={word}&{query}")
        assert (answer.status, answer.json["total"]) == (200, 2), query
    assert (await stage.search.get(f"/search?q={word}&option.color=Forest")).json["total"] == 1
