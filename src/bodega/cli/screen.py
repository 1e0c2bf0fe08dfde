"""How the command line speaks: one console, one form of failure."""

from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def fail(what: str, why: str = "", do: str = "", code: int = 1) -> NoReturn:
    """End with what happened, why, and what to do about it."""
    lines = [escape(what)]
    if why:
        lines += ["", escape(why)]
    if do:
        lines += ["", f"[bold]What to do:[/] {escape(do)}"]
    err.print(Panel("\n".join(lines), title="[red]That did not work[/]", border_style="red", expand=False))
    raise typer.Exit(code)
