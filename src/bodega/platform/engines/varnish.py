"""Varnish: the edge. Its configuration is rendered from platform.toml by `bodega.edge`."""

import shlex
import shutil
import sys
from functools import partial
from pathlib import Path

from bodega.platform import debs
from bodega.platform.engines.program import CannotStart, Program, answers
from bodega.platform.running import digest
from bodega.platform.secrets import Secrets
from bodega.platform.system import LOOPBACK, Instance

MEMORY = "128m"
PARAMETERS = {
    # A thread for each request under way and for each open event stream. The gateway opens no more streams than
    # 1,000 of a kind (bodega.gateway.render), so there are always threads left for pages.
    "thread_pools": "2",
    "thread_pool_min": "10",
    "thread_pool_max": "2500",
    "thread_pool_stack": "80k",
    "thread_queue_limit": "1000",
    "timeout_idle": "5",  # a head or a body that does not go on is given up
    "workspace_client": "64k",
    "workspace_backend": "512k",  # an answer that is asked for again has its headers in it for each time
    "vsl_space": "8M",
    "http_max_hdr": "100",
    "http_req_hdr_len": "16k",
    "default_keep": "0",
}


def program(instance: Instance, secrets: Secrets) -> Program:
    """Varnish on the site's port. It needs nobody to start: what is behind it may come and go. It is ready when it has
    seen all of that answer."""
    folder = instance.data / "varnish"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    vcl = folder / "edge.vcl"
    line = command(
        instance.home,
        vcl,
        folder / "work",
        site=f"{LOOPBACK}:{instance.port('varnish', 'http')}",
        admin=f"{LOOPBACK}:{instance.port('varnish', 'admin')}",
        admin_secret=secrets.file("varnish"),
    )
    return Program(
        name="varnish",
        command=line,
        folder=folder,
        environment=environment(instance.home),
        ports=instance.ports["varnish"],
        ready=answers(f"http://{LOOPBACK}:{instance.port('varnish', 'http')}/readyz"),
        prepare=partial(_prepare, instance, secrets, vcl, folder / "work"),
        made_of=lambda: digest(*line, _vcl(instance, secrets)),
        patience_seconds=180,  # the compiler's very first run builds what it needs itself
    )


def command(home: Path, vcl: Path, work: Path, *, site: str, admin: str, admin_secret: Path) -> tuple[str, ...]:
    """The command line of a Varnish in the foreground; addresses as host:port."""
    # VCL is compiled to machine code at every start. The compiler is a Python package: no machine needs one of its own.
    compiler = f"exec {shlex.quote(sys.executable)} -m ziglang cc -std=gnu99 -O2 -fPIC -shared -Wl,-x -o %o %s"
    settings = {"cc_command": compiler, "vmod_path": str(debs.modules(home)), **PARAMETERS}
    return (
        str(debs.varnishd(home)), "-F", "-j", "none", "-n", str(work), "-a", f"http={site}", "-T", admin,
        "-S", str(admin_secret), "-f", str(vcl), "-s", f"malloc,{MEMORY}", "-s", "Transient=malloc,32m",
        *(part for name, value in settings.items() for part in ("-p", f"{name}={value}")),
    )  # fmt: skip


def environment(home: Path) -> dict[str, str]:
    """Where its libraries lie, and where the compiler keeps what it has made."""
    zig = str(home / "zig")
    return {"LD_LIBRARY_PATH": debs.libraries(home), "ZIG_GLOBAL_CACHE_DIR": zig, "ZIG_LOCAL_CACHE_DIR": zig}


async def _prepare(instance: Instance, secrets: Secrets, vcl: Path, work: Path) -> None:
    if not debs.are_fetched(instance.home):
        raise CannotStart("Varnish has not been fetched: run `./bodega up`")
    shutil.rmtree(work, ignore_errors=True)  # a killed one leaves its compiled configurations there
    vcl.touch(mode=0o600)
    vcl.write_text(_vcl(instance, secrets))


def _vcl(instance: Instance, secrets: Secrets) -> str:
    from bodega.edge.render import edge_vcl

    return edge_vcl(instance, gateway_secret=secrets.read("edge"), purge_secret=secrets.read("purge"))
