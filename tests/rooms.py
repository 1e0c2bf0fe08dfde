"""How the tests are shared out, where they run side by side: a room's tests to one process, in their order."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_LONGEST = "tests/crashes"
"""Its few tests take longer than those of any other room."""


def room_of(nodeid: str, root: Path) -> str:
    """The part of the tests that stays together: a folder with a conftest.py, else a file."""
    file = Path(nodeid.partition("::")[0])
    is_room = "journeys" not in file.parts and (root / file.parent / "conftest.py").exists()
    return str(file.parent if is_room else file)


def largest_first(items: list[pytest.Item], root: Path) -> None:
    """Whole rooms change places: who begins last should not be at work when all others are done."""
    rooms = {item.nodeid: room_of(item.nodeid, root) for item in items}
    sizes = Counter(rooms.values())
    items.sort(key=lambda item: (rooms[item.nodeid] != _LONGEST, -sizes[rooms[item.nodeid]], rooms[item.nodeid]))


class RoomByRoom(LoadScopeScheduling):
    """A room's tests share what its conftest.py makes once: a service, its database, its topics. They stay together;
    of the journeys, which share the whole shop, and of a room without a conftest.py, those of a file do.

    Rooms are kept apart by names, as they are from another run: see RUN in tests/conftest.py.
    """

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # they come in their order already

    def _split_scope(self, nodeid: str) -> str:
        return room_of(nodeid, self.config.rootpath)
