"""Who may ask the sandbox: whoever calls it by its own name, and no page of a foreign site.

A page that somebody reads on this machine could otherwise have the reader's browser fetch mails (by a name of the
page's own that is made to lead here: DNS rebinding) or send forms.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_HEALTH = ("/livez", "/readyz")  # asked by address, and they say nothing
_SAFE = ("GET", "HEAD", "OPTIONS")


class OwnNames:
    """Refuses other names than these in `Host`, and what changes something at the wish of a foreign `Origin`."""

    def __init__(self, app: ASGIApp, names: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)
        self._origins = frozenset(map(_origin, origins))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"] not in _HEALTH:
            headers = Headers(scope=scope)
            host, origin = headers.get("host", ""), headers.get("origin")
            if host.partition(":")[0].lower() not in self._names:
                await _refusal("this name is not the sandbox's")(scope, receive, send)
                return
            ours = origin is None or origin in self._origins or origin.partition("://")[2] == host
            if scope["method"] not in _SAFE and not ours:
                await _refusal("a page of another site may not ask for this")(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _refusal(why: str) -> JSONResponse:
    return JSONResponse({"error": {"type": "invalid_request_error", "message": why}}, 403)
