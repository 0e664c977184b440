"""The Dynamics client of the lead path: write a lead by key or by id, read the lead table.

A call raises only the classes of :mod:`forecourt.errors`, with the codes of
:mod:`forecourt.leads.dynamics.reasons`. How each answer is judged stands in
:mod:`forecourt.dynamics.verdict`.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from forecourt.dynamics.addresses import invalid_connection
from forecourt.dynamics.answers import guid_of, written_id
from forecourt.dynamics.odata import lead_by_id, lead_by_key
from forecourt.dynamics.session import Request, Stopwatch
from forecourt.dynamics.table_client import DynamicsTableClient
from forecourt.dynamics.verdict import Operation
from forecourt.errors import ForecourtError, PermanentError, RetryableError
from forecourt.leads.dynamics.reasons import DynamicsReason
from forecourt.security.dynamics_connections import DynamicsConnection

WRITE_SECONDS = 60.0
"""For the answer to a write: plug-ins of the tenant run within it."""

_UPSERT = Operation(name="Upsert of the lead", by_key=True, answer_seconds=WRITE_SECONDS)
_UPDATE = Operation(
    name="Update of the lead", by_id=True, repeatable=False, answer_seconds=WRITE_SECONDS
)
_READ_LEAD = Operation(name="Reading the lead")
_CREATED: Mapping[int, bool] = {HTTPStatus.CREATED: True, HTTPStatus.OK: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write that was accepted.

    ``created`` is None where the answer does not tell. ``execution_ms`` is how long Dynamics took,
    all tries together.
    """

    lead_id: UUID
    created: bool | None
    execution_ms: int


class DynamicsClient(DynamicsTableClient):
    """Writes leads of any connection, one client per sandbox.

    Nothing is tried again in place but for two things: a refused token is renewed once, and an
    upsert that lost a race for its key is sent once more. Parameters are those of
    :class:`~forecourt.dynamics.table_client.DynamicsTableClient`.
    """

    def upsert_lead(
        self,
        connection: DynamicsConnection,
        external_id: UUID,
        fields: Mapping[str, Any],
        *,
        seconds: float,
    ) -> Written:
        """Create the lead that has this key value, or update it (reference, 1.3 and 1.4).

        The key column travels in the address only: in the body of a create it would win.

        Raises
        ------
        RetryableError
            It is safe to send it again: it finds its own record.
        PermanentError, AuthenticationError
            It was refused.
        """
        lead = _lead_by_key(connection, external_id)
        body = {name: value for name, value in fields.items() if name != connection.key_column}
        request = Request(
            operation=_UPSERT,
            method="PATCH",
            path=f"{lead}?$select=leadid",
            headers=_write_headers(connection, "return=representation"),
            fields=body,
            columns=body.keys(),
        )
        deadline, stopwatch = time.monotonic() + seconds, Stopwatch()
        try:
            success = self._session.send(connection, request, deadline, stopwatch)
        except RetryableError as error:
            if error.code != DynamicsReason.KEY_RACE:
                raise
            success = self._session.send(connection, request, deadline, stopwatch)
        except PermanentError as error:
            raise self._closed_or(error, connection, lead, deadline) from None
        lead_id = written_id(success) or self._read_id(connection, lead, deadline, stopwatch)
        return Written(
            lead_id=lead_id,
            created=_CREATED.get(success.status),
            execution_ms=stopwatch.milliseconds,
        )

    def update_lead(
        self,
        connection: DynamicsConnection,
        lead_id: UUID,
        fields: Mapping[str, Any],
        *,
        seconds: float,
    ) -> Written:
        """Update a lead that exists; never creates one.

        Raises
        ------
        OutcomeUnknownError
            Nobody knows what arrived: send all fields again.
        RetryableError, PermanentError, AuthenticationError
            Nothing was done; ``DELETED_IN_DYNAMICS`` says that there is no such lead.
        """
        lead = lead_by_id(lead_id)
        request = Request(
            operation=_UPDATE,
            method="PATCH",
            path=lead,
            headers={"If-Match": "*", **_write_headers(connection)},
            fields=fields,
            columns=fields.keys(),
        )
        deadline, stopwatch = time.monotonic() + seconds, Stopwatch()
        try:
            self._session.send(connection, request, deadline, stopwatch)
        except PermanentError as error:
            raise self._closed_or(error, connection, lead, deadline) from None
        return Written(lead_id=lead_id, created=False, execution_ms=stopwatch.milliseconds)

    def _read_id(
        self, connection: DynamicsConnection, lead: str, deadline: float, stopwatch: Stopwatch
    ) -> UUID:
        """Read the id of a lead whose upsert was answered without it."""
        path = f"{lead}?$select=leadid"
        success = self._session.get(connection, _READ_LEAD, path, deadline, stopwatch)
        return guid_of(success, _READ_LEAD, "leadid")

    def _closed_or(
        self, error: PermanentError, connection: DynamicsConnection, lead: str, deadline: float
    ) -> ForecourtError:
        """Say that the lead is closed where that is why it was refused.

        With which code Dynamics refuses to write one that is qualified or disqualified is not
        documented (reference, 1.10), so its state is asked for.
        """
        if error.code != DynamicsReason.REQUEST_REFUSED:
            return error
        try:
            path = f"{lead}?$select=statecode"
            success = self._session.get(connection, _READ_LEAD, path, deadline)
        except ForecourtError:
            return error
        if success.fields.get("statecode") in {None, 0}:
            return error
        return PermanentError(
            DynamicsReason.LEAD_CLOSED_IN_DYNAMICS,
            f"{error.detail.split(':')[0]}: the lead is qualified or disqualified in Dynamics and"
            " read-only; reactivate it there and push it again, or leave it as it is.",
            target="Dynamics",
        )


def _lead_by_key(connection: DynamicsConnection, external_id: UUID) -> str:
    try:
        return lead_by_key(connection.key_column, external_id)
    except ValueError as error:
        raise invalid_connection(str(error)) from None


def _write_headers(connection: DynamicsConnection, prefer: str = "") -> dict[str, str]:
    if not connection.duplicate_detection:
        return {"Prefer": prefer} if prefer else {}
    # The annotations of a refusal name the record that matches.
    wishes = [prefer, 'odata.include-annotations="*"']
    return {
        "Prefer": ",".join(filter(None, wishes)),
        "MSCRM.SuppressDuplicateDetection": "false",
    }
