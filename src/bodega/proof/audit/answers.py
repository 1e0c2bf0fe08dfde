"""Answers: what buyers were told is true.

A file of JSON lines, one for each answer to a checkout: `order` (the number that the buyer was told; none: null),
`key` (the Idempotency-Key), `status` (of HTTP), `lines` (what the cart had acknowledged when it was checked out:
objects of `sku` and `quantity`).
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bodega.proof.audit.books import Books
from bodega.proof.audit.finding import Finding, Row

THERE = "an order that a buyer was told of exists"
ONE_PER_KEY = "an Idempotency-Key has made one order"
NAMED = "who is told 201 is told an order's number"
NOT_LOST = "what the cart had acknowledged is in the order"
CLEAN = "trouble is told as such, never as a 500"


class Line(BaseModel):
    """What the cart said it holds."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    sku: str
    quantity: int


class Answer(BaseModel):
    """What one buyer was told by one answer."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    order: str | None = None
    key: str
    status: int
    lines: tuple[Line, ...] = ()


class NoAnswers(Exception):
    """The file cannot be read as answers; the message says where."""


def read(file: Path) -> list[Answer]:
    """Raises NoAnswers; OSError, if there is no such file."""
    answers = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if not line.strip():
            continue
        try:
            answers.append(Answer.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise NoAnswers(f"{file}, line {number}: {where + ': ' if where else ''}{first['msg']}") from error
    return answers


def kept(books: Books, answers: Sequence[Answer]) -> Iterator[Finding]:
    """Every promise of these answers is kept by the orders."""
    orders: dict[str, Row] = {row["number"]: row for row in books.orders}
    of_key: dict[str, set[str]] = defaultdict(set)
    for answer in answers:
        if answer.order is not None:
            of_key[answer.key].add(answer.order)
            yield from _is_there(answer, answer.order, orders)
        elif answer.status == 201:
            yield Finding("checkout", f"the request {answer.key}", NAMED, "201 without an order", "its number")
        if answer.status == 500:
            yield Finding("checkout", f"the request {answer.key}", CLEAN, "500", "503, or what it asked for")
    for key, numbers in of_key.items():
        if len(numbers) > 1:
            yield Finding("checkout", f"the request {key}", ONE_PER_KEY, ", ".join(sorted(numbers)), "one order")


def _is_there(answer: Answer, number: str, orders: dict[str, Row]) -> Iterator[Finding]:
    if number not in orders:
        yield Finding("orders", number, THERE, "none", f"the order of the request {answer.key}")
        return
    bought: dict[str, int] = defaultdict(int)
    sold: list[dict[str, Any]] = json.loads(orders[number]["lines"])
    for one in sold:
        bought[one["sku"]] += one["quantity"]
    wanted: dict[str, int] = defaultdict(int)
    for line in answer.lines:
        wanted[line.sku] += line.quantity
    lost = {sku: quantity - bought[sku] for sku, quantity in wanted.items() if bought[sku] < quantity}
    if lost:
        found = ", ".join(f"{quantity} of {sku} missing" for sku, quantity in sorted(lost.items()))
        expected = ", ".join(f"{quantity} of {sku}" for sku, quantity in sorted(wanted.items()))
        yield Finding("orders", number, NOT_LOST, found, expected)
