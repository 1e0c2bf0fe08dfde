"""A whole instance in one file, and back: every store, the events under way, the outside world's sandbox, the secrets.

The copy is made while nothing runs. So all stores are of one instant, which copies of running stores would not be, and
events that nobody has heard yet lie in it with the offsets of those who hear them. It is of the engines' own files:
what may open it is what may open the data (see `versions`).

The file is a gzipped tar, `manifest.json` first. A damaged or cut one is noticed by gzip's checksum before anything of
the instance has been touched. It holds customers' data and all keys: mode 0600.
"""

import ctypes
import errno
import fcntl
import gzip
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import error as ZlibError

from bodega import __version__
from bodega.platform import versions
from bodega.platform.engines.accounts import NOBODY
from bodega.platform.system import Instance

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)

FORMAT = 1
_MANIFEST = "manifest.json"
# Of the running processes, or made anew at each start.
_LEFT_OUT = {
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
    draft = target.with_name(f".{target.name}.part")
    with _stopped(instance):
        versions.check(instance)
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                with (
                    gzip.GzipFile(fileobj=file, mode="wb", compresslevel=3) as packed,
                    tarfile.open(fileobj=packed, mode="w|") as archive,
                ):
                    _add_manifest(archive, instance)
                    for path in sorted(instance.data.iterdir()):
                        if path.name not in _LEFT_OUT:
                            archive.add(path, f"data/{path.name}")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    return target.stat().st_size


def restore(instance: Instance, source: Path) -> dict[str, Any]:
    """Put a backup in the place of a stopped instance's data, whole or not at all. Gives the backup's manifest.

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


def _add_manifest(archive: tarfile.TarFile, instance: Instance) -> None:
    manifest = {
        "format": FORMAT,
        "bodega": __version__,
        "instance": instance.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "engines": versions.current(),
    }
    text = json.dumps(manifest, indent=1).encode()
    member = tarfile.TarInfo(_MANIFEST)
    member.size, member.mode = len(text), 0o600
    archive.addfile(member, BytesIO(text))


def _unpack(source: Path, folder: Path) -> dict[str, Any]:
    try:
        with gzip.open(source) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            first = archive.next()
            file = archive.extractfile(first) if first is not None and first.name == _MANIFEST else None
            if file is None:
                raise BackupError(f"{source} is not a backup of Bodega")
            manifest: dict[str, Any] = json.loads(file.read())
            if manifest["format"] != FORMAT:
                raise BackupError(f"{source} has the format {manifest['format']}, this Bodega reads {FORMAT}")
            if faults := versions.faults(manifest["engines"]):
                raise BackupError(f"{source} was made by other engines. {'; '.join(faults)}")
            # Members are judged and owned below; a newer Python's own filter would refuse links to secrets outside.
            archive.extraction_filter = lambda member, path: member
            while (member := archive.next()) is not None:
                with _possible(member):
                    _extract(archive, _owned(member, folder), folder)
            while packed.read(1 << 20):  # to the end, where the checksum is
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, ZlibError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{source} is damaged: {error}") from error
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
