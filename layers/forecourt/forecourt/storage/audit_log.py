"""The ``audit_log`` table: who changed what; rows are only ever inserted."""

from psycopg.types.json import Jsonb

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.storage.postgres import Connection, Database

_INSERT = """
INSERT INTO audit_log
    (actor, actor_type, dealership_id, action, subject_type, subject_id, detail, correlation_id)
VALUES
    (%(actor)s, %(actor_type)s, %(dealership_id)s, %(action)s, %(subject_type)s, %(subject_id)s,
     %(detail)s, %(correlation_id)s)
"""


def write_audit(connection: Connection, actor: Actor, entry: AuditEntry) -> None:
    """Insert one row, in the transaction of the change it tells of."""
    connection.execute(
        _INSERT,
        {
            "actor": actor.name,
            "actor_type": actor.kind,
            "dealership_id": entry.dealership_id,
            "action": entry.action,
            "subject_type": entry.subject_type,
            "subject_id": None if entry.subject_id is None else str(entry.subject_id),
            "detail": Jsonb(entry.detail),
            "correlation_id": actor.correlation_id,
        },
    )


class PostgresAuditLog:
    """Adapter of :class:`forecourt.admin.audit.AuditLog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, actor: Actor, entry: AuditEntry) -> None:
        """Insert one row in a transaction of its own."""
        with self._database.transaction() as connection:
            write_audit(connection, actor, entry)
