"""A server that speaks MongoDB's protocol and keeps its documents on disk: the native stand-in for MongoDB.

Its own main program would listen on a fixed port and write behind by up to a second; `mongo_server` starts the same
server with our port, a commit every 10 ms, and a password, which it does not know of by itself.
"""

import sys

from bodega.platform.engines.java import java_home
from bodega.platform.engines.program import Program, accepts
from bodega.platform.jars import class_path
from bodega.platform.secrets import Secrets
from bodega.platform.settings import MONGO_USER
from bodega.platform.system import Instance

COPY = "bodegaCopy"
"""The command that has a copy of the file made; its value is `begin`, or `look`: whether it is done."""
COPY_SUFFIX = ".copy.zip"
"""Of the copy's name, behind that of the file: a zip of one entry, since H2 writes its copies so."""


def program(instance: Instance, secrets: Secrets) -> Program:
    """The MongoDB-protocol server on the instance's port."""
    folder = instance.data / "mongo"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = instance.port("mongo", "mongo")
    return Program(
        name="mongo",
        command=(
            sys.executable, "-m", "bodega.platform.engines.mongo_server",
            "--file", str(folder / "catalog.mv"), "--port", str(port),
            "--java-home", str(java_home()), "--class-path", class_path(instance.home, "mongo"),
            "--user", MONGO_USER, "--password-file", str(secrets.file("mongo")),
        ),
        folder=folder,
        ports={"mongo": port},
        ready=accepts(port),
    )  # fmt: skip
