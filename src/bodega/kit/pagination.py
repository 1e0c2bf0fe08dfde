"""Lists are `{items, next_cursor}`; a cursor is opaque, and one that was tampered with is refused."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from bodega.kit.errors import BadRequest

Item = TypeVar("Item")
Row = TypeVar("Row")

_CURSOR = "WyIwMU0xRFpQV0NXRjRRUzRGUjg0Rzk4UEJTSyJd"

PageSize = Annotated[int, Query(ge=1, le=100, description="Items on a page; the last one may have fewer")]
Cursor = Annotated[
    Annotated[str, StringConstraints(max_length=1000)] | None,
    AfterValidator(lambda cursor: cursor or None),
    Query(
        description="`next_cursor` of the page before, with the same filters and order; empty or left out: the first",
        examples=[_CURSOR],
    ),
]


class Page(BaseModel, Generic[Item]):
    """A part of a list, and the way to the next."""

    # A page of one kind of items is a class of its own, which does not inherit the words above.
    model_config = ConfigDict(json_schema_extra={"description": "A part of a list, and the way to the next."})

    items: list[Item] = Field(description="In the order of the list; empty: there is nothing")
    next_cursor: str | None = Field(
        default=None, description="Give it as `cursor` for the next page; null: this is the last", examples=[_CURSOR]
    )


def encode_cursor(*position: str | int) -> str:
    """Where the next page starts: the sort values of the last item."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def cut(
    found: Sequence[Row], limit: int, position: Callable[[Row], tuple[str | int, ...]]
) -> tuple[Sequence[Row], str | None]:
    """A page of what was found with `limit + 1`, and the cursor of the next one; None: there is none. `position`: the
    sort values of an item."""
    page = found[:limit]
    return page, encode_cursor(*position(page[-1])) if len(found) > limit else None


def foreign_cursor() -> BadRequest:
    """The error for a cursor that this list has not given, which names the parameter."""
    message = "the cursor is not one of ours"
    return BadRequest(message, errors=[{"pointer": "query/cursor", "message": message}])


def decode_cursor(cursor: str, *types: type) -> list[Any]:
    """Raises BadRequest, if it is not one of ours."""
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise foreign_cursor() from error
    if not isinstance(position, list) or [type(value) for value in position] != list(types):
        raise foreign_cursor()
    if not all(_storable(value) for value in position):
        raise foreign_cursor()
    return position


def _storable(value: Any) -> bool:
    """Whether a store can compare with it: ours hold 64 bits, and text without NUL and lone surrogates."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not isinstance(value, str) or not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)
