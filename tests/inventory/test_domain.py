"""The rules of a reservation's life."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.contracts.inventory import ReservationLine
from bodega.kit.errors import AlreadyEnded, Broken, Conflict
from bodega.services.inventory import domain, errors
from bodega.services.inventory.domain import Change, Reservation, State, Stock

pytestmark = pytest.mark.unit

LINES = (ReservationLine(sku="MUG-1", quantity=2),)
ENDED: list[State] = ["released", "restocked"]


def reservation(state: State = "reserved") -> Reservation:
    return Reservation("res_1", state, LINES)


@pytest.mark.parametrize("state", ["reserved", "committed"])
def test_a_living_reservation_is_answered_again_as_it_stands(state: State) -> None:
    assert domain.same_again(reservation(state), LINES) == reservation(state)


@pytest.mark.parametrize("state", ENDED)
def test_an_ended_reservation_never_revives(state: State) -> None:
    with pytest.raises(AlreadyEnded):
        domain.same_again(reservation(state), LINES)
    for command in (domain.release, domain.cancel):
        assert command(reservation(state)) == Change(reservation(state))


def test_an_id_stands_for_its_lines() -> None:
    with pytest.raises(errors.DifferentReservation):
        domain.same_again(reservation(), (ReservationLine(sku="MUG-1", quantity=3),))


def test_what_no_order_will_have_goes_back_on_sale() -> None:
    change = domain.release(reservation())
    assert (change.reservation.state, change.movement) == ("released", "released")


def test_what_is_paid_only_its_order_ends() -> None:
    with pytest.raises(errors.Committed):
        domain.release(reservation("committed"))


@pytest.mark.parametrize(
    ("state", "after", "movement"),
    [
        ("reserved", "released", "order_cancelled"),
        ("committed", "restocked", "restocked"),
    ],
)
def test_a_cancelled_order_gives_its_units_back(state: State, after: State, movement: domain.Movement) -> None:
    change = domain.cancel(reservation(state))
    assert (change.reservation.state, change.movement) == (after, movement)
    assert domain.commit(change.reservation) == Change(change.reservation), "that it was paid may be heard late"


def test_a_paid_order_takes_its_units_once() -> None:
    change = domain.commit(reservation())
    assert (change.reservation.state, change.movement) == ("committed", "committed")
    assert domain.commit(change.reservation).movement is None


@pytest.mark.parametrize("state", ENDED)
def test_a_paid_order_without_a_reservation_is_for_people(state: State) -> None:
    with pytest.raises(errors.PaidWithoutStock):
        domain.commit(reservation(state))


def test_a_count_may_not_take_what_buyers_hold() -> None:
    stock = Stock("MUG-1", None, on_hand=10, reserved=4, version=1)
    assert domain.counted(stock, 4) == -6
    with pytest.raises(errors.BelowReserved):
        domain.counted(stock, 3)


@pytest.mark.parametrize(("available", "shown"), [(0, 0), (10, 10), (11, "many")])
def test_more_than_ten_is_many(available: int, shown: int | str) -> None:
    assert Stock("MUG-1", None, on_hand=available + 2, reserved=2, version=1).shown == shown


COMMANDS = {
    "release": domain.release,
    "commit": domain.commit,
    "cancel": domain.cancel,
}
UNITS: dict[domain.Movement | None, tuple[int, int]] = {
    None: (0, 0), "released": (0, -1), "order_cancelled": (0, -1), "committed": (-1, -1),
    "restocked": (1, 0),
}  # fmt: skip
"""What a movement does to (on hand, reserved)."""


@given(st.lists(st.sampled_from(sorted(COMMANDS)), max_size=20))
def test_whatever_comes_in_whatever_order_the_units_are_where_the_state_says(commands: list[str]) -> None:
    current, on_hand, reserved = reservation(), 1, 1
    for name in commands:
        try:
            change = COMMANDS[name](current)
        except (Conflict, Broken):
            continue
        assert not (current.ended and change.reservation != current)
        on_hand += UNITS[change.movement][0]
        reserved += UNITS[change.movement][1]
        current = change.reservation
        assert reserved == (current.state == "reserved")
        assert on_hand == (current.state != "committed")
