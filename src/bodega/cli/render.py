"""`bodega render`: the files by which the shop runs in containers."""

from pathlib import Path
from typing import Annotated

import typer

from bodega.cli.instances import instance_of
from bodega.cli.screen import out
from bodega.platform.render.inside import INSTANCE
from bodega.platform.system import ROOT

app = typer.Typer(no_args_is_help=True, help="Files for containers, rendered from platform.toml.")

Folder = Annotated[Path, typer.Option("--to", help="The folder to write to.")]
_DEPLOY = ROOT / "deploy"


@app.command("compose")
def render_compose(to: Folder = _DEPLOY) -> None:
    """Render compose.yaml and the TLS terminator's Caddyfile."""
    from bodega.platform.render import compose

    system = instance_of(INSTANCE).system
    _write(to, {"compose.yaml": compose.compose(system), "Caddyfile": compose.caddyfile(system)})


@app.command("helm")
def render_helm(to: Folder = _DEPLOY) -> None:
    """Render what the Helm chart knows of the system: its parts and their callers."""
    from bodega.platform.render import helm

    _write(to / "chart", helm.files(instance_of(INSTANCE).system))


@app.command("secrets")
def make_secrets() -> None:
    """Make every secret that containers need, for a store of secrets to keep."""
    from bodega.platform.render import inside

    folder = inside.make_secrets(instance_of(INSTANCE)).folder
    out.print(f"{folder} holds every secret. For the Helm chart:", soft_wrap=True)
    out.print(f"  kubectl create secret generic bodega-secrets --from-file={folder}", soft_wrap=True)


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        out.print(f"{path}")
