"""Carts and snapshots in Redis: the only file here that knows it.

Keys, all behind the setting `key_prefix`:

    head:{cart}       hash: version, revision, pieces, position (of the newest line), customer
    lines:{cart}      hash: SKU -> "quantity position seen_amount"
    customer:{id}     the customer's cart
    key:{cart}:{key}  fingerprint of the request that was made with this Idempotency-Key
    paid:{order}      this order has taken its lines
    product:{sku}, stock:{sku}   snapshots, as JSON with a version; of a product, with whose version it is
    skus:{product}    set: the SKUs for which there are or were snapshots as this product's
    heard:{product}   the newest version of it that an event has told of

A change is one script: Redis runs it alone, so it happens wholly or not at all, and two of them one after the other.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as CannotConnect
from redis.exceptions import OutOfMemoryError
from redis.exceptions import TimeoutError as NoAnswer

from bodega.kit.errors import Unavailable
from bodega.kit.telemetry import count
from bodega.services.cart.domain import MOST_LINES, MOST_OF_ONE, Cart, Line, ProductWord, StockWord, Words

_DAY = 86_400
_MARK_SECONDS = 60
"""For so long a mark refuses what was asked for before it: longer than any request may take."""

STORE_DOWN: tuple[type[BaseException], ...] = (CannotConnect, NoAnswer, OutOfMemoryError)

Outcome = Literal["done", "replayed", "reused", "full", "too_many", "foreign", "missing"]

# What every change stands on. KEYS[1], KEYS[2]: head and lines of the cart; ARGV[1], ARGV[2]: new revision, life in
# seconds; ARGV[3]: who changes it, a customer or nobody.
_PRELUDE = """
local head, lines, revision, life, customer = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3]

local function line_of(key, sku)
  local value = redis.call('HGET', key, sku)
  if not value then return nil end
  local quantity, position, seen = string.match(value, '^(%d+) (%d+) (%d*)$')
  return {quantity = tonumber(quantity), position = position, seen = seen}
end

-- Sets a line; 0 takes it out. A price that is not known leaves the one that was seen before.
local function put(sku, quantity, seen)
  local old = line_of(lines, sku)
  redis.call('HINCRBY', head, 'pieces', quantity - (old and old.quantity or 0))
  if quantity == 0 then
    redis.call('HDEL', lines, sku)
    return
  end
  local position = old and old.position or redis.call('HINCRBY', head, 'position', 1)
  if seen == '' and old then seen = old.seen end
  redis.call('HSET', lines, sku, string.format('%d %d %s', quantity, position, seen))
end

local function changed()
  redis.call('HSET', head, 'revision', revision)
  redis.call('HSETNX', head, 'customer', customer)
  redis.call('HINCRBY', head, 'version', 1)
  redis.call('EXPIRE', head, life)
  redis.call('EXPIRE', lines, life)
end

-- A cart of a customer is nobody else's, whoever has its token.
local function foreign()
  local owner = redis.call('HGET', head, 'customer')
  return owner and owner ~= customer
end
"""

# KEYS[3]: of the Idempotency-Key, if there is one. ARGV: SKU, quantity, seen price, fingerprint, the key's life.
_ADD = """
local sku, quantity, seen, fingerprint, key_life = ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local function answer(outcome)
  local line = redis.call('HGET', lines, sku) or ''
  local fields = redis.call('HMGET', head, 'version', 'revision', 'pieces')
  return {outcome, line, fields[1] or '0', fields[2] or '', fields[3] or '0', redis.call('HLEN', lines)}
end
if foreign() then return {'foreign'} end
if KEYS[3] then
  local known = redis.call('GET', KEYS[3])
  if known == fingerprint then return answer('replayed') end
  if known then return {'reused'} end
end
local old = line_of(lines, sku)
if not old and redis.call('HLEN', lines) >= MOST_LINES then return {'full'} end
quantity = quantity + (old and old.quantity or 0)
if quantity > MOST_OF_ONE then return {'too_many'} end
put(sku, quantity, seen)
if KEYS[3] then redis.call('SET', KEYS[3], fingerprint, 'EX', key_life) end
changed()
return answer('done')
"""

# ARGV: SKU, quantity (0: out with it), seen price.
_SET = """
if foreign() then return 'foreign' end
if not line_of(lines, ARGV[4]) then return 'missing' end
put(ARGV[4], tonumber(ARGV[5]), ARGV[6])
changed()
return 'done'
"""

_CLEAR = """
if foreign() then return 'foreign' end
if redis.call('EXISTS', head) == 0 then return 'missing' end
redis.call('DEL', lines)
redis.call('HSET', head, 'pieces', 0)
changed()
return 'done'
"""

# KEYS[3], KEYS[4]: head and lines of the guest's cart. What does not fit stays there; so a second time moves nothing.
_MERGE = """
local guest_head, guest_lines = KEYS[3], KEYS[4]
if guest_head == head or (redis.call('HGET', guest_head, 'customer') or '') ~= '' then return {} end
local skus = redis.call('HKEYS', guest_lines)
local given = {}
for _, sku in ipairs(skus) do given[sku] = line_of(guest_lines, sku) end
table.sort(skus, function(a, b) return tonumber(given[a].position) < tonumber(given[b].position) end)
local merged, moved = {}, 0
for _, sku in ipairs(skus) do
  local old, quantity, total = line_of(lines, sku), given[sku].quantity, 0
  local both = quantity + (old and old.quantity or 0)
  if old or redis.call('HLEN', lines) < MOST_LINES then
    total = math.min(MOST_OF_ONE, both)
    put(sku, total, given[sku].seen)
    redis.call('HDEL', guest_lines, sku)
    redis.call('HINCRBY', guest_head, 'pieces', -quantity)
    moved = moved + 1
  end
  merged[#merged + 1] = {sku, quantity, total, total < both and 1 or 0}
end
if moved > 0 then
  changed()
  redis.call('HSET', guest_head, 'revision', revision)
  redis.call('HINCRBY', guest_head, 'version', 1)
end
if redis.call('EXISTS', guest_lines) == 0 then redis.call('DEL', guest_head) end
return merged
"""

# KEYS[3]: the order's mark. ARGV: the mark's life, then SKU and quantity of each purchased line.
_PURCHASED = """
if not redis.call('SET', KEYS[3], '1', 'NX', 'EX', ARGV[4]) then return 0 end
customer = redis.call('HGET', head, 'customer') or ''
local touched = 0
for n = 5, #ARGV, 2 do
  local line = line_of(lines, ARGV[n])
  if line then
    put(ARGV[n], math.max(0, line.quantity - tonumber(ARGV[n + 1])), '')
    touched = touched + 1
  end
end
if touched > 0 then changed() end
return touched
"""

# Snapshots never go back. KEYS: of each, its own and the one with what was heard of its owner. ARGV: life, life of a
# mark, how the words came; then for each: owner, version, snapshot, mark, and what was known when it was asked for.
#
#   answer  asked for. What was heard since it was asked for is newer.
#   claim   heard: the owner has this SKU. What is not kept yet is only marked: the mark refuses an answer that is still
#           under way and older.
#   loss    heard: the owner no longer has it. Nothing is said about what others have.
#
# Versions are compared within one owner only. A SKU that changes hands is told of by two products, whose events come in
# any order: a claim on what another has leaves a mark, and the catalog is asked who has it.
_KEEP = """
local life, mark_life, came = ARGV[1], ARGV[2], ARGV[3]
for n = 1, #KEYS / 2 do
  local key, heard = KEYS[2 * n - 1], redis.call('GET', KEYS[2 * n])
  local owner, version, snapshot, mark, seen = unpack(ARGV, 5 * n - 1, 5 * n + 3)
  local known = redis.call('GET', key)
  known = known and cjson.decode(known)
  local known_owner = known and (known.owner or '')
  local put
  if heard and tonumber(heard) > tonumber(version) then
    put = nil
  elseif not known then
    put = came == 'answer' and snapshot or came == 'claim' and mark
  elseif known_owner == owner and owner ~= '' then
    if tonumber(version) > known.version or came == 'answer' and tonumber(version) == known.version then
      put = (came == 'answer' or known.told ~= cjson.null) and snapshot or mark
    end
  elseif came == 'claim' then
    put = mark
  elseif came == 'answer' and seen == string.format('%s %.0f', known_owner, known.version) then
    put = snapshot
  end
  if put then redis.call('SET', key, put, 'EX', put == mark and mark_life or life) end
end
"""

# KEYS: what was heard of a product. ARGV: version, life.
_HEARD = """
local known = redis.call('GET', KEYS[1])
if not known or tonumber(known) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
"""

# As _KEEP, where each key has one owner for ever. KEYS: theirs. ARGV: life, life of a mark, whether to mark what is not
# kept yet; then for each: version, snapshot, mark.
_KEEP_STOCK = """
for n, key in ipairs(KEYS) do
  local version, snapshot, mark = tonumber(ARGV[3 * n + 1]), ARGV[3 * n + 2], ARGV[3 * n + 3]
  local known = redis.call('GET', key)
  known = known and cjson.decode(known)
  if not known or known.version <= version then
    if ARGV[3] == '1' and (not known or known.told == cjson.null) then
      redis.call('SET', key, mark, 'EX', ARGV[2])
    else
      redis.call('SET', key, snapshot, 'EX', ARGV[1])
    end
  end
end
"""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of adding. Only `done` and `replayed` tell of a cart."""

    outcome: Outcome
    line: Line | None = None
    version: int = 0
    revision: str = ""
    pieces: int = 0
    line_count: int = 0


@dataclass(frozen=True, slots=True)
class Merged:
    """A line of the guest's cart. `total` 0: it did not fit. `capped`: it is less than both carts had together."""

    sku: str
    quantity: int
    total: int
    capped: bool


class Carts:
    """The store. Open it in the service's lifespan, close it at its end."""

    def __init__(
        self,
        url: str,
        *,
        key_prefix: str,
        connections: int,
        timeout_seconds: float,
        cart_days: int,
        marker_days: int,
        snapshot_days: int,
        idempotency_hours: float,
    ) -> None:
        self._prefix = key_prefix
        self._life = cart_days * _DAY
        self._marker_life = marker_days * _DAY
        self._snapshot_life = snapshot_days * _DAY
        self._key_life = int(idempotency_hours * 3600)
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            decode_responses=True,
            # A change of which the answer was lost may have happened: the client must not repeat it by itself.
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Any = Redis.from_pool(pool)  # its types know neither pipelines nor decoded answers
        self._scripts = {
            name: self._redis.register_script(
                (_PRELUDE + body).replace("MOST_LINES", str(MOST_LINES)).replace("MOST_OF_ONE", str(MOST_OF_ONE))
            )
            for name, body in {
                "add": _ADD, "set": _SET, "clear": _CLEAR, "merge": _MERGE, "purchased": _PURCHASED,
            }.items()
        }  # fmt: skip
        self._keep = self._redis.register_script(_KEEP)
        self._keep_stock = self._redis.register_script(_KEEP_STOCK)
        self._heard = self._redis.register_script(_HEARD)

    async def open(self) -> None:
        """Connections are made when they are needed: a room starts without its store, and says that it is unready."""

    async def close(self) -> None:
        await self._redis.aclose()

    async def ping(self) -> None:
        """Raises Unavailable if the store does not answer."""
        async with _answering():
            await self._redis.ping()

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"

    def _cart_keys(self, cart_id: str) -> list[str]:
        return [self._key("head", cart_id), self._key("lines", cart_id)]

    # --- carts --------------------------------------------------------------------------------------

    async def find_cart(self, cart_id: str) -> Cart | None:
        """As it stands. Looking at it renews its life."""
        head_key, lines_key = self._cart_keys(cart_id)
        async with _answering(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(head_key).hgetall(lines_key).expire(head_key, self._life).expire(lines_key, self._life)
            head, lines, *_ = await pipe.execute()
        if not head:
            return None
        return Cart(
            id=cart_id,
            revision=head["revision"],
            version=int(head["version"]),
            pieces=int(head["pieces"]),
            customer=head["customer"],
            lines=tuple(sorted((_line(*entry) for entry in lines.items()), key=lambda line: line.position)),
        )

    async def find_cart_of(self, customer_id: str) -> str | None:
        """The id of the customer's cart."""
        async with _answering():
            cart_id: str | None = await self._redis.getex(self._key("customer", customer_id), ex=self._life)
        return cart_id

    async def bind_cart(self, customer_id: str, new_cart_id: str) -> str:
        """The customer's cart: the one there is, or from now on this one."""
        key = self._key("customer", customer_id)
        async with _answering():
            there: str | None = await self._redis.set(key, new_cart_id, nx=True, get=True, ex=self._life)
        return there or new_cart_id

    async def add_line(
        self,
        cart_id: str,
        revision: str,
        customer: str,
        sku: str,
        quantity: int,
        seen_amount: int | None,
        *,
        idempotency: tuple[str, str] | None,
    ) -> Added:
        """Takes the same time whatever else is in the cart. `idempotency`: key, and fingerprint of the body."""
        key, fingerprint = idempotency or ("", "")
        keys = self._cart_keys(cart_id) + ([self._key("key", f"{cart_id}:{key}")] if key else [])
        outcome, *told = await self._run(
            "add", keys, revision, customer, sku, quantity, _seen(seen_amount), fingerprint, self._key_life
        )
        if not told:
            return Added(outcome)
        value, version, revision, pieces, line_count = told
        line = _line(sku, value) if value else None  # a repeated request may find its line gone
        return Added(outcome, line, int(version), revision, int(pieces), line_count)

    async def set_quantity(
        self, cart_id: str, revision: str, customer: str, sku: str, quantity: int, seen_amount: int | None
    ) -> Outcome:
        """0 takes the line out."""
        outcome: Outcome = await self._run(
            "set", self._cart_keys(cart_id), revision, customer, sku, quantity, _seen(seen_amount)
        )
        return outcome

    async def clear(self, cart_id: str, revision: str, customer: str) -> Outcome:
        outcome: Outcome = await self._run("clear", self._cart_keys(cart_id), revision, customer)
        return outcome

    async def merge(self, guest_id: str, cart_id: str, revision: str, customer: str) -> list[Merged]:
        """Moves the lines of a guest's cart into a customer's."""
        keys = self._cart_keys(cart_id) + self._cart_keys(guest_id)
        rows = await self._run("merge", keys, revision, customer)
        return [Merged(sku, quantity, total, bool(capped)) for sku, quantity, total, capped in rows]

    async def remove_purchased(
        self, cart_id: str, revision: str, order_id: str, purchased: Sequence[tuple[str, int]]
    ) -> int:
        """Once per order. How many lines were touched."""
        keys = [*self._cart_keys(cart_id), self._key("paid", order_id)]
        flat = [part for line in purchased for part in line]
        return int(await self._run("purchased", keys, revision, "", self._marker_life, *flat))

    async def forget_customer(self, customer_id: str) -> int:
        """Drops the customer's cart; how many there were."""
        pointer = self._key("customer", customer_id)
        cart_id = await self.find_cart_of(customer_id)
        async with _answering():
            await self._redis.unlink(pointer, *(self._cart_keys(cart_id) if cart_id is not None else ()))
        return int(cart_id is not None)

    async def _run(self, script: str, keys: list[str], revision: str, customer: str, *args: str | int) -> Any:
        async with _answering():
            return await self._scripts[script](keys, [revision, self._life, customer, *args])

    # --- snapshots ----------------------------------------------------------------------------------

    async def find_words(self, skus: Sequence[str]) -> Words:
        """What is known of them. Marks are left out: they say nothing."""
        if not skus:
            return Words({}, {})
        async with _answering():
            values = await self._redis.mget(
                [self._key("product", sku) for sku in skus] + [self._key("stock", sku) for sku in skus]
            )
        kept = {
            sku: ProductWord.model_validate_json(value)
            for sku, value in zip(skus, values[: len(skus)], strict=True)
            if value
        }
        stock = [StockWord.model_validate_json(value) for value in values[len(skus) :] if value]
        return Words(
            {sku: word for sku, word in kept.items() if word.told is not None},
            {word.told.sku: word for word in stock if word.told is not None},
            {sku: f"{word.owner} {word.version}" for sku, word in kept.items()},
        )

    async def keep_answers(self, words: Mapping[str, ProductWord], standing: Mapping[str, str]) -> None:
        """What the catalog has answered, unless something newer has been heard since. `standing`: of the words that
        were known when it was asked."""
        owned = [(word.owner, sku) for sku, word in words.items() if word.owner]
        async with _answering(), self._redis.pipeline(transaction=False) as pipe:
            for owner, sku in owned:  # before the words: a product's event finds those that it is about
                pipe.sadd(self._key("skus", owner), sku).expire(self._key("skus", owner), self._snapshot_life)
            await pipe.execute()
        await self._keep_products("answer", words, standing)

    async def keep_claims(self, words: Mapping[str, ProductWord]) -> None:
        """What an event says of SKUs that its product has."""
        await self._keep_products("claim", words, {})

    async def keep_losses(self, words: Mapping[str, ProductWord]) -> None:
        """What an event says of SKUs that its product had and no longer has."""
        await self._keep_products("loss", words, {})

    async def heard_of(self, product_id: str, version: int) -> None:
        """An event has told of it: from now on no older answer about it is kept."""
        async with _answering():
            await self._heard([self._key("heard", product_id)], [version, _MARK_SECONDS])

    async def kept_skus_of(self, product_id: str) -> set[str]:
        """SKUs that were the product's when they were asked for."""
        async with _answering():
            skus: set[str] = await self._redis.smembers(self._key("skus", product_id))
        return skus

    async def _keep_products(
        self, came: Literal["answer", "claim", "loss"], words: Mapping[str, ProductWord], standing: Mapping[str, str]
    ) -> None:
        if not words:
            return
        keys: list[str] = []
        args: list[str | int] = [self._snapshot_life, _MARK_SECONDS, came]
        for sku, word in words.items():
            keys += [self._key("product", sku), self._key("heard", word.owner)]
            args += [word.owner, word.version, word.model_dump_json(), _mark(word), standing.get(sku, "")]
        async with _answering():
            await self._keep(keys, args)

    async def keep_stock(self, words: Mapping[str, StockWord], *, heard: bool = False) -> None:
        """Each unless something newer is known. `heard`: nobody asked, so what is not kept yet is only marked."""
        if not words:
            return
        args: list[str | int] = [self._snapshot_life, _MARK_SECONDS, int(heard)]
        for word in words.values():
            args += [word.version, word.model_dump_json(), _mark(word)]
        async with _answering():
            await self._keep_stock([self._key("stock", sku) for sku in words], args)


def _mark(word: ProductWord | StockWord) -> str:
    """The word without what it says."""
    return word.model_copy(update={"told": None}).model_dump_json()


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    """Raises Unavailable, where the store is away."""
    count("valkey")
    try:
        yield
    except STORE_DOWN as error:
        raise Unavailable("the database does not answer", store=type(error).__name__) from error


def _seen(amount: int | None) -> str:
    return "" if amount is None else str(amount)


def _line(sku: str, value: str) -> Line:
    quantity, position, seen = value.split(" ")
    return Line(sku, int(quantity), int(position), int(seen) if seen else None)
