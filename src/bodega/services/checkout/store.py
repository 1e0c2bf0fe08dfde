"""Checkouts in PostgreSQL: the only file here that knows SQL."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel

from bodega.contracts.cart import CartLine
from bodega.contracts.fields import Address, Contact
from bodega.contracts.money import Price
from bodega.contracts.orders import OrderLine, Totals
from bodega.contracts.privacy import ERASED, ERASED_ADDRESS, POSTAL_PREFIX
from bodega.kit.db import Row, Transaction
from bodega.kit.retention import Prune
from bodega.services.checkout.domain import Checkout, RateTable, State, TaxCountry, TaxRate
from bodega.services.checkout.errors import NO_CHECKOUT, CheckoutNotFound, NoTaxCollected

CHANGES = "checkout_changed"
"""The channel on which the id of a checkout is said when it has changed."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    position: int
    at: datetime
    state: str


async def insert_checkout(tx: Transaction, checkout: Checkout) -> str | None:
    """None, if it was made; else the id of the one that this revision of the cart has already."""
    existing: str | None = await tx.fetchval(
        """WITH made AS (
             INSERT INTO checkout (id, state, cart_id, cart_revision, token_digest, customer_id, cart_lines, contact,
                    shipping_address, billing_address, shipping_option, currency, expected_total, payment_method,
                    order_id, reservation_id, due_at, client)
             VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb, $9::jsonb, $10::jsonb, $11, $12, $13, $14, $15,
                     $16, $17, $18)
             ON CONFLICT (cart_id, cart_revision) WHERE state NOT IN ('failed', 'cancelled', 'expired')
             DO UPDATE SET updated_at = checkout.updated_at RETURNING id),
           noted AS (INSERT INTO checkout_timeline (checkout_id, state) SELECT id, $2 FROM made WHERE id = $1)
           SELECT id FROM made""",
        checkout.id, checkout.state, checkout.cart_id, checkout.cart_revision, checkout.token_digest,
        checkout.customer_id, _json(list(checkout.cart_lines)), _json(checkout.contact),
        _json(checkout.shipping_address), _json(checkout.billing_address), checkout.shipping_option,
        checkout.expected_total.currency, checkout.expected_total.amount, checkout.payment_method,
        checkout.order_id, checkout.reservation_id, checkout.due_at, checkout.client,
    )  # fmt: skip
    return existing if existing != checkout.id else None


async def lock_cart(tx: Transaction, cart_id: str) -> None:
    """One request after the other begins checkouts of a cart."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('cart ' || $1, 0))", cart_id)


async def open_or_bought(tx: Transaction, cart_id: str, cart_revision: str, customer_id: str | None) -> list[Checkout]:
    """Those of this cart or of this customer that have not ended and that nothing replaces, by id; and the completed
    one of the cart as it is now."""
    rows = await tx.fetch(
        """SELECT * FROM checkout
            WHERE state NOT IN ('completed', 'failed', 'cancelled', 'expired') AND replaced_by IS NULL
              AND (cart_id = $1 OR customer_id = $2)
           UNION ALL
           SELECT * FROM checkout WHERE cart_id = $1 AND cart_revision = $3 AND state = 'completed'
            ORDER BY id""",
        cart_id, customer_id, cart_revision,
    )  # fmt: skip
    return [_checkout(row) for row in rows]


async def replace_by(tx: Transaction, ids: Sequence[str], new_id: str) -> None:
    """Something else is bought instead of these. Their revision of the cart is free for it."""
    await tx.execute(
        """UPDATE checkout SET replaced_by = $2, updated_at = now(),
                  cart_revision = CASE WHEN replaced_by IS NULL THEN cart_revision || ' ' || id ELSE cart_revision END
            WHERE id = ANY ($1)""",
        ids, new_id,
    )  # fmt: skip


async def replaced_by(tx: Transaction, checkout_id: str) -> list[Checkout]:
    """The earlier tries that this one is instead of, by id."""
    rows = await tx.fetch("SELECT * FROM checkout WHERE replaced_by = $1 ORDER BY id", checkout_id)
    return [_checkout(row) for row in rows]


async def own_reservations(tx: Transaction, cart_id: str, customer_id: str | None) -> list[str]:
    """What the shopper's unfinished checkouts have set aside, that which is still to be taken over included."""
    rows = await tx.fetch(
        """WITH mine AS (
             SELECT id, reservation_id FROM checkout
              WHERE state NOT IN ('completed', 'failed', 'cancelled', 'expired')
                AND (cart_id = $1 OR customer_id = $2))
           SELECT reservation_id FROM mine
            UNION SELECT reservation_id FROM checkout
                   WHERE replaced_by IN (SELECT id FROM mine) AND state <> 'completed'""",
        cart_id, customer_id,
    )  # fmt: skip
    return [row["reservation_id"] for row in rows]


async def let_stand(tx: Transaction, checkout_id: str) -> None:
    """What was bought before this checkout could replace it is not replaced. This one must have ended."""
    await tx.execute(
        """UPDATE checkout SET replaced_by = NULL, cart_revision = split_part(cart_revision, ' ', 1), updated_at = now()
            WHERE replaced_by = $1 AND state = 'completed'""",
        checkout_id,
    )


async def get_checkout(tx: Transaction, checkout_id: str) -> Checkout:
    """Raises CheckoutNotFound."""
    row = await tx.fetchrow("SELECT * FROM checkout WHERE id = $1", checkout_id)
    if row is None:
        raise CheckoutNotFound(NO_CHECKOUT)
    return _checkout(row)


async def find_locked(tx: Transaction, checkout_id: str) -> Checkout | None:
    row = await tx.fetchrow("SELECT * FROM checkout WHERE id = $1 FOR UPDATE", checkout_id)
    return _checkout(row) if row is not None else None


async def lock_checkout(tx: Transaction, checkout_id: str) -> Checkout:
    """Raises CheckoutNotFound."""
    checkout = await find_locked(tx, checkout_id)
    if checkout is None:
        raise CheckoutNotFound(NO_CHECKOUT)
    return checkout


async def timeline_of(tx: Transaction, checkout_id: str) -> list[TimelineEntry]:
    rows = await tx.fetch(
        "SELECT position, at, state FROM checkout_timeline WHERE checkout_id = $1 ORDER BY position", checkout_id
    )
    return [TimelineEntry(position=row["position"], at=row["at"], state=row["state"]) for row in rows]


async def set_state(
    tx: Transaction,
    checkout_id: str,
    state: State,
    *,
    next_action: Mapping[str, Any] | None = None,
    problem: Mapping[str, Any] | None = None,
) -> None:
    """Moves it on, with what the shopper is to do or be told."""
    await _move(tx, checkout_id, state, "", next_action=next_action, problem=problem)


async def _move(
    tx: Transaction,
    checkout_id: str,
    state: State,
    learnt: str,
    *values: Any,
    by: Sequence[State] = (),
    next_action: Mapping[str, Any] | None = None,
    problem: Mapping[str, Any] | None = None,
) -> None:
    """The state and its entry in the timeline: one statement, since each round trip of a checkout is waited for.
    `learnt`: further columns with `values`, from $6 on. `by`: states that it has passed on the way."""
    await tx.execute(
        f"""WITH moved AS (
              UPDATE checkout SET state = $2, next_action = $3::jsonb, problem = $4::jsonb, updated_at = now(),
                     client = CASE WHEN $2 NOT IN ('completed', 'failed', 'cancelled', 'expired') THEN client END
                     {learnt}
                FROM (SELECT state AS before FROM checkout WHERE id = $1 FOR UPDATE) AS old
               WHERE id = $1 RETURNING old.before <> $2 AS is_new)
            INSERT INTO checkout_timeline (checkout_id, state)
            SELECT $1, passed FROM moved, unnest($5::text[] || $2) WITH ORDINALITY AS t (passed, n)
             WHERE is_new ORDER BY n""",  # noqa: S608 - constants of this module
        checkout_id, state, _json(next_action), _json(problem), by, *values,
    )  # fmt: skip
    tx.notify(CHANGES, checkout_id)


async def set_placed(tx: Transaction, checkout: Checkout, tax_decision: Mapping[str, Any]) -> None:
    """It is priced, its goods are reserved, and its order is made."""
    await _move(
        tx, checkout.id, checkout.state,
        ", lines = $6::jsonb, totals = $7::jsonb, tax_decision = $8::jsonb, order_number = $9, order_token = $10",
        _json(list(checkout.lines)), _json(checkout.totals), _json(tax_decision),
        checkout.order_number, checkout.order_token,
        by=["priced", "reserved", "ordered"],
    )  # fmt: skip


async def set_completed(tx: Transaction, checkout: Checkout) -> None:
    """There is an order, and its payment is promised."""
    await _move(
        tx, checkout.id, "completed", ", order_number = $6, order_token = $7",
        checkout.order_number, checkout.order_token,
    )  # fmt: skip


async def set_attempt(tx: Transaction, checkout_id: str, attempt: int, payment_method: str) -> None:
    await _move(tx, checkout_id, "paying", ", attempt = $6, payment_method = $7", attempt, payment_method)


async def set_due(tx: Transaction, checkout_id: str, seconds: float) -> None:
    await tx.execute(
        "UPDATE checkout SET due_at = now() + make_interval(secs => $2) WHERE id = $1", checkout_id, seconds
    )


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried before in vain, by number of checkouts and of cards."""

    of_email: int
    of_client: int
    declined: int


async def tried_before(tx: Transaction, new: Checkout) -> Tried:
    """How many checkouts wait for their shopper to pay: of the same e-mail, and of the same client. Those of the same
    cart or customer are not counted: the new one replaces them. And how many cards were declined for its cart within an
    hour, whatever was to be bought with them."""
    row = await tx.fetchrow(
        """SELECT count(*) FILTER (WHERE lower(contact->>'email') = lower($1)) AS of_email,
                  count(*) FILTER (WHERE client = $2) AS of_client,
                  (SELECT count(*) FROM checkout AS mine JOIN checkout_timeline AS t ON t.checkout_id = mine.id
                    WHERE mine.cart_id = $3 AND t.state = 'declined' AND t.at > now() - interval '1 hour') AS declined
             FROM checkout
            WHERE state IN ('action_required', 'declined') AND (lower(contact->>'email') = lower($1) OR client = $2)
              AND cart_id <> $3 AND customer_id IS DISTINCT FROM coalesce($4, '')""",
        new.contact.email, new.client, new.cart_id, new.customer_id,
    )  # fmt: skip
    assert row is not None
    return Tried(row["of_email"], row["of_client"], row["declined"])


async def extend_due(tx: Transaction, checkout_id: str, seconds: float) -> None:
    await tx.execute(
        """UPDATE checkout SET due_at = greatest(due_at, now() + make_interval(secs => $2)), updated_at = now()
            WHERE id = $1""",
        checkout_id, seconds,
    )  # fmt: skip
    tx.notify(CHANGES, checkout_id)


# --- tax ------------------------------------------------------------------------------------------------


async def rate_table(tx: Transaction, country: str | None, day: date) -> RateTable:
    """What is collected there on that day; nothing, if the country is not in the table or none."""
    rows = await tx.fetch(
        """SELECT DISTINCT ON (region, category) prices_include_tax, version, region, category, rate
             FROM tax_country LEFT JOIN tax_rate ON tax_rate.country = tax_country.country AND valid_from <= $2
            WHERE tax_country.country = $1 ORDER BY region, category, valid_from DESC""",
        country, day,
    )  # fmt: skip
    return RateTable(
        includes_tax=rows[0]["prices_include_tax"] if rows else True,
        source={"day": day.isoformat(), "version": rows[0]["version"] if rows else 0},
        rates={(row["region"], row["category"]): row["rate"].normalize() for row in rows if row["rate"] is not None},
    )


async def tax_countries(tx: Transaction, *, after: str, limit: int) -> list[TaxCountry]:
    """By country, ascending."""
    return await _with_rates(
        tx, await tx.fetch("SELECT * FROM tax_country WHERE country > $1 ORDER BY country LIMIT $2", after, limit)
    )


async def get_tax_country(tx: Transaction, country: str) -> TaxCountry:
    """Raises NoTaxCollected."""
    found = await _with_rates(tx, await tx.fetch("SELECT * FROM tax_country WHERE country = $1", country))
    if not found:
        raise NoTaxCollected(f"the table has no rates for {country}: goods are sent there without tax")
    return found[0]


async def _with_rates(tx: Transaction, countries: Sequence[Row]) -> list[TaxCountry]:
    rates = await tx.fetch(
        """SELECT * FROM tax_rate WHERE country = ANY($1::text[])
            ORDER BY region, category <> 'standard', category, valid_from""",
        [row["country"] for row in countries],
    )
    return [
        TaxCountry(
            country=row["country"],
            prices_include_tax=row["prices_include_tax"],
            version=row["version"],
            rates=tuple(
                TaxRate(rate["region"], rate["category"], rate["valid_from"], rate["rate"].normalize())
                for rate in rates
                if rate["country"] == row["country"]
            ),
        )
        for row in countries
    ]


async def lock_tax_version(tx: Transaction, country: str) -> int:
    """0: the country is not in the table."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtext('tax ' || $1))", country)  # also what is not there yet
    version: int | None = await tx.fetchval("SELECT version FROM tax_country WHERE country = $1", country)
    return version or 0


async def replace_tax(tx: Transaction, of: TaxCountry) -> None:
    """The country's rates are these and no others."""
    await tx.execute(
        """INSERT INTO tax_country (country, prices_include_tax, version) VALUES ($1, $2, $3)
           ON CONFLICT (country) DO UPDATE SET prices_include_tax = $2, version = $3, updated_at = now()""",
        of.country, of.prices_include_tax, of.version,
    )  # fmt: skip
    await tx.execute("DELETE FROM tax_rate WHERE country = $1", of.country)
    await tx.execute(
        """INSERT INTO tax_rate (country, region, category, valid_from, rate)
           SELECT $1, * FROM unnest($2::text[], $3::text[], $4::date[], $5::numeric[])""",
        of.country, [one.region for one in of.rates], [one.category for one in of.rates],
        [one.valid_from for one in of.rates], [one.rate for one in of.rates],
    )  # fmt: skip


# --- shapes -----------------------------------------------------------------------------------------------


# --- a person's data --------------------------------------------------------------------------------


async def export_customer(tx: Transaction, customer_id: str, order_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The customer's checkouts, and those of orders that became theirs; without what opens them."""
    rows = await tx.fetch(
        """SELECT to_jsonb(c) - ARRAY['token_digest', 'order_token', 'next_action'] AS held
             FROM checkout c WHERE customer_id = $1 OR order_id = ANY($2) ORDER BY id""",
        customer_id, list(order_ids),
    )  # fmt: skip
    return [row["held"] for row in rows]


async def pseudonymise_checkouts(tx: Transaction, customer_id: str, order_ids: Sequence[str], email: str) -> int:
    """Those that have ended. What the tax was decided by stays: country, region, the beginning of the postal code."""
    return await tx.execute(
        """UPDATE checkout SET token_digest = NULL, order_token = NULL, next_action = NULL, updated_at = now(),
                  payment_method = $6,
                  contact = contact || jsonb_build_object('email', $3::text, 'phone', NULL),
                  shipping_address = shipping_address || $4::jsonb
                    || jsonb_build_object('postal_code', coalesce(left(shipping_address->>'postal_code', $5), '')),
                  billing_address = billing_address || $4::jsonb
                    || jsonb_build_object('postal_code', coalesce(left(billing_address->>'postal_code', $5), ''))
            WHERE (customer_id = $1 OR order_id = ANY($2)) AND contact->>'email' <> $3
              AND state IN ('completed', 'failed', 'cancelled', 'expired')""",
        customer_id, list(order_ids), email, json.dumps(ERASED_ADDRESS), POSTAL_PREFIX, ERASED,
    )  # fmt: skip


def unfinished_for(days: int) -> Prune:
    """Checkouts that ended without an order that stands, with the addresses in them, after so long."""

    async def prune(tx: Transaction, limit: int) -> int:
        return await tx.execute(
            """WITH gone AS (SELECT id FROM checkout
                              WHERE state IN ('failed', 'cancelled', 'expired')
                                AND updated_at < now() - make_interval(days => $1)
                              LIMIT $2 FOR UPDATE SKIP LOCKED),
                    timeline AS (DELETE FROM checkout_timeline WHERE checkout_id IN (SELECT id FROM gone))
               DELETE FROM checkout WHERE id IN (SELECT id FROM gone)""",
            days, limit,
        )  # fmt: skip

    return prune


def _json(value: Any) -> str | None:
    match value:
        case None:
            return None
        case BaseModel():
            return value.model_dump_json()
        case list():
            return json.dumps([item.model_dump(mode="json") for item in value])
        case _:
            return json.dumps(value)


def _checkout(row: Row) -> Checkout:
    return Checkout(
        id=row["id"],
        state=row["state"],
        cart_id=row["cart_id"],
        cart_revision=row["cart_revision"],
        token_digest=row["token_digest"],
        customer_id=row["customer_id"],
        cart_lines=tuple(CartLine.model_validate(line) for line in row["cart_lines"]),
        contact=Contact.model_validate(row["contact"]),
        shipping_address=Address.model_validate(row["shipping_address"]),
        billing_address=Address.model_validate(row["billing_address"]) if row["billing_address"] else None,
        shipping_option=row["shipping_option"],
        expected_total=Price(amount=row["expected_total"], currency=row["currency"]),
        payment_method=row["payment_method"],
        attempt=row["attempt"],
        order_id=row["order_id"],
        reservation_id=row["reservation_id"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        lines=tuple(OrderLine.model_validate(line) for line in row["lines"]),
        totals=Totals.model_validate(row["totals"]) if row["totals"] else None,
        order_number=row["order_number"],
        order_token=row["order_token"],
        next_action=row["next_action"],
        problem=row["problem"],
        client=row["client"],
        replaced_by=row["replaced_by"],
    )
