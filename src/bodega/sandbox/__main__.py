"""`python -m bodega.sandbox`: everything in one process, until SIGTERM."""

from __future__ import annotations

import logging

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bodega.sandbox.app import create_app
from bodega.sandbox.settings import Settings


class Protocol(HttpToolsProtocol):
    """Hands the transport to the application, so that a fault can cut the line without an answer."""

    def on_message_begin(self) -> None:
        """Called at the start of each request."""
        super().on_message_begin()
        self.scope["extensions"] = {"sandbox.transport": self.transport}  # type: ignore[dict-item]


def main() -> None:
    """Run the sandbox with the settings of the environment."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = Settings()
    uvicorn.run(
        create_app(settings), host=settings.host, port=settings.http_port, http=Protocol, loop="uvloop", ws="none",
        access_log=False, log_level="warning", server_header=False, timeout_graceful_shutdown=2,
    )  # fmt: skip


if __name__ == "__main__":
    main()
