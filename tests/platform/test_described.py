"""Whoever reads the API's description learns which errors to expect."""

import json
from pathlib import Path
from typing import Any

import pytest

from bodega.contracts.problems import TITLES

pytestmark = pytest.mark.unit

METHODS = {"get", "post", "put", "patch", "delete"}


def answers_of(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """By status; those that several operations share stand where they can be referred to."""
    shared = document["components"]["responses"]
    return {
        status: shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        for status, answer in operation["responses"].items()
    }


ALWAYS_THERE = {"/tax/{country}"}
"""What is answered whatever the path names: to a country without rates goods are sent without tax."""


def wanted(method: str, path: str, operation: dict[str, Any]) -> set[str]:
    """The errors that an operation of this shape must list."""
    errors = {"429", "503"}
    if operation.get("security") and {} not in operation["security"]:
        errors.add("401")
    if path.startswith("/admin/"):
        errors.add("403")
    if "requestBody" in operation:
        errors |= {"400", "413", "415", "422"}
    if "{" in path and method != "put" and path not in ALWAYS_THERE:  # a PUT may make what is not there
        errors.add("404")
    return errors


REFUSALS = {"Idempotency-Key": ("422", "idempotency_key_reused"), "If-Match": ("412", "stale_version")}


def test_what_takes_a_key_or_a_version_says_how_it_refuses_another(root: Path) -> None:
    document = json.loads((root / "docs/openapi.json").read_text())
    faults = [
        f"{method} {path}: no {status} {code}"
        for path, item in document["paths"].items()
        for method in METHODS & item.keys()
        for parameter in item[method].get("parameters", ())
        for status, code in filter(None, [REFUSALS.get(parameter["name"])])
        if code not in answers_of(document, item[method]).get(status, {}).get("x-codes", ())
    ]
    assert not faults


def test_every_code_of_an_answer_is_listed_with_its_meaning(root: Path) -> None:
    document = json.loads((root / "docs/openapi.json").read_text())
    faults = [
        f"{method} {path}: {status} {code}"
        for path, item in document["paths"].items()
        for method in METHODS & item.keys()
        for status, answer in answers_of(document, item[method]).items()
        for code in answer.get("x-codes", ())
        if f"- `{code}`: {TITLES.get(code)}." not in answer["description"].splitlines()
    ]
    assert not faults


def test_every_operation_lists_its_errors_as_problem_documents(root: Path) -> None:
    document = json.loads((root / "docs/openapi.json").read_text())
    faults = []
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            answers = answers_of(document, item[method])
            faults += [
                f"{method} {path}: no {status}" for status in wanted(method, path, item[method]) - answers.keys()
            ]
            for status, answer in answers.items():
                if status >= "400" and "application/problem+json" not in answer.get("content", {}):
                    faults.append(f"{method} {path}: {status} is no problem document")
    assert not faults
