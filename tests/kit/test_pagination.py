"""Pages and their cursors."""

import pytest

from bodega.kit.errors import BadRequest
from bodega.kit.pagination import cut, decode_cursor, encode_cursor

pytestmark = pytest.mark.unit


def test_the_next_page_starts_after_the_last_item_and_the_last_page_has_no_next() -> None:
    page, following = cut([("a", 1), ("b", 2), ("c", 3)], 2, lambda item: item)
    assert list(page) == [("a", 1), ("b", 2)]
    assert following is not None
    assert decode_cursor(following, str, int) == ["b", 2]
    assert cut([("a", 1), ("b", 2)], 2, lambda item: item)[1] is None
    assert cut([], 2, lambda item: item) == ([], None)


@pytest.mark.parametrize("position", [("a",), (1, "a"), ("a", True), ("a", 2**63), ("a\0", 1), ("\ud800", 1), ()])
def test_a_cursor_that_no_store_can_use_is_refused(position: tuple[str | int, ...]) -> None:
    with pytest.raises(BadRequest):
        decode_cursor(encode_cursor(*position), str, int)


@pytest.mark.parametrize("cursor", ["", "x", "=", "e30", "bnVsbA", "\u00e9", "_" * 1000])
def test_what_was_never_a_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequest):
        decode_cursor(cursor, str)
