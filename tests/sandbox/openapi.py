"""Stripe's own description of its API (OpenAPI 3.0), as the module of stripe-mock carries it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from bodega.platform.gotools import STRIPE_MOCK, GoToolError, go_tool, module_folder


def stripe_mock() -> Path:
    """The program. Fails the test, where it cannot be had: nothing is skipped silently."""
    try:
        return go_tool(*STRIPE_MOCK)
    except GoToolError as error:
        pytest.fail(f"stripe-mock could not be built, and Stripe's API not be compared with ours.\n{error}")


def differences(answer: Any, *pointer: str) -> list[str]:
    """Where an answer is not what the description says at `pointer`: each place and what is wrong there.

    Stricter than the description in one thing: a field that it does not name is a difference.
    """
    reference = "/".join(part.replace("~", "~0").replace("/", "~1") for part in pointer)
    validator = Draft202012Validator({"$ref": f"#/{reference}", **_description()})
    return [fault for error in validator.iter_errors(answer) for fault in _faults(error)]


@cache
def _description() -> dict[str, Any]:
    stripe_mock()
    text = (module_folder(*STRIPE_MOCK) / "embedded" / "openapi" / "spec3.json").read_text()
    whole = _as_json_schema(json.loads(text))
    return {"paths": whole["paths"], "components": whole["components"]}


def _as_json_schema(it: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type of its own for null."""
    if isinstance(it, list):
        return [_as_json_schema(one) for one in it]
    if not isinstance(it, dict):
        return it
    schema = {name: _as_json_schema(one) for name, one in it.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return {"anyOf": [schema, {"type": "null"}]} if schema.pop("nullable", False) is True else schema


def _faults(error: ValidationError) -> Iterator[str]:
    """An error itself; of one about alternatives, those of the alternative that fits best."""
    branches = [list(errors) for _, errors in groupby(error.context or [], key=lambda one: one.schema_path[0])]
    if not branches:
        yield f"{error.json_path}: {error.message[:160]}"
        return
    nearest = min(branches, key=lambda errors: (any(map(_is_of_another_type, errors)), len(errors)))
    for one in nearest:
        yield from _faults(one)


def _is_of_another_type(error: ValidationError) -> bool:
    return error.validator == "type" and not error.relative_path
