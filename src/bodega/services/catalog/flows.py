"""What goes on beside the requests: telling the world, keeping the lists, developing pictures, tidying up."""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid5

from bodega.contracts.catalog import ProductStatus
from bodega.contracts.envelope import CloudEvent, event
from bodega.kit.bus import Message, Producer, Trouble
from bodega.kit.errors import Unavailable
from bodega.kit.telemetry import OUTBOX_LAG, OUTBOX_SENT, log
from bodega.kit.trouble import Backoff
from bodega.services.catalog import domain
from bodega.services.catalog.clients import ObjectStorage
from bodega.services.catalog.domain import Product
from bodega.services.catalog.domain.lists import After, Entry, ProductLists, Sort
from bodega.services.catalog.domain.pictures import Developed, develop
from bodega.services.catalog.settings import Settings
from bodega.services.catalog.store import Address, Card, Lead, Pending, Store

_BATCH = 200
_FACTS = UUID("6f1d1a52-7d0e-5a7b-9d3c-0b0de6a00001")
LOOK_SECONDS = 0.25
"""How often the lists follow the store when nobody asks for one ..."""
_SOON = 0.02
"""... and when something was new: the store remembers a hundred records, and many writers fill it soon."""
_TRIES = 20
_WORDS_AT_ONCE = 2_000
_MOST_ANSWERS = 1_000
"""Some eight kilobytes each."""
_ANSWER_SECONDS = 1.0
"""For so long an answer is good whose cards are being read again."""
_RENEWED_AT_ONCE = 50
_RENEWAL_SECONDS = 0.25
"""Between two readings of old cards: a tenth of the stand-in's time at most, while whole catalogs are paged."""
_MOST_OLD = 2_000
UPLOAD_HOURS = 24
SWEEP_HOURS = 24
_log = log()


class _Version(Protocol):
    @property
    def version(self) -> int: ...


Versioned = TypeVar("Versioned", bound=_Version)


async def _wait(happening: asyncio.Event, most_seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(happening.wait(), most_seconds)


class Relay:
    """Publishes every write, by what `pending` says: the product as it stands, never an older state after a newer
    one. A crash between publishing and forgetting publishes again, under the same event id. A category says itself
    whether it has yet to be published.

    Of several replicas one publishes, for as long as it renews its lease. One that slept between reading and sending
    while another took its place must not send what it read: opening the producer comes before reading, and from then
    on the broker refuses whatever a producer opened earlier sends (kit/bus.py).
    """

    def __init__(self, store: Store, producer: Producer, settings: Settings) -> None:
        self._store = store
        self._producer = producer
        self._prefix = settings.topic_prefix
        self._replica = settings.replica
        self._lease = timedelta(seconds=settings.relay_lease_seconds)
        self._poll = settings.relay_poll_seconds
        self._shared_poll = settings.relay_shared_poll_seconds
        self._first = settings.retry_first_seconds
        self._most = settings.retry_most_seconds
        self._leftover = timedelta(seconds=settings.leftover_seconds)
        self._renewal = settings.relay_lease_seconds / 3
        self._asked_of: datetime | None = None
        """The end of the other replica's lease when this one first asked for its place; a later end means renewed."""
        self._stopping = asyncio.Event()
        self.connected = False

    def stop(self) -> None:
        self._stopping.set()
        self._store.written.set()

    async def run(self) -> None:
        """Publishes until stopped, whatever becomes of the store and the broker in the meantime."""
        backoff = Backoff(self._first, self._most)
        while not self._stopping.is_set():
            wait = self._first  # where nothing is wrong, but another replica has taken over
            try:
                lead = await self._lead()
                if not lead.mine:
                    await self._follow(lead)
                    continue
                self._asked_of = None
                await self._producer.open()
                self.connected = True
                while (lead := await self._lead()).mine and not self._stopping.is_set():
                    self._store.written.clear()
                    await self.tell_all()
                    backoff.reset()
                    await _wait(self._store.written, self._rest(lead))
                if self._stopping.is_set():
                    await self._store.resign(self._replica)
            except (Trouble, Unavailable) as error:
                wait = backoff.next()
                _log.warning("the relay waits", error=error, wait_seconds=wait)
            except Exception as error:  # the broker's client raises its own tree at start; none may end the relay
                wait = backoff.next()
                _log.exception("the relay starts again", error=error, wait_seconds=wait)
            finally:
                await self._producer.close()
            self.connected = False
            await _wait(self._stopping, wait)

    async def _lead(self) -> Lead:
        """Tries to become, or to remain, the replica that publishes. Raises Unavailable."""
        return await self._store.lead(self._replica, now=datetime.now(UTC), lease=self._lease)

    async def _follow(self, lead: Lead) -> None:
        """Waits while another replica publishes. That one rarely looks for new writes until it knows that it is not
        alone, which it learns when it next renews its lease. Until then this replica does not count as connected."""
        if self._asked_of is None:
            self._asked_of = lead.until
        self.connected = lead.until != self._asked_of
        await _wait(self._stopping, self._renewal if self.connected else self._shared_poll)

    def _rest(self, lead: Lead) -> float:
        """The seconds until the next look, at the latest."""
        alone = datetime.now(UTC) - lead.asked_at > self._lease
        return min(self._poll if alone else self._shared_poll, self._renewal)

    async def tell_all(self) -> int:
        """Everything that is pending now; how many products were told. Raises: Trouble, Unavailable."""
        last: str | None = None
        await self._tell_categories()
        told = 0
        while entries := await self._store.pending_after(last, _BATCH):
            if last is None:
                OUTBOX_LAG.labels("catalog").set((datetime.now(UTC) - entries[0].at).total_seconds())
            told += await self._tell(entries)
            last = entries[-1].id
        if last is None:
            OUTBOX_LAG.labels("catalog").set(0)
        return told

    async def _tell_categories(self) -> None:
        untold = await self._store.untold_categories()
        if not untold:
            return
        told = [one.told() for one in untold]
        await self._producer.send(
            [
                self._message(event(one, subject=one.slug, sequence=one.version), fact=f"category/{one.slug}")
                for one in told
            ]
        )
        for one in told:
            await self._store.category_told(one.slug, one.version)
        OUTBOX_SENT.labels("catalog").inc(len(told))

    async def _tell(self, entries: list[Pending]) -> int:
        traces = {entry.product_id: entry.trace for entry in entries}
        products = {one.id: one for one in await self._store.products_by_id(list(traces))}
        messages: list[Message] = []
        done: list[str] = []
        written: list[tuple[str, int]] = []
        for product_id, trace in traces.items():
            of_it = [entry for entry in entries if entry.product_id == product_id]
            product = products.get(product_id)
            there = [entry.id for entry in of_it if product is not None and product.version >= entry.version]
            lost = [entry.id for entry in of_it if entry.id not in there and self._is_leftover(entry)]
            if product is not None and there:
                messages += self._of_product(product, trace)
            if product is not None and lost:
                await self._revive(product)
            done += there + lost
            if there and product is not None:
                written.append((product.id, product.version))
        await self._store.record(written)  # its writer may have died before it could
        await self._producer.send(messages)
        if done:
            await self._store.forget_pending(done)
        OUTBOX_SENT.labels("catalog").inc(len(messages))
        return len(messages)

    def _is_leftover(self, entry: Pending) -> bool:
        return datetime.now(UTC) - entry.at > self._leftover

    async def _revive(self, product: Product) -> None:
        """Of an announced write that is not there: it never came, or the store lost it when it crashed, after the
        world had heard of it. A new version brings the world back to what is, and shuts out a write that is still
        on its way. (If somebody else writes first, that does the same.)"""
        await self._store.replace_product(domain.touch(product, now=datetime.now(UTC)), version=product.version)

    def _of_product(self, product: Product, trace: dict[str, str]) -> list[Message]:
        fact = domain.fact(product)
        if fact is None:
            return []
        told: Any = event(fact, subject=product.id, sequence=product.version)
        return [self._message(told.model_copy(update={"time": product.updated_at}), fact=product.id, trace=trace)]

    def _message(self, told: CloudEvent[Any], *, fact: str, trace: dict[str, str] | None = None) -> Message:
        # One fact, one id, however often it is told.
        told = told.model_copy(update={"id": str(uuid5(_FACTS, f"{fact}/{told.sequence}"))})
        headers = trace or {}
        body = told.to_bytes(traceparent=headers.get("traceparent"))
        return Message(topic=self._prefix + told.topic, key=told.key, body=body, headers=headers)


@dataclass(slots=True)
class _KeptCard:
    card: Card
    read_at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a list, written out."""

    body: bytes
    headers: Mapping[str, str]


class ReadModel:
    """Answers the lists of products from memory: which products, in which order, and what their cards show.

    A write is recorded in the store before it is acknowledged or told to the world, and each question first looks for
    what was recorded: a list is never older than what anybody can know. Questions that wait share a look. What else is
    asked for of a page's products is read by their ids, and judged by the versions that come: where one is not the one
    that was expected, the product is put where it belongs and the page is made again.

    A card is shown in no other version than the one that the lists know, however long it has been in memory. One that
    was read long ago is read again after it has been shown, for the sake of changes that nobody has recorded.

    The store is the truth: the model is read from it at the start, and again when too much was written since the last
    look.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._patience = settings.mongo_timeout_seconds
        self._most_cards = settings.cards_in_memory
        self._card_seconds = settings.card_seconds
        self._lists: ProductLists | None = None
        self._built = asyncio.Event()
        self._seen = ""
        """The mark of the last record that is in the lists."""
        self._cards: dict[str, _KeptCard] = {}
        """By product, the longest unused first."""
        self._old: dict[str, None] = {}
        """Products whose cards have been shown and are to be read again, in this order."""
        self._renewed_at = 0.0
        self._revision = 0
        self._answers: OrderedDict[Hashable, tuple[int, float, Answer]] = OrderedDict()
        """By question: its revision, until when it is good, and itself; the longest unused first."""
        self._looking = asyncio.Lock()
        self._next_look: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()
        self._store.recorded.set()

    async def run(self) -> None:
        """Builds the model and keeps it until stopped. Raises Unavailable."""
        while not self._stopping.is_set():
            if self._lists is None:
                await self._build()
            self._store.recorded.clear()
            seen = self._seen
            await self._look()
            await self._renew()
            await _wait(self._store.recorded, LOOK_SECONDS if self._seen == seen else _SOON)

    async def ready(self) -> None:
        """Raises Unavailable, until the model has been built."""
        if self._lists is None:
            raise Unavailable("the lists of products are being read from the database")

    # --- what is asked ----------------------------------------------------------------------------------

    async def answered(self, question: Hashable) -> Answer | None:
        """What was answered to this question before, if it would be the same now. Raises Unavailable."""
        revision, good_until, answer = self._answers.get(question, (-1, 0.0, None))
        if answer is None or revision != self._revision or time.monotonic() > good_until:
            return None
        await self._looked()
        if revision != self._revision:
            return None
        self._answers.move_to_end(question)
        return answer

    @property
    def revision(self) -> int:
        """Of what lists show: another one with each write that has come in."""
        return self._revision

    def remember(self, question: Hashable, answer: Answer, cards: Iterable[Card], *, revision: int) -> None:
        """An answer that shows these cards. `revision`: as it was before they were chosen, since what was written
        meanwhile makes the answer worth nothing."""
        now = time.monotonic()
        kept = (self._cards.get(card.entry.id) for card in cards)
        read_at = min((one.read_at for one in kept if one is not None), default=now)
        self._answers[question] = (revision, max(read_at + self._card_seconds, now + _ANSWER_SECONDS), answer)
        self._answers.move_to_end(question)
        if len(self._answers) > _MOST_ANSWERS:
            self._answers.popitem(last=False)

    async def cards(
        self, *, category: str | None, brand: str | None, sort: Sort, after: After | None, limit: int
    ) -> list[Card]:
        """A page for shoppers. Raises Unavailable."""

        async def chosen(lists: ProductLists) -> list[Entry]:
            return lists.published(category=category, brand=brand, sort=sort, after=after, limit=limit)

        return await self._page(chosen, self._shown)

    async def all(
        self, *, status: ProductStatus | None, words: str | None, before: str | None, limit: int
    ) -> list[Card]:
        """A page for merchants, newest first. `words`: a part of title, brand or a SKU, case aside; or a whole slug.
        Raises Unavailable."""
        named = await self._store.find_by_slug(words) if words is not None else None

        async def chosen(lists: ProductLists) -> list[Entry]:
            if words is None:
                return lists.all(status=status, before=before, limit=limit)
            found: list[Entry] = []
            part, also = words.lower(), named.id if named is not None else None
            for number, entry in enumerate(lists.all(status=status, before=before)):
                if part in entry.words or entry.id == also:
                    found.append(entry)
                    if len(found) == limit:
                        break
                if number % _WORDS_AT_ONCE == 0:
                    await asyncio.sleep(0)  # others' requests do not wait for a merchant who looks for a rare word
            return found

        return await self._page(chosen, self._shown)

    async def published_after(self, product_id: str | None, limit: int) -> list[Product]:
        """All published ones whole, page by page, by id. Raises Unavailable."""

        async def chosen(lists: ProductLists) -> list[Entry]:
            return lists.published_after(product_id, limit)

        async def read(entries: Sequence[Entry]) -> dict[str, Product]:
            return {one.id: one for one in await self._store.products_by_id([entry.id for entry in entries])}

        return await self._page(chosen, read)

    async def addresses_after(self, product_id: str | None, limit: int) -> list[Address]:
        """Of published products, by id. Raises Unavailable."""

        async def chosen(lists: ProductLists) -> list[Entry]:
            return lists.published_after(product_id, limit)

        async def read(entries: Sequence[Entry]) -> dict[str, Address]:
            return await self._store.addresses([entry.id for entry in entries])

        return await self._page(chosen, read)

    async def _shown(self, entries: Sequence[Entry]) -> dict[str, Card]:
        """From memory, and from the store what is not there."""
        now = time.monotonic()
        found: dict[str, Card] = {}
        for entry in entries:
            kept = self._cards.get(entry.id)
            if kept is None or kept.card.version != entry.version:
                continue
            self._cards[entry.id] = self._cards.pop(entry.id)
            found[entry.id] = kept.card
            if now - kept.read_at > self._card_seconds and len(self._old) < _MOST_OLD:
                self._old[entry.id] = None
        if missing := [entry.id for entry in entries if entry.id not in found]:
            read = await self._store.cards(missing)
            self._keep(read.values(), now)
            found |= read
        return found

    async def _page(
        self,
        choose: Callable[[ProductLists], Awaitable[Sequence[Entry]]],
        read: Callable[[Sequence[Entry]], Awaitable[Mapping[str, Versioned]]],
    ) -> list[Versioned]:
        """What was read of the entries chosen, in their order, each in the version for which it was chosen."""
        lists = await self._looked()
        for _ in range(_TRIES):
            entries = await choose(lists)
            found = await read(entries)
            moved = [one.id for one in entries if one.id not in found or found[one.id].version != one.version]
            if not moved:
                return [found[one.id] for one in entries]
            await self._refresh(lists, dict.fromkeys(moved))
        raise Unavailable("these products change faster than they can be listed")

    # --- how it follows the store -----------------------------------------------------------------------

    async def _looked(self) -> ProductLists:
        """The lists with everything that was recorded before this call. Raises Unavailable, if they are not there in
        time."""
        while True:
            if self._lists is None:
                await _wait(self._built, self._patience)
            await self.ready()
            await self._look()
            if self._lists is not None:
                return self._lists

    async def _look(self) -> None:
        """Waits for a look that has begun after this call: all who wait for the next one share it. Raises
        Unavailable."""
        if self._next_look is None:
            self._next_look = asyncio.create_task(self._begin_look())
        await asyncio.shield(self._next_look)  # who gives up does not take it from the others

    async def _begin_look(self) -> None:
        async with self._looking:
            self._next_look = None  # who comes from now on needs the one after
            lists = self._lists
            if lists is None or await self._store.last_change() == self._seen:
                return
            changes = await self._store.changes_since(self._seen)
            if changes is None:
                _log.warning("too much was written since the last look: the lists are read again")
                self._lists = None
                self._built.clear()
                return
            known = {one: lists.find(one) for one in changes.versions}
            new = [one for one, entry in known.items() if entry is None or entry.version < changes.versions[one]]
            await self._refresh(lists, {one: changes.versions[one] for one in new})
            self._seen = changes.mark

    async def _build(self) -> None:
        """Reads all products, and follows what is written meanwhile. Raises Unavailable."""
        began = time.monotonic()
        seen = await self._store.last_change()
        entries: list[Entry] = []
        written: set[str] = set()

        async def follow() -> None:
            nonlocal seen
            changes = await self._store.changes_since(seen)
            if changes is None:
                raise Unavailable("too much was written while the lists were read")
            written.update(changes.versions)
            seen = changes.mark

        async for batch in self._store.all_cards():
            entries += [card.entry for card in batch]
            self._keep(batch, time.monotonic())
            await follow()
        # In a thread: sorting is seconds of work for a large catalog, and product pages must not wait for it.
        sorting = asyncio.create_task(asyncio.to_thread(ProductLists, entries))
        while not sorting.done():
            await asyncio.wait({sorting}, timeout=LOOK_SECONDS)
            await follow()
        lists = await sorting
        await self._refresh(lists, dict.fromkeys(sorted(written)))
        self._lists, self._seen = lists, seen
        self._revision += 1
        self._built.set()
        _log.info("the lists are in memory", products=len(lists), seconds=round(time.monotonic() - began, 3))

    async def _refresh(self, lists: ProductLists, wanted: Mapping[str, int | None]) -> None:
        """Puts these products where they belong. `wanted`: of each the version that was recorded, which this process
        may have written itself; None: it is read in any case. Raises Unavailable."""
        if not wanted:
            return
        read_at = time.monotonic()
        known = {one: lists.find(one) for one in wanted}
        ours = {one: self._store.written_card(one, version) for one, version in wanted.items() if version is not None}
        found = {one: card for one, card in ours.items() if card is not None}
        if unknown := [one for one in wanted if one not in found]:
            found |= await self._store.cards(unknown)
        for one, before in known.items():
            card, now = found.get(one), lists.find(one)
            if now is not before and (card is None or (now is not None and now.version >= card.version)):
                continue  # somebody has read it later than we have
            kept = self._cards.pop(one, None)
            if card is None or kept is None or now != card.entry or kept.card.json != card.json:
                self._revision += 1
            if card is None:
                lists.remove(one)
            else:
                lists.put(card.entry)
                self._cards[one] = _KeptCard(card, read_at)
        self._let_go()

    async def _renew(self) -> None:
        """Reads some of the old cards that have been shown. Raises Unavailable."""
        lists, now = self._lists, time.monotonic()
        if lists is None or not self._old or now - self._renewed_at < _RENEWAL_SECONDS:
            return
        self._renewed_at = now
        chosen = list(self._old)[:_RENEWED_AT_ONCE]
        for one in chosen:
            del self._old[one]
        await self._refresh(lists, dict.fromkeys(chosen))

    def _keep(self, cards: Iterable[Card], read_at: float) -> None:
        """Unless a later version is there."""
        for card in cards:
            kept = self._cards.pop(card.entry.id, None)
            later = kept is not None and kept.card.version > card.version
            self._cards[card.entry.id] = kept if kept is not None and later else _KeptCard(card, read_at)
        self._let_go()

    def _let_go(self) -> None:
        while len(self._cards) > self._most_cards:
            del self._cards[next(iter(self._cards))]


class Darkroom:
    """Develops pictures, a few at a time, in threads: the codecs let go of the interpreter while they work."""

    def __init__(self, settings: Settings) -> None:
        self._workers = settings.picture_workers
        self._queue = settings.picture_queue
        self._pixels = settings.picture_pixels
        self._running: dict[str, asyncio.Future[Developed]] = {}
        self._pool: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="darkroom")

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def develop(self, media_id: str, content: bytes, content_type: str) -> Developed:
        """Whoever asks for a picture that is being developed waits for the same files: a client that had no patience
        and asks again must not double the work of a service that is late already.

        Raises: Unreadable; Unavailable, if too many wait already.
        """
        running = self._running.get(media_id)
        if running is None:
            if len(self._running) >= self._queue:
                raise Unavailable("too many pictures are waiting to be processed")
            running = asyncio.get_running_loop().run_in_executor(
                self._pool, lambda: develop(content, content_type, most_pixels=self._pixels)
            )
            self._running[media_id] = running
            running.add_done_callback(lambda _: self._running.pop(media_id))
        return await asyncio.shield(running)  # who gives up does not take it from the others


class Tidying:
    """Once an hour throws away uploads that nobody has completed within a day; once a day, pictures' files that
    nothing refers to: of pictures taken from their products, and of a process that died before it could add one.
    """

    def __init__(self, store: Store, storage: ObjectStorage, settings: Settings) -> None:
        self._store = store
        self._storage = storage
        self._unshown = timedelta(hours=settings.unshown_hours)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        swept = datetime.now(UTC)  # the first sweep is a day away: a start has better things to do
        while not self._stopping.is_set():
            now = datetime.now(UTC)
            try:
                await self.tidy(now - timedelta(hours=UPLOAD_HOURS))
                if now - swept > timedelta(hours=SWEEP_HOURS):
                    count = await self.sweep(now - self._unshown)
                    swept = now
                    _log.info("pictures that nothing shows are swept up", files=count)
            except Unavailable as error:
                _log.warning("tidying is put off", error=error)
            await _wait(self._stopping, 3600)

    async def tidy(self, before: datetime) -> int:
        """How many were thrown away. Raises Unavailable."""
        uploads = await self._store.uploads_before(before, 1_000)
        for upload in uploads:
            await self._storage.discard_upload(upload.media_id)
            await self._store.delete_upload(upload.media_id)
        return len(uploads)

    async def sweep(self, before: datetime) -> int:
        """How many files were taken away: put there before the moment, and shown by no product or order of one.

        Files are listed before products are read, and looked at once more before they go, so that a picture which
        comes just now stays. A store without a single picture is more likely the wrong store: nothing is taken.
        Raises Unavailable.
        """
        old = {path async for path in self._storage.shown_before(before)}
        listed = len(old)
        async for shown in self._store.pictures():
            old.difference_update(shown)
        if len(old) == listed:
            return 0
        return sum([await self._storage.take_down(path, before=before) for path in sorted(old)])
