"""Whole examples of what is sent and answered, put together from the examples of the fields.

The rooms give each field an example, and a field that several share has it at its type (an order's id, an address):
so the wholes cannot contradict each other, and no room writes one by hand unless its parts make no sense together.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from bodega.gateway.replies import PROBLEM_JSON, problem

Document = dict[str, Any]

_SCHEMAS: Final = "#/components/schemas/"


class _Unsaid(LookupError):
    """A schema shows no value, and neither do its parts."""


def complete(schemas: dict[str, Document], operations: Iterable[Document]) -> None:
    """Gives each schema of an operation's body or answer a whole example, where it has none and its fields do.

    An answer that bears `x-but` gets one of its own: its schema's, but for those members. A problem gets one that
    says the first of its codes.
    """
    for operation in operations:
        for body in _bodies(operation):
            for name in _forms(body):
                if "examples" not in schemas[name]:
                    with suppress(_Unsaid):
                        schemas[name]["examples"] = [_example(schemas[name], schemas, (name,))]
            if differing := body.pop("x-but", None):
                [name] = _forms(body)
                body["example"] = schemas[name]["examples"][0] | differing
        for status, answer in operation.get("responses", {}).items():
            refusal = answer.get("content", {}).get(PROBLEM_JSON)
            if refusal is not None and "x-codes" in answer:
                refusal["example"] = problem(int(status), answer["x-codes"][0])


def _bodies(operation: Document) -> Iterator[Document]:
    for part in (operation.get("requestBody", {}), *operation.get("responses", {}).values()):
        yield from part.get("content", {}).values()


def _forms(body: Document) -> list[str]:
    """The names of the schemas that a body may have."""
    schema = body.get("schema", {})
    alternatives = (schema, *schema.get("anyOf", ()))
    return [one["$ref"].removeprefix(_SCHEMAS) for one in alternatives if "$ref" in one]


def _example(schema: Document, schemas: Mapping[str, Document], above: tuple[str, ...]) -> Any:
    for own in _said(schema):
        return own
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_SCHEMAS)
        if name not in above:
            return _example(schemas[name], schemas, (*above, name))
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas, above)
    if "items" in schema:
        return [_example(schema["items"], schemas, above)]
    if "properties" in schema:
        return {name: _example(field, schemas, above) for name, field in schema["properties"].items()}
    raise _Unsaid


def _said(schema: Document) -> Iterator[Any]:
    """The values that a schema shows itself, the best first."""
    yield from schema.get("examples", ())
    if "const" in schema:
        yield schema["const"]
    if "$ref" in schema:
        return  # what it is says more than an empty default
    if schema.get("default") or schema.get("default") is False:
        yield schema["default"]
    yield from schema.get("enum", ())
