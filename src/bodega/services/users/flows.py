"""Two long processes over all rooms: showing somebody what is held of them, and forgetting them.

One step per room, each idempotent: after a crash the room is asked again. Erasing has no undo; whatever could refuse
it comes first.

    export   orders - checkout - payments - shipping - notifications - cart - auth - users - (waits) - expire
    erase    orders - checkout - payments - shipping - notifications - cart - users - auth - (waits) - the same again

The second round of erasing finds what was on its way in the first: an access token lives ten minutes longer than its
account, and facts about the customer may have been late.
"""

from collections.abc import Mapping
from functools import partial

from bodega.contracts.privacy import Erasure, Person, PersonalData
from bodega.kit.db import Database
from bodega.kit.flow import Held, Next, Step
from bodega.services.users import service, store
from bodega.services.users.clients import Services
from bodega.services.users.domain import ERASE, EXPORT
from bodega.services.users.errors import OrdersOpen
from bodega.services.users.settings import Settings


class Privacy:
    """The steps of both flows."""

    def __init__(self, database: Database, services: Services, settings: Settings) -> None:
        self._database = database
        self._services = services
        self._settings = settings

    @property
    def export_steps(self) -> Mapping[str, Step]:
        return {**{room: partial(self._show, room) for room in EXPORT}, "expire": self._expire}

    @property
    def erase_steps(self) -> Mapping[str, Step]:
        return {room: partial(self._forget, room) for room in ERASE}

    async def _show(self, room: str, held: Held) -> Next:
        customer_id, person = held.data["customer_id"], _person(held)
        if room == "users":
            async with self._database.reading() as tx:
                told = PersonalData(data=await store.export_customer(tx, customer_id))
            ends = partial(
                store.end_export, request_id=held.id, told=told, keep_seconds=self._settings.export_keep_seconds
            )
            return Next("expire", data={"email": None}, write=ends, wait_seconds=self._settings.export_keep_seconds)
        told = await self._services.export(room, customer_id, person)
        return Next(
            EXPORT[EXPORT.index(room) + 1],
            data=_orders(room, told),
            write=partial(store.note_part, request_id=held.id, room=room, told=told),
        )

    async def _expire(self, held: Held) -> Next:
        return Next("expired", write=partial(store.delete_request, request_id=held.id), ended=True)

    async def _forget(self, room: str, held: Held) -> Next:
        customer_id, again = held.data["customer_id"], held.data.get("again", False)
        try:
            if room == "users":
                async with self._database.transaction() as tx:
                    done = await service.erase(tx, customer_id)
            else:
                done = await self._services.erase(room, customer_id, _person(held))
        except OrdersOpen as refused:
            if again:  # bought in the account's last minutes
                return Next(room, wait_seconds=self._settings.erase_again_seconds)
            refuse = partial(store.refuse_request, request_id=held.id, open_orders=refused.extra["orders"])
            return Next("refused", data={"email": None}, write=refuse, ended=True)
        note = None if again else partial(store.note_part, request_id=held.id, room=room, told=done)
        if room != ERASE[-1]:
            # The request that asked waits for the first room alone: only that one may refuse.
            pause = 0.0 if room == ERASE[0] and not again else None
            return Next(ERASE[ERASE.index(room) + 1], data=_orders(room, done), write=note, wait_seconds=pause)
        if again:
            return Next("forgotten", data={"email": None}, ended=True)
        return Next(
            ERASE[0],
            data={"again": True},
            write=partial(store.end_erasure, request_id=held.id, told=done),
            wait_seconds=self._settings.erase_again_seconds,
        )


def _person(held: Held) -> Person:
    return Person(email=held.data["email"], order_ids=held.data.get("order_ids", []))


def _orders(room: str, told: PersonalData | Erasure) -> Mapping[str, list[str]]:
    return {"order_ids": list(told.order_ids)} if room == "orders" else {}
