"""`./bodega`."""

import sys
from contextlib import suppress

import typer

from bodega import __version__
from bodega.cli import (
    audit,
    backups,
    bench,
    config,
    data,
    doctor,
    engines,
    events,
    lifecycle,
    lighthouse,
    render,
    search,
    tests,
    torture,
    upgrade,
    users,
)
from bodega.cli.screen import fail
from bodega.platform.secrets import SecretError

app = typer.Typer(
    name="bodega",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they hold passwords
    help="Bodega, a shop of eleven services. `./bodega up` opens it.",
)
app.command()(lifecycle.up)
app.command()(upgrade.upgrade)
app.command()(lifecycle.down)
app.command()(lifecycle.reset)
app.command()(lifecycle.status)
app.command("logs")(lifecycle.show_logs)
app.command()(doctor.doctor)
app.command("config")(config.show)
app.command()(data.migrate)
app.command()(data.seed)
app.command()(audit.audit)
app.command()(lighthouse.lighthouse)
app.command()(bench.bench)
app.command()(torture.torture)
app.command()(backups.backup)
app.command()(backups.restore)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(tests.test)
app.command()(engines.env)
app.add_typer(engines.app, name="engines")
app.add_typer(users.app, name="users")
app.add_typer(events.app, name="events")
app.add_typer(search.app, name="search")
app.add_typer(render.app, name="render")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"bodega {__version__}, Python {sys.version.split()[0]}")


def main() -> None:
    """Run the command, and say in words what is wrong with the secrets it was given."""
    try:
        app(prog_name="bodega")
    except SecretError as error:
        with suppress(typer.Exit):
            fail("A secret that was given from outside cannot be used.", str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
