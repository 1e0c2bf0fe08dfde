"""The event door: what users learns of accounts. One function per event."""

from bodega.contracts.users import CustomerRegistered, CustomerVerified
from bodega.kit.db import Transaction
from bodega.kit.inbox import Hears, Received
from bodega.services.users import service


async def customer_registered(tx: Transaction, event: Received[CustomerRegistered]) -> None:
    told = event.data
    await service.note_registered(tx, event.subject, email=told.email, name=told.name, locale=told.locale)


async def customer_verified(tx: Transaction, event: Received[CustomerVerified]) -> None:
    await service.note_verified(tx, event.subject, email=event.data.email)


HEARS = (
    Hears("CustomerRegistered", CustomerRegistered, customer_registered),
    Hears("CustomerVerified", CustomerVerified, customer_verified),
)
