"""From a paid order to a label: one flow per label, so usually one per shipment.

    ask ──> file ──> done               (`ask` comes when the time to cancel is over)
     ├────> buy ──> file ...             (the carrier has not answered: once more)
     ├────> done (the carrier will not: people must look, and ask for another label)
     └────> done (the order was cancelled)

    stop ──> done           the order was refunded whole before the first scan: its label goes back, nothing is sent

    void ──> buy ...        another label in place of one that nobody has used
      └────> done (too late: the parcel is on its way)

Each step may be repeated by anybody at any time: orders answers the same, the carrier knows the key, the print
is the same print. So a worker that dies between asking, buying and writing leaves nothing that a second one would buy
again.
"""

from functools import partial

from bodega.kit.db import Database, Transaction
from bodega.kit.flow import Held, Next, Step
from bodega.services.shipping import service, store
from bodega.services.shipping.clients import Carrier, LabelShelf, Orders
from bodega.services.shipping.domain import Shipment
from bodega.services.shipping.errors import CarrierRefuses, CarrierSilent, NotYet, OrderEnded
from bodega.services.shipping.settings import Settings


class Fulfilment:
    """The steps."""

    def __init__(
        self, database: Database, orders: Orders, carrier: Carrier, shelf: LabelShelf, settings: Settings
    ) -> None:
        self._database = database
        self._orders = orders
        self._carrier = carrier
        self._shelf = shelf
        self._settings = settings

    @property
    def steps(self) -> dict[str, Step]:
        return {
            "wait": self.wait, "ask": self.ask, "void": self.void, "buy": self.buy, "file": self.file,
            "stop": self.stop,
        }  # fmt: skip

    async def wait(self, held: Held) -> Next:
        """Flows that an older release has begun wait here for the time to cancel to be over."""
        return Next("ask", wait_seconds=self._settings.cancel_window_seconds)

    async def ask(self, held: Held) -> Next:
        """Whether the order may be sent; then its label. From the yes on it cannot be cancelled, however long we sleep
        now, and from what is noted before we buy everybody knows that there may be a label to give back."""
        try:
            await self._orders.begin_fulfilment(held.data["order_id"], _shipment_of(held))
        except NotYet:
            again = self._wait(held, self._settings.not_captured_first_seconds)
            return Next("ask", wait_seconds=again, flush=False)
        except OrderEnded:

            async def drop(tx: Transaction) -> None:
                await service.drop(tx, held.data["order_id"])

            return Next("done", write=drop, ended=True)
        return await self._buy(held, await store.clear(self._database, _shipment_of(held)))

    async def void(self, held: Held) -> Next:
        """The label before this one goes back, before another is bought: there are never two that can be used."""
        shipment_id = _shipment_of(held)
        async with self._database.reading() as tx:
            shipment = await store.get_shipment(tx, shipment_id)
        if shipment.state != "voiding" or shipment.label_id is None:  # somebody else went on: we shall hear of it
            return Next("buy")
        try:
            await self._carrier.void(shipment.label_id)
        except CarrierRefuses as refusal:
            write = partial(service.keep_label, shipment_id=shipment_id, why=str(refusal))
            return Next("done", write=write, ended=True)
        await self._shelf.delete(shipment.label_before)
        return Next("buy", write=partial(service.void, shipment_id=shipment_id))

    async def buy(self, held: Held) -> Next:
        """The label: another one, or once more the one whose fate is not known."""
        async with self._database.reading() as tx:
            shipment = await store.get_shipment(tx, _shipment_of(held))
        return await self._buy(held, shipment)

    async def _buy(self, held: Held, shipment: Shipment) -> Next:
        """If the answer is lost, it is looked up by our reference, and else bought with the same key."""
        shipment_id = shipment.id
        if shipment.state == "dropped":
            return Next("stop")
        try:
            found = await self._carrier.find(shipment.id) if shipment.state == "label_unknown" else None
            bought = found or await self._carrier.buy(shipment)
        except CarrierSilent:
            again = self._wait(held, self._settings.retry_first_seconds)
            return Next("buy", write=partial(service.doubt, shipment_id=shipment_id), wait_seconds=again)
        except CarrierRefuses as refusal:
            if refusal.for_good:
                await self._orders.call_people(shipment.order_id)
                write = partial(service.fail, shipment_id=shipment_id, why=str(refusal))
                return Next("done", write=write, ended=True)
            write = partial(service.refuse, shipment_id=shipment_id, why=str(refusal))
            return Next("buy", write=write, wait_seconds=self._settings.retry_most_seconds)
        url = self._settings.tracking_url(bought.tracking_number)
        write = partial(service.label, seen=shipment, bought=bought, tracking_url=url)
        return Next("file", data={"label_id": bought.id}, write=write)

    async def file(self, held: Held) -> Next:
        """The print, for the merchant. The world knows of the label already: it does not wait for a printer."""
        label_id = held.data["label_id"]
        async with self._database.reading() as tx:
            shipment = await store.get_shipment(tx, _shipment_of(held))
        if shipment.state == "dropped":  # while the label was being bought
            return Next("stop")
        await self._shelf.put(held.data["label_name"], await self._carrier.print(label_id))
        write = partial(service.file, seen=shipment, label_id=label_id)
        return Next("done", write=write, ended=True, flush=False)  # put there again, it is the same print

    async def stop(self, held: Held) -> Next:
        """The order is cancelled though its parcel was being prepared. The label goes back, in whichever state the
        purchase is; what the carrier has scanned already is for people."""
        shipment_id = _shipment_of(held)
        async with self._database.reading() as tx:
            shipment = await store.get_shipment(tx, shipment_id)
        match shipment.state:
            case "dropped":
                while (bought := await self._carrier.find(shipment.id)) is not None:
                    await self._carrier.void(bought.id)
                return Next("done", ended=True)
            case "voiding":  # a label is being replaced: whoever does it ends soon, one way or the other
                return Next("stop", wait_seconds=self._settings.retry_first_seconds)
            case "labelled" if shipment.label_id is not None:
                try:
                    await self._carrier.void(shipment.label_id)
                except CarrierRefuses as refusal:
                    why = f"The order was refunded and cancelled, but the parcel has left: {refusal}"
                    write = partial(service.refuse, shipment_id=shipment_id, why=why)
                    return Next("done", write=write, ended=True)
        return Next("stop", write=partial(service.give_up, shipment_id=shipment_id, label_id=shipment.label_id))

    def _wait(self, held: Held, first_seconds: float) -> float:
        return min(first_seconds * 1.5 ** min(held.attempts, 50), self._settings.retry_most_seconds)


def _shipment_of(held: Held) -> str:
    shipment_id: str = held.data["shipment_id"]
    return shipment_id
