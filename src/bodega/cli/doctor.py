"""`bodega doctor`: what is missing, what is in the way, and the command that mends it."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import typer
from rich.table import Table
from rich.text import Text

from bodega.cli.instances import InstanceName, instance_of
from bodega.cli.screen import fail, out
from bodega.platform import debs, jars, packages, pages, ports, state
from bodega.platform.system import ROOT, Instance

LEAST_FREE_GB = 3
LEAST_MEMORY_GB = 3


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `cure` is the command for it, if it is not well. Not `urgent`: the shop runs without."""

    what: str
    well: bool
    detail: str
    cure: str = ""
    urgent: bool = True


def doctor(instance: InstanceName = "shop") -> None:
    """Look for what keeps Bodega from running, and say how to mend it. 1 if anything is wrong."""
    chosen = instance_of(instance)
    findings = list(_examine(chosen))
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        mark = Text("✓", "green") if finding.well else Text("✗", "red") if finding.urgent else Text("!", "yellow")
        table.add_row(mark, finding.what, finding.detail)
        if not finding.well and finding.cure:
            table.add_row("", "", Text(f"→ {finding.cure}", "bold"))
    out.print(table)
    if not all(finding.well or not finding.urgent for finding in findings):
        raise typer.Exit(1)


def supported_or_fail() -> None:
    """End the command where the engines' packages cannot run."""
    finding = _platform()
    if not finding.well:
        fail("This machine cannot run the engines natively.", finding.detail, finding.cure)


def _examine(instance: Instance) -> Iterator[Finding]:
    yield _platform()
    yield Finding("Python", sys.version_info >= (3, 11), f"{platform.python_version()} in {sys.prefix}")
    yield _writable(instance)
    free = shutil.disk_usage(_existing(instance)).free / 1e9
    yield Finding(
        "Disk", free >= LEAST_FREE_GB, f"{free:.0f} GB free", f"free at least {LEAST_FREE_GB} GB, or set BODEGA_HOME"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    yield Finding(
        "Memory",
        memory >= LEAST_MEMORY_GB,
        f"{memory:.0f} GB",
        f"the whole shop takes about 2 GB: use a machine that has at least {LEAST_MEMORY_GB}",
    )
    current = packages.are_installed("runtime")
    yield Finding(
        "Packages",
        current,
        "as listed in locks/runtime.txt" if current else "not those listed in locks/runtime.txt",
        f"start Bodega with {ROOT / 'bodega'}, which fetches them, not with Python itself",
    )
    engines = packages.are_installed("engines")
    yield Finding("Engines", engines, "installed" if engines else "not installed yet", "./bodega up")
    lacking = jars.missing(instance.home)
    yield Finding("Java libraries", not lacking, f"{len(lacking)} missing" if lacking else "fetched", "./bodega up")
    yield _varnish(instance)
    built = pages.are_installed() and pages.are_built()
    yield Finding("Pages", built, "built" if built else "not built yet, or not from these sources", "./bodega up")
    yield _merchant(instance)
    yield from _ports(instance)


def _merchant(instance: Instance) -> Finding:
    """Whether the legal pages can say who sells."""
    merchant = instance.system.merchant
    lacking = merchant.missing
    if not lacking:
        optional = {"represented by": merchant.represented_by, "register entry": merchant.register_entry,
                    "VAT ID": merchant.vat_id}  # fmt: skip
        empty = [words for words, value in optional.items() if not value]
        also = f"; empty, if you have one: {', '.join(empty)}" if empty else ""
        return Finding("Legal pages", True, f"{merchant.name} sells{also}")
    return Finding(
        "Legal pages",
        False,
        f"the merchant's {', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not filled in; the imprint, the "
        "contact page and the mails leave them out",
        "before you sell, fill in [merchant] in platform.toml or platform.local.toml, then ./bodega up",
        urgent=False,
    )


def _platform() -> Finding:
    system, machine = platform.system(), platform.machine()
    libc, version = platform.libc_ver()
    well = system == "Linux" and machine == "x86_64" and libc == "glibc" and _at_least(version, (2, 31))
    return Finding(
        "Platform",
        well,
        f"{system} {machine}, {libc or 'no glibc'} {version}",
        "the engines' packages need Linux on x86-64 with glibc 2.31 or newer (Debian 12, Ubuntu LTS); "
        "elsewhere, run Bodega in a container or virtual machine with one of these",
    )


def _varnish(instance: Instance) -> Finding:
    if debs.are_fetched(instance.home):
        return Finding("Varnish", True, "fetched")
    if lacking := debs.missing_tools():
        return Finding("Varnish", False, f"cannot be fetched: no {' and no '.join(lacking)}", "use Debian or Ubuntu")
    return Finding("Varnish", False, "not fetched yet", "./bodega up")


def _writable(instance: Instance) -> Finding:
    folder = _existing(instance)
    well = os.access(folder, os.W_OK)
    return Finding("Data folder", well, str(instance.data), f"run as the owner of {folder}, or set BODEGA_HOME")


def _existing(instance: Instance) -> str:
    return str(next(p for p in (instance.data, *instance.data.parents) if p.exists()))


def _ports(instance: Instance) -> Iterator[Finding]:
    report = state.running(instance)
    ours = {part.port for part in report.parts.values() if part.pid} if report else set()
    wanted = {f"{e}.{purpose}": port for e, of in instance.ports.items() for purpose, port in of.items()}
    wanted |= {name: instance.service_port(name) for name in instance.system.services}
    taken = {name: port for name, port in wanted.items() if not ports.is_free(port)}
    if report is not None:
        running = {part.name for part in report.parts.values() if part.pid}
        taken = {name: port for name, port in taken.items() if port not in ours and name.split(".")[0] not in running}
    if not taken:
        yield Finding("Ports", True, f"all {len(wanted)} are free or ours")
    anothers: dict[int, list[int]] = {}
    for name, port in taken.items():
        holder = ports.holder(port)
        if holder is not None and holder.supervisor is not None:
            anothers.setdefault(holder.supervisor, []).append(port)
            continue
        pid = holder.pid if holder else None
        cure = f"kill {pid}" if pid else "end that process"
        yield Finding(
            "Port", False, f"{port} ({name}) is taken by {holder}", f"{cure}, or move {name} in platform.local.toml"
        )
    for supervisor, its in anothers.items():
        yield Finding(
            "Ports",
            False,
            f"{len(its)} of {len(wanted)} are taken by another Bodega (its supervisor has pid {supervisor})",
            "`./bodega down` in its folder, or move this one's in platform.local.toml",
        )


def _at_least(version: str, least: tuple[int, ...]) -> bool:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) >= least
