"""Who holds a port."""

import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

from bodega.platform.system import LOOPBACK


@dataclass(frozen=True)
class Holder:
    """A process that listens where we want to; what the system does not tell us is None.

    `supervisor` keeps it running, if one of Bodega's does: what is killed is started again.
    """

    pid: int | None
    command: str | None
    supervisor: int | None = None

    def __str__(self) -> str:
        if self.pid is None:
            return "a process of another user"
        return f"{self.command} (pid {self.pid})"


def is_free(port: int) -> bool:
    """Whether we could listen on a loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def holder(port: int) -> Holder | None:
    """The process that listens on a port, None if nobody does."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            if connection.pid is None:
                return Holder(None, None)
            return _described(connection.pid)
    return None if is_free(port) else Holder(None, None)


def listens(pid: int, port: int) -> bool:
    """Whether this very process listens on the port: several may, and then any of them answers."""
    try:
        found = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port for one in found)


def _described(pid: int) -> Holder:
    try:
        process = psutil.Process(pid)
        words = process.cmdline()
        above = (parent.pid for parent in process.parents() if "bodega.platform.processes" in parent.cmdline())
        supervisor = next(above, None)
    except psutil.Error:
        return Holder(pid, "a process")
    words[:1] = [Path(word).name for word in words[:1]]
    return Holder(pid, " ".join(words)[:60] or "a process", supervisor)
