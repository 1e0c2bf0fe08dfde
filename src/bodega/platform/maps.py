"""What is written from code: `map.md`, `events.md`, `openapi.json`, `coverage.md`, `asvs.md`, `cost.md`, `races.md` of
`docs`, the edge's table of the parameters that public answers have, and the pages' table of minor units.

`python -m bodega.platform.maps` writes them; a test compares, so they cannot go stale.
"""

import importlib
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bodega.contracts.envelope import Event
from bodega.contracts.export import all_events
from bodega.kit.currencies import MINOR_DIGITS
from bodega.platform.asvs import asvs
from bodega.platform.cost import cost
from bodega.platform.coverage import coverage
from bodega.platform.description import api
from bodega.platform.system import ROOT, Engine, Service, System
from bodega.proof.races import page as races

_STORES = {"postgres": "PostgreSQL", "mongo": "MongoDB", "valkey": "Redis (Valkey)", "opensearch": "OpenSearch"}
_GENERATED = "<!-- Written by `python -m bodega.platform.maps` from platform.toml and the code. Do not edit. -->\n"


def house() -> str:
    """`docs/map.md`: who owns what, who calls and hears whom."""
    system = System.load(local=False)
    return "\n".join(
        [
            "# Map of the house",
            _GENERATED,
            *_drawing(system),
            "",
            *(line for service in system.services.values() for line in _room(system, service)),
        ]
    )


def events() -> str:
    """`docs/events.md`: every event, what it carries, who says and who hears it."""
    system = System.load(local=False)
    lines = [
        "# Events",
        _GENERATED,
        "CloudEvents 1.0 in structured JSON, one topic per producing service, keyed by `subject`. `sequence` is the",
        "subject's version. JSON Schemas: `src/bodega/contracts/schemas/`. Readers ignore what they do not know.",
        "",
    ]
    by_topic: dict[str, list[type[Event]]] = {}
    for event in all_events().values():
        by_topic.setdefault(event.topic, []).append(event)
    for topic, of_topic in sorted(by_topic.items()):
        producer = next(service.name for service in system.services.values() if service.publishes == topic)
        lines += [f"## {topic}", "", f"Said by **{producer}**.", ""]
        for event in of_topic:
            lines += _event(system, event)
    return "\n".join(lines)


def _drawing(system: System) -> Iterator[str]:
    yield "```mermaid"
    yield "flowchart LR"
    yield "  shopper([shopper]) --> gateway{{Envoy}}"
    for service in system.services.values():
        yield f"  gateway --> {service.name}"
        yield f"  {service.name} --- {service.name}_db[({_STORES[service.store]})]"
    for service in system.services.values():
        for callee in service.calls:
            yield f"  {service.name} -->|asks| {callee}"
    for service in system.services.values():
        for topic in service.hears:
            producer = next(other.name for other in system.services.values() if other.publishes == topic)
            yield f"  {producer} -.->|{topic}| {service.name}"
    yield "```"


def _room(system: System, service: Service) -> Iterator[str]:
    package = importlib.import_module(f"bodega.services.{service.name}")
    yield f"## {service.name}"
    yield ""
    yield "```text"
    yield inspect.cleandoc(package.__doc__ or "")
    yield "```"
    yield ""
    yield f"- **Store**: {_STORES[service.store]}" + (f"; buckets {', '.join(service.buckets)}" * bool(service.buckets))
    yield f"- **Port**: {service.port}"
    if service.publishes:
        yield f"- **Publishes** the topic `{service.publishes}`"
    for topic, types in service.hears.items():
        yield f"- **Hears** `{topic}`: {', '.join(types)}"
    if service.calls:
        yield f"- **Asks** {', '.join(service.calls)}"
    if callers := [name for name in system.callers_of(service.name) if name in system.services]:
        yield f"- **Is asked by** {', '.join(callers)}"
    yield f"- **Public**: {', '.join(f'`{route.path}` ({route.access})' for route in service.routes)}"
    yield ""


def _event(system: System, event: type[Event]) -> Iterator[str]:
    name = event.type_name()
    everybody: dict[str, Service | Engine] = {**system.services, **system.engines}
    hearers = [who for who, part in everybody.items() if name in part.hears.get(event.topic, ())]
    yield f"### {name} (version {event.schema_version})"
    yield ""
    yield inspect.cleandoc(event.__doc__ or "")
    yield f"Heard by: {', '.join(hearers) or 'nobody yet'}."
    yield ""
    yield "| field | type | |"
    yield "|---|---|---|"
    schema = event.model_json_schema()
    for field, described in schema["properties"].items():
        optional = "" if field in schema.get("required", ()) else " (optional)"
        yield f"| `{field}` | {_type(described)}{optional} | {described.get('description', '')} |"
    yield ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return str(schema.get("type", "object"))


def public_parameters() -> str:
    """`edge/parameters.json`: of each path that anybody may read, the parameters that make another answer."""
    system = System.load(local=False)
    open_paths = [
        route.path for service in system.services.values() for route in service.routes if route.access == "open"
    ]
    found = {}
    for path, operations in json.loads(api())["paths"].items():
        if "get" in operations and any(f"{path}/".startswith(f"{one}/") for one in open_paths):
            parameters = [*operations.get("parameters", []), *operations["get"].get("parameters", [])]
            found[path] = sorted(one["name"] for one in parameters if one["in"] == "query")
    return json.dumps(found, indent=1, sort_keys=True)


def minor_units() -> str:
    """`storefront/src/words/minor-digits.ts`: digits of the minor unit, of the currencies that have not two."""
    table = {code: digits for code, digits in sorted(MINOR_DIGITS.items()) if digits != 2}
    return (
        "// Written by `python -m bodega.platform.maps` from bodega/kit/currencies.py. Do not edit.\n"
        f"export const EXCEPTIONS: Record<string, number> = {json.dumps(table)};"
    )


FILES: dict[Path, Callable[[], str]] = {
    Path("docs/map.md"): house,
    Path("docs/events.md"): events,
    Path("docs/openapi.json"): api,
    Path("src/bodega/edge/parameters.json"): public_parameters,
    Path("storefront/src/words/minor-digits.ts"): minor_units,
    Path("docs/coverage.md"): coverage,
    Path("docs/asvs.md"): asvs,
    Path("docs/cost.md"): cost,
    Path("docs/races.md"): races,
}


def main() -> None:
    for path, write in FILES.items():
        (ROOT / path).write_text(write().rstrip() + "\n")


if __name__ == "__main__":
    main()
