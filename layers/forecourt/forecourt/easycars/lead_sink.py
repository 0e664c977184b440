"""Leads into EasyCars: the port ``LeadSink`` over the client and the mapping."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.codes import LeadStatusCode
from forecourt.easycars.lead_mapping import changed_fields, create_lead_fields, update_lead_fields
from forecourt.easycars.lead_messages import CreateLeadRequest, LeadReceipt, UpdateLeadRequest
from forecourt.easycars.reasons import Reason
from forecourt.easycars.sydney_time import sydney_date
from forecourt.errors import OutcomeUnknownError, RetryableError
from forecourt.leads.lead import Lead
from forecourt.leads.sink import WRITE_WINDOW_CLOSED, Operation, Push, Receipt
from forecourt.network.write_window import write_by as write_window
from forecourt.security.credentials import EasyCarsCredentials
from forecourt.security.redaction import REDACTED, redact

_CONNECT_SECONDS = 5.0

# Everything else is what a person wrote or is. Listing what may be seen is safer, and a hundred
# times faster, than searching texts for what may not.
_SHOWN_IN_LOGS = frozenset({
    "LeadNumber", "ExternalID", "StockNumber", "VehicleMake", "VehicleModel", "VehiclePrice",
    "VehicleType", "VehicleYear", "IsVehicleNew", "VehicleInterest", "FinanceStatus", "Rating",
    "LeadStatus",
})  # fmt: skip
_LEAD_NUMBER_LIMIT = 20


class EasyCarsLeadSink:
    """Creates and updates leads at EasyCars; safe for threads.

    Parameters
    ----------
    client
        Its transport must be a :class:`~forecourt.network.write_window.WindowedTransport`, or
        the window is only checked before the call begins.
    clock
        Wall-clock seconds since the epoch.
    """

    def __init__(self, client: EasyCarsClient, *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._clock = clock

    def prepare(self, lead: Lead, delivered: Mapping[str, Any] | None) -> Push:
        """Map a lead to CreateLead, or to an UpdateLead of what differs from `delivered`."""
        desired = update_lead_fields(lead)
        if lead.easycars_lead_number is None:
            fields = create_lead_fields(
                lead, today=sydney_date(datetime.fromtimestamp(self._clock(), tz=UTC))
            )
            # CreateLead carries no status: the vendor starts every lead at New.
            confirmed = desired | {"LeadStatus": int(LeadStatusCode.NEW)}
            return Push(
                operation=Operation.CREATE,
                lead_number=None,
                fields=fields,
                confirmed=confirmed,
                complete=not changed_fields(desired, confirmed),
                loggable=_loggable(fields),
            )
        fields = changed_fields(desired, delivered or {})
        return Push(
            operation=Operation.UPDATE,
            lead_number=lead.easycars_lead_number,
            fields=fields,
            confirmed=dict(delivered or {}) | desired,
            complete=True,
            loggable=_loggable({"LeadNumber": lead.easycars_lead_number} | fields),
        )

    def send(
        self, push: Push, credentials: EasyCarsCredentials, *, write_by: float, seconds: float
    ) -> Receipt:
        """Send a push once, not after `write_by`, with that many seconds for the whole call."""
        last_connect = write_by - _CONNECT_SECONDS
        try:
            with write_window(last_connect):
                answer = self._call(push, credentials, time.monotonic() + seconds)
        except RetryableError as error:
            if error.code == Reason.CONNECT_FAILED and self._clock() > last_connect:
                raise RetryableError(
                    code=WRITE_WINDOW_CLOSED,
                    detail="The claim had become too old to send the request.",
                    target="EasyCars",
                ) from error
            raise
        number = answer.lead_number or push.lead_number
        if number is None or len(number) > _LEAD_NUMBER_LIMIT or not number.isprintable():
            raise OutcomeUnknownError(
                code="UNUSABLE_LEAD_NUMBER",
                detail="CreateLead: accepted, with a LeadNumber no later call could carry.",
                target="EasyCars",
            )
        return Receipt(lead_number=number, customer_no=answer.customer_no, warning=answer.warning)

    def _call(self, push: Push, credentials: EasyCarsCredentials, deadline: float) -> LeadReceipt:
        if push.operation is Operation.CREATE:
            return self._client.create_lead(
                credentials, CreateLeadRequest.from_fields(push.fields), deadline=deadline
            )
        return self._client.update_lead(
            credentials,
            UpdateLeadRequest.from_fields({"LeadNumber": push.lead_number, **push.fields}),
            deadline=deadline,
        )


def _loggable(fields: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value if name in _SHOWN_IN_LOGS else REDACTED for name, value in fields.items()}
    if "StockNumber" in shown:  # comes from the visitor's page where no vehicle of ours has it
        shown["StockNumber"] = redact(shown["StockNumber"])
    return shown
