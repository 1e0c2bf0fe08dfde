"""Wherever the API's description has GET, HEAD is answered the same, without a body (RFC 9110, 9.3.2)."""

import asyncio
import importlib
import json
import re
from collections.abc import MutableMapping
from typing import Any

import pytest
from fastapi import FastAPI

from bodega.platform.secrets import Secrets
from bodega.platform.settings import flat, render
from bodega.platform.system import ROOT, System

pytestmark = pytest.mark.unit

EXAMPLE = "01M7WM0G30FCHRYKR29SCZPRC4"
PATHS = [path for path, item in json.loads((ROOT / "docs/openapi.json").read_text())["paths"].items() if "get" in item]


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FastAPI]:
    """Each service by each path that it describes a GET of; none is started."""
    instance = System.load(local=False).instance("shop", tmp_path_factory.mktemp("shop"))
    with pytest.MonkeyPatch.context() as patch:
        for key, value in flat(render(instance, Secrets.of(instance), outside={})).items():
            patch.setenv(key, value)
        patch.setenv("BODEGA_CATALOG_MONGO_TIMEOUT_SECONDS", "0.2")  # nobody is there to be waited for
        made: list[FastAPI] = [
            importlib.import_module(f"bodega.services.{name}.app").create_app() for name in instance.system.services
        ]
    return {path: app for app in made for path, item in app.openapi()["paths"].items() if "get" in item}


async def asked(app: FastAPI, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body; no store is open, so that what needs one answers that it cannot."""
    start: MutableMapping[str, Any] = {}
    body = b""

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal body
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    async with asyncio.timeout(20):
        await app(scope, receive, send)
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, body


@pytest.mark.parametrize("path", PATHS)
async def test_head_is_answered_wherever_the_description_has_get(apps: dict[str, FastAPI], path: str) -> None:
    address = re.sub(r"\{[^}]+\}", EXAMPLE, path)
    status, headers, _ = await asked(apps[path], "GET", address)
    as_head, of_head, _ = await asked(apps[path], "HEAD", address)
    assert as_head == status
    assert as_head != 405
    assert of_head.get("content-type") == headers.get("content-type")
    assert of_head.keys() == headers.keys()


async def test_head_is_refused_where_there_is_no_get(apps: dict[str, FastAPI]) -> None:
    """So that the comparison above can fail."""
    status, _, _ = await asked(apps["/auth/sessions"], "HEAD", "/auth/login")
    assert status == 405
