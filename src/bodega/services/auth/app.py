"""Auth as an application."""

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import create_service, housekeeping, relay_of, secret_from
from bodega.kit.auth import EndedList
from bodega.kit.db import Database
from bodega.services.auth import __doc__ as sign
from bodega.services.auth import routes, service, store
from bodega.services.auth.domain.passwords import Hasher
from bodega.services.auth.domain.seals import Vault
from bodega.services.auth.flows import Chores
from bodega.services.auth.service import Tools
from bodega.services.auth.settings import Settings

NAME = "auth"


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    database = Database(settings.database_url, pool_size=settings.pool_size)
    hasher = Hasher(
        memory_kib=settings.argon2_memory_kib,
        iterations=settings.argon2_iterations,
        lanes=settings.argon2_lanes,
        threads=settings.hash_threads,
        queue=settings.hash_queue,
    )
    tools = Tools(settings, hasher, Vault(secret_from(settings.secret_file)))

    async def ask_ended(since: float | None) -> EndedList:
        async with database.reading() as tx:
            return await service.ended_sessions(tx, settings, since)

    return create_service(
        NAME,
        settings,
        [routes.public, routes.well_known, routes.internal],
        titles=TITLES,
        description=sign or "",
        state={"database": database, "tools": tools},
        opens=[database],
        loops=[
            relay_of(NAME, settings, database),
            Chores(database, tools).loop(),
            housekeeping(
                database,
                settings,
                *store.useless_after(
                    session_seconds=settings.session_idle_seconds,
                    attempt_memory_seconds=settings.attempt_memory_seconds,
                ),
            ),
        ],
        ready={"postgres": database.ping},
        ask_ended=ask_ended,
        raw_paths=("/auth/renew",),  # a form of the pages, which passes through unread
    )
