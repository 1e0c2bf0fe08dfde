"""A database of a test's own, on which nobody works but the workers that the test sends there one by one."""

import asyncio
import json
from typing import Any

from bodega.contracts.ids import new_id
from bodega.contracts.payments import AuthorizePayment
from bodega.kit.db import Database
from bodega.services.payments import service, store
from bodega.services.payments.clients import Stripe
from bodega.services.payments.domain import Payment, Standing
from bodega.services.payments.settings import Settings
from bodega.services.payments.store import Hand, Held
from tests.payments.making import Buy


class Workplace:
    """A database of its own, and workers on it one by one."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.processors: list[Stripe] = []

    def processor(self, settings: Settings, kind: type[Stripe] = Stripe) -> Any:
        made = kind(
            settings.stripe_secret_key.get_secret_value(), publishable_key="", webhook_secret="",
            api_base=settings.stripe_api_base, timeout_seconds=settings.processor_timeout_seconds,
            webhook_tolerance_seconds=300,
        )  # fmt: skip
        self.processors.append(made)
        return made

    async def begin(self, buy: Buy, lease_seconds: float = 0, card: str = "pm_card_visa") -> Held:
        """A wish to pay by somebody whose lease ends so soon."""
        wanted = AuthorizePayment.model_validate(buy.wanted(card))
        admitted = await service.begin(wanted, Hand(new_id("own"), lease_seconds, self.database))
        assert admitted is not None
        assert admitted.held is not None
        return admitted.held

    async def wake(self, buy: Buy) -> None:
        async with self.database.transaction() as tx:
            await store.wake(tx, buy.payment_id())

    async def payment(self, buy: Buy) -> Payment:
        async with self.database.transaction() as tx:
            return await store.get_payment(tx, buy.payment_id())

    async def told(self, buy: Buy) -> list[str]:
        async with self.database.transaction() as tx:
            rows = await tx.fetch("SELECT body FROM outbox WHERE key = $1 ORDER BY position", buy.order_id)
        return [json.loads(row["body"])["type"] for row in rows]


class Sleeper(Stripe):
    """Its owner falls asleep after the call that `sleeps_after` names, before it can write what it has learnt."""

    sleeps_after = "confirm"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asleep = asyncio.Event()
        self.morning = asyncio.Event()

    async def confirm(self, payment: Payment) -> Standing:
        return await self._sleep("confirm", await super().confirm(payment))

    async def create(self, payment: Payment) -> Standing:
        return await self._sleep("create", await super().create(payment))

    async def capture(self, payment: Payment) -> Standing:
        return await self._sleep("capture", await super().capture(payment))

    async def retrieve(self, intent_id: str) -> Standing:
        return await self._sleep("retrieve", await super().retrieve(intent_id))

    async def _sleep(self, call: str, answer: Standing) -> Standing:
        if call == self.sleeps_after:
            self.asleep.set()
            await self.morning.wait()
        return answer
