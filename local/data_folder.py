"""The folder that makes an embedded stack outlive its process.

Everything secret in it (key material, passwords, the sign-in key) lies in ``keys/``, a folder of
mode 0700 with files of mode 0600. Files are replaced, never edited in place, so a stack killed at
any moment leaves either the old content or the new.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from local.failures import StackError

if TYPE_CHECKING:
    from pathlib import Path

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
_PASSABLE_FOLDER = 0o711
"""The root itself: PostgreSQL runs as another user when the stack runs as root, and must reach its
own folder in it."""


class DataFolder:
    """The data folder of one stack, locked while the stack runs.

    Parameters
    ----------
    root
        The folder; it is made when it is missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._lock_fd: int | None = None

    @property
    def keys(self) -> Path:
        """Where secrets lie, mode 0700."""
        return self.root / "keys"

    @property
    def logs(self) -> Path:
        """Where handlers' logs go, one file per function."""
        return self.root / "logs"

    @property
    def objects(self) -> Path:
        """Where S3 objects are kept."""
        return self.root / "objects"

    @property
    def state_file(self) -> Path:
        """The description of the running stack that the commands read."""
        return self.root / "stack.json"

    def open(self) -> None:
        """Make the folder and take its lock.

        Raises
        ------
        StackError
            When another stack holds the folder, naming its process id, or when the folder cannot
            be made. A lock left by a killed process is no lock: the kernel released it.
        """
        try:
            self.root.mkdir(mode=_PASSABLE_FOLDER, parents=True, exist_ok=True)
            for folder in (self.keys, self.logs, self.objects):
                folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
        except OSError as error:
            message = f"The data folder {self.root} cannot be made: {error.strerror}."
            raise StackError(message, cure="Choose another with --data DIR.") from error
        self.keys.chmod(_PRIVATE_FOLDER)
        descriptor = os.open(self.root / "stack.lock", os.O_RDWR | os.O_CREAT, _PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            os.close(descriptor)
            message = f"A stack already runs on {self.root} (process {holder})."
            cure = f"Stop it with `kill {holder}`, or start this one with another --data DIR."
            raise StackError(message, cure=cure) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock_fd = descriptor
        self.state_file.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the folder free for the next stack."""
        if self._lock_fd is None:
            return
        self.state_file.unlink(missing_ok=True)
        os.ftruncate(self._lock_fd, 0)
        os.close(self._lock_fd)
        self._lock_fd = None

    def write_state(self, state: dict[str, Any]) -> None:
        """Publish where the running stack's parts are (``stack.json``)."""
        write_private(self.state_file, json.dumps(state, indent=2))

    def read_keys(self, name: str) -> dict[str, Any]:
        """Return the JSON object kept under that name in ``keys/``; empty when there is none."""
        kept = self.keys / f"{name}.json"
        if not kept.exists():
            return {}
        content: dict[str, Any] = json.loads(kept.read_text())
        return content

    def write_keys(self, name: str, content: dict[str, Any]) -> None:
        """Keep a JSON object under that name in ``keys/``."""
        write_private(self.keys / f"{name}.json", json.dumps(content, indent=2))


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 so that a crash leaves the old content or the new, never a part."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
