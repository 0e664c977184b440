import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from forecourt.errors import RetryableError
from forecourt.storage.postgres import Database, translated_errors
from local.postgres import EmbeddedPostgres


def open_to(url: str, *, clock: Callable[[], float] = lambda: 0.0) -> Database:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return Database(
        lambda: Database.from_settings(
            host="127.0.0.1",
            port=int(str(parts["port"])),
            name=str(parts["dbname"]),
            username=str(parts["user"]),
            password=str(parts["password"]),
            sslmode="disable",
        ).connection(),
        clock=clock,
    )


def backend(connection: psycopg.Connection) -> int:
    return connection.info.backend_pid


def end_session(url: str, pid: int) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


class TestConnection:
    def test_is_opened_on_first_use_and_kept(self, database: Database) -> None:
        first = database.connection()

        assert first.autocommit
        assert database.connection() is first

    def test_prepares_no_statement_since_a_proxy_would_not_find_it_again(
        self, database: Database
    ) -> None:
        connection = database.connection()

        for _ in range(10):
            connection.execute("SELECT %s::int", [1])

        assert connection.prepare_threshold is None
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)

    def test_is_opened_again_when_the_server_ended_it_while_idle(self, database_url: str) -> None:
        times = iter([0.0, 60.0])
        database = open_to(database_url, clock=lambda: next(times))
        lost = backend(database.connection())

        end_session(database_url, lost)
        again = database.connection()

        assert backend(again) != lost
        assert again.execute("SELECT 1").fetchone() == (1,)
        database.close()

    def test_loss_during_use_is_retryable_and_the_next_use_works(self, database_url: str) -> None:
        database = open_to(database_url)
        end_session(database_url, backend(database.connection()))

        with pytest.raises(RetryableError) as raised:
            database.connection().execute("SELECT 1")

        assert (raised.value.code, raised.value.target) == ("DATABASE_AWAY", "PostgreSQL")
        assert database.connection().execute("SELECT 1").fetchone() == (1,)
        database.close()

    def test_a_server_that_is_away_is_retryable_and_named_without_its_address(self) -> None:
        database = Database.from_settings(
            host="127.0.0.1", port=1, name="x", username="u", password="planted", sslmode="disable"
        )

        with pytest.raises(RetryableError) as raised:
            database.connection()

        assert raised.value.code == "DATABASE_AWAY"
        assert "127.0.0.1" not in raised.value.detail

    def test_a_refused_login_is_retryable_since_a_rotated_password_is_read_again(
        self, database_url: str
    ) -> None:
        parts = psycopg.conninfo.conninfo_to_dict(database_url)
        passwords = iter(["old", str(parts["password"])])

        def connect() -> psycopg.Connection:
            with translated_errors():
                return psycopg.connect(database_url, password=next(passwords), autocommit=True)

        database = Database(connect)
        with pytest.raises(RetryableError):
            database.connection()

        assert database.connection().execute("SELECT 1").fetchone() == (1,)
        database.close()


class TestTransaction:
    def test_commits_at_the_end_and_rolls_back_on_any_error(self, database: Database) -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO dealership (name) VALUES ('kept')")
        with contextlib.suppress(ValueError), database.transaction() as connection:
            connection.execute("INSERT INTO dealership (name) VALUES ('gone')")
            raise ValueError

        names = database.connection().execute("SELECT name FROM dealership").fetchall()
        assert names == [("kept",)]

    def test_loss_inside_is_retryable_and_nothing_was_done(
        self, database: Database, database_url: str
    ) -> None:
        def lose_it() -> None:
            with database.transaction() as connection:
                connection.execute("INSERT INTO dealership (name) VALUES ('gone')")
                end_session(database_url, backend(connection))
                connection.execute("INSERT INTO dealership (name) VALUES ('gone too')")

        with pytest.raises(RetryableError) as raised:
            lose_it()

        assert raised.value.code == "DATABASE_AWAY"
        assert database.connection().execute("SELECT FROM dealership").fetchall() == []

    def test_loss_at_commit_is_retryable(self, database: Database, database_url: str) -> None:
        def lose_it() -> None:
            with database.transaction() as connection:
                connection.execute("INSERT INTO dealership (name) VALUES ('gone')")
                end_session(database_url, backend(connection))

        with pytest.raises(RetryableError):
            lose_it()

    def test_a_lock_that_takes_too_long_is_retryable(
        self, database: Database, database_url: str
    ) -> None:
        def wait_for_it() -> None:
            with database.transaction() as connection:
                connection.execute("SET LOCAL lock_timeout = '50ms'")
                connection.execute("LOCK TABLE dealership")

        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE dealership")
            with pytest.raises(RetryableError) as raised:
                wait_for_it()

        assert raised.value.code == "DATABASE_BUSY"

    def test_a_deadlock_is_retryable(self, database: Database, database_url: str) -> None:
        database.connection().execute("INSERT INTO dealership (name) VALUES ('a'), ('b')")
        first, second = (
            row[0] for row in database.connection().execute("SELECT id FROM dealership ORDER BY 1")
        )
        touch = "UPDATE dealership SET name = name WHERE id = %s"

        def meet_the_other(other: psycopg.Connection, crossing: threading.Thread) -> None:
            with database.transaction() as connection:
                connection.execute("SET LOCAL deadlock_timeout = '50ms'")
                connection.execute(touch, [first])
                other.execute(touch, [second])
                crossing.start()
                connection.execute(touch, [second])

        with psycopg.connect(database_url) as other:
            other.execute("SET deadlock_timeout = '60s'")
            crossing = threading.Thread(target=other.execute, args=(touch, [first]))
            with pytest.raises(RetryableError) as raised:
                meet_the_other(other, crossing)
            crossing.join()

        assert raised.value.code == "DATABASE_BUSY"

    def test_a_row_the_table_refuses_stays_psycopgs_error(self, database: Database) -> None:
        def refused() -> None:
            with database.transaction() as connection:
                connection.execute("INSERT INTO lead (dealership_id) VALUES (1)")

        with pytest.raises(psycopg.errors.NotNullViolation):
            refused()

    def test_is_not_taken_for_lost_while_it_is_in_a_failed_transaction(
        self, database_url: str
    ) -> None:
        times = iter(range(0, 6000, 60))
        database = open_to(database_url, clock=lambda: float(next(times)))

        with contextlib.suppress(psycopg.errors.DivisionByZero), database.transaction() as first:
            try:
                first.execute("SELECT 1 / 0")
            finally:
                assert database.connection() is first
        database.close()

    def test_a_savepoint_saves_the_rows_before_it(self, database: Database) -> None:
        insert = "INSERT INTO dealership (name) VALUES (%s)"
        with database.transaction() as connection:
            connection.execute(insert, ["kept"])
            with contextlib.suppress(psycopg.errors.DataError), connection.transaction():
                connection.execute(insert, ["x" * 300])

        assert database.connection().execute("SELECT name FROM dealership").fetchall() == [
            ("kept",)
        ]


def test_a_restarted_server_is_found_again(tmp_path: Path) -> None:
    times = iter([0.0, 60.0])
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        port = server.port
        database = open_to(server.url, clock=lambda: next(times))
        database.connection()

    with EmbeddedPostgres(tmp_path, durable=False, port=port):
        assert database.connection().execute("SELECT 1").fetchone() == (1,)
        database.close()
