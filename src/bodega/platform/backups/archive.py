"""The file of a backup: a gzipped tar, `manifest.json` first, then an instance's data folder below `data/`.

A damaged or cut one is noticed by gzip's checksum before anything of the instance has been touched. It holds customers'
data and all keys: mode 0600. What may open it is what may open the data (see `versions`).

A stopped instance is copied as its folder stands: all stores are of one instant. A running one: see `running`.
"""

import ctypes
import errno
import fcntl
import gzip
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import error as ZlibError

from bodega import __version__
from bodega.platform import versions
from bodega.platform.backups.points import Points
from bodega.platform.engines.accounts import NOBODY
from bodega.platform.settings import processor_of
from bodega.platform.system import COPY_MARK, SANDBOX, Instance

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)

FORMAT = 2
"""Since 2 a manifest has `points`: None, where the instance stood still."""
_READ = (1, 2)
_MANIFEST = "manifest.json"
# Of the running processes, or made anew at each start.
_LEFT_OUT = {
    COPY_MARK,
    "logs",
    "state.json",
    "state.new",
    "supervisor.lock",
    "extent",
    "envoy",
    "varnish",
    "envoy.b",
    "settings",
    "settings-2",
    "settings.b",
    "settings-2.b",
    "handover.json",
    ".config",
}


_IMPOSSIBLE = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTEMPTY}
"""What a file says below which something is to be unpacked, a name that is too long, and the like."""
_SHOWN = 100


class BackupError(Exception):
    """It cannot be made, or not be restored; the message says why. The data is as it was."""


def holds_data(instance: Instance) -> bool:
    """Whether there is anything that a restore would replace."""
    return (instance.data / "postgres").exists()


def make(instance: Instance, target: Path) -> int:
    """Copy a stopped instance into a file, which has its name only when it is whole. Gives its size in bytes.

    Raises BackupError, if the instance runs or has no data; OSError, if the file cannot be written.
    """
    if not holds_data(instance):
        raise BackupError(f"there is no data in {instance.data}")
    with _stopped(instance):
        versions.check(instance)
        return pack(target, manifest_of(instance), kept_of(instance))


def kept_of(instance: Instance) -> list[Path]:
    """What of the data folder is kept: not what belongs to the running processes, or is made anew at each start."""
    return [path for path in sorted(instance.data.iterdir()) if path.name not in _LEFT_OUT]


def manifest_of(instance: Instance, points: Points | None = None) -> dict[str, Any]:
    """What the file says of itself."""
    return {
        "format": FORMAT,
        "bodega": __version__,
        "instance": instance.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "engines": versions.current(),
        "processor": processor_of(instance),
        "times": instance.profile,
        "points": None if points is None else points.model_dump(mode="json"),
    }


def pack(target: Path, manifest: Mapping[str, Any], paths: Iterable[Path], cluster_owner: int | None = None) -> int:
    """Write these files and folders of a data folder into the file, which has its name only when it is whole. Gives its
    size in bytes. `cluster_owner`: the user id that PostgreSQL's files are written with, whoever has copied them.

    Raises OSError.
    """

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        if cluster_owner is not None and member.name.split("/")[1:2] == ["postgres"]:
            member.uid = cluster_owner
        return member

    draft = target.with_name(f".{target.name}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with (
                gzip.GzipFile(fileobj=file, mode="wb", compresslevel=3) as packed,
                tarfile.open(fileobj=packed, mode="w|") as archive,
            ):
                _add_manifest(archive, manifest)
                for path in paths:
                    archive.add(path, f"data/{path.name}", filter=owned)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def read_manifest(source: Path) -> dict[str, Any]:
    """What a backup says of itself, and nothing more: the rest of the file may be damaged. Raises BackupError."""
    with _reading(source) as (archive, _):
        return _manifest(source, archive)


def restore(instance: Instance, source: Path, *, as_copy: bool = False) -> dict[str, Any]:
    """Put a backup in the place of a stopped instance's data, whole or not at all. Gives the backup's manifest.
    `as_copy`: beside the instance that it is of; it then has no door to the real world outside (`Instance.is_copy`),
    and that one's waiting times.

    There is no instant at which neither is there: old and new change places in one step, and the old goes last.
    Raises BackupError: it is damaged or of other engines, or the instance runs; OSError.
    """
    instance.data.mkdir(parents=True, exist_ok=True)
    draft = instance.home / f"{instance.name}.restoring"
    with _stopped(instance):
        shutil.rmtree(draft, ignore_errors=True)  # of a restore that was killed: half a backup, or the old data
        (draft / "data").mkdir(parents=True)
        (draft / "data").chmod(instance.data.stat().st_mode & 0o777)
        try:
            manifest = _unpack(source, draft)
            if as_copy:
                (draft / "data" / COPY_MARK).write_text(manifest.get("processor", SANDBOX))
                if manifest.get("times") in instance.system.times:
                    (draft / "data" / "times").write_text(manifest["times"])
            os.sync()  # all of it, before the old data goes
            _exchange(draft / "data", instance.data)
            os.sync()
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return manifest


def _exchange(one: Path, other: Path) -> None:
    """Let two folders of one file system change places, in one step (renameat2(2))."""
    if _libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(other))


def _add_manifest(archive: tarfile.TarFile, manifest: Mapping[str, Any]) -> None:
    text = json.dumps(manifest, indent=1).encode()
    member = tarfile.TarInfo(_MANIFEST)
    member.size, member.mode = len(text), 0o600
    archive.addfile(member, BytesIO(text))


@contextmanager
def _reading(source: Path) -> Iterator[tuple[tarfile.TarFile, gzip.GzipFile]]:
    """The file, open. Raises BackupError for whatever in it is no backup of ours."""
    try:
        with gzip.open(source) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            yield archive, packed
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, ZlibError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{source} is damaged: {error}") from error


def _manifest(source: Path, archive: tarfile.TarFile) -> dict[str, Any]:
    first = archive.next()
    file = archive.extractfile(first) if first is not None and first.name == _MANIFEST else None
    if file is None:
        raise BackupError(f"{source} is not a backup of Bodega")
    manifest: dict[str, Any] = json.loads(file.read())
    if manifest["format"] not in _READ:
        raise BackupError(f"{source} has the format {manifest['format']}, this Bodega reads {_READ[0]} to {_READ[-1]}")
    if faults := versions.faults(manifest["engines"]):
        raise BackupError(f"{source} was made by other engines. {'; '.join(faults)}")
    Points.of(manifest)
    return manifest


def _unpack(source: Path, folder: Path) -> dict[str, Any]:
    with _reading(source) as (archive, packed):
        manifest = _manifest(source, archive)
        # Members are judged and owned below; a newer Python's own filter would refuse links to secrets outside.
        archive.extraction_filter = lambda member, path: member
        while (member := archive.next()) is not None:
            with _possible(member):
                _extract(archive, _owned(member, folder), folder)
        while packed.read(1 << 20):  # to the end, where the checksum is
            pass
    return manifest


@contextmanager
def _possible(member: tarfile.TarInfo) -> Iterator[None]:
    """Raises BackupError for a member that no folder can hold where the archive wants it; other OSErrors are ours."""
    try:
        yield
    except OSError as error:
        if error.errno not in _IMPOSSIBLE:
            raise
        name = member.name if len(member.name) <= _SHOWN else f"{member.name[:_SHOWN]}…"
        raise BackupError(f"the backup holds {name}, which cannot be unpacked: {error.strerror}") from error


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Unpack one member where nothing has been unpacked before: so none goes through a link that came before it."""
    place = folder / member.name
    if place.is_symlink() or (place.exists() and not (member.isdir() and place.is_dir())):
        raise BackupError(f"the backup holds {member.name} twice, which our backups never do")
    archive.extract(member, folder)


def _owned(member: tarfile.TarInfo, folder: Path) -> tarfile.TarInfo:
    """A member as it may be unpacked: of root or of nobody, as the engines expect it, whoever made the backup.

    Raises BackupError, if it would be written outside the folder, or is neither file, folder nor link.
    """
    place, within = folder / member.name, folder.resolve()
    known = member.isfile() or member.isdir() or member.issym()
    # The parent without a link on the way is the parent itself: a link may lead out, but nothing is written by one.
    straight = within / Path(member.name).parent == place.parent.resolve()
    if not known or ".." in Path(member.name).parts or Path(member.name).is_absolute() or not straight:
        raise BackupError(f"the backup holds {member.name}, which does not belong in one")
    nobodys = member.uid == NOBODY
    member.uid, member.gid = (NOBODY, NOBODY) if nobodys else (os.geteuid(), os.getegid())
    member.uname = member.gname = ""
    member.mode &= 0o755
    return member


@contextmanager
def _stopped(instance: Instance) -> Iterator[None]:
    """Hold the supervisor's lock, so that nobody starts the instance meanwhile."""
    with (instance.data / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError(f"{instance.name} runs: stop it first") from error
        yield
