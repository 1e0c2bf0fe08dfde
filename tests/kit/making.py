"""Events and services for the tests of the kit. They know no commerce either."""

from typing import ClassVar

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from bodega.contracts.envelope import CloudEvent, Event, event
from bodega.kit.app import create_service
from bodega.kit.db import Database
from bodega.kit.settings import ServiceSettings


class Counted(Event):
    """Something was counted."""

    topic: ClassVar[str] = "orders"
    by: int


def counted(subject: str, sequence: int = 1, by: int = 1) -> CloudEvent[Counted]:
    return event(Counted(by=by), subject=subject, sequence=sequence)


async def ready() -> None:
    """Always."""


def service(database: Database | None, *routers: APIRouter) -> FastAPI:
    return create_service(
        "counter", ServiceSettings(), routers, titles={}, description="", state={"database": database},
        ready={"nothing": ready},
    )  # fmt: skip


class Number(BaseModel):
    value: int
