"""The sandbox of a restored shop knows nothing of later than the point of its backup."""

import json
import sqlite3
from pathlib import Path

import pytest

from bodega.platform.backups.outside import forget

pytestmark = pytest.mark.unit

SCHEMA = Path(__file__).parents[2] / "src/bodega/sandbox/schema.sql"
LEFT = {
    "payment_intents": "id", "charges": "payment_intent", "refunds": "payment_intent", "ledger": "payment_intent",
    "events": "id", "deliveries": "event_id", "mails": "message_id", "labels": "reference", "scans": "tracking",
}  # fmt: skip


def pay(world: sqlite3.Connection, name: str) -> None:
    """An intent with all that hangs on it; `name` stands in every id."""
    intent, charge, event = f"pi_{name}", f"ch_{name}", f"evt_{name}"
    doc = json.dumps({"data": {"object": {"id": charge, "payment_intent": intent}}})
    world.execute(
        """INSERT INTO payment_intents (id, created, status, currency, amount, amount_capturable, amount_received,
                                        payment_id, doc) VALUES (?, 1, 'succeeded', 'eur', 5, 0, 5, ?, '{}')""",
        (intent, f"pay_{name}"),
    )
    world.execute(
        """INSERT INTO charges (id, created, payment_intent, status, amount, amount_captured, amount_refunded, doc)
           VALUES (?, 1, ?, 'succeeded', 5, 5, 1, '{}')""",
        (charge, intent),
    )
    world.execute(
        "INSERT INTO refunds (id, created, charge, payment_intent, amount, doc) VALUES (?, 1, ?, ?, 1, '{}')",
        (f"re_{name}", charge, intent),
    )
    world.execute(
        """INSERT INTO ledger (journal, kind, account, amount, currency, payment_intent, created)
           VALUES (?, 'capture', 'shop', 5, 'eur', ?, 1)""",
        (f"capture:{charge}", intent),
    )
    world.execute("INSERT INTO events (id, created, type, doc) VALUES (?, 1, 'charge.captured', ?)", (event, doc))
    world.execute(
        "INSERT INTO deliveries (sender, event_id, type, body, created) VALUES ('processor', ?, 'x', '', 1)", (event,)
    )


def send(world: sqlite3.Connection, name: str) -> None:
    """A mail, and a parcel that was scanned."""
    world.execute(
        """INSERT INTO mails (id, received, sender, recipients, subject, message_id, raw)
           VALUES (?, 1, '', '[]', '', ?, '')""",
        (f"mail_{name}", f"<{name}>"),
    )
    world.execute(
        """INSERT INTO labels (id, tracking, reference, fingerprint, status, created, doc)
           VALUES (?, ?, ?, '', 'label_created', 1, '{}')""",
        (f"lbl_{name}", f"BD{name}", f"shp_{name}"),
    )
    world.execute("INSERT INTO scans (id, tracking, status, at) VALUES (?, ?, 'picked_up', 1)", (name, f"BD{name}"))


def test_what_the_database_does_not_know_of_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.sqlite3"
    world = sqlite3.connect(file)
    world.executescript(SCHEMA.read_text())
    with world:
        for name in ("known", "later"):
            pay(world, name)
            send(world, name)
    forget(file, payments=["pay_known"], mails=["<known>"], shipments=["shp_known"])
    left = {table: {row[0] for row in world.execute(f"SELECT {column} FROM {table}")} for table, column in LEFT.items()}
    world.close()
    assert left == {
        "payment_intents": {"pi_known"}, "charges": {"pi_known"}, "refunds": {"pi_known"}, "ledger": {"pi_known"},
        "events": {"evt_known"}, "deliveries": {"evt_known"}, "mails": {"<known>"}, "labels": {"shp_known"},
        "scans": {"BDknown"},
    }  # fmt: skip
