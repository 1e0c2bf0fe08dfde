"""`bodega audit`: whether stock, money and orders agree with each other, and with the processor."""

import asyncio
import json
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from bodega.cli.asking import send
from bodega.cli.instances import InstanceName, instance_of
from bodega.cli.screen import err, fail, out
from bodega.platform.system import Instance

if TYPE_CHECKING:
    from bodega.proof.audit import Report

ASK_SECONDS = 600
"""Of one question: the search index is compared product by product."""


def audit(
    instance: InstanceName = "shop",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Compare stock, orders, payments, parcels, the processor's books and the search index. 1 if anything differs."""
    import aiohttp
    import asyncpg

    from bodega.proof import audit as proof

    chosen = instance_of(instance)
    try:
        with err.status("Reading every service; whatever differs is checked twice ..."):
            report = asyncio.run(proof.audit(chosen, partial(ask, chosen)))
    except (OSError, asyncpg.PostgresError, aiohttp.ClientError) as error:
        fail(
            "The audit could not read every service.",
            str(error) or type(error).__name__,
            "Is the shop running? `./bodega status` shows it.",
        )
    if as_json:
        answer = {"looked_at": report.looked_at, "findings": [asdict(f) for f in report.findings]}
        typer.echo(json.dumps(answer, indent=1))
    else:
        _show(report)
    if report.findings:
        raise typer.Exit(1)


async def ask(instance: Instance, service: str, path: str) -> Any:
    status, answer = await send(instance, service, "GET", path, None, seconds=ASK_SECONDS)
    if status >= 400:
        fail(
            f"The audit could not read {service}.",
            f"It answered {status} to {path}.",
            f"See `./bodega logs {service}`.",
        )
    return answer


def _show(report: "Report") -> None:
    from bodega.proof.audit import INDEX_RULE

    out.print("Looked at " + ", ".join(f"{count} {what}" for what, count in report.looked_at.items()) + ".")
    if not report.findings:
        out.print("[green]Everything agrees.[/]")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("service", "what", "rule", "found", "expected"):
        table.add_column(column, overflow="fold")
    for finding in report.findings:
        table.add_row(*(escape(value) for value in asdict(finding).values()))
    out.print(table)
    out.print(f"[red]{len(report.findings)} findings.[/]")
    if any(finding.rule == INDEX_RULE for finding in report.findings):
        out.print("`./bodega search audit --mend` mends the search index.")
