"""The rules of shipping."""

import hashlib
import hmac
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.contracts.shipping import ParcelLine
from bodega.kit.http import RemoteProblem
from bodega.services.shipping import domain
from bodega.services.shipping.clients import _refusal
from bodega.services.shipping.domain import Band, Shipment, Status

pytestmark = pytest.mark.unit

BANDS = (
    Band(up_to_grams=2000, from_value=0, price=490),
    Band(up_to_grams=5000, from_value=0, price=690),
    Band(up_to_grams=30000, from_value=0, price=1490),
    Band(up_to_grams=2000, from_value=5000, price=0),
)
CHRISTMAS = frozenset({date(2026, 12, 25), date(2026, 12, 26)})


def test_weight_is_what_was_bought_and_something_around_it() -> None:
    lines = [ParcelLine(sku="A", quantity=2, weight_grams=400), ParcelLine(sku="B", quantity=1)]
    assert domain.weight_of(lines) == 950


@given(st.integers(1, 1_000_000))
def test_parcels_weigh_together_what_was_bought_and_none_is_too_heavy(grams: int) -> None:
    parcels = domain.parcels_of(grams)
    if parcels is None:
        assert grams > 600_000
    else:
        assert sum(parcels) == grams
        assert all(0 < one <= 30_000 for one in parcels)
        assert max(parcels) - min(parcels) <= 1


@pytest.mark.parametrize(
    ("parcels", "value", "price"),
    [
        ([1], 0, 490),
        ([2000], 4999, 490),
        ([2000], 5000, 0),
        ([2001], 5000, 690),
        ([30000, 30000], 0, 2980),
        ([30001], 0, None),
    ],
)
def test_a_parcel_takes_the_lightest_band_that_it_fits(parcels: list[int], value: int, price: int | None) -> None:
    assert domain.price_of(parcels, value, BANDS) == price


@pytest.mark.parametrize(
    ("ordered", "leaves"),
    [
        ("2026-11-24T13:59:00", "2026-11-24"),  # a Tuesday
        ("2026-11-24T14:00:00", "2026-11-25"),
        ("2026-11-27T15:00:00", "2026-11-30"),  # a Friday, late
        ("2026-11-28T15:00:00", "2026-11-30"),  # a Saturday
        ("2026-11-29T08:00:00", "2026-11-30"),
        ("2026-12-24T15:00:00", "2026-12-28"),  # Christmas Eve, late
    ],
)
def test_what_is_ordered_late_leaves_on_the_next_working_day(ordered: str, leaves: str) -> None:
    now = datetime.fromisoformat(ordered).replace(tzinfo=UTC)
    assert domain.leaves_on(now, 14, CHRISTMAS) == date.fromisoformat(leaves)


def test_the_promise_counts_working_days_only() -> None:
    assert domain.promised(date(2026, 12, 24), 1, 2, CHRISTMAS) == (date(2026, 12, 28), date(2026, 12, 29))


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),
    st.integers(1, 5),
    st.integers(0, 10),
    st.frozensets(st.dates(date(2026, 1, 1), date(2030, 1, 1)), max_size=30),
)
def test_a_promise_is_never_on_a_day_off_and_never_before_the_parcel_leaves(
    now: datetime, first_day: int, longer: int, closed: frozenset[date]
) -> None:
    leaves = domain.leaves_on(now, 14, closed)
    first, last = domain.promised(leaves, first_day, first_day + longer, closed)
    assert now.date() <= leaves < first <= last
    assert first - leaves >= timedelta(days=first_day)
    assert all(day.weekday() < 5 and day not in closed for day in (leaves, first, last))


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),
    st.frozensets(st.dates(date(2026, 1, 1), date(2030, 1, 1)), max_size=30),
)
def test_what_is_ordered_in_the_time_that_is_told_leaves_on_that_day(now: datetime, closed: frozenset[date]) -> None:
    now = now.replace(tzinfo=UTC)
    leaves = domain.leaves_on(now, 14, closed)
    until = domain.order_before(now, leaves, 14)
    assert now < until
    assert (
        domain.leaves_on(until - timedelta(microseconds=1), 14, closed) == leaves < domain.leaves_on(until, 14, closed)
    )


@given(st.integers(1, 30_000), st.integers(0, 20_000))
def test_a_parcel_is_free_exactly_from_the_value_that_is_told(grams: int, value: int) -> None:
    free_from = domain.free_from([grams], BANDS)
    assert (domain.price_of([grams], value, BANDS) == 0) == (free_from is not None and value >= free_from)


def shipment(status: Status) -> Shipment:
    now = datetime.now(UTC)
    return Shipment(
        id="shp_1", order_id="ord_1", state="labelled", status=status, version=3, number="BDG-0000-0000",
        option_id="standard", address=None, contact=None, weight_grams=1, carrier="C", service="standard",
        promised_from=now.date(), promised_to=now.date(), customer_id=None, label_no=1, label_id="l",
        tracking_number="t", tracking_url="u", filed=True, attention=None, created_at=now, labelled_at=now,
        delivered_at=None,
    )  # fmt: skip


@given(st.lists(st.sampled_from(["picked_up", "in_transit", "out_for_delivery", "delivered"]), max_size=8))
def test_a_parcel_never_goes_back_whatever_the_order_of_its_scans(scans: list[Status]) -> None:
    at = datetime.now(UTC)
    parcel = shipment("label_created")
    for status in scans:
        moved = domain.move(parcel, status, at)
        assert domain._RANK[moved.status] >= domain._RANK[parcel.status]
        parcel = moved
    assert (parcel.delivered_at is not None) == ("delivered" in scans)


def test_only_what_the_carrier_signed_just_now_is_believed() -> None:
    body, key = b'{"id": "scan_1"}', b"key"
    good = hmac.new(key, b"1000." + body, hashlib.sha256).hexdigest()

    def believed(header: str, body: bytes = body, now: float = 1001) -> bool:
        return domain.signed(body, header, key, now=now, tolerance_seconds=300)

    assert believed(f"t=1000,v1={good}")
    assert not believed(f"t=1000,v1={good}", b"{}")
    assert not believed(f"t=1001,v1={good}")
    assert not believed(f"t=1000,v1={good}", now=1301)
    for nonsense in ("", "t=,v1=", "t=²,v1=x", f"v1={good}", "t=1000", "t=1000,v1=é", "," * 100, "t=" + "9" * 400):
        assert not believed(nonsense)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"error": {"code": "address_not_serviceable", "message": "No such street."}}, "No such street."),
        ({"error": {"errors": [{"pointer": "/to/city", "message": "too long"}, {"message": "odd"}]}},
         "/to/city too long; odd"),
        ({"error": "closed"}, "closed"),
        ({"detail": "No such town.", "title": "Refused"}, "No such town."),
        ({"errors": ["no postal code"]}, "no postal code"),
        ({"error": {"code": "no_service"}}, "no_service"),
        ({}, "without a reason"),
    ],
)  # fmt: skip
def test_a_refusal_keeps_its_reason_wherever_the_carrier_puts_it(document: dict[str, object], said: str) -> None:
    refusal = _refusal(RemoteProblem("carrier", 422, document))
    assert str(refusal) == f"the carrier answered 422: {said}"
    assert refusal.for_good
