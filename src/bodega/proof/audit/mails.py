"""Mails: each fact that must be mailed is, once, under one Message-ID; and the mailbox has what was sent."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bodega.proof.audit.books import Books
from bodega.proof.audit.finding import Finding, Row
from bodega.proof.audit.topics import Log, Record

MAILED_ONCE = "a fact is mailed once"
ONE_MESSAGE_ID = "a mail has one Message-ID, and no other mail has it"
ARRIVED = "a mail that was sent is in the mailbox"
WRITTEN_DOWN = "a mail in the mailbox was written down before it was sent"

_LINK_SECONDS = 600
"""In ten minutes the link of an order is mailed once, however often it is asked for."""
_ONCE_OF_A_SUBJECT = frozenset(("order_confirmation", "order_cancelled", "parcel_sent", "parcel_delivered",
                                "payment_failed"))  # fmt: skip

Mailbox = Sequence[Mapping[str, Any]]
"""Of each mail: `message_id`, `to`, `received_at` (seconds since the epoch)."""


def _must_be_mailed(record: Record, *, merchant: bool) -> Iterator[tuple[str, object]]:
    """The kinds of mail that must be, each with what tells the fact from others about the same."""
    match record.type:
        case "OrderPaid":
            yield "order_confirmation", None
        case "OrderCancelled" if record.data.get("was_paid"):
            yield "order_cancelled", None
        case "OrderRefunded":
            yield "order_refunded", record.data["refunded_total"]
        case "OrderLinkRequested":
            asked = datetime.fromisoformat(str(record.data["requested_at"]).replace("Z", "+00:00"))
            yield "order_link", int(asked.timestamp()) // _LINK_SECONDS
        case "WithdrawalReceived":
            stage = record.data["withdrawal_id"], record.data.get("number") is None
            yield "withdrawal_received", stage
            if merchant:
                yield "withdrawal_reported", stage
        case "ShipmentPickedUp":
            yield "parcel_sent", None
        case "PaymentFailed" if record.data.get("email"):
            yield "payment_failed", None
        case "CustomerRegistered":
            yield "verify_email", record.id
        case "PasswordResetRequested":
            yield "reset_password", record.id
        case "PasswordChanged":
            yield "password_changed", record.id


def written(books: Books, log: Log, *, merchant: bool) -> Iterator[Finding]:
    """Each fact that notifications has heard of is written down once as a mail to be sent. `merchant`: the shop names
    an address that withdrawals are reported to."""
    inbox = books.inbox.get("notifications", {})
    causes: dict[tuple[str, str, object], set[str]] = defaultdict(set)
    for record in log.records:
        if record.id in inbox:
            for kind, which in _must_be_mailed(record, merchant=merchant):
                causes[kind, record.key, which].add(record.id)
    mails = [row for row in books.notifications if row["channel"] == "mail" and row["resend_of"] is None]
    by_cause: dict[tuple[str, str], list[Row]] = defaultdict(list)
    by_subject: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in mails:
        by_cause[row["kind"], row["event_id"]].append(row)
        by_subject[row["kind"], row["subject_id"]].append(row)
    for (kind, subject, _), ids in causes.items():
        is_there = any(by_cause[kind, cause] for cause in ids)
        if not is_there and not (kind in _ONCE_OF_A_SUBJECT and by_subject[kind, subject]):
            yield Finding("notifications", f"{kind} of {subject}", MAILED_ONCE, "no mail", "one")
    yield from _once(by_subject, by_cause)
    yield from _message_ids(books)


def _once(
    by_subject: Mapping[tuple[str, str], Sequence[Row]], by_cause: Mapping[tuple[str, str], Sequence[Row]]
) -> Iterator[Finding]:
    for (kind, subject), rows in by_subject.items():
        if kind in _ONCE_OF_A_SUBJECT and len(rows) > 1:
            yield Finding("notifications", f"{kind} of {subject}", MAILED_ONCE, _ids(rows), "one mail")
    for (kind, cause), rows in by_cause.items():
        if kind not in _ONCE_OF_A_SUBJECT and kind != "back_in_stock" and len(rows) > 1:
            yield Finding("notifications", f"{kind} of {cause}", MAILED_ONCE, _ids(rows), "one mail")


def _message_ids(books: Books) -> Iterator[Finding]:
    by_message_id: dict[str, list[Row]] = defaultdict(list)
    for row in books.notifications:
        by_message_id[row["message_id"]].append(row)
    for message_id, rows in by_message_id.items():
        if len(rows) > 1:
            found = f"{len(rows)} mails: {', '.join(sorted(row['id'] for row in rows))}"
            yield Finding("notifications", message_id, ONE_MESSAGE_ID, found, "one mail")


def arrived(books: Books, mailbox: Mailbox | None) -> Iterator[Finding]:
    """What was sent is in the mailbox, under its own Message-ID; and nothing else is."""
    if not mailbox:
        return
    kept_since = min(float(mail["received_at"]) for mail in mailbox)
    there = {str(mail["message_id"]) for mail in mailbox}
    known = {row["message_id"]: row for row in books.notifications}
    for message_id, row in known.items():
        is_sent = row["channel"] == "mail" and row["state"] == "sent" and row["sent_at"].timestamp() >= kept_since
        if is_sent and message_id not in there:
            yield Finding("notifications", f"{row['kind']} of {row['subject_id']}", ARRIVED, "nothing", message_id)
    for mail in mailbox:
        if str(mail["message_id"]) not in known:
            found = f"{mail['message_id']} to {', '.join(mail['to'])}"
            yield Finding("notifications", str(mail["message_id"]), WRITTEN_DOWN, found, "a mail of ours")


def unseen(books: Books, mailbox: Mailbox | None) -> Iterator[str]:
    """What is no longer there to be judged."""
    sent = [row["sent_at"].timestamp() for row in books.notifications if row["state"] == "sent"]
    if not sent:
        return
    if mailbox is None:
        yield "Mails go to a server that we cannot look into: whether they arrived was not judged."
    elif not mailbox or min(sent) < min(float(mail["received_at"]) for mail in mailbox) - 60:
        yield "Mails from before the oldest that is kept in the mailbox: whether they arrived was not judged."


def _ids(rows: Sequence[Row]) -> str:
    return f"{len(rows)} mails: {', '.join(sorted(row['message_id'] for row in rows))}"
