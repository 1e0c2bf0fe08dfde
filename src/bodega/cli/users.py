"""`bodega users`: who may do what in the shop, beyond buying, and who is signed in. The operator gives and takes it."""

from typing import Annotated

import typer
from rich.table import Table

from bodega.cli.asking import ask
from bodega.cli.instances import InstanceName, instance_of
from bodega.cli.screen import out

app = typer.Typer(no_args_is_help=True, help="People: their rights, and their sessions.")

Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]
Password = Annotated[
    str,
    typer.Option(
        envvar="BODEGA_PASSWORD", prompt=True, confirmation_prompt=True, hide_input=True,
        help="At least 10 characters. Asked for if not given.",
    ),
]  # fmt: skip


@app.command("create-merchant")
def create_merchant(email: Email, password: Password, instance: InstanceName = "shop") -> None:
    """Make an account that may do everything: catalogue, stock, orders, money, parcels. One that exists gets the right
    and the password."""
    _create(email, password, "merchant", instance)


@app.command("create-support")
def create_support(email: Email, password: Password, instance: InstanceName = "shop") -> None:
    """Make an account that helps customers: reads orders, payments, parcels and mails, cancels, sends a mail again.
    One that exists gets the right and the password."""
    _create(email, password, "support", instance)


@app.command("list")
def show(instance: InstanceName = "shop") -> None:
    """List who has staff rights. The id is the actor named in histories."""
    people = ask(instance_of(instance), "auth", "GET", "/internal/users")["items"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("e-mail", "may", "id"):
        table.add_column(column, overflow="fold")
    for one in people:
        rights = [role for role in one["roles"] if role != "customer"]
        table.add_row(one["email"], ", ".join(rights), one["customer_id"])
    out.print(table if people else "Nobody has staff rights yet. `./bodega users create-merchant` makes the first.")


@app.command()
def revoke(email: Email, instance: InstanceName = "shop") -> None:
    """Take all rights but a customer's from an account, and sign it out."""
    ask(instance_of(instance), "auth", "POST", "/internal/users/revoke", {"email": email})
    out.print(f"{email} is now a customer and has been signed out; open sessions stop working within a second.")


@app.command("sign-out")
def sign_out(email: Email, instance: InstanceName = "shop") -> None:
    """End all sessions of an account, customers' too: for when a device was lost or somebody else got in."""
    ended = ask(instance_of(instance), "auth", "POST", "/internal/users/sign-out", {"email": email})["sessions"]
    out.print(
        f"{email} is signed out: {ended} session{'' if ended == 1 else 's'} ended; they stop working within a second."
    )


def _create(email: str, password: str, role: str, instance: str) -> None:
    body = {"email": email, "password": password, "roles": ["customer", role]}
    ask(instance_of(instance), "auth", "POST", "/internal/users", body)
    out.print(f"{email} now has the role {role}.")
