"""Running a program as another user than root, for those that refuse root."""

import ctypes
import os
import stat
from pathlib import Path
from typing import Any

from bodega.platform.engines.program import Account, CannotStart

NOBODY = 65534
_CLONE_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)


def unprivileged(binary: Path, data: Path) -> Account:
    """The account for a program that refuses root, with data in `data` (made here, mode 0700, owned rightly).

    Not root: the caller itself. Root: `nobody` where nobody can reach both the binary and the data, else a user
    namespace. A data folder that exists decides: it is used as whoever it belongs to.
    """
    if os.geteuid() != 0:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Account()
    existed = data.exists()
    data.mkdir(parents=True, exist_ok=True)
    reachable = _open_to_others(binary) and _open_to_others(data.parent)
    as_nobody = data.stat().st_uid == NOBODY if existed else reachable
    if as_nobody and not reachable:
        raise CannotStart(
            f"{data} belongs to the user nobody, who cannot reach it or {binary.parent}: a folder above is closed "
            "to others. Open it (chmod o+x), or start over with `./bodega reset`."
        )
    data.chmod(0o700)
    if as_nobody:
        os.chown(data, NOBODY, NOBODY)
        return Account(uid=NOBODY)
    return Account(namespaced=True)


def popen_options(account: Account) -> dict[str, Any]:
    """What subprocess needs to start a program under an account."""
    if account.uid is None:
        return {}
    return {"user": account.uid, "group": account.uid, "extra_groups": [], "umask": 0o077}


def enter_namespace() -> None:
    """In a forked child, before exec: become `nobody` in a new user namespace, the caller outside of it."""
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "this kernel allows no user namespace: run as a user other than root")
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {uid} 1"),
        ("gid_map", f"{NOBODY} {gid} 1"),
    ):
        Path(f"/proc/self/{file}").write_text(line)


def _open_to_others(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))
