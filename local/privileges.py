"""Run a program that refuses root, although we are root.

PostgreSQL will not start as root, and a user who is not root cannot enter a folder that only root
may (``/root``, a CI workspace with mode 0700). So the program runs as another user, and where a
folder on its way is closed to that user, with the two capabilities that open folders.
"""

import os
import pwd
import shutil
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_UNPRIVILEGED_USERS = ("postgres", "nobody")
_FOLDER_CAPABILITIES = "+dac_override,+dac_read_search"


class ClosedFolderError(Exception):
    """A folder on the way is closed to the unprivileged user and nothing here can open it."""


@dataclass(frozen=True, slots=True)
class Unprivileged:
    """How to start a program: what goes before its command line and into ``subprocess``.

    ``uid`` and ``gid`` are who it runs as, None when that is who we are.
    """

    prefix: tuple[str, ...] = ()
    popen: tuple[tuple[str, Any], ...] = ()
    uid: int | None = None
    gid: int | None = None

    def command(self, program: Sequence[str | Path]) -> list[str]:
        """Put the prefix before a command line."""
        return [*self.prefix, *(str(part) for part in program)]

    def own(self, path: Path) -> None:
        """Give a file or folder to the user the program runs as."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def unprivileged_for(paths: Iterable[Path]) -> Unprivileged:
    """Find how to run a program that must reach ``paths`` and must not be root.

    Raises
    ------
    ClosedFolderError
        We are root, a folder above one of the paths is closed to others, and the program
        ``setpriv`` (util-linux) is not there to open it. The text says what to do.
    """
    if os.geteuid() != 0:
        return Unprivileged()
    user = _unprivileged_user()
    closed = next((c for path in paths if (c := _closed_folder(path, user)) is not None), None)
    if closed is None:
        popen = (("user", user.pw_uid), ("group", user.pw_gid), ("extra_groups", ()))
        return Unprivileged(popen=popen, uid=user.pw_uid, gid=user.pw_gid)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        message = (
            f"The folder {closed} can be entered by root only, and PostgreSQL does not run as "
            f"root. Run Forecourt as an ordinary user, or from a folder that user "
            f"{user.pw_name} can enter, or install setpriv (package util-linux)."
        )
        raise ClosedFolderError(message)
    prefix = (
        setpriv,
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        f"--inh-caps={_FOLDER_CAPABILITIES}",
        f"--ambient-caps={_FOLDER_CAPABILITIES}",
    )
    return Unprivileged(prefix=prefix, uid=user.pw_uid, gid=user.pw_gid)


def _unprivileged_user() -> pwd.struct_passwd:
    for name in _UNPRIVILEGED_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    message = (
        "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody "
        "to run it as. Run Forecourt as an ordinary user."
    )
    raise ClosedFolderError(message)


def _closed_folder(path: Path, user: pwd.struct_passwd) -> Path | None:
    """Name the topmost folder above ``path`` that ``user`` cannot enter; None if there is none."""
    for folder in reversed(path.resolve().parents):
        status = folder.stat()
        if status.st_uid == user.pw_uid:
            may_enter = status.st_mode & stat.S_IXUSR
        elif status.st_gid == user.pw_gid:
            may_enter = status.st_mode & stat.S_IXGRP
        else:
            may_enter = status.st_mode & stat.S_IXOTH
        if not may_enter:
            return folder
    return None
