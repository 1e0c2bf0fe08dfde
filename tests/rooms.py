"""How the tests are shared out, where they run side by side: a room's tests to one process, in their order."""

from pathlib import Path

from xdist.scheduler import LoadScopeScheduling


class RoomByRoom(LoadScopeScheduling):
    """A room's tests share what its conftest.py makes once: a service, its database, its topics. They stay together;
    of the journeys, which share the whole shop, and of a room without a conftest.py, those of a file do. The largest
    begin.

    Rooms are kept apart by names, as they are from another run: see RUN in tests/conftest.py.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        is_room = "journeys" not in file.parts and (self.config.rootpath / file.parent / "conftest.py").exists()
        return str(file.parent if is_room else file)
