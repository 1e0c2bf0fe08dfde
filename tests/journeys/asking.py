"""What Schemathesis must be told to ask the shop: it loads this as its hooks, in its own process."""

import os
from typing import Any

import requests
import schemathesis
from requests.adapters import HTTPAdapter


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    """`POST /admin/products/import` describes its lines as one text."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


class FromOneAddress(HTTPAdapter):
    """Every connection comes from the address that ASKING_FROM names."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(os.environ["ASKING_FROM"], 0))


requests.sessions.HTTPAdapter = FromOneAddress  # type: ignore[misc]  # what every session is made with
