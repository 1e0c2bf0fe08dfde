"""The API's description and its page, behind the gateway: `/openapi.json`, `/docs`.

A small process of its own, since Envoy serves no files. It asks the services for their documents when somebody wants
to read them, keeps them for a minute, and goes on with the last one of a service that is down. All assets are local.
"""

import asyncio
import hashlib
import json
import logging
import mimetypes
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import uvicorn
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from swagger_ui_bundle import swagger_ui_path

from bodega.gateway.openapi import ClashError, Document, for_page, merge
from bodega.gateway.replies import PROBLEM_JSON, problem
from bodega.platform.system import LOOPBACK, Instance
from bodega.platform.system import Route as Served

logger = logging.getLogger(__name__)

ASSETS: Final = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
FRESH_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 2.0
FETCH_SECONDS: Final = 5.0
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bodega API</title>
<link rel="icon" type="image/png" href="docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
</head>
<body>
<div id="page"><noscript><p>The description as a document: <a href="openapi.json">openapi.json</a></p></noscript></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/assets/page.js"></script>
</body>
</html>
"""

_SCRIPT = """SwaggerUIBundle({
  url: "docs/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null,
  displayRequestDuration: true,
  showExtensions: true,
  tryItOutEnabled: true
});
"""

Fetch = Callable[[str, str], Awaitable[Document]]


class Settings(BaseSettings):
    """Where the page listens, where each service answers, and what the gateway lets through."""

    model_config = SettingsConfigDict(env_prefix="BODEGA_DOCS_")

    host: str = LOOPBACK
    port: int = 7112
    service_urls: dict[str, str] = {}
    routes: tuple[Served, ...] = ()


def environment(instance: Instance) -> dict[str, str]:
    """The settings of this process, as the platform sets them."""
    services = instance.system.services
    urls = {name: instance.service_url(name) for name in services}
    routes = [route.model_dump() for service in services.values() for route in service.routes]
    return {
        "BODEGA_DOCS_HOST": instance.listen,
        "BODEGA_DOCS_PORT": str(instance.port("docs", "http")),
        "BODEGA_DOCS_SERVICE_URLS": json.dumps(urls),
        "BODEGA_DOCS_ROUTES": json.dumps(routes),
    }


def create_app(settings: Settings | None = None, fetch: Fetch | None = None) -> Starlette:
    """The application. `fetch(service, url)` gives a service's document; by default it asks the service."""
    settings = settings or Settings()
    library = Library(settings.service_urls, settings.routes, fetch or _fetch)

    async def openapi(request: Request) -> Response:
        return await _described(request, library, lambda document: document)

    async def openapi_for_page(request: Request) -> Response:
        return await _described(request, library, for_page)

    return Starlette(
        routes=[
            Route("/openapi.json", openapi),
            Route("/docs", _page),
            Route("/docs/", _without_slash),
            Route("/docs/openapi.json", openapi_for_page),
            Route("/docs/assets/{name}", _asset),
            Route("/livez", _alive),
            Route("/readyz", _alive),
        ],
        exception_handlers={404: _nothing_here},
    )


@dataclass
class Library:
    """The services' documents, as fresh as they can be had."""

    urls: Mapping[str, str]
    routes: tuple[Served, ...]
    fetch: Fetch
    known: dict[str, Document] = field(default_factory=dict)
    merged: Document | None = None
    _fresh_until: float = 0.0
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def document(self) -> Document | None:
        """The merged document, or None as long as no service has answered. Many readers ask the services once."""
        async with self._asking:
            if time.monotonic() >= self._fresh_until:
                await self._renew()
            return self.merged

    async def _renew(self) -> None:
        answers = await asyncio.gather(*(self._ask(service, url) for service, url in self.urls.items()))
        self.known |= {service: document for service, document in answers if document is not None}
        silent = [service for service, document in answers if document is None]
        missing = sorted(service for service in self.urls if service not in self.known)
        if self.known:
            self.merged = merge(
                {service: self.known[service] for service in self.urls if service in self.known}, self.routes
            )
            if missing:
                self.merged["x-missing"] = missing
        self._fresh_until = time.monotonic() + (RETRY_SECONDS if silent else FRESH_SECONDS)

    async def _ask(self, service: str, url: str) -> tuple[str, Document | None]:
        try:
            return service, await self.fetch(service, url)
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError) as error:
            logger.warning("the document of %s could not be had: %r", service, error)
            return service, None


async def _fetch(service: str, url: str) -> Document:
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{url}/openapi.json") as answer:
        answer.raise_for_status()
        document = await answer.json(content_type=None)
    if not isinstance(document, dict):
        raise ValueError(f"{service} answered something that is no document")
    return document


async def _described(request: Request, library: Library, form: Callable[[Document], Document]) -> Response:
    try:
        document = await library.document()
    except ClashError as error:
        return _problem(500, "internal", str(error))
    if document is None:
        return _problem(503, "unavailable", "No service has described its API yet.", {"Retry-After": "2"})
    body = json.dumps(form(document), separators=(",", ":")).encode()
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


async def _page(_: Request) -> Response:
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})


async def _without_slash(_: Request) -> Response:
    return RedirectResponse("../docs")


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    headers = {"Cache-Control": "public, max-age=3600"}
    if name == "page.js":
        return Response(_SCRIPT, media_type="text/javascript", headers=headers)
    if name not in ASSETS:
        return _problem(404, "not_found", "There is nothing at this address.")
    kind, _ = mimetypes.guess_type(name)
    content = await asyncio.to_thread((swagger_ui_path / name).read_bytes)
    return Response(content, media_type=kind, headers=headers)


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _nothing_here(_: Request, __: Exception) -> Response:
    return _problem(404, "not_found", "There is nothing at this address.")


def _problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(problem(status, code) | {"detail": detail}, status, headers, PROBLEM_JSON)


def main() -> None:
    """Serve by the environment's settings."""
    settings = Settings()
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, access_log=False)


if __name__ == "__main__":
    main()
