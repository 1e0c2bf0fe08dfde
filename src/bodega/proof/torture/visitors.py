"""Visitors who look at product pages through the edge while prices change: what they are shown must be true.

A page may show a price for a moment after it was changed; for how long is counted, and too long is a violation.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import aiohttp

from bodega.proof.audit.views import shown_by
from bodega.proof.torture.ledger import Ledger

LATEST: Final = 0.75
"""So often a visitor looks at the product whose price was changed last."""
STALE_SECONDS: Final = 30.0
"""So long an old price may be shown at most. The edge trusts its memory for five seconds without a word of the purger;
a frozen publisher, or one that waits for a broker which was killed, holds a change back for some ten more."""
_PAUSE_SECONDS: Final = 0.05
_REFUSED_PAUSE_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 20.0


@dataclass
class Change:
    """A price that a merchant has asked for. `acknowledged_at`: when the shop said so; None: not, or not yet."""

    amount: int
    acknowledged_at: float | None = None

    def acknowledge(self) -> None:
        self.acknowledged_at = time.monotonic()


class Prices:
    """The prices that each product has had, in their order: amounts in minor units, times of the monotonic clock."""

    def __init__(self) -> None:
        self._changes: dict[str, list[Change]] = defaultdict(list)
        self.latest: str | None = None
        """The product whose price was changed last."""

    def change(self, slug: str, amount: int) -> Change:
        """To be called before the shop is asked: from then on the price may be shown."""
        change = Change(amount)
        self._changes[slug].append(change)
        self.latest = slug
        return change

    def stale_seconds(self, slug: str, amount: int, asked_at: float) -> float | None:
        """For how long a price had been replaced for certain when its page was asked for: 0, if it may still have been
        in force. None: the product never had this price."""
        changes = self._changes[slug]
        places = [place for place, change in enumerate(changes) if change.amount == amount]
        if not places:
            return None
        later = [change.acknowledged_at for change in changes[places[-1] + 1 :] if change.acknowledged_at is not None]
        return max(0.0, asked_at - min(later)) if later else 0.0


class Visitor:
    """Looks at one product page after the other, most often at the one whose price was just changed."""

    def __init__(
        self, site: str, address: str, currency: str, slugs: Sequence[str], prices: Prices, ledger: Ledger, rng: Random
    ) -> None:
        self._site = site
        self._address = address
        self._currency = currency
        self._slugs = slugs
        self._prices = prices
        self._ledger = ledger
        self._rng = rng

    async def run(self, over: asyncio.Event) -> None:
        connector = aiohttp.TCPConnector(local_addr=(self._address, 0))
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            while not over.is_set():
                slug = self._rng.choice(self._slugs)
                if self._prices.latest is not None and self._rng.random() < LATEST:
                    slug = self._prices.latest
                await asyncio.sleep(await self._looks_at(session, slug))

    async def _looks_at(self, session: aiohttp.ClientSession, slug: str) -> float:
        """Seconds to wait before the next page."""
        asked_at = time.monotonic()
        try:
            async with session.get(f"{self._site}/products/{slug}", allow_redirects=False) as answer:
                status, page = answer.status, await answer.text()
                # While nothing behind the edge answers, an old page is better than none: ADR 0006.
                is_old_on_purpose = answer.headers.get("X-Cache") == "STALE"
        except (aiohttp.ClientError, TimeoutError, OSError):
            return _REFUSED_PAUSE_SECONDS
        if status != 200:
            if status == 500:
                self._ledger.violation("answers", f"the page of {slug} was answered 500")
            return _REFUSED_PAUSE_SECONDS
        if not is_old_on_purpose:
            self._judge(slug, page, asked_at)
        return _PAUSE_SECONDS

    def _judge(self, slug: str, page: str, asked_at: float) -> None:
        shown = shown_by(page, self._currency)
        if isinstance(shown, str):
            self._ledger.violation("pages", f"the page of {slug} is {shown}")
            return
        for variant in shown.values():
            price = variant["price"]
            stale = self._prices.stale_seconds(slug, price, asked_at) if isinstance(price, int) else None
            if stale is None:
                self._ledger.violation("pages", f"the page of {slug} shows {price}, which was never its price")
                continue
            self._ledger.page(stale)
            if stale > STALE_SECONDS:
                self._ledger.violation("pages", f"the page of {slug} shows {price}, replaced {stale:.0f} s before")
