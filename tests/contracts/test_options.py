"""The keys of options: what an option of any name is called in an address."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bodega.contracts.catalog import folded, option_key

pytestmark = pytest.mark.unit
NAMES = [
    "Brand", "Category", "Sort", "Limit", "Q", "Cursor", "In stock", "Price min", "—", "–", "Size (cm)", "Size cm",
    "Size_cm", "Größe", "Grosse", "USB-C", "USB C", "LED colour", "色", "サイズ", "Цвет", "مقاس", "😀", "", "x" * 60,
    "x" * 61, "Cable length", "Cable  length", "size_cm-43ba15dede", "é", "e", "ﬁ", "fi!", "I", "ı",
]  # fmt: skip


def test_a_plain_name_is_read_in_its_key() -> None:
    assert [option_key(name) for name in ("Color", "Cable length", "In stock")] == ["color", "cable_length", "in_stock"]
    assert option_key("Size (cm)") == "size_cm-43ba15dede"  # and never another, as long as links live


def test_different_names_have_different_keys() -> None:
    assert len({option_key(name) for name in NAMES}) == len(NAMES)


@given(st.text(max_size=70))
@example("ǰ\u0345")
def test_a_key_is_safe_in_an_address_and_the_same_for_every_way_of_encoding_a_name(name: str) -> None:
    key = option_key(name)
    assert re.fullmatch("[a-z0-9_-]{1,60}", key)
    for form in ("NFC", "NFD"):
        assert option_key(unicodedata.normalize(form, name)) == key


@given(st.text(max_size=70).filter(str.isprintable), st.text(max_size=70).filter(str.isprintable))
@example("cable length", "cable_length")
@example("a b", "a  b")
def test_names_that_are_not_folded_to_the_same_have_different_keys(one: str, other: str) -> None:
    assert (option_key(one) == option_key(other)) == (folded(one) == folded(other))
