"""`bodega engines up|down`, `bodega env`: an instance's engines alone, for those who write or test a service."""

import shlex

import typer

from bodega.cli.instances import InstanceName, ensure_engines, instance_of
from bodega.cli.lifecycle import show_start, stop_and_say
from bodega.platform import settings
from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance

app = typer.Typer(no_args_is_help=True, help="The engines alone: for writing and testing services.")


@app.command()
def up(instance: InstanceName = "test") -> None:
    """Start the engines of an instance, without services."""
    chosen = instance_of(instance)
    ensure_engines(chosen)
    show_start(chosen, "engines")


@app.command()
def down(instance: InstanceName = "test") -> None:
    """Stop an instance, engines and services; the data stays."""
    stop_and_say(instance_of(instance))


def env(instance: InstanceName = "test") -> None:
    """Print every setting as `export` lines: eval "$(./bodega env --instance test)"."""
    for name, value in test_environment(instance_of(instance)).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def test_environment(instance: Instance) -> dict[str, str]:
    """All services' settings, and what tests need besides."""
    secrets = Secrets.of(instance)
    return {
        **settings.flat(settings.render(instance, secrets)),
        "BODEGA_TEST_ADMIN_URL": settings.admin_url(instance, secrets),
        "BODEGA_TEST_KAFKA": settings.kafka_admin_url(instance, secrets),
        "BODEGA_TEST_REDIS_ADMIN_URL": settings.valkey_url(instance, secrets),
        "BODEGA_TEST_S3_ACCESS_KEY": settings.s3_keys(secrets)[0],
        "BODEGA_TEST_S3_SECRET_KEY": settings.s3_keys(secrets)[1],
        "BODEGA_TEST_API_URL": instance.api_url,
        "BODEGA_TEST_SANDBOX_URL": instance.sandbox_url,
        "BODEGA_TEST_INSTANCE": instance.name,
        "BODEGA_TEST_CLI_KEY_FILE": str(secrets.key_file("cli")),
    }
