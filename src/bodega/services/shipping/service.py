"""What shipping does. Each use case runs in the one transaction that its door has opened."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

from bodega.contracts.envelope import event
from bodega.contracts.fields import Address
from bodega.contracts.ids import derived_id
from bodega.contracts.money import Price
from bodega.contracts.orders import OrderPaid
from bodega.contracts.shipping import (
    ParcelLine,
    RatesRequest,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentPickedUp,
    ShippingOption,
)
from bodega.kit.db import Database, Transaction
from bodega.kit.errors import Broken, Invalid
from bodega.kit.flow import Flows
from bodega.services.shipping import domain, store
from bodega.services.shipping.clients import CarrierPrices
from bodega.services.shipping.domain import Label, Option, Shipment, Status, Tables
from bodega.services.shipping.errors import NotLabelled
from bodega.services.shipping.schemas import Delivery, DeliveryOption
from bodega.services.shipping.settings import Settings

# --- what it costs ----------------------------------------------------------------------------------


async def rates(
    database: Database, prices: CarrierPrices, question: RatesRequest, settings: Settings, *, keep: bool
) -> list[ShippingOption]:
    """Every option for the address. None: nothing is sent there, or nothing so heavy. `keep`: the same question is
    answered with the same prices for the time of a checkout."""
    parcels = domain.parcels_of(domain.weight_of(question.lines))
    if parcels is None:
        return []
    goods = question.items_total
    value = goods.amount if goods is not None and goods.currency == settings.currency else 0
    async with database.reading() as tx:
        tables = await _tables_to(tx, question.address.country, settings)
    live = {}
    if any(option.live for option in tables.options):
        live = await _live(database, prices, question.address, parcels, settings, keep=keep)
    offered = []
    for option in tables.options:
        price = domain.asked_for(option, parcels, value, live)
        if price is not None:
            first, last = _promise(option, tables, settings)
            offered.append(
                ShippingOption(
                    id=option.id,
                    name=option.name,
                    carrier=option.carrier,
                    price=Price(amount=price, currency=settings.currency),
                    promised_from=first,
                    promised_to=last,
                )
            )
    return offered


async def delivery(database: Database, country: str, grams: int, settings: Settings) -> Delivery:
    """What can be said about goods of this weight before there is an address: prices are those of the tables."""
    parcels = domain.parcels_of(grams + domain.PACKAGING_GRAMS) or []
    now = datetime.now(UTC)

    def price(amount: int) -> Price:
        return Price(amount=amount, currency=settings.currency)

    async with database.reading() as tx:
        tables = await _tables_to(tx, country, settings)
    leaves = domain.leaves_on(now, settings.cutoff_hour, tables.closed)
    offered = []
    for option in tables.options:
        usual = domain.price_of(parcels, 0, option.bands)
        if usual is None or not parcels:
            continue
        first, last = domain.promised(leaves, option.first_day, option.last_day, tables.closed)
        free_from = domain.free_from(parcels, option.bands)
        offered.append(
            DeliveryOption(
                id=option.id, name=option.name, carrier=option.carrier, price=price(usual),
                free_from=price(free_from) if free_from is not None else None,
                first_day=option.first_day, last_day=option.last_day, promised_from=first, promised_to=last,
            )
        )  # fmt: skip
    return Delivery(
        country=country, order_before=domain.order_before(now, leaves, settings.cutoff_hour), options=offered
    )


async def _live(
    database: Database, prices: CarrierPrices, address: Address, parcels: list[int], settings: Settings, *, keep: bool
) -> dict[str, int]:
    """What the carrier wants, by its services; empty, if it does not say so in time."""
    question = json.dumps([address.country, address.postal_code, parcels, settings.currency])
    key = hashlib.sha256(question.encode()).hexdigest()
    async with database.reading() as tx:
        known = await store.find_quote(tx, key)
    if known is not None:
        return known
    asked = await prices.ask(address, parcels, settings.currency)
    if not keep:
        return asked
    async with database.transaction() as tx:
        return await store.keep_quote(tx, key, asked, settings.quote_seconds)


async def _tables_to(tx: Transaction, country: str, settings: Settings) -> Tables:
    return await store.tables_to(
        tx, country, home=settings.country, currency=settings.currency, since=datetime.now(UTC).date()
    )


def _promise(option: Option, tables: Tables, settings: Settings) -> tuple[date, date]:
    """If it is ordered now."""
    leaves = domain.leaves_on(datetime.now(UTC), settings.cutoff_hour, tables.closed)
    return domain.promised(leaves, option.first_day, option.last_day, tables.closed)


# --- what is sent -----------------------------------------------------------------------------------


async def want(tx: Transaction, order_id: str, order: OrderPaid, settings: Settings) -> Shipment | None:
    """A shipment for an order, once. None: it has one, or it was cancelled before we heard of it.

    Raises: Broken, if the tables no longer know how to send it.
    """
    country = order.shipping_address.country
    tables = await _tables_to(tx, country, settings)
    option = next((option for option in tables.options if option.id == order.shipping_option), None)
    if option is None:
        raise Broken(f"nothing is sent to {country} by {order.shipping_option}: see the tables of shipping")
    first, last = order.promised_from, order.promised_to
    if first is None or last is None:  # a checkout that did not say: as if it had been asked now
        first, last = _promise(option, tables, settings)
    weight = domain.weight_of(
        ParcelLine(sku=line.sku, quantity=line.quantity, weight_grams=line.weight_grams) for line in order.lines
    )
    shipment = Shipment(
        id=shipment_of(order_id),
        order_id=order_id,
        state="wanted",
        status="preparing",
        version=1,
        number=order.number,
        option_id=option.id,
        address=order.shipping_address,
        contact=order.contact,
        weight_grams=weight,
        carrier=option.carrier,
        service=option.service,
        promised_from=first,
        promised_to=last,
        customer_id=order.customer_id,
        label_no=1,
        label_id=None,
        tracking_number=None,
        tracking_url=None,
        filed=False,
        attention=None,
        created_at=datetime.now(UTC),
        labelled_at=None,
        delivered_at=None,
    )
    return shipment if await store.insert_shipment(tx, shipment) else None


def shipment_of(order_id: str) -> str:
    """The id of an order's shipment; its first flow bears it, too."""
    return derived_id("shp", order_id)


async def drop(tx: Transaction, order_id: str) -> str | None:
    """The id of the shipment that is dropped before anything was done for it. None: something was, or it is done."""
    shipment_id = shipment_of(order_id)
    return shipment_id if await store.drop(tx, shipment_id, order_id) else None


async def stop(tx: Transaction, fulfilment: Flows, order_id: str) -> None:
    """The order was cancelled when its parcel was being prepared: it was refunded whole."""
    shipment = await store.lock_shipment(tx, shipment_of(order_id))
    if shipment.state != "dropped":
        await fulfilment.start(tx, f"{shipment.id}/stop", "stop", of_flow(shipment), inline=False)


async def give_up(tx: Transaction, shipment_id: str, label_id: str | None) -> None:
    """Nothing will be sent. `label_id`: the label that the carrier has taken back; nothing happens, if by now the
    shipment has another one."""
    shipment = await store.lock_shipment(tx, shipment_id)
    if shipment.state in ("dropped", "voiding") or shipment.label_id != label_id:
        return
    if label_id is not None:
        await store.insert_voided(tx, shipment)
    await _saved(tx, domain.drop(shipment))


async def doubt(tx: Transaction, shipment_id: str) -> None:
    await _change(tx, shipment_id, domain.doubt)


async def refuse(tx: Transaction, shipment_id: str, why: str) -> None:
    """The carrier will not take it as it is: people must look."""
    await _change(tx, shipment_id, lambda shipment: replace(shipment, attention=why[:500]))


async def fail(tx: Transaction, shipment_id: str, why: str) -> None:
    """No label, and none by trying again: people must look, and ask for another one."""
    await _change(tx, shipment_id, lambda shipment: domain.fail(shipment, why))


async def relabel(tx: Transaction, fulfilment: Flows, shipment_id: str, address: Address | None) -> Shipment:
    """Another label, in place of the one that nobody has used yet, or that could not be bought.

    Raises: ShipmentNotFound, NotLabelled, AlreadyHandedOver; Invalid, if the address is in another country.
    """
    before = await store.lock_shipment(tx, shipment_id)
    after = domain.relabel(before, address)
    if address is not None and before.address is not None and address.country != before.address.country:
        raise Invalid.field(
            "/address/country", "Another country has different prices. Refund the order, then sell it again."
        )
    saved = await _saved(tx, after)
    step = "void" if saved.state == "voiding" else "buy"
    await fulfilment.start(tx, f"{saved.label_name}/{saved.version}", step, of_flow(saved), inline=False)
    return saved


async def void(tx: Transaction, shipment_id: str) -> None:
    """The carrier has taken the label back."""
    shipment = await store.lock_shipment(tx, shipment_id)
    await store.insert_voided(tx, shipment)
    await _saved(tx, domain.void(shipment))


async def keep_label(tx: Transaction, shipment_id: str, why: str) -> None:
    await _change(tx, shipment_id, lambda shipment: domain.keep_label(shipment, why))


def of_flow(shipment: Shipment) -> dict[str, object]:
    """What the flow that buys its label has to know."""
    return {"shipment_id": shipment.id, "order_id": shipment.order_id, "label_name": shipment.label_name}


async def file(tx: Transaction, seen: Shipment, label_id: str) -> None:
    """The label's print is in object storage. If it has another label by now, that print is of no use."""
    await _go_on(tx, seen, lambda shipment: replace(shipment, filed=shipment.filed or shipment.label_id == label_id))


async def label(tx: Transaction, seen: Shipment, bought: Label, tracking_url: str) -> None:
    """Writes the label down and tells the world, once. `seen`: the shipment as it was when the label was wanted."""

    def labelled(shipment: Shipment) -> Shipment:
        if shipment.state in ("labelled", "dropped"):
            return shipment
        return domain.label(shipment, bought, tracking_url, datetime.now(UTC))

    after = await _go_on(tx, seen, labelled)
    if after is None:
        return
    fact = ShipmentCreated.model_validate(
        {
            **_carried(after),
            "promised_from": after.promised_from,
            "promised_to": after.promised_to,
            "replaces": await store.find_voided(tx, after.id) if after.label_no > 1 else None,
        }
    )
    tx.emit(event(fact, subject=after.order_id, sequence=after.version))


async def scan(tx: Transaction, scan_id: str, shipment_id: str, status: Status, at: datetime, place: str) -> Shipment:
    """The parcel was seen. Told twice it counts once; told late it moves nothing back.

    Raises: ShipmentNotFound; NotLabelled, if the label is not written down yet: then tell it again later.
    """
    shipment = await store.lock_shipment(tx, shipment_id)
    if shipment.state != "labelled":
        raise NotLabelled("no label has been bought for it yet")
    if not await store.insert_scan(tx, scan_id, shipment_id, status, at, place):
        return shipment
    moved = domain.move(shipment, status, at)
    if moved == shipment:
        return shipment
    after = await _saved(tx, moved)
    fact: ShipmentPickedUp | ShipmentDelivered | None = None
    if after.status == "delivered":
        fact = ShipmentDelivered.model_validate({**_carried(after), "delivered_at": after.delivered_at})
    elif shipment.status == "label_created":  # whichever scan comes first: the carrier has it
        promise = {"promised_from": after.promised_from, "promised_to": after.promised_to}
        fact = ShipmentPickedUp.model_validate({**_carried(after), **promise, "picked_up_at": at})
    if fact is not None:
        tx.emit(event(fact, subject=after.order_id, sequence=after.version))
    return after


async def mark_delivered(tx: Transaction, shipment_id: str) -> Shipment:
    """A merchant knows that it has arrived.

    Raises: ShipmentNotFound, NotLabelled.
    """
    return await scan(tx, f"by_hand:{shipment_id}", shipment_id, "delivered", datetime.now(UTC), "")


async def _change(tx: Transaction, shipment_id: str, change: Callable[[Shipment], Shipment]) -> None:
    shipment = await store.lock_shipment(tx, shipment_id)
    after = change(shipment)
    if after != shipment and shipment.state != "dropped":
        await _saved(tx, after)


async def _go_on(tx: Transaction, seen: Shipment, change: Callable[[Shipment], Shipment]) -> Shipment | None:
    """Writes a change to the shipment as a step has seen it, which is one statement; if it is another by now, the
    change is judged anew. None: nothing has changed."""
    after = change(seen)
    saved = await store.save(tx, after) if after != seen else None
    if saved is None:
        shipment = await store.lock_shipment(tx, seen.id)
        after = change(shipment)
        saved = await _saved(tx, after) if after != shipment else None
    return saved


async def _saved(tx: Transaction, shipment: Shipment) -> Shipment:
    """The row must be locked."""
    saved = await store.save(tx, shipment)
    if saved is None:
        raise RuntimeError(f"{shipment.id} was changed though it should be locked")
    return saved


def _carried(shipment: Shipment) -> dict[str, object]:
    """What every fact about a shipment carries."""
    return {
        "shipment_id": shipment.id,
        "number": shipment.number,
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "tracking_url": shipment.tracking_url,
        "contact": shipment.contact,
        "customer_id": shipment.customer_id,
    }
