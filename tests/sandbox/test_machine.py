"""The rules of money, shaken: whatever is asked in whatever order, the books stay right."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.sandbox import ids
from bodega.sandbox.processor import errors, machine
from bodega.sandbox.processor.cards import BY_NUMBER, CARDS, passes_luhn
from bodega.sandbox.processor.machine import Charge, Intent, Method, Step

pytestmark = pytest.mark.unit

AMOUNT = 1000
WEEK = 7 * 86400
amounts = st.none() | st.integers(1, AMOUNT + 1)
asked = st.one_of(
    st.tuples(st.just("confirm"), st.sampled_from(sorted(CARDS))),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(st.just("capture"), amounts),
    st.tuples(st.just("refund"), amounts),
    st.tuples(st.just("cancel"), st.none()),
    st.tuples(st.just("lose"), st.none()),
)


class Books:
    """One payment and everything that was booked for it."""

    def __init__(self, manual: bool) -> None:
        self.intent = Intent(
            ids.new("pi"), 0, AMOUNT, "eur", "secret", capture_method="manual" if manual else "automatic"
        )
        self.method: Method | None = None
        self.charge: Charge | None = None
        self.journals: set[str] = set()
        self.sums: Counter[str] = Counter()

    def ask(self, what: str, how: str | bool | int | None) -> None:
        step = self._step(what, how)
        if step.charge and step.charge.status == "succeeded":
            assert self.charge is None or self.charge.id == step.charge.id, "money taken twice"
            self.charge = step.charge
        for journal in step.journals:
            assert journal.name not in self.journals, "booked twice"
            assert sum(journal.postings.values()) == 0
            self.journals.add(journal.name)
            self.sums[journal.kind] += max(journal.postings.values())

    def _step(self, what: str, how: str | bool | int | None) -> Step:
        match what, how:
            case "confirm", str():
                self.method = Method(ids.new("pm"), 0, how, 12, 2040)
                return machine.confirm(self.intent, self.method, 0, WEEK)
            case "answer", bool() if self.method:
                return machine.answer_challenge(self.intent, self.method, 0, WEEK, succeed=how)
            case "capture", int() | None:
                return machine.capture(self.intent, self.charge, how, 0)
            case "refund", int() | None:
                return machine.refund(self.intent, self.charge, how, None, {}, 0)
            case "lose", _ if self.charge and self.intent.status == "requires_capture":
                return machine.lose_authorization(self.intent, self.charge, 0)
            case "cancel", _:
                return machine.cancel(self.intent, self.charge, None, 0)
        return Step(self.intent)

    def check(self) -> None:
        intent, sums = self.intent, self.sums
        held = sums["authorise"] - sums["capture"] - sums["void"]
        assert sums["authorise"] in (0, AMOUNT)
        assert held == intent.amount_capturable
        assert (held > 0) == (intent.status == "requires_capture")
        assert sums["capture"] == intent.amount_received
        assert 0 <= sums["refund"] <= sums["capture"]
        assert (sums["capture"] > 0) == (intent.status == "succeeded")
        if self.charge:
            assert self.charge.amount_captured == sums["capture"]
            assert self.charge.amount_refunded == sums["void"] + sums["refund"]


@given(manual=st.booleans(), steps=st.lists(asked, max_size=12))
def test_the_books_stay_right(manual: bool, steps: list[tuple[str, str | bool | int | None]]) -> None:
    books = Books(manual)
    for what, how in steps:
        with suppress(errors.StripeError):
            books.ask(what, how)
        books.check()


def test_every_card_has_a_number_that_a_form_takes() -> None:
    for name, card in CARDS.items():
        assert passes_luhn(card.number), name
        assert CARDS[BY_NUMBER[card.number]].decline == card.decline
