"""What the audit log is told."""

from dataclasses import dataclass, field
from typing import Any, Protocol


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


class AuditLog(Protocol):
    """Where deeds are written down that change no row of ours."""

    def write(self, actor: Actor, entry: AuditEntry) -> None:
        """Write one down; RetryableError where that is not possible now."""
        ...
