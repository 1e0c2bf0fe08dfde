"""The API's description, as the gateway serves it."""

import asyncio
import re
from typing import Any

import pytest
from starlette.applications import Starlette
from swagger_ui_bundle import swagger_ui_path

from bodega.gateway.docs import POLICY, Settings, create_app, environment
from bodega.platform.system import System
from tests.gateway.stage import Stage, description, visit


@pytest.mark.service
async def test_the_services_documents_come_as_one_through_the_gateway(gateway: Stage) -> None:
    answer = await gateway.ask("GET", "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json["paths"]) == {"/orders", "/cart"}
    assert [tag["name"] for tag in answer.json["tags"]] == ["orders", "cart"]
    assert answer.json["x-missing"] == ["notifications"]


@pytest.mark.service
async def test_the_page_and_all_that_it_needs_are_ours(gateway: Stage) -> None:
    page = await gateway.ask("GET", "/docs")
    assert page.headers["content-security-policy"] == POLICY
    links = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert len(links) == 5
    for link in links:
        asset = await gateway.ask("GET", f"/{link}", {"Accept-Encoding": "br"})
        assert (link, asset.status) == (link, 200)
        assert asset.headers["x-content-type-options"] == "nosniff"
    script = await gateway.ask("GET", "/docs/assets/swagger-ui-bundle.js", {"Accept-Encoding": "br"})
    assert script.headers["content-encoding"] == "br"
    assert "unsafe" not in POLICY
    assert "<script>" not in page.body.decode()


@pytest.mark.service
async def test_no_other_file_is_served(gateway: Stage) -> None:
    for name in ("swagger-ui.js.map", "..%2f__init__.py", "../docs.py", "index.html", ""):
        assert (await gateway.ask("GET", f"/docs/assets/{name}")).status == 404
    assert (await gateway.ask("POST", "/docs", body=b"")).status == 404


@pytest.mark.unit
def test_what_the_page_is_made_with_has_no_known_hole() -> None:
    """Swagger UI 4.15 came with a DOMPurify 2.3, of which holes are known; 3.2.4 is the first without those."""
    script = (swagger_ui_path / "swagger-ui-bundle.js").read_text()
    purifier = re.search(r'DOMPurify\.version="([\d.]+)"|version="(\d+\.\d+\.\d+)",DOMPurify\.removed', script)
    assert purifier is not None
    version = tuple(int(part) for part in (purifier[1] or purifier[2]).split("."))
    assert version >= (3, 2, 4)


class _Services:
    """What stands behind the page: it can be asked, and be down."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.asked: list[str] = []

    async def fetch(self, service: str, url: str) -> dict[str, Any]:
        self.asked.append(service)
        if service in self.down:
            raise ConnectionRefusedError(url)
        return description(service)


@pytest.fixture
def services() -> _Services:
    return _Services()


@pytest.fixture
def page(services: _Services) -> Starlette:
    urls = {"orders": "http://orders.test", "cart": "http://cart.test"}
    return create_app(Settings(service_urls=urls), services.fetch)


@pytest.mark.unit
async def test_the_services_are_asked_once_for_many_readers(page: Starlette, services: _Services) -> None:
    assert services.asked == []
    paths = ["/openapi.json", "/docs/openapi.json", "/openapi.json"]
    answers = await asyncio.gather(*(visit(page, path) for path in paths))
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert sorted(services.asked) == ["cart", "orders"]


@pytest.mark.unit
def test_the_platforms_settings_are_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = System.load(local=False).instance("test")
    for name, value in environment(instance).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.port, settings.service_urls["orders"]) == (17112, "http://127.0.0.1:17107")
    assert {route.path for route in settings.routes} >= {"/orders", "/admin/orders"}


@pytest.mark.unit
async def test_a_reader_who_has_it_is_told_so(page: Starlette) -> None:
    etag = (await visit(page, "/openapi.json")).headers["etag"]
    assert (await visit(page, "/openapi.json", {"If-None-Match": etag})).status == 304


@pytest.mark.unit
async def test_a_service_that_goes_down_keeps_its_place(
    page: Starlette, services: _Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bodega.gateway.docs.FRESH_SECONDS", 0)
    await visit(page, "/openapi.json")
    services.down = {"orders"}
    document = (await visit(page, "/openapi.json")).json
    assert set(document["paths"]) == {"/orders", "/cart"}
    assert services.asked.count("orders") == 2


@pytest.mark.unit
async def test_while_no_service_answers_it_is_503(page: Starlette, services: _Services) -> None:
    services.down = {"orders", "cart"}
    answer = await visit(page, "/openapi.json")
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "unavailable", "2")


@pytest.mark.unit
async def test_the_page_reads_the_older_form(page: Starlette) -> None:
    assert (await visit(page, "/openapi.json")).json["openapi"] == "3.1.0"
    document = (await visit(page, "/docs/openapi.json")).json
    assert document["openapi"].startswith("3.0.")
    line = document["components"]["schemas"]["OrdersLine"]["properties"]["orders_id"]
    assert (line["type"], line["nullable"]) == ("string", True)
