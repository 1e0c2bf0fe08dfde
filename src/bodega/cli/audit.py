"""`bodega audit`: whether everything that the shop has written, told and shown agrees."""

import asyncio
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from bodega.cli.instances import InstanceName, instance_of
from bodega.cli.screen import err, fail, out
from bodega.platform.system import Instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bodega.proof.audit import Answer, Report


def audit(
    instance: InstanceName = "shop",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Compare index, carts and pages of so many products only. Without it: of 500."),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(help="A file of what buyers were told, to be compared as well (docs/guides/operating.md)."),
    ] = None,
) -> None:
    """Compare stock, money, parcels, events, mails, index, carts and pages; name what waits too long. 1 if any."""
    report = judge(instance_of(instance), sample, _read(answers))
    if as_json:
        typer.echo(json.dumps(in_json(report), indent=1))
    else:
        show(report)
    if report.findings:
        raise typer.Exit(1)


def judge(chosen: Instance, sample: int | None = None, told: "Sequence[Answer]" = ()) -> "Report":
    """The audit of a running instance; ends the command, if a service's store cannot be read."""
    from bodega.proof import audit as proof

    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # it warns of passwords without TLS, on the loopback too
    try:
        with err.status("Reading every service; whatever differs is checked twice ..."):
            return asyncio.run(proof.audit(proof.Places.of(chosen), sample=sample, told=told))
    except proof.UNREADABLE as error:
        fail(
            "The audit could not read every service.",
            str(error) or type(error).__name__,
            "Is the shop running? `./bodega status` shows it.",
        )


def in_json(report: "Report") -> dict[str, Any]:
    """For programs."""
    return {
        "looked_at": report.looked_at, "unseen": report.unseen,
        "findings": [finding.as_json() for finding in report.findings],
    }  # fmt: skip


def _read(file: Path | None) -> "list[Answer]":
    from bodega.proof.audit import answers

    if file is None:
        return []
    try:
        return answers.read(file)
    except (OSError, UnicodeDecodeError, answers.NoAnswers) as error:
        fail("The answers cannot be read.", str(error), "One JSON object a line: order, key, status, lines.")


def show(report: "Report") -> None:
    """For people."""
    from bodega.proof.audit import INDEX_RULE

    out.print("Looked at " + ", ".join(f"{count} {what}" for what, count in report.looked_at.items()) + ".")
    for sentence in report.unseen:
        out.print(f"[dim]{escape(sentence)}[/]")
    if not report.findings:
        out.print("[green]Everything agrees.[/]")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("service", "what", "rule", "found", "expected"):
        table.add_column(column, overflow="fold")
    for one in report.findings:
        table.add_row(*map(escape, (one.room, one.thing, one.rule, one.found, one.expected)))
    out.print(table)
    out.print(f"[red]{len(report.findings)} findings.[/]")
    if any(finding.rule == INDEX_RULE for finding in report.findings):
        out.print("`./bodega search audit --mend` mends the search index.")
