"""Buyers who press Pay twice, buy from two tabs, give up, cancel, try another card, have two devices, as people do.

Each comes from an address and with a connection of their own, and is patient: trouble (no answer, 429, 5xx) is asked
again, with the same Idempotency-Key. What they were answered is written down, and what no shop may answer is a
violation.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import aiohttp

from bodega.proof.bench.buyers import ADDRESS, Answer
from bodega.proof.torture.drop import Drop
from bodega.proof.torture.ledger import Ledger, Told

BUSY = "busy"
"""The code of a 503 that is in order: ask again."""
GOOD, DECLINED = "pm_card_visa", "pm_card_chargeDeclined"
_ANSWER_SECONDS: Final = 20.0
_PATIENCE_SECONDS: Final = 180.0
_LOOK_SECONDS: Final = 0.4
_OVER: Final = frozenset({"completed", "failed", "cancelled", "expired"})
_WAITS: Final = frozenset({"declined", "action_required"})
_PASSWORD: Final = "correct horse battery staple"  # noqa: S105 - of buyers who live for a minute


class NoDeal(Exception):
    """The shop has said no, clearly: `code`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Browser:
    """One device of a buyer: its address, its connection, its cart."""

    session: aiohttp.ClientSession
    base: str
    ledger: Ledger
    headers: dict[str, str] = field(default_factory=dict)

    async def insists(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The first answer that decides something. Raises NoDeal("no answer") when patience is over."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            answer = await self._ask(method, path, body, headers)
            if answer is not None and answer.status != 429 and answer.status < 500:
                return answer
            if time.monotonic() > until:
                self.ledger.violation("answers", f"{method} {path} had no answer for {_PATIENCE_SECONDS:.0f} s")
                raise NoDeal("no answer")
            wait = float(answer.headers.get("Retry-After", 1)) if answer is not None else 0.5
            await asyncio.sleep(min(wait, 5))

    async def _ask(self, method: str, path: str, body: object, headers: Mapping[str, str] | None) -> Answer | None:
        send = {**self.headers, **(headers or {})}
        try:
            async with self.session.request(method, self.base + path, json=body, headers=send) as reply:
                answer = Answer(reply.status, reply.headers, await reply.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.ledger.trouble("no answer", f"{method} {path}: {error!r}")
            return None
        if token := answer.headers.get("Cart-Token"):
            self.headers["Cart-Token"] = token
        code = code_of(answer)
        said = f"{answer.status} {code or ''}".rstrip()
        if answer.status >= 500 and code != BUSY:
            self.ledger.trouble(said, f"{method} {path}: {answer.body[:200]!r}")
        else:
            self.ledger.answers[said] += 1
        if answer.status == 500 or (answer.status >= 400 and code is None):
            self.ledger.violation("answers", f"{method} {path}: {answer.status} {answer.body[:200]!r}")
        return answer


def code_of(answer: Answer) -> str | None:
    """Of a refusal; None, if it is none or says no code."""
    try:
        return str(answer.json["code"]) if answer.status >= 400 else None
    except (ValueError, KeyError, TypeError):
        return None


@dataclass
class Bought:
    """An order, and what opens it."""

    checkout: Any
    seconds: float

    @property
    def id(self) -> str:
        return str(self.checkout["order"]["id"])

    @property
    def shown(self) -> dict[str, str]:
        token = self.checkout["order"].get("token")
        return {"Order-Token": token} if token else {}


class Buyer:
    """One person, who comes again and again until the run is over."""

    def __init__(
        self, base: str, address: str, sandbox: str, skus: Sequence[str], drop: Drop, ledger: Ledger, rng: Random,
        over: asyncio.Event,
    ) -> None:  # fmt: skip
        self._base = base
        self._address = address
        self._sandbox = sandbox
        self._skus = skus
        self._drop = drop
        self._ledger = ledger
        self._rng = rng
        self._over = over
        self._ways: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self.buys, 6), (self.presses_pay_twice, 3), (self.buys_from_two_tabs, 2), (self.gives_up, 2),
            (self.cancels, 2), (self.tries_another_card, 2), (self.has_two_devices, 1), (self.claims_an_order, 1),
            (self.waits_for_the_drop, 4),
        ]  # fmt: skip

    async def run(self) -> None:
        """Until the run is over; what was begun is ended."""
        ways, weights = zip(*self._ways, strict=True)
        while not self._over.is_set():
            (way,) = self._rng.choices(ways, weights)
            try:
                await way()
            except NoDeal as refused:
                self._ledger.answers[f"ended: {refused.code}"] += 1
            await asyncio.sleep(self._rng.uniform(0, 0.5))

    # --- ways to buy --------------------------------------------------------------------------------

    async def buys(self) -> None:
        async with self._browser() as browser:
            await self._fill(browser)
            self._note("buys", await self._pay(browser, await self._wish(browser)))

    async def presses_pay_twice(self) -> None:
        """At the same moment, with the same key: it is one order."""
        async with self._browser() as browser:
            await self._fill(browser)
            wish, key = await self._wish(browser), _key()
            await self._is_one_order("presses Pay twice", browser, wish, [key, key])

    async def buys_from_two_tabs(self) -> None:
        """The same cart, the same wish, each tab with a key of its own: it is one order."""
        async with self._browser() as browser:
            await self._fill(browser)
            await self._is_one_order("two tabs", browser, await self._wish(browser), [_key(), _key()])

    async def _is_one_order(self, how: str, browser: Browser, wish: dict[str, Any], keys: Sequence[str]) -> None:
        ended = await asyncio.gather(*(self._pay(browser, wish, key=key) for key in keys), return_exceptions=True)
        bought = [one for one in ended if isinstance(one, Bought)]
        for one in ended:
            if not isinstance(one, Bought | NoDeal):
                raise one
        if len({one.id for one in bought}) > 1:
            self._ledger.violation("answers", f"{how}: {len(bought)} orders of one cart: {[one.id for one in bought]}")
        if not bought:
            raise next(one for one in ended if isinstance(one, NoDeal))
        self._note(how, bought[0])

    async def waits_for_the_drop(self) -> None:
        """With the thing in the cart, and with all others who want it: it is sold as often as it is there."""
        async with self._browser() as browser:
            answer = await browser.insists("POST", "/cart", {"sku": self._drop.sku, "quantity": 1})
            if answer.status not in (200, 201):
                raise NoDeal(code_of(answer) or str(answer.status))
            await self._drop.comes()
            self._note("at the drop", await self._pay(browser, await self._wish(browser)))

    async def gives_up(self) -> None:
        """With a cart, before paying, or after a card that was declined; what was kept for them comes free."""
        async with self._browser() as browser:
            await self._fill(browser)
            if self._rng.random() < 0.5:
                await self._ask_to_pay(browser, await self._wish(browser, DECLINED), _key())

    async def cancels(self) -> None:
        """Right after buying. If that is taken, the order is cancelled for good."""
        async with self._browser() as browser:
            await self._fill(browser)
            bought = await self._pay(browser, await self._wish(browser))
            self._note("cancels", bought)
            answer = await browser.insists("POST", f"/orders/{bought.id}/cancel", headers=bought.shown)
            if answer.status < 300:
                seen = await browser.insists("GET", f"/orders/{bought.id}", headers=bought.shown)
                if seen.json["state"] not in ("cancelling", "cancelled"):
                    self._ledger.violation("answers", f"{bought.id} was cancelled, and is {seen.json['state']}")

    async def tries_another_card(self) -> None:
        async with self._browser() as browser:
            await self._fill(browser)
            first = await self._ask_to_pay(browser, await self._wish(browser, DECLINED), _key())
            if first.status != 402:
                raise NoDeal(code_of(first) or str(first.status))
            path = f"/checkout/{first.headers['Location'].rpartition('/')[2]}"
            answer = await browser.insists(
                "POST", f"{path}/payments", {"payment_method": GOOD}, {"Idempotency-Key": _key()}
            )
            if answer.status not in (201, 202):
                raise NoDeal(code_of(answer) or str(answer.status))
            self._note("another card", await self._decided(browser, answer.json, time.monotonic()))

    async def has_two_devices(self) -> None:
        """A customer with something in the cart of each: both lines are in the one they buy."""
        async with self._browser() as phone, self._browser() as laptop:
            email = await self._registers(laptop)
            mine = await self._fill(laptop)
            theirs = await self._fill(phone)
            signed_in = await phone.insists("POST", "/auth/login", {"email": email, "password": _PASSWORD})
            if signed_in.status != 200:
                raise NoDeal(code_of(signed_in) or "login")
            phone.headers["Authorization"] = f"Bearer {signed_in.json['access_token']}"
            merged = await phone.insists("POST", "/cart/merge")
            if merged.status != 200:
                raise NoDeal(code_of(merged) or "merge")
            await self._has_lines(phone, _sum(mine, theirs))
            self._note("two devices", await self._pay(phone, await self._wish(phone, email=email)))

    async def claims_an_order(self) -> None:
        """Buys as a guest, then makes an account with that e-mail address, and proves that it is theirs."""
        async with self._browser() as browser:
            await self._fill(browser)
            wish = await self._wish(browser)
            bought = await self._pay(browser, wish)
            self._note("claims it", bought)
            await self._registers(browser, wish["email"])
            secret = await self._mailed_secret(wish["email"])
            proved = await browser.insists("POST", "/auth/email/verify", {"token": secret})
            if proved.status != 204:
                raise NoDeal(code_of(proved) or "verify")
            await self._sees_order(browser, bought.id)

    # --- steps --------------------------------------------------------------------------------------

    async def _fill(self, browser: Browser) -> dict[str, int]:
        """One to three lines; the lines that were acknowledged, which must all be there."""
        lines: dict[str, int] = {}
        for sku in self._rng.sample(self._skus, self._rng.choice((1, 1, 1, 2, 3))):
            quantity = self._rng.choice((1, 1, 2))
            answer = await browser.insists("POST", "/cart", {"sku": sku, "quantity": quantity})
            if answer.status in (200, 201):
                lines[sku] = quantity
        if not lines:
            raise NoDeal("nothing could be put into the cart")
        await self._has_lines(browser, lines)
        return lines

    async def _has_lines(self, browser: Browser, lines: Mapping[str, int]) -> None:
        """Somebody who asks again may put in more than once; less than was acknowledged is a loss."""
        cart = await browser.insists("GET", "/cart")
        if cart.status != 200:
            raise NoDeal(code_of(cart) or str(cart.status))
        found = {line["sku"]: line["quantity"] for line in cart.json["lines"]}
        lost = {sku: pieces for sku, pieces in lines.items() if found.get(sku, 0) < pieces}
        if lost:
            self._ledger.violation("answers", f"the cart has lost {lost}; it has {found}")

    async def _wish(self, browser: Browser, card: str = GOOD, email: str | None = None) -> dict[str, Any]:
        quote = await browser.insists("POST", "/checkout/quote", {"shipping_address": ADDRESS})
        if quote.status != 200:
            raise NoDeal(code_of(quote) or str(quote.status))
        return {
            "email": email or f"torture+{uuid.uuid4().hex}@example.com",
            "shipping_address": ADDRESS,
            "shipping_option": quote.json["shipping_option"],
            "payment_method": card,
            "expected_total": quote.json["totals"]["total"],
            "lines": {line["sku"]: line["quantity"] for line in quote.json["lines"]},
        }

    async def _pay(self, browser: Browser, wish: dict[str, Any], *, key: str | None = None) -> Bought:
        """Raises NoDeal."""
        began = time.monotonic()
        answer = await self._ask_to_pay(browser, wish, key or _key())
        if answer.status not in (201, 202):
            raise NoDeal(code_of(answer) or str(answer.status))
        return await self._decided(browser, answer.json, began)

    async def _ask_to_pay(self, browser: Browser, wish: dict[str, Any], key: str) -> Answer:
        body = {name: value for name, value in wish.items() if name != "lines"}
        while True:
            answer = await browser.insists("POST", "/checkout", body, {"Idempotency-Key": key})
            if code_of(answer) != "conflict":  # the other of two that were sent at once is under way
                break
            await asyncio.sleep(_LOOK_SECONDS)
        shown = answer.json if answer.status in (201, 202) else {}
        order = shown.get("order") or {}
        if answer.status == 201 and not order.get("id"):
            self._ledger.violation("answers", f"201 without an order: {answer.body[:300]!r}")
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in wish["lines"].items()]
        self._ledger.told.append(Told(key, answer.status, code_of(answer), order.get("number"), lines))
        return answer

    async def _decided(self, browser: Browser, checkout: Any, began: float) -> Bought:
        """Once the shop has decided. Raises NoDeal."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while checkout["status"] not in _OVER | _WAITS:
            if time.monotonic() > until:
                self._ledger.violation("answers", f"{checkout['checkout_id']} is {checkout['status']} for ever")
                raise NoDeal("no decision")
            await asyncio.sleep(_LOOK_SECONDS)
            answer = await browser.insists("GET", f"/checkout/{checkout['checkout_id']}")
            if answer.status != 200:
                raise NoDeal(code_of(answer) or str(answer.status))
            checkout = answer.json
        if checkout["status"] != "completed":
            raise NoDeal(f"checkout {checkout['status']}")
        return Bought(checkout, time.monotonic() - began)

    async def _registers(self, browser: Browser, email: str | None = None) -> str:
        email = email or f"torture+{uuid.uuid4().hex}@example.com"
        answer = await browser.insists("POST", "/auth/register", {"email": email, "password": _PASSWORD, "name": "Tor"})
        if code_of(answer) == "email_taken":  # asked again, after an answer that was lost
            answer = await browser.insists("POST", "/auth/login", {"email": email, "password": _PASSWORD})
        if answer.status not in (200, 201):
            raise NoDeal(code_of(answer) or "register")
        browser.headers["Authorization"] = f"Bearer {answer.json['access_token']}"
        return email

    async def _mailed_secret(self, email: str) -> str:
        async def look() -> str | None:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS)) as session,
                session.get(f"{self._sandbox}/sandbox/mails", params={"to": email}) as answer,
            ):
                for mail in (await answer.json())["items"]:
                    _, mark, rest = mail["text"].partition("#token=")
                    if mark and "confirm" in mail["subject"].lower():
                        return str(rest.split()[0])
            return None

        return str(await self._eventually(look, f"the mail that confirms {email}"))

    async def _sees_order(self, browser: Browser, order_id: str) -> None:
        async def look() -> bool | None:
            answer = await browser.insists("GET", "/orders")
            if answer.status != 200:
                raise NoDeal(code_of(answer) or str(answer.status))
            return any(one["id"] == order_id for one in answer.json["items"]) or None

        await self._eventually(look, f"the claim of {order_id}")

    async def _eventually(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            try:
                if (found := await look()) is not None:
                    return found
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):  # the sandbox may be dead
                pass
            await asyncio.sleep(_LOOK_SECONDS)
        self._ledger.violation("answers", f"{what} has not come for {_PATIENCE_SECONDS:.0f} s")
        raise NoDeal("nothing came")

    def _note(self, how: str, bought: Bought) -> None:
        self._ledger.order(how, str(bought.checkout["order"]["number"]), bought.seconds)

    @asynccontextmanager
    async def _browser(self) -> AsyncIterator[Browser]:
        connector = aiohttp.TCPConnector(local_addr=(self._address, 0))
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            yield Browser(session, self._base, self._ledger)


def _key() -> str:
    return uuid.uuid4().hex


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {sku: one.get(sku, 0) + other.get(sku, 0) for sku in one.keys() | other.keys()}
