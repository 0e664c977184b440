"""The one PostgreSQL connection of a sandbox: opened late, checked, opened again when lost.

Nothing here sets a session: no ``options``, no ``SET``, no prepared statements, no advisory
session locks. So the same code runs on a direct connection and behind RDS Proxy, which pins or
refuses those. Time-outs come from the role or, per transaction, from ``SET LOCAL``.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg.rows import TupleRow
from pydantic import SecretStr

from forecourt.errors import RetryableError

type Connection = psycopg.Connection[Any]

TARGET = "PostgreSQL"
_CONNECT_SECONDS = 5
# A frozen sandbox wakes with a connection that may long be dead. Within one run the check would
# only cost a round trip, so it is left out while the connection was in use a moment ago.
_TRUSTED_IDLE_SECONDS = 2.0
_AWAY = (
    "08",  # connection exception
    "53",  # insufficient resources, too many connections among them
    "57P",  # the server is shutting down, starting up, or an administrator ended the session
    "28",  # refused login: a rotated password is read again when the connection is opened again
)
_BUSY = (
    "40",  # serialization failure, deadlock
    "55P03",  # lock not available within lock_timeout
    "57014",  # statement_timeout
)


class Database:
    """The sandbox's connection; for one thread at a time.

    Parameters
    ----------
    connect
        Opens a connection; called on first use and whenever the last one was lost, so it may read
        a rotated password again.
    clock
        Seconds since any fixed moment, going on while the sandbox is frozen.

    Examples
    --------
    >>> with database.transaction() as connection:  # doctest: +SKIP
    ...     connection.execute("UPDATE lead SET spam = true WHERE id = %s", [12])
    """

    def __init__(
        self, connect: Callable[[], Connection], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._open: Connection | None = None
        self._last_used = 0.0

    @classmethod
    def from_settings(
        cls,
        *,
        host: str,
        port: int,
        name: str,
        username: str,
        password: SecretStr | str,
        sslmode: str,
    ) -> Self:
        """Build a database that logs in with these values; connects to nothing yet."""
        secret = password if isinstance(password, SecretStr) else SecretStr(password)
        return cls(
            lambda: open_connection(
                host=host,
                port=port,
                name=name,
                username=username,
                password=secret,
                sslmode=sslmode,
            )
        )

    def connection(self) -> Connection:
        """Return the connection, alive and in autocommit mode.

        Its cursors raise what :meth:`transaction` raises. Do not close it and do not use it in a
        ``with`` statement, which would close it.

        Raises
        ------
        RetryableError
            ``DATABASE_AWAY``: it cannot be reached or refuses the login.
        """
        now = self._clock()
        if self._open is not None and not self._is_alive(self._open, now - self._last_used):
            self.close()
        if self._open is None:
            with translated_errors():
                self._open = self._connect()
        self._last_used = now
        return self._open

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run the body in one transaction: committed at its end, rolled back on any error.

        Inside, ``connection.transaction()`` makes a savepoint. When the connection is lost during
        COMMIT, nobody knows whether it happened; every transaction here is written so that doing
        it again does no harm.

        Raises
        ------
        RetryableError
            ``DATABASE_AWAY``: the connection was lost or cannot be opened. ``DATABASE_BUSY``: a
            deadlock, or a lock or a statement took longer than allowed.
        psycopg.Error
            Everything else, e.g. SQLSTATE class 22 or 23 for a row the table refuses.
        """
        connection = self.connection()
        with translated_errors(), connection.transaction():
            yield connection
        self._last_used = self._clock()

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        lost, self._open = self._open, None
        if lost is not None:
            lost.close()

    @staticmethod
    def _is_alive(connection: Connection, idle_seconds: float) -> bool:
        if connection.closed:
            return False
        if 0 <= idle_seconds < _TRUSTED_IDLE_SECONDS or _is_in_transaction(connection):
            return True
        try:
            connection.execute("SELECT 1")
        except (psycopg.Error, RetryableError):
            return False
        return True


class _TranslatingCursor(psycopg.Cursor[TupleRow]):
    """A cursor that raises our errors, so that no caller of a plain ``execute`` has to."""

    def execute(self, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401 - overloads of psycopg
        with translated_errors():
            return super().execute(*args, **kwargs)

    def executemany(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as above
        with translated_errors():
            super().executemany(*args, **kwargs)


def _is_in_transaction(connection: Connection) -> bool:
    return connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE


def open_connection(
    *,
    host: str,
    port: int,
    name: str,
    username: str,
    password: SecretStr,
    sslmode: str,
    sslrootcert: str | None = None,
) -> Connection:
    """Open a connection in autocommit mode whose dead peer is noticed within half a minute.

    The keepalives and ``tcp_user_timeout`` act on this side of the socket; the server is told
    nothing. ``prepare_threshold=None``: a proxy gives each transaction another server session, in
    which a statement prepared earlier does not exist. ``sslrootcert`` is the file of authorities
    the ``verify-…`` modes need.
    """
    return psycopg.connect(
        host=host,
        port=port,
        dbname=name,
        user=username,
        password=password.get_secret_value(),
        sslmode=sslmode,
        sslrootcert=sslrootcert,
        connect_timeout=_CONNECT_SECONDS,
        keepalives=1,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=30_000,
        application_name="forecourt",
        autocommit=True,
        prepare_threshold=None,
        cursor_factory=_TranslatingCursor,
    )


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn psycopg's errors that a later try may survive into :class:`RetryableError`.

    The text names the SQLSTATE only: a server's message can hold a row's values.
    """
    try:
        yield
    except psycopg.Error as error:
        code = _retryable_code(error)
        if code is None:
            raise
        what = "is away" if code == "DATABASE_AWAY" else "is busy"
        detail = f"The database {what} (SQLSTATE {error.sqlstate or 'none'})."
        raise RetryableError(code, detail, target=TARGET) from error


def _retryable_code(error: psycopg.Error) -> str | None:
    state = error.sqlstate
    if state is None:
        # libpq found it out itself: refused, timed out, cut off, or used after that.
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return "DATABASE_AWAY" if lost else None
    if state.startswith(_BUSY):
        return "DATABASE_BUSY"
    if state.startswith(_AWAY):
        return "DATABASE_AWAY"
    return None
