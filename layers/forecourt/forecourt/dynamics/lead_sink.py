"""Leads into Dynamics 365: the port ``DynamicsSink`` over the client and the mapping."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from forecourt.dynamics.client import DynamicsClient, Written
from forecourt.dynamics.push import prepare_push
from forecourt.errors import RetryableError
from forecourt.leads.dynamics.sink import DynamicsPush, DynamicsReceipt, Standing
from forecourt.leads.lead import Lead
from forecourt.leads.sink import WRITE_WINDOW_CLOSED
from forecourt.network.silence import Silence
from forecourt.network.write_window import write_by
from forecourt.security.dynamics_connections import DynamicsConnection

WRITE_WITHIN_SECONDS = 30.0


def _now() -> datetime:
    return datetime.now(UTC)


class DynamicsLeadSink:
    """Upserts and updates leads in Dynamics; safe for threads.

    Parameters
    ----------
    client
        Calls Dynamics.
    clock
        The time, in UTC: what a push says it was made at, and what the write window is measured by.
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
        """Send a push: by the record's id where it is known, else by the alternate key.

        No request is written later than 30 s from now by wall clock, so that a worker which stood
        still does not put an older version over a newer one that another has sent meanwhile.

        Raises
        ------
        RetryableError
            Also ``WRITE_WINDOW_CLOSED``: nothing was sent.
        """
        last_connect = self._clock().timestamp() + WRITE_WITHIN_SECONDS
        try:
            with write_by(last_connect):
                written = self._write(push, connection, seconds)
        except RetryableError as error:
            if error.code == Silence.CONNECT_FAILED and self._clock().timestamp() > last_connect:
                raise RetryableError(
                    code=WRITE_WINDOW_CLOSED,
                    detail="The worker stood still for too long; nothing was sent.",
                    target="Dynamics",
                ) from error
            raise
        return DynamicsReceipt(
            remote_id=written.lead_id,
            created=written.created,
            execution_ms=written.execution_ms,
        )

    def read_metadata(self, connection: DynamicsConnection, *, seconds: float) -> Mapping[str, Any]:
        """Read the tenant's lead table, as JSON that can be stored."""
        return self._client.read_metadata(connection, seconds=seconds).to_json()

    def _write(self, push: DynamicsPush, connection: DynamicsConnection, seconds: float) -> Written:
        if push.remote_id is None:
            return self._client.upsert_lead(
                connection, push.external_id, push.fields, seconds=seconds
            )
        return self._client.update_lead(connection, push.remote_id, push.fields, seconds=seconds)
