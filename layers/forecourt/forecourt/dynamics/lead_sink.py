"""Leads into Dynamics 365: the port ``DynamicsSink`` over the client and the mapping."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from forecourt.dynamics.client import DynamicsClient
from forecourt.dynamics.push import prepare_push
from forecourt.leads.dynamics.sink import DynamicsPush, DynamicsReceipt, Standing
from forecourt.leads.lead import Lead
from forecourt.security.dynamics_connections import DynamicsConnection


def _now() -> datetime:
    return datetime.now(UTC)


class DynamicsLeadSink:
    """Upserts and updates leads in Dynamics; safe for threads.

    Parameters
    ----------
    client
        Calls Dynamics.
    clock
        The time a push says it was made, in UTC.
    """

    def __init__(self, client: DynamicsClient, *, clock: Callable[[], datetime] = _now) -> None:
        self._client = client
        self._clock = clock

    def prepare(
        self, lead: Lead, connection: DynamicsConnection, standing: Standing
    ) -> DynamicsPush:
        """Map a lead to what the tenant's table takes, and to what differs there."""
        return prepare_push(lead, connection, standing, self._clock())

    def send(
        self, push: DynamicsPush, connection: DynamicsConnection, *, seconds: float
    ) -> DynamicsReceipt:
        """Send a push: by the record's id where it is known, else by the alternate key."""
        if push.remote_id is None:
            written = self._client.upsert_lead(
                connection, push.external_id, push.fields, seconds=seconds
            )
        else:
            written = self._client.update_lead(
                connection, push.remote_id, push.fields, seconds=seconds
            )
        return DynamicsReceipt(
            remote_id=written.lead_id,
            created=written.created,
            execution_ms=written.execution_ms,
        )

    def read_metadata(self, connection: DynamicsConnection, *, seconds: float) -> Mapping[str, Any]:
        """Read the tenant's lead table, as JSON that can be stored."""
        return self._client.read_metadata(connection, seconds=seconds).to_json()
