"""Whoever reads the API's description learns what each field means, and sees a whole example of each body."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from bodega.platform.system import System

pytestmark = pytest.mark.unit

Node = dict[str, Any]
METHODS = {"get", "post", "put", "patch", "delete"}
FRAMEWORKS_WORDS = {"", "Successful Response", "Validation Error"}
ROOMS = sorted(System.load(local=False).services)


@cache
def document(root: Path) -> Node:
    described: Node = json.loads((root / "docs/openapi.json").read_text())
    return described


def operations(whole: Node, room: str) -> Iterator[tuple[str, Node]]:
    for path, item in whole["paths"].items():
        for method in METHODS & item.keys():
            if item[method]["tags"] == [room]:
                yield f"{method.upper()} {path}", item[method]


def resolved(whole: Node, node: Node) -> Node:
    while "$ref" in node:
        node = whole["components"][node["$ref"].split("/")[2]][node["$ref"].split("/")[3]]
    return node


def references(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def schemas(whole: Node, room: str) -> dict[str, Node]:
    """Those that a room's operations need, by name."""
    waiting = [reference for _, operation in operations(whole, room) for reference in references(operation)]
    found: dict[str, Node] = {}
    while waiting:
        reference = waiting.pop()
        if reference not in found:
            found[reference] = resolved(whole, {"$ref": reference})
            waiting += references(found[reference])
    prefix = "#/components/schemas/"
    return {name.removeprefix(prefix): schema for name, schema in sorted(found.items()) if name.startswith(prefix)}


def alternatives(schema: Node) -> list[Node]:
    """The schema and what it may be instead of null."""
    return [schema, *(one for one in schema.get("anyOf", ()) if one != {"type": "null"})]


def says_what_it_means(schema: Node) -> bool:
    return any(one.get("description") for one in alternatives(schema))


def shows_a_value(schema: Node) -> bool:
    """Itself, or by its parts, each of which is looked at for itself."""
    return any(
        one.get("examples") or "const" in one or "enum" in one or "$ref" in one
        or one.get("default") not in (None, "", 0, [], {}) or one.get("default") is False
        or ("items" in one and shows_a_value(one["items"]))
        for one in alternatives(schema)
    )  # fmt: skip


def bodies(whole: Node, room: str) -> Iterator[tuple[str, Node]]:
    """Each body that is asked for or answered, but for the problems, which share their form."""
    for name, operation in operations(whole, room):
        if "requestBody" in operation:
            yield from ((f"{name}: body", one) for one in operation["requestBody"]["content"].values())
        for status, answer in operation["responses"].items():
            content = resolved(whole, answer).get("content", {})
            yield from ((f"{name}: {status}", one) for kind, one in content.items() if "problem" not in kind)


def wholes(whole: Node, body: Node) -> list[Any]:
    """The examples of a body: its own, or its schema's."""
    own = [body["example"]] if "example" in body else [one["value"] for one in body.get("examples", {}).values()]
    inherited = (resolved(whole, one).get("examples", []) for one in alternatives(body.get("schema", {})))
    return own or [example for examples in inherited for example in examples]


def faults_of_words(whole: Node, room: str) -> Iterator[str]:
    for name, operation in operations(whole, room):
        if not operation.get("description"):
            yield f"{name}: no description"
        for parameter in operation.get("parameters", ()):
            if not parameter.get("description"):
                yield f"{name}: {parameter['in']} {parameter['name']}: no description"
        for status, answer in operation["responses"].items():
            if resolved(whole, answer)["description"] in FRAMEWORKS_WORDS:
                yield f"{name}: {status}: no description"
    for name, schema in schemas(whole, room).items():
        for field, described in schema.get("properties", {}).items():
            if not says_what_it_means(described):
                yield f"{name}.{field}: no description"


def faults_of_examples(whole: Node, room: str) -> Iterator[str]:
    for name, operation in operations(whole, room):
        for parameter in operation.get("parameters", ()):
            if not shows_a_value(parameter["schema"]) and not parameter.get("example"):
                yield f"{name}: {parameter['in']} {parameter['name']}: no example"
    for name, body in bodies(whole, room):
        if "schema" in body and not wholes(whole, body):
            yield f"{name}: no whole example"
    for name, schema in schemas(whole, room).items():
        for field, described in schema.get("properties", {}).items():
            if not shows_a_value(described):
                yield f"{name}.{field}: no example"


def examples(whole: Node, room: str) -> Iterator[tuple[str, Node, Any]]:
    """Where each stands, the schema it must fit, and what it is."""
    for name, operation in operations(whole, room):
        for parameter in operation.get("parameters", ()):
            for example in parameter["schema"].get("examples", ()):
                yield f"{name}: {parameter['name']}", parameter["schema"], example
        for status, answer in operation["responses"].items():
            for body in resolved(whole, answer).get("content", {}).values():
                for example in wholes(whole, body):
                    yield f"{name}: {status}", body["schema"], example
        for body in operation.get("requestBody", {}).get("content", {}).values():
            for example in wholes(whole, body):
                yield f"{name}: body", body["schema"], example
    for name, schema in schemas(whole, room).items():
        for field, described in schema.get("properties", {}).items():
            for one in (option for form in alternatives(described) for option in (form, form.get("items", {}))):
                yield from ((f"{name}.{field}", one, example) for example in one.get("examples", ()))


def none_of(faults: Iterable[str]) -> None:
    if found := sorted(set(faults)):
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("room", ROOMS)
def test_every_operation_parameter_answer_and_field_is_described(root: Path, room: str) -> None:
    none_of(faults_of_words(document(root), room))


@pytest.mark.parametrize("room", ROOMS)
def test_every_field_has_an_example_and_every_body_a_whole_one(root: Path, room: str) -> None:
    none_of(faults_of_examples(document(root), room))


@pytest.mark.parametrize("room", ROOMS)
def test_every_example_is_what_its_schema_says(root: Path, room: str) -> None:
    whole = document(root)
    faults = []
    for name, schema, example in examples(whole, room):
        rooted = {"allOf": [schema], "components": whole["components"]}
        error = best_match(Draft202012Validator(rooted, format_checker=FormatChecker()).iter_errors(example))
        if error is not None:
            faults.append(f"{name}: {error.json_path}: {error.message}")
    none_of(faults)
