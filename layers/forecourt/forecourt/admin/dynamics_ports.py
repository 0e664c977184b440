"""What the admin API needs of the world for Dynamics 365; adapters provide it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from forecourt.admin.audit import Actor
from forecourt.leads.wake_ups import WakeUp
from forecourt.security.dynamics_connections import DynamicsConnection
from forecourt.security.dynamics_records import DynamicsChanges, DynamicsRecord


class DynamicsConnections(Protocol):
    """See :class:`forecourt.storage.dynamics_connections.DynamicsVault`."""

    def load(
        self, dealership_id: int, *, switched_off_too: bool = False
    ) -> DynamicsConnection | None:
        """Read and decrypt the active connection; None where there is none."""
        ...

    def describe(self, dealership_id: int) -> DynamicsRecord | None:
        """Return a dealership's row without its secret."""
        ...

    def save(self, dealership_id: int, changes: DynamicsChanges, *, actor: Actor) -> DynamicsRecord:
        """Store the first connection, or change what there is; what waited for it is due."""
        ...

    def delete(self, dealership_id: int, *, actor: Actor) -> int | None:
        """Remove it and park what waits for it; how many leads, None where there is none."""
        ...

    def store_metadata(
        self, connection: DynamicsConnection, metadata: Mapping[str, Any] | None
    ) -> None:
        """Keep what the tenant says of its lead table."""
        ...

    def note_check(self, connection: DynamicsConnection, detail: Mapping[str, Any]) -> None:
        """Keep what a check found."""
        ...


class PushStatus(StrEnum):
    """What became of one lead a person wants pushed."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    """A worker is pushing it right now, in the version it had then."""
    NOT_FOUND = "not_found"
    SPAM = "spam"
    ERASED = "erased"
    NOT_CONNECTED = "not_connected"
    """Its dealership has no connection."""
    SWITCHED_OFF = "switched_off"
    """Its dealership's connection is switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of a push: a status per lead, and the first wake-ups of each dealership."""

    statuses: Mapping[UUID, PushStatus]
    wake_ups: Sequence[WakeUp]


class DynamicsPushes(Protocol):
    """Leads on their way to Dynamics, set in motion and counted. ``scope`` as everywhere."""

    def push(
        self, lead_ids: Collection[UUID], scope: int | None, job_id: UUID, *, actor: Actor
    ) -> Pushed:
        """Make leads due, also those that were never pushed; what is unknown is not found."""
        ...

    def retry(self, lead_id: UUID, scope: int | None, job_id: UUID, *, actor: Actor) -> Pushed:
        """Make one lead due; what was deleted in Dynamics is created there again."""
        ...

    def counts(
        self, scope: int | None, job_id: UUID | None
    ) -> Sequence[tuple[str, str | None, int]]:
        """Return how many deliveries have a state and a last error's code."""
        ...

    def wake_waiting(self, dealership_id: int) -> Sequence[WakeUp]:
        """Wake the oldest of what is due to a dealership's connection."""
        ...
