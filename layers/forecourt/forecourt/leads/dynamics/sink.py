"""The port to Dynamics 365, and what travels through it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from forecourt.leads.lead import Lead
from forecourt.security.dynamics_connections import DynamicsConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a lead stands with Dynamics before a push.

    Parameters
    ----------
    remote_id
        The lead's GUID there; None before its first push was confirmed.
    delivered_fields
        What is known to be there, by logical name; None where that is not known, and everything
        is sent again.
    payload_hash
        Hash of the last confirmed payload without the columns that tell of the push itself.
    attempts
        Tries of this version so far, this one among them.
    """

    remote_id: UUID | None
    delivered_fields: Mapping[str, Any] | None
    payload_hash: str | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsPush:
    """What one claim is going to send.

    Parameters
    ----------
    external_id
        Our lead id, the value of the alternate key.
    remote_id
        Update that record; None upserts by the alternate key.
    fields
        What travels, by logical name; None clears a column. Empty when nothing differs.
    confirmed
        What is known to be there once it was accepted: the base of the next difference.
    payload_hash
        Hash of the whole payload without the columns that tell of the push itself.
    complete
        False where a further update is needed even then, e.g. to write the record's own id.
    left_out
        What could not be sent and why, one sentence each without personal data; the push goes on.
    """

    external_id: UUID
    remote_id: UUID | None
    fields: Mapping[str, Any] = field(repr=False)
    confirmed: Mapping[str, Any] = field(repr=False)
    payload_hash: str
    complete: bool = True
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsReceipt:
    """What Dynamics answered to an accepted push.

    ``created`` is None where the answer does not tell. ``execution_ms`` is how long it took, which
    the service protection limits count.
    """

    remote_id: UUID
    created: bool | None
    execution_ms: int


class DynamicsSink(Protocol):
    """Dynamics 365. The methods are called from several threads at once."""

    def prepare(
        self, lead: Lead, connection: DynamicsConnection, standing: Standing
    ) -> DynamicsPush:
        """Say what to send so that Dynamics shows this version of the lead; calls nobody.

        Raises
        ------
        PermanentError
            The lead cannot be sent as it is, or the tenant's metadata was not read yet
            (``METADATA_UNKNOWN``).
        """
        ...

    def send(
        self, push: DynamicsPush, connection: DynamicsConnection, *, seconds: float
    ) -> DynamicsReceipt:
        """Send it, once; a key race and a refused token are tried once more in place.

        An upsert by the alternate key may be repeated after an unknown outcome: it finds its own
        record (Dataverse reference, 1.3 and 1.4).

        Raises
        ------
        RetryableError
            Nothing was done, or it is safe to do again: 429 (``retry_after`` says when), 502 to
            504, time-out, cut connection.
        OutcomeUnknownError
            An update may have been done; all fields have to be sent again.
        AuthenticationError
            The token authority or Dynamics refuses the client: the connection goes on hold.
        PermanentError
            The same request will be refused again; ``code`` says why (``DUPLICATE_FOUND``,
            ``DELETED_IN_DYNAMICS``, ``COLUMN_UNKNOWN`` …).
        """
        ...

    def read_metadata(self, connection: DynamicsConnection, *, seconds: float) -> Mapping[str, Any]:
        """Read the tenant's description of its lead table, as JSON that can be stored.

        Raises
        ------
        ForecourtError
            As :meth:`send`.
        """
        ...
