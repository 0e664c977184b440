"""The ``audit_log`` table: who changed what; rows are only ever inserted."""

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

_INSERT = """
INSERT INTO audit_log
    (actor, actor_type, dealership_id, action, subject_type, subject_id, detail, correlation_id)
VALUES
    (%(actor)s, %(actor_type)s, %(dealership_id)s, %(action)s, %(subject_type)s, %(subject_id)s,
     %(detail)s, %(correlation_id)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: ``name`` is the token's subject, ``kind`` its role, e.g. ``Admin``."""

    name: str
    kind: str
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One deed. ``detail`` names what changed, never a secret or what a lead says.

    ``action`` is a dotted name in the past tense, such as ``credentials.created``.
    """

    action: str
    subject_type: str
    subject_id: str | int | None
    dealership_id: int | None
    detail: dict[str, Any] = field(default_factory=dict)


def write_audit(connection: psycopg.Connection[Any], actor: Actor, entry: AuditEntry) -> None:
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
