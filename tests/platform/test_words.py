"""What people are told whose input is refused: each message of each field of each route is a sentence for them."""

import importlib
import re
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi.routing import APIRoute, APIRouter
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from bodega.kit.errors import in_words
from bodega.platform.system import System

pytestmark = pytest.mark.unit

SERVICES = sorted(System.load(local=False).services)
# What people, programs and attackers send where something else is expected.
ODD: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, float("nan"), "", " ", "x", "^", "ä", "x" * 40_000, "\u0007", "a\nb", "\ud800",
    "Not One", "12-34", "1e5", "@", "2026-13-99", "2026-11-20", "2026-11-20T14:03:12", "yes", [], [None], [[]] * 2_000,
    ["x"] * 2_000, [{}] * 2_000, {}, {"x": 1}, {"amount": -1, "currency": "euro"}, {"$ne": 1},
]  # fmt: skip
OF_MACHINES = re.compile(
    r"\^|\\|\[|should|pydantic|Value error|Assertion|Traceback|NoneType|dict|str\b|int\b|type=|ctx|constraint|regex",
    re.I,
)


def fields_of(service: str) -> Iterator[tuple[str, Any]]:
    """(where, annotation) of every body, parameter and header that a service takes."""
    routes = importlib.import_module(f"bodega.services.{service}.routes")
    for router in {id(one): one for one in vars(routes).values() if isinstance(one, APIRouter)}.values():
        for route in router.routes:
            assert isinstance(route, APIRoute)
            where = f"{'/'.join(sorted(route.methods or ()))} {route.path}"
            of_route = route.dependant
            pending = [of_route]
            while pending:
                dependant = pending.pop()
                pending += dependant.dependencies
                for parameter in (*dependant.path_params, *dependant.query_params, *dependant.header_params):
                    yield f"{where} {parameter.alias}", annotated(parameter.field_info)
            if route.body_field is not None:
                yield f"{where} body", annotated(route.body_field.field_info)
    schemas = importlib.import_module(f"bodega.services.{service}.schemas")
    for name, model in vars(schemas).items():
        if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel:
            yield name, model
            for field, info in model.model_fields.items():
                yield f"{name}.{field}", annotated(info)


def annotated(info: FieldInfo) -> Any:
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


def messages_about(annotation: Any) -> set[str]:
    adapter = TypeAdapter[Any](annotation)
    found: set[str] = set()
    for value in ODD:
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            found |= {in_words(fault) for fault in error.errors()}
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_message_of_every_field_is_a_sentence_for_people(service: str) -> None:
    told = {(where, message) for where, annotation in fields_of(service) for message in messages_about(annotation)}
    assert told
    wrong = [
        f"{where}: {message}"
        for where, message in sorted(told)
        if not (message[0].isupper() and message.endswith(".")) or OF_MACHINES.search(message) or len(message) > 200
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_whoever_misses_a_pattern_is_told_what_fits(service: str) -> None:
    """The general words for a pattern say nothing: only what programs send may end there."""
    told = {
        where
        for where, annotation in fields_of(service)
        for text in messages_about(annotation)
        if "expected format" in text
    }
    assert {where for where in told if where.endswith(" body") or re.match(r"[A-Z][A-Za-z]+(\.|$)", where)} == set()
