"""Bring the database's schema up or down by the revisions in ``migrations/``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import create_engine, pool
from sqlalchemy.exc import DBAPIError

from forecourt.errors import PermanentError, RetryableError
from forecourt.storage.postgres import TARGET, Connection, translated_errors


class SchemaAction(StrEnum):
    """What to do with the schema."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    CURRENT = "current"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """The revision before and after, and the revisions run between, in their order.

    A revision of None is a database that has none yet.
    """

    before: str | None
    after: str | None
    applied: tuple[str, ...]


class Schema:
    """The schema of one database.

    Parameters
    ----------
    connect
        Opens a direct connection; a proxy would break the session a migration needs.
    scripts
        The folder with ``env.py`` and ``versions/``.
    """

    def __init__(self, connect: Callable[[], Connection], scripts: Path) -> None:
        def connect_for_alembic() -> Connection:
            connection = connect()
            # SQLAlchemy counts on psycopg to begin a transaction with the first statement.
            connection.autocommit = False
            return connection

        self._engine = create_engine(
            "postgresql+psycopg://", creator=connect_for_alembic, poolclass=pool.NullPool
        )
        self._scripts = scripts

    def run(self, action: SchemaAction, revision: str = "head") -> SchemaChange:
        """Do it, in one transaction, while no other migration of this database runs.

        Parameters
        ----------
        action
            ``UPGRADE`` and ``DOWNGRADE`` go to ``revision``; ``CURRENT`` changes nothing.
        revision
            A revision id, ``head``, ``base`` or a relative step such as ``-1``.

        Raises
        ------
        RetryableError
            ``DATABASE_AWAY``; ``DATABASE_BUSY``: another migration runs, or somebody holds a lock
            on a table for more than a minute.
        PermanentError
            ``UNKNOWN_REVISION``, or ``MIGRATION_FAILED``: a statement was refused. Nothing was
            changed.
        """
        applied: list[str] = []

        def note(*, step: Any, **_rest: object) -> None:  # noqa: ANN401 - untyped in Alembic
            applied.append(step.up_revision_id)

        with _our_errors(), self._engine.connect() as connection:
            before = MigrationContext.configure(connection).get_current_revision()
            connection.rollback()
            if action is SchemaAction.CURRENT:
                return SchemaChange(before, before, ())
            config = Config(attributes={"connection": connection, "on_version_apply": note})
            config.set_main_option("script_location", str(self._scripts).replace("%", "%%"))
            run = command.upgrade if action is SchemaAction.UPGRADE else command.downgrade
            run(config, revision)
            after = MigrationContext.configure(connection).get_current_revision()
        return SchemaChange(before, after, tuple(applied))


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        with translated_errors():
            try:
                yield
            except DBAPIError as wrapped:
                if isinstance(wrapped.orig, psycopg.Error):
                    raise wrapped.orig from None
                raise
    except RetryableError:
        raise
    except psycopg.Error as refused:
        # The primary message names tables and columns; the detail, left out, can hold a row.
        said = refused.diag.message_primary or type(refused).__name__
        detail = f"A statement was refused (SQLSTATE {refused.sqlstate}): {said}"
        raise PermanentError(code="MIGRATION_FAILED", detail=detail, target=TARGET) from refused
    except CommandError as unknown:
        detail = "No such revision, or it is not on the way."
        raise PermanentError(code="UNKNOWN_REVISION", detail=detail, target=TARGET) from unknown
