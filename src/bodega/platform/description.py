"""The API's description as the code has it, without a running shop: `docs/openapi.json`. Clients are made from it."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from bodega.platform.environment import inherited
from bodega.platform.secrets import Secrets
from bodega.platform.settings import flat, render
from bodega.platform.system import System


@cache
def api() -> str:
    """The merged document, as text. A process of its own makes it: services read their settings when they are made."""
    with tempfile.TemporaryDirectory() as home:
        instance = System.load(local=False).instance("shop", Path(home))
        settings = flat(render(instance, Secrets.of(instance), outside={}))
        asked = subprocess.run(
            [sys.executable, "-m", __name__], env={**inherited(), **settings}, capture_output=True, check=True
        )
    return asked.stdout.decode()


def main() -> None:
    from bodega.gateway.openapi import merge

    services = System.load(local=False).services
    documents = {
        name: importlib.import_module(f"bodega.services.{name}.app").create_app().openapi() for name in services
    }
    merged = merge(documents, [route for service in services.values() for route in service.routes])
    json.dump(merged, sys.stdout, indent=1, ensure_ascii=False, sort_keys=True)
    sys.stdout.flush()
    os._exit(0)  # nothing runs: what the services have prepared needs no ending


if __name__ == "__main__":
    main()
