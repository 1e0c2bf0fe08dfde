"""Time: nothing waits for longer than it is due. Each kind of waiting has a limit of its own, in seconds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bodega.platform.system import Instance
from bodega.proof.audit.books import Books
from bodega.proof.audit.events import waiting
from bodega.proof.audit.finding import Finding
from bodega.proof.audit.topics import Log


@dataclass(frozen=True)
class Limits:
    """How long what may wait, in seconds; from the instance's times."""

    outbox: float = 60
    """An event, until the broker has it."""
    hearing: float = 60
    """An event on its topic, until who hears it has taken it."""
    taken_up: float = 100
    """What is due, until somebody takes it up: a lease that must run out, the longest wait before another try."""
    doubt: float = 2800
    """A payment, until the processor has told its outcome."""
    undecided: float = 100
    """An order whose checkout is over, until it is paid or cancelled."""
    capture: float = 100
    """A paid order, until its money is taken."""
    packing: float = 1900
    """A paid order, until it is packed."""
    mail: float = 400
    """A mail, until it is sent."""

    @classmethod
    def of(cls, instance: Instance) -> "Limits":
        """What the waiting times of platform.toml allow, with half a minute on top."""
        times = instance.times
        taken_up = times["lease_seconds"] + times["retry_most_seconds"] + 30
        return cls(
            taken_up=taken_up,
            # The shopper may have taken all the time there is for the bank's question before.
            doubt=times["checkout_due_seconds"] + times["unknown_due_seconds"] + taken_up,
            undecided=taken_up,
            capture=taken_up,
            packing=times["cancel_window_seconds"] + taken_up,
            mail=times["payment_failed_mail_seconds"] + taken_up,
        )


_FLOWS = """SELECT 'flow' AS what, kind || ' ' || id AS thing,
                   extract(epoch FROM now() - greatest(wake_at, lease_until))::float8 AS seconds
              FROM flow WHERE state <> 'ended' AND greatest(wake_at, lease_until) < now()
             UNION ALL
            SELECT 'parked', topic || ' ' || key, extract(epoch FROM now() - min(parked_at))::float8
              FROM parked GROUP BY topic, key"""
_MORE = {
    "checkout": """SELECT 'checkout', id, extract(epoch FROM now() - due_at)::float8 FROM checkout
                    WHERE state NOT IN ('completed', 'failed', 'cancelled', 'expired') AND due_at < now()""",
    "orders": """SELECT 'uncaptured', id, extract(epoch FROM now() - paid_at)::float8 FROM orders
                  WHERE state = 'paid' AND NOT captured
                  UNION ALL
                 SELECT 'unpacked', id, extract(epoch FROM now() - paid_at)::float8 FROM orders
                  WHERE state = 'paid' AND captured AND attention IS NULL""",
    "payments": """SELECT 'doubt', id, extract(epoch FROM now() - created_at)::float8 FROM payment
                    WHERE state IN ('created', 'unknown')
                    UNION ALL
                   SELECT 'payment', id, extract(epoch FROM now() - greatest(wake_at, lease_until))::float8 FROM payment
                    WHERE wake_at IS NOT NULL AND greatest(wake_at, lease_until) < now()""",
    "notifications": """SELECT 'mail', id, extract(epoch FROM now() - created_at)::float8 FROM notification
                         WHERE state = 'waiting'""",
}
ROOMS = ("auth", "users", "inventory", "checkout", "orders", "payments", "shipping", "notifications")
QUERIES = {room: f"{_FLOWS} UNION ALL {_MORE[room]}" if room in _MORE else _FLOWS for room in ROOMS}
"""By room: what waits there."""

_RULES: Mapping[str, tuple[str, str]] = {
    "flow": ("what is due is taken up", "taken_up"),
    "checkout": ("a checkout ends when it is due", "taken_up"),
    "uncaptured": ("the money of a paid order is taken", "capture"),
    "unpacked": ("a paid order is packed", "packing"),
    "doubt": ("the outcome of a payment is known", "doubt"),
    "payment": ("a payment that is due is taken up", "taken_up"),
    "mail": ("a mail is sent", "mail"),
}
"""By what waits: the rule, and the field of `Limits`."""


def waits(
    books: Books, log: Log, limits: Limits, hearers: Mapping[str, Mapping[str, frozenset[str]]], *, captures: bool
) -> Iterator[Finding]:
    """Whatever has waited for too long. `captures`: the shop takes the money when an order is accepted."""
    for row in books.outboxes:
        if row["waiting"] and row["seconds"] > limits.outbox:
            found = f"{row['waiting']} wait, the oldest for {row['seconds']:.0f} s"
            yield Finding(row["room"], "outbox", "events are told", found, f"none older than {limits.outbox:.0f} s")
    for room, (count, seconds) in waiting(log, hearers).items():
        if seconds > limits.hearing:
            found = f"{count} wait, the oldest for {seconds:.0f} s"
            yield Finding(room, "inbox", "events are heard", found, f"none older than {limits.hearing:.0f} s")
    for row in books.late:
        if row["what"] == "parked" or (row["what"] == "uncaptured" and not captures):
            continue
        rule, field = _RULES[row["what"]]
        limit = getattr(limits, field)
        if row["seconds"] > limit:
            yield Finding(row["room"], row["thing"], rule, f"{row['seconds']:.0f} s", f"within {limit:.0f} s")
    answered_for = {row["reservation_id"] for row in books.answered_for}
    for order in books.orders:  # as long as its checkout is not over, that one's time counts
        is_over = order["state"] == "created" and order["reservation_id"] not in answered_for
        if is_over and order["placed_ago"] > limits.undecided:
            found = f"{order['placed_ago']:.0f} s"
            expected = f"within {limits.undecided:.0f} s"
            yield Finding("orders", order["id"], "an order is paid or cancelled", found, expected)


def parked(books: Books, log: Log) -> Iterator[Finding]:
    """No message waits for people, in a table or, where a room has none, on its topic; since when, is said."""
    since: dict[str, float] = {}
    for row in books.late:
        if row["what"] == "parked":
            since[row["room"]] = max(row["seconds"], since.get(row["room"], 0.0))
    for row in books.parked:
        found = str(row["parked"])
        if row["room"] in since:
            found += f", the oldest for {since[row['room']]:.0f} s"
        yield Finding(row["room"], row["consumer"], "no message is parked", found, "0")
    for topic, count in log.parked.items():
        if count > 0:
            yield Finding(topic.removesuffix(".parked"), topic, "no message is parked", str(count), "0")
