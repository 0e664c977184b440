"""Deliveries that a person, or saved credentials, make due again."""

from collections.abc import Sequence

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.leads.wake_ups import WakeUp
from forecourt.storage.audit_log import write_audit
from forecourt.storage.deliveries import release_delivery
from forecourt.storage.holds import release_after_save
from forecourt.storage.postgres import Database


class PostgresReplays:
    """Adapter of :class:`forecourt.admin.ports.Replays`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def release(self, delivery_id: int, scope: int | None, *, actor: Actor) -> WakeUp | None:
        """Make a failed delivery due; None where there is no such failed delivery."""
        with self._database.transaction() as connection:
            wake_up = release_delivery(self._database, delivery_id, dealership_id=scope)
            if wake_up is not None:
                entry = AuditEntry(
                    action="delivery.retried",
                    subject_type="delivery",
                    subject_id=delivery_id,
                    dealership_id=wake_up.dealership_id,
                )
                write_audit(connection, actor, entry)
        return wake_up

    def release_waiting(self, dealership_id: int) -> Sequence[WakeUp]:
        """Make due what waited for credentials of a dealership."""
        return release_after_save(self._database, dealership_id)
