"""The schema of each room with SQL as it stands after all its steps: `schema.sql` beside the room.

`python -m bodega.platform.schemas` writes them, by the PostgreSQL that BODEGA_TEST_ADMIN_URL names (`./bodega env`); a
test compares. Migrations tell how a table came to be; this file tells what it is, without reading them all.
"""

import os
import re
import secrets
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from bodega.platform.engines.postgres import server_binaries
from bodega.platform.environment import inherited
from bodega.platform.migrations import drop_database, migrate_database
from bodega.platform.system import System

_PACKAGE = Path(__file__).parents[1]
_NOISE = re.compile(r"^(SET |SELECT pg_catalog|\\(un)?restrict|--.*$)")
_NOT_OURS = "public.*yoyo*"  # the migration tool's own bookkeeping
_KIT = ("outbox", "inbox", "parked", "idempotency_key", "flow")


def rooms() -> list[str]:
    """The services that keep their data in PostgreSQL."""
    return [service.name for service in System.load().services.values() if service.store == "postgres"]


def file_of(room: str) -> Path:
    """Where a room's schema stands."""
    return _PACKAGE / "services" / room / "schema.sql"


def schema_of(admin: str, room: str) -> str:
    """The room's tables, constraints, indexes, functions and triggers, as PostgreSQL itself writes them; the kit's
    tables, which are the same everywhere, left out. Made on a throwaway database; `admin` is a superuser's URL."""
    server = urlsplit(admin)
    database = f"schema_{room}_{secrets.token_hex(4)}"
    migrate_database(admin, database, room)
    try:
        excluded = [f"--exclude-table=public.{table}" for table in _KIT]
        dump = subprocess.run(
            [
                server_binaries() / "pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--no-comments",
                f"--exclude-table={_NOT_OURS}", *excluded,
                f"postgresql://{server.username}@{server.hostname}:{server.port}/{database}",
            ],
            env=inherited() | {"PGPASSWORD": server.password or ""},  # everybody may read a command line
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    finally:
        drop_database(admin, database)

    kept = "\n".join(line.rstrip() for line in dump.splitlines() if not _NOISE.match(line))
    return re.sub(r"\n{3,}", "\n\n", kept).strip().replace("public.", "") + "\n"


def main() -> None:
    """Write every room's file."""
    for room in rooms():
        header = "-- Written by `python -m bodega.platform.schemas` from the migrations. Do not edit.\n\n"
        file_of(room).write_text(header + schema_of(os.environ["BODEGA_TEST_ADMIN_URL"], room))


if __name__ == "__main__":
    main()
