"""The rooms that users asks for what they hold of somebody."""

from collections.abc import Sequence

from bodega.contracts.auth import ConfirmIdentity, IdentityConfirmed
from bodega.contracts.privacy import Erasure, Person, PersonalData
from bodega.kit.app import client_for
from bodega.kit.http import Client, RemoteProblem
from bodega.services.users.domain import EXPORT
from bodega.services.users.errors import OrdersOpen
from bodega.services.users.settings import Settings


class Services:
    def __init__(self, settings: Settings) -> None:
        self._rooms = {name: client_for(name, "users", settings) for name in EXPORT if name != "users"}

    @property
    def clients(self) -> Sequence[Client]:
        return tuple(self._rooms.values())

    async def confirm(self, customer_id: str, session_id: str, password: str | None) -> IdentityConfirmed:
        wish = ConfirmIdentity(session_id=session_id, password=password)
        # Sent once: a wrong password counts.
        return await self._rooms["auth"].post(
            f"/internal/customers/{customer_id}/confirm", wish, IdentityConfirmed, idempotent=False
        )

    async def export(self, room: str, customer_id: str, person: Person) -> PersonalData:
        return await self._rooms[room].post(f"/internal/customers/{customer_id}/export", person, PersonalData)

    async def erase(self, room: str, customer_id: str, person: Person) -> Erasure:
        """Raises OrdersOpen, naming them."""
        try:
            return await self._rooms[room].post(f"/internal/customers/{customer_id}/erase", person, Erasure)
        except RemoteProblem as refused:
            if refused.code == "orders_open":
                raise OrdersOpen("some orders are still under way", orders=refused.document.get("orders", [])) from None
            raise
