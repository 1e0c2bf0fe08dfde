"""What every test may ask for: the test instance's engines, and names of this run's own on them.

`./bodega test` starts the engines and sets the environment; `eval "$(./bodega env --instance test)"` does it
for a shell. Tests marked `unit` need neither.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import bodega
from bodega.kit.testing import Credentials, Topics
from bodega.platform.migrations import drop_database, migrate_database
from bodega.platform.system import System

RUN = secrets.token_hex(3)
"""Of this run: keeps databases, topics and indexes apart from those of any other."""

MakeDatabase = Callable[[str], Awaitable[str]]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from tests.rooms import RoomByRoom  # only where tests run side by side is there a scheduler

    return RoomByRoom(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several that run side by side
        from tests.rooms import largest_first

        largest_first(items, config.rootpath)


def engine(variable: str) -> str:
    """An address of the test instance. Fails the test, where it is not up: nothing is skipped silently."""
    value = os.environ.get(variable)
    if value is None:
        pytest.fail(f"{variable} is not set: run the tests by ./bodega test, or first "
                    'eval "$(./bodega env --instance test)"')  # fmt: skip
    return value


@pytest.fixture(scope="session")
async def make_database() -> AsyncIterator[MakeDatabase]:
    """`url = await make_database("orders")`: a database of this run's own with the room's migrations."""
    made: list[str] = []
    admin_url = engine("BODEGA_TEST_ADMIN_URL")

    async def make(service: str) -> str:
        name = f"t_{service}_{RUN}_{len(made)}"
        made.append(name)
        return await asyncio.to_thread(migrate_database, admin_url, name, service)

    yield make
    for name in made:
        await asyncio.to_thread(drop_database, admin_url, name)


def topics_for(room: str) -> Any:
    """The fixture `topics` of a room's tests: `topics = topics_for("orders")` in its conftest.

    Every producer's topics, under a prefix of this run and room: what one room's tests say, and what they say
    wrongly on purpose, no other room's services hear.
    """

    @pytest.fixture(scope="package")
    async def topics() -> AsyncIterator[Topics]:
        topics = Topics(engine("BODEGA_TEST_KAFKA"), f"t{RUN}.{room}.")
        await topics.make("orders", "payments", "inventory", "shipping", "catalog", "users")
        await topics.open()
        yield topics
        await topics.close()

    return topics


@pytest.fixture(scope="session")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    """Keys of every service, and of customers."""
    return Credentials(tmp_path_factory.mktemp("keys"), [*System.load(local=False).services, "cli"])


@pytest.fixture(scope="session", autouse=True)
def _where_the_code_is(record_testsuite_property: Callable[[str, object], None]) -> None:
    """Kept in reports: the code that was tested may be a copy (`./bodega test races --mutate`)."""
    record_testsuite_property("bodega", Path(bodega.__file__).parent)


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parent.parent
