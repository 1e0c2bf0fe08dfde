"""A service's role reads and writes rows of its own database, and can do nothing else."""

import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from bodega.platform import migrations
from bodega.platform.migrations import MigrationError, drop_database, migrate_database
from bodega.platform.system import System

pytestmark = pytest.mark.service


@pytest.fixture
def admin() -> str:
    return os.environ["BODEGA_TEST_ADMIN_URL"]


@pytest.fixture
def database(admin: str) -> Iterator[str]:
    name = f"t_platform_{secrets.token_hex(3)}"
    yield name
    drop_database(admin, name)


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(migrations, "sources", lambda _: [tmp_path])
    (tmp_path / "20260101_01_first.sql").write_text(
        "CREATE TABLE thing (id bigint GENERATED ALWAYS AS IDENTITY, name text);"
    )
    return tmp_path


def test_the_service_writes_rows_and_cannot_touch_the_schema(admin: str, database: str, steps: Path) -> None:
    with psycopg.connect(migrate_database(admin, database, "x"), autocommit=True) as service:
        service.execute("INSERT INTO thing (name) VALUES ('a')")
        assert service.execute("SELECT name FROM thing").fetchall() == [("a",)]
        for forbidden in (
            "CREATE TABLE other (a int)",
            "ALTER TABLE thing ADD a int",
            "DROP TABLE thing",
            "TRUNCATE thing",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(forbidden)


def test_nobody_enters_anothers_database(admin: str, database: str, steps: Path) -> None:
    other = f"{database}_b"
    try:
        migrate_database(admin, database, "x")
        url = migrate_database(admin, other, "x")
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(url.removesuffix(other) + database)
    finally:
        drop_database(admin, other)


def test_a_second_run_changes_nothing_and_a_new_step_is_applied(admin: str, database: str, steps: Path) -> None:
    migrate_database(admin, database, "x")
    (steps / "20260102_01_second.sql").write_text("ALTER TABLE thing ADD COLUMN price bigint DEFAULT 0;")
    with psycopg.connect(migrate_database(admin, database, "x")) as service:
        service.execute("INSERT INTO thing (name, price) VALUES ('a', 1)")


def test_two_who_migrate_at_once_wait_for_each_other(admin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_to_do: Any = SimpleNamespace(system=SimpleNamespace(services={}))
    monkeypatch.setattr(migrations, "Secrets", SimpleNamespace(of=lambda _: None))
    monkeypatch.setattr(migrations, "admin_url", lambda *_: admin)
    with ThreadPoolExecutor(1) as other, psycopg.connect(admin, autocommit=True) as watching:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = %s"
        with migrations._alone(admin):
            second = other.submit(migrations.migrate, nothing_to_do)
            while watching.execute(waiting, (migrations._LOCK,)).fetchone() == (0,):
                assert not second.done(), "it did not wait"
        assert second.result(10) == {}


def test_a_server_with_too_few_connections_for_all_pools_is_refused(
    admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    eight: Any = SimpleNamespace(system=System.load(local=False))
    monkeypatch.setattr(migrations, "Secrets", SimpleNamespace(of=lambda _: None))
    monkeypatch.setattr(migrations, "admin_url", lambda *_: admin)
    monkeypatch.setattr(migrations, "POOL_SIZE", 50)
    with pytest.raises(MigrationError, match=r"8 services may need 832.*Set max_connections to 835 or more"):
        migrations.migrate(eight)


def test_a_failing_step_leaves_nothing_behind_and_is_named(admin: str, database: str, steps: Path) -> None:
    (steps / "20260102_01_second.sql").write_text("CREATE TABLE half (a int);\nSELECT nonsense;")
    with pytest.raises(MigrationError, match=r"20260102_01_second.*nonsense"):
        migrate_database(admin, database, "x")
    (steps / "20260102_01_second.sql").write_text("CREATE TABLE half (a int);")
    migrate_database(admin, database, "x")


def test_a_function_with_semicolons_is_one_statement(admin: str, database: str, steps: Path) -> None:
    (steps / "20260102_01_function.sql").write_text(
        "-- says ';' in a comment\n"
        "CREATE FUNCTION twice(x int) RETURNS int LANGUAGE plpgsql AS $$\n"
        "DECLARE y int := 0;\nBEGIN\n  IF x > 0 THEN y := x * 2; END IF;\n  RETURN y;\nEND $$;\n"
        "CREATE TABLE after_it (a text DEFAULT '100%');\n"
    )
    with psycopg.connect(migrate_database(admin, database, "x")) as service:
        assert service.execute("SELECT twice(21)").fetchone() == (42,)
