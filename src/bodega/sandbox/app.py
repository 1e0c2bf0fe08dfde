"""Puts the stand-ins together: one ASGI application, the SMTP door and the background loops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bodega.sandbox.carrier.api import Carrier
from bodega.sandbox.database import Database
from bodega.sandbox.deliveries import Deliveries
from bodega.sandbox.faults import Faults
from bodega.sandbox.guard import OwnNames
from bodega.sandbox.http import BadRequest, answer_bad_request, answer_http_exception
from bodega.sandbox.mailbox import Mailbox
from bodega.sandbox.pages.routes import STATIC, Pages
from bodega.sandbox.processor.admin import Admin
from bodega.sandbox.processor.api import Processor
from bodega.sandbox.settings import Settings
from bodega.sandbox.texts import Texts

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Starlette:
    """The sandbox. Its state is opened here, so that a start that succeeds has all of it."""
    settings = settings or Settings()
    database = Database(settings.data_dir / "sandbox.sqlite3")
    faults = Faults(database)
    deliveries = Deliveries(settings, database, faults)
    processor = Processor(settings, database, faults, deliveries)
    carrier = Carrier(settings, database, faults, deliveries)
    mailbox = Mailbox(settings, database, faults)
    texts = Texts(database, faults)
    pages = Pages(settings, database, processor, carrier, mailbox, texts)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        server = await mailbox.listen()
        loops = [
            asyncio.create_task(deliveries.run(), name="deliveries"),
            asyncio.create_task(carrier.run(), name="parcels"),
            asyncio.create_task(_expire(processor), name="authorisations"),
        ]
        for loop in loops:
            loop.add_done_callback(_report)
        try:
            yield
        finally:
            server.close()
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            database.close()

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/livez", live),
            Route("/readyz", live),
            *processor.routes(),
            *Admin(processor).routes(),
            *faults.routes(),
            *carrier.routes(),
            *mailbox.routes(),
            *texts.routes(),
            *pages.routes(),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(OwnNames, names=_names(settings), origins=[settings.site_url, settings.public_url])],
        exception_handlers={BadRequest: answer_bad_request, HTTPException: answer_http_exception},
        lifespan=lifespan,
    )


def _names(settings: Settings) -> set[str]:
    public = urlsplit(settings.public_url).hostname
    return {"127.0.0.1", "localhost", *settings.names, *([public] if public else [])}


async def _expire(processor: Processor) -> None:
    while True:
        processor.expire_lapsed()
        await asyncio.sleep(60)


def _report(loop: asyncio.Task[None]) -> None:
    """A background loop never ends by itself: if one does, say so loudly."""
    if not loop.cancelled() and (error := loop.exception()):
        log.error("the loop %s has died", loop.get_name(), exc_info=error)
