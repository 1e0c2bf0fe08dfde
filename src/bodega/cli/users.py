"""`bodega users create-merchant`: the first merchant; later ones are made by merchants."""

from typing import Annotated

import typer

from bodega.cli.asking import ask
from bodega.cli.instances import InstanceName, instance_of
from bodega.cli.screen import out

app = typer.Typer(no_args_is_help=True, help="People with rights.")


@app.callback()
def _group() -> None:
    """People with rights."""


@app.command("create-merchant")
def create_merchant(
    email: Annotated[str, typer.Argument(help="The merchant's e-mail address.")],
    password: Annotated[
        str,
        typer.Option(
            envvar="BODEGA_PASSWORD", prompt=True, confirmation_prompt=True, hide_input=True,
            help="At least 10 characters. Asked for if not given.",
        ),
    ],
    instance: InstanceName = "shop",
) -> None:  # fmt: skip
    """Make an account that may use the merchant's routes."""
    body = {"email": email, "password": password, "roles": ["customer", "merchant"]}
    ask(instance_of(instance), "auth", "POST", "/internal/users", body)
    out.print(f"{email} is a merchant now.")
