"""Databases, roles and schemas. Run under a lock before services start; idempotent.

    python -m bodega.platform.migrations INSTANCE

Each service has a database and two roles: `bodega_<name>_owner` owns the tables and migrates, `bodega_<name>` reads and
writes rows and can do nothing else. Steps are dated SQL files, first the kit's (src/bodega/kit/migrations), then the
service's; yoyo remembers in the database itself which have been applied, each in a transaction of its own.
"""

import secrets as random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from yoyo import get_backend, read_migrations

from bodega.platform.secrets import Secrets
from bodega.platform.settings import (
    CONNECTIONS_OUTSIDE_THE_POOL,
    POOL_SIZE,
    admin_url,
    database_name,
    database_url,
    owner_role,
)
from bodega.platform.system import Instance, System

_PACKAGE = Path(__file__).resolve().parents[1]
_LOCK = 0x0B0DE6A  # any number, the same for everybody who migrates this cluster


class MigrationError(Exception):
    """The server has too few connections, a database could not be made, or a step failed; the message says which, and
    what PostgreSQL said."""


def migrate(instance: Instance) -> dict[str, list[str]]:
    """Bring every service's database up to date; gives the steps applied now, by service. Raises MigrationError."""
    secrets = Secrets.of(instance)
    admin = admin_url(instance, secrets)
    services = [service for service in instance.system.services.values() if service.store == "postgres"]
    applied = {}
    try:
        with _alone(admin) as cluster:
            _must_take(cluster, len(services))
            for service in services:
                _make_database(
                    cluster,
                    database_name(service.name),
                    owner_role(service.name),
                    owner_password=secrets.read(f"postgres-{owner_role(service.name)}"),
                    password=secrets.read(f"postgres-{database_name(service.name)}"),
                )
                url = database_url(instance, secrets, service.name, owner=True)
                applied[service.name] = _apply(url, service.name, grantee=database_name(service.name))
    except psycopg.Error as error:
        raise MigrationError(str(error)) from error
    return applied


def migrate_database(admin: str, database: str, service: str) -> str:
    """Make one throwaway database with a service's schema, for a test, and give the URL of its unprivileged role.

    `admin` is a superuser's URL. `drop_database` takes everything away again.
    """
    owner, password = f"{database}_owner", random.token_hex(16)
    try:
        with psycopg.connect(admin, autocommit=True) as cluster:
            _make_database(cluster, database, owner, owner_password=password, password=password)
        _apply(_with(admin, owner, password, database), service, grantee=database)
    except psycopg.Error as error:
        raise MigrationError(str(error)) from error
    return _with(admin, database, password, database)


def drop_database(admin: str, database: str) -> None:
    """Take away what `migrate_database` made, open connections or not."""
    with psycopg.connect(admin, autocommit=True) as cluster:
        cluster.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
        for role in (database, f"{database}_owner"):
            cluster.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def sources(service: str) -> list[Path]:
    """The folders of a service's steps, in the order in which they are applied."""
    folders = [_PACKAGE / "kit" / "migrations", _PACKAGE / "services" / service / "migrations"]
    return [folder for folder in folders if folder.is_dir()]


@contextmanager
def _alone(admin: str) -> Iterator[psycopg.Connection]:
    """A superuser's connection that holds the migration lock for as long as it is open."""
    with psycopg.connect(admin, autocommit=True, application_name="bodega migrate") as cluster:
        cluster.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        yield cluster


def _must_take(cluster: psycopg.Connection, services: int) -> None:
    """Refuse a server that would turn connections away just when there is most to do."""
    wanted = services * (POOL_SIZE + CONNECTIONS_OUTSIDE_THE_POOL) * 2
    allowed, reserved = cluster.execute(
        """SELECT current_setting('max_connections')::integer,
                  current_setting('superuser_reserved_connections')::integer
                  + current_setting('reserved_connections')::integer"""
    ).fetchone() or (0, 0)
    if allowed - reserved < wanted:
        raise MigrationError(
            f"PostgreSQL takes {allowed - reserved} connections; {services} services may need {wanted}: each keeps up "
            f"to {POOL_SIZE} in its pool and {CONNECTIONS_OUTSIDE_THE_POOL} beside it, and all are there twice while "
            f"one version replaces another. Set max_connections to {wanted + reserved} or more."
        )


def _make_database(
    cluster: psycopg.Connection, database: str, owner: str, *, owner_password: str, password: str
) -> None:
    names = {"database": sql.Identifier(database), "owner": sql.Identifier(owner), "role": sql.Identifier(database)}
    for role, its_password in ((owner, owner_password), (database, password)):
        exists = cluster.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        verb = sql.SQL("ALTER" if exists else "CREATE")
        cluster.execute(
            sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                verb, sql.Identifier(role), sql.Literal(its_password)
            )
        )
    if not cluster.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
        cluster.execute(sql.SQL("CREATE DATABASE {database} OWNER {owner}").format(**names))
    cluster.execute(sql.SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC").format(**names))
    cluster.execute(sql.SQL("GRANT CONNECT ON DATABASE {database} TO {role}").format(**names))


def _apply(owner_url: str, service: str, *, grantee: str) -> list[str]:
    with psycopg.connect(owner_url, autocommit=True) as database:
        # What the owner makes from now on, the service may use: rows, sequences, functions, never the schema.
        role = sql.Identifier(grantee)
        database.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
        for rights, things in (
            ("SELECT, INSERT, UPDATE, DELETE", "TABLES"),
            ("USAGE, SELECT", "SEQUENCES"),
            ("EXECUTE", "FUNCTIONS"),
        ):
            database.execute(
                sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {} ON {} TO {}").format(
                    sql.SQL(rights), sql.SQL(things), role
                )
            )
    applied = []
    with get_backend(owner_url.replace("postgresql://", "postgresql+psycopg://", 1)) as backend:
        for folder in sources(service):
            for step in backend.to_apply(read_migrations(str(folder))):
                try:
                    # One by one: yoyo's own loop would pass over a step that it cannot read.
                    backend.apply_one(step)
                except psycopg.Error as error:
                    raise MigrationError(f"{service}: {step.id} failed, and left nothing behind: {error}") from error
                applied.append(step.id)
    return applied


def _with(url: str, user: str, password: str, database: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.hostname}:{parts.port}", path=f"/{database}"))


def main() -> None:
    """Migrate the instance named on the command line."""
    try:
        for service, steps in migrate(System.load().instance(sys.argv[1])).items():
            if steps:
                sys.stdout.write(f"{service}: applied {', '.join(steps)}\n")
    except MigrationError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
