"""`bodega lighthouse`: what Lighthouse says of the shop's pages."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bodega.cli.instances import InstanceName, ensure_pages, instance_of
from bodega.cli.screen import err, fail, out
from bodega.platform import pages
from bodega.platform.system import Instance

if TYPE_CHECKING:
    from bodega.proof.lighthouse import Figures, Page


def lighthouse(
    instance: InstanceName = "shop",
    runs: Annotated[int, typer.Option(min=1, max=25, help="How often to measure each page; the median is shown.")] = 5,
    only: Annotated[list[str] | None, typer.Option("--page", help="Only this page: home, cart, account ...")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Measure the shop's pages as a phone sees them, with Lighthouse, through the edge. 1 if a goal is missed.

    It needs a machine with nothing else to do: whatever slows the machine down counts against the page.
    """
    from bodega.proof import lighthouse as proof

    chosen = instance_of(instance)
    ensure_pages(for_tests=True)  # the browser is one of the tests' packages
    try:
        if not proof.is_installed():
            with err.status("Fetching Lighthouse ..."):
                proof.install()
        found = asyncio.run(_look(chosen, runs, only))
    except (proof.LighthouseError, pages.PagesError) as error:
        fail("The pages could not be measured.", str(error), "Is the shop running? `./bodega status` shows it.")
    if as_json:
        typer.echo(json.dumps({page.name: asdict(figures) for page, figures in found}, indent=1))
    else:
        _show(found, runs)
    if any(figures.misses(page) for page, figures in found):
        raise typer.Exit(1)


async def _look(instance: Instance, runs: int, only: list[str] | None) -> "list[tuple[Page, Figures]]":
    from bodega.proof import lighthouse as proof

    folder = Path(instance.home) / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    chrome = pages.chromium(folder)
    found = []
    async with proof.visit(instance.site_url) as visited:
        for page in visited.pages:
            if only and page.name not in only:
                continue
            looks = []
            for number in range(runs):
                with err.status(f"{page.name}, {number + 1} of {runs} ..."):
                    sent = await visited.cookies(page)
                    looks.append(await asyncio.to_thread(proof.look, instance.site_url, page, sent, chrome=chrome))
            found.append((page, proof.median(looks)))
    return found


def _show(found: "list[tuple[Page, Figures]]", runs: int) -> None:
    from bodega.proof.lighthouse import MEANT_FOR

    table = Table(title=f"Lighthouse, a phone, median of {runs}", title_justify="left")
    columns = {
        "performance": "performance", "accessibility": "accessibility", "best_practices": "best practices",
        "seo": "SEO", "lcp_seconds": "LCP s", "tbt_milliseconds": "TBT ms", "cls": "CLS",
    }  # fmt: skip
    table.add_column("page")
    for title in columns.values():
        table.add_column(title, justify="right")
    for page, figures in found:
        missed = figures.misses(page)
        cells = [
            f"[red]{shown}[/]" if name in missed else shown
            for name in columns
            for shown in [_shown(name, getattr(figures, name))]
        ]
        table.add_row(page.name, *cells)
    out.print(table)
    out.print("Goals: 95, 100, 100, 100, LCP 2.5 s, CLS 0.02; for the account's pages only CLS. Misses are red.")
    slowest = min(figures.machine for _, figures in found)
    if slowest < MEANT_FOR:
        out.print(
            f"This machine's benchmark was {slowest:.0f}. Lighthouse expects at least {MEANT_FOR}: the phone that was "
            "measured here was slower."
        )
    out.print("Cart and account are not meant for search engines, so that check is left out for them.")


def _shown(name: str, value: float) -> str:
    return f"{value:.2f}" if name in ("lcp_seconds", "cls") else f"{value:.0f}"
