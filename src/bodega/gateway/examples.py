"""Whole examples of what is sent and answered, put together from the examples of the fields.

The rooms give each field an example, and a field that several share has it at its type (an order's id, an address):
so the wholes cannot contradict each other, and no room writes one by hand unless its parts make no sense together.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

Document = dict[str, Any]

_SCHEMAS: Final = "#/components/schemas/"


class _Unsaid(LookupError):
    """A schema shows no value, and neither do its parts."""


def complete(schemas: dict[str, Document], operations: Iterable[Document]) -> None:
    """Gives each schema of an operation's body or answer a whole example, where it has none and its fields do."""
    for name in {name for operation in operations for name in _bodies(operation)}:
        if "examples" not in schemas[name]:
            with suppress(_Unsaid):
                schemas[name]["examples"] = [_example(schemas[name], schemas, (name,))]


def _bodies(operation: Document) -> Iterator[str]:
    for part in (operation.get("requestBody", {}), *operation.get("responses", {}).values()):
        for body in part.get("content", {}).values():
            schema = body.get("schema", {})
            for reference in (one["$ref"] for one in (schema, *schema.get("anyOf", ())) if "$ref" in one):
                yield reference.removeprefix(_SCHEMAS)


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
    if schema.get("default") or schema.get("default") is False:
        yield schema["default"]
    yield from schema.get("enum", ())
