"""The sandbox goes back to the point with the shop: the world outside that it plays then knows nothing of later.

It was copied a moment after the database: a charge, a mail or a label of that moment would be of nobody. A real
processor forgets nothing: charges since the point are named there by the sweep of payments, as unmatched money.
"""

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from bodega.platform.backups import postgres, stores
from bodega.platform.system import Instance

_UNKNOWN_INTENTS = "SELECT id FROM payment_intents WHERE payment_id IS NOT NULL AND payment_id NOT IN known_payments"
_FORGET = (
    "DELETE FROM refunds WHERE payment_intent IN unknown_intents",
    "DELETE FROM charges WHERE payment_intent IN unknown_intents",
    "DELETE FROM ledger WHERE payment_intent IN unknown_intents",
    "DELETE FROM deliveries WHERE sender = 'processor' AND event_id IN (SELECT id FROM unknown_events)",
    "DELETE FROM events WHERE id IN (SELECT id FROM unknown_events)",
    "DELETE FROM payment_intents WHERE id IN unknown_intents",
    "DELETE FROM mails WHERE message_id NOT IN known_mails",
    "DELETE FROM scans WHERE tracking IN (SELECT tracking FROM labels WHERE reference NOT IN known_shipments)",
    "DELETE FROM labels WHERE reference NOT IN known_shipments",
)


async def set_back(instance: Instance) -> None:
    """Take from the sandbox, which must not run, whatever the database does not know of. Raises OSError, sqlite3.Error,
    asyncpg's errors."""
    file = stores.sandbox_file(instance)
    if not file.exists():
        return
    forget(
        file,
        payments=await postgres.known(instance, "payments", "SELECT id FROM payment"),
        mails=await postgres.known(instance, "notifications", "SELECT message_id FROM notification"),
        shipments=await postgres.known(instance, "shipping", "SELECT id FROM shipment"),
    )


def forget(file: Path, *, payments: Iterable[str], mails: Iterable[str], shipments: Iterable[str]) -> None:
    """Take from the sandbox's file what is of none of these: intents with all that hangs on them, mails, labels."""
    connection = sqlite3.connect(file)
    try:
        with connection:
            for name, known in (("payments", payments), ("mails", mails), ("shipments", shipments)):
                connection.execute(f"CREATE TEMP TABLE known_{name} (id TEXT PRIMARY KEY)")
                connection.executemany(
                    f"INSERT INTO known_{name} VALUES (?)",  # noqa: S608 - one of the three names above
                    ((one,) for one in known),
                )
            connection.execute(f"CREATE TEMP TABLE unknown_intents AS {_UNKNOWN_INTENTS}")
            connection.execute("CREATE TEMP TABLE unknown_events (id TEXT PRIMARY KEY)")
            intents = {row[0] for row in connection.execute("SELECT id FROM unknown_intents")}
            of_them = [(row[0],) for row in connection.execute("SELECT id, doc FROM events") if _is_of(row[1], intents)]
            connection.executemany("INSERT INTO unknown_events VALUES (?)", of_them)
            for statement in _FORGET:
                connection.execute(statement)
    finally:
        connection.close()


def _is_of(document: str, intents: set[str]) -> bool:
    """Whether an event tells of one of these intents, or of a charge of theirs."""
    told = json.loads(document)["data"]["object"]
    return bool({told.get("id"), told.get("payment_intent")} & intents)
