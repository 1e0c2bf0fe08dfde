"""Writes the JSON Schema of every event beside the code: `python -m bodega.contracts.export`.

The files are committed; a test compares them, and refuses a change that an old reader cannot read.
"""

import importlib
import json
from pathlib import Path
from typing import Any

from bodega.contracts.envelope import REGISTRY, SCHEMA_BASE, CloudEvent, Event

PRODUCERS = ("catalog", "inventory", "orders", "payments", "shipping", "users")
FOLDER = Path(__file__).parent / "schemas"


def all_events() -> dict[str, type[Event]]:
    """Every event type by name, sorted."""
    for producer in PRODUCERS:
        importlib.import_module(f"bodega.contracts.{producer}")
    said = {name: event for name, event in REGISTRY.items() if event.__module__.startswith("bodega.contracts.")}
    return dict(sorted(said.items()))


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The schema of the whole message, envelope and data, as it stands on the topic."""
    schema = CloudEvent[event].model_json_schema(mode="serialization")  # type: ignore[valid-type]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA_BASE}/{event.schema_name()}",
        **schema,
        "title": event.type_name(),
        "description": event.__doc__ or "",
    }
    schema["properties"]["type"]["const"] = event.type_name()
    return schema


def file_of(event: type[Event]) -> Path:
    return FOLDER / f"{event.type_name()}.{event.schema_version}.json"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for event in all_events().values():
        file_of(event).write_text(json.dumps(schema_of(event), indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
