"""`bodega audit`: whether stock, money and orders agree with each other, and with the processor."""

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from bodega.cli.asking import ask
from bodega.cli.instances import InstanceName, instance_of
from bodega.cli.screen import err, fail, out
from bodega.platform.system import Instance

if TYPE_CHECKING:
    from bodega.proof.audit import Finding, Report


def audit(
    instance: InstanceName = "shop",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Compare stock, orders, payments, parcels, the processor's books and the search index. 1 if anything differs."""
    import aiohttp
    import asyncpg

    from bodega.proof import audit as proof

    chosen = instance_of(instance)
    try:
        with err.status("Reading every room; what differs is looked at twice ..."):
            report = asyncio.run(proof.audit(chosen))
            report.findings += _messages_put_aside(chosen)
            mended = ask(chosen, "search", "GET", "/internal/audit")["differences"]
            # Looking mends the index, so what is found again is what cannot be mended.
            drift = ask(chosen, "search", "GET", "/internal/audit")["differences"] if mended else []
    except (OSError, asyncpg.PostgresError, aiohttp.ClientError) as error:
        fail(
            "The audit could not read every room.",
            str(error) or type(error).__name__,
            "Does the shop run? `./bodega status` says so.",
        )
    report.findings += [
        proof.Finding("search", one["product_id"], "the index is as its sources", one["what"], "the same")
        for one in drift
    ]
    if as_json:
        answer = {
            "looked_at": report.looked_at,
            "index_mended": mended,
            "findings": [asdict(f) for f in report.findings],
        }
        typer.echo(json.dumps(answer, indent=1))
    else:
        _show(report, len(mended))
    if report.findings:
        raise typer.Exit(1)


def _messages_put_aside(instance: Instance) -> "list[Finding]":
    """Of the services without SQL; those with it were read with their rooms."""
    from bodega.proof.audit import Finding

    found = []
    for service in instance.system.services.values():
        if service.hears and service.store != "postgres":
            count = len(ask(instance, service.name, "GET", "/internal/parked")["items"])
            if count:
                found.append(Finding(service.name, service.name, "no message is parked", str(count), "0"))
    return found


def _show(report: "Report", mended: int) -> None:
    out.print("Looked at " + ", ".join(f"{count} {what}" for what, count in report.looked_at.items()) + ".")
    if mended:
        out.print(f"The search index differed in {mended} products and was mended.")
    if not report.findings:
        out.print("[green]All books agree.[/]")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("room", "what", "should be so", "found", "expected"):
        table.add_column(column, overflow="fold")
    for finding in report.findings:
        table.add_row(*(escape(value) for value in asdict(finding).values()))
    out.print(table)
    out.print(f"[red]{len(report.findings)} findings.[/]")
