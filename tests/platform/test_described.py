"""Whoever reads the API's description learns which errors to expect."""

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.unit

METHODS = {"get", "post", "put", "patch", "delete"}


def wanted(method: str, path: str, operation: dict[str, Any]) -> set[str]:
    """The errors that an operation of this shape must list."""
    errors = {"429", "503"}
    if operation.get("security") and {} not in operation["security"]:
        errors.add("401")
    if path.startswith("/admin/"):
        errors.add("403")
    if "requestBody" in operation:
        errors |= {"400", "413", "415", "422"}
    if "{" in path and method != "put":  # a PUT may make what is not there
        errors.add("404")
    return errors


def test_every_operation_lists_its_errors_as_problem_documents(root: Path) -> None:
    document = json.loads((root / "docs/openapi.json").read_text())
    shared = document["components"]["responses"]
    faults = []
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            answers = item[method]["responses"]
            faults += [
                f"{method} {path}: no {status}" for status in wanted(method, path, item[method]) - answers.keys()
            ]
            for status, answer in answers.items():
                described = shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
                if status >= "400" and "application/problem+json" not in described.get("content", {}):
                    faults.append(f"{method} {path}: {status} is no problem document")
    assert not faults
