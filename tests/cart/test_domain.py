"""What is said about a cart's lines, and whose token it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.contracts.catalog import PricedSku
from bodega.contracts.ids import new_id
from bodega.contracts.inventory import Availability
from bodega.contracts.money import Price
from bodega.services.cart.domain import Line, cart_of, in_words, token_of, warnings_about

pytestmark = pytest.mark.unit

SECRET = bytes(range(32))


def product(amount: int = 1200, *, sold: bool = True) -> PricedSku:
    return PricedSku(sku="MUG-1", sold=sold, price=Price(amount=amount, currency="EUR"))


def stock(shown: int | str, available: int | None = None) -> Availability:
    return Availability.model_validate(
        {"sku": "MUG-1", "shown": shown, "available": available, "in_stock": shown != 0, "version": 1}
    )


def line(quantity: int = 1, seen: int | None = 1200) -> Line:
    return Line("MUG-1", quantity, 1, seen)


def test_a_line_that_is_as_it_was_warns_of_nothing() -> None:
    assert warnings_about(line(), product(), stock("many")) == ()
    assert warnings_about(line(quantity=2), product(), stock(2)) == ()


def test_a_changed_price_is_told_with_both() -> None:
    (warning,) = warnings_about(line(seen=1500), product(1200), stock("many"))
    assert warning.code == "price_changed"
    assert warning.message == "The price changed from €15.00 to €12.00"
    assert (warning.was, warning.now) == (Price(amount=1500, currency="EUR"), Price(amount=1200, currency="EUR"))


def test_less_than_wanted_is_told() -> None:
    (few,) = warnings_about(line(quantity=3), product(), stock(2))
    assert (few.code, few.message, few.left) == ("only_left", "Only 2 left", 2)
    (many,) = warnings_about(line(quantity=60), product(), stock("many", available=50))
    assert (many.code, many.message, many.left) == ("only_left", "Only 50 left", 50)
    assert warnings_about(line(quantity=50), product(), stock("many", available=50)) == ()
    assert warnings_about(line(quantity=60), product(), stock("many")) == (), "an older word has no number"
    (none,) = warnings_about(line(), product(), stock(0))
    assert (none.code, none.left) == ("sold_out", 0)


def test_what_is_no_longer_sold_is_said_and_nothing_else() -> None:
    assert [one.code for one in warnings_about(line(seen=1), product(sold=False), stock(0))] == ["no_longer_sold"]


def test_what_is_not_known_is_not_warned_of() -> None:
    assert warnings_about(line(seen=None), product(), None) == ()
    assert warnings_about(line(quantity=999), None, None) == ()


@pytest.mark.parametrize(("currency", "words"), [("EUR", "€1,234.56"), ("JPY", "¥123,456"), ("KWD", "KWD123.456")])
def test_money_is_written_with_its_currencys_places(currency: str, words: str) -> None:
    assert in_words(Price(amount=123456, currency=currency)).replace("\xa0", "") == words


def test_a_token_leads_to_its_cart_and_another_secret_makes_another_token() -> None:
    cart_id = new_id("crt")
    assert cart_of(SECRET, token_of(SECRET, cart_id)) == cart_id
    assert cart_of(bytes(32), token_of(SECRET, cart_id)) is None


@given(st.text(max_size=300))
def test_no_other_text_is_a_token(text: str) -> None:
    assert cart_of(SECRET, text) is None


@given(st.integers(min_value=0, max_value=54), st.characters(codec="ascii"))
def test_a_token_of_which_one_character_is_changed_is_none(position: int, character: str) -> None:
    token = token_of(SECRET, "crt_01M862ACX0E4K9XYVCSDYX5ATW")
    changed = token[:position] + character + token[position + 1 :]
    assert cart_of(SECRET, changed) is None or changed == token
