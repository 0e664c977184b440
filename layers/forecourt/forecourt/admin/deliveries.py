"""Routes of deliveries: what became of each lead on its way to a CRM, and what people decide."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator

from forecourt.admin.access import Caller, not_found, not_woken
from forecourt.admin.delivery_acts import Act, possible_acts, require_possible
from forecourt.admin.documents import to_document
from forecourt.admin.lead_ports import LeadReports, Replays, WakeUps
from forecourt.admin.ports import Credentials, Row
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.admin.whole_numbers import LARGEST_ROW_ID, whole_number
from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from forecourt.leads.probe_ports import FoundLead, LeadProbe
from forecourt.leads.wake_ups import WakeUp
from forecourt.logs import get_logger
from forecourt.problem import FieldError, Problem
from forecourt.security.credentials import EasyCarsCredentials
from forecourt.validation import RequestBody, invalid_fields, wrong_value

_STATES = ("pending", "in_progress", "unconfirmed", "delivered", "failed")
_MOST_DELIVERIES = 100
_USUAL_DELIVERIES = 50
_READ_SECONDS = 20.0
"""The gateway gives up after 30."""

_LEAD_NUMBER = re.compile(r"[0-9A-Za-z-]{1,20}")
_JUDGED_ONLY = ("is_untried", "is_unsure", "lead_number", "remote_scope")


def _checked_number(value: str) -> str:
    if _LEAD_NUMBER.fullmatch(value) is None:
        raise wrong_value(cure="must be a lead number as EasyCars writes it, such as 000123")
    return value


class Resolution(RequestBody):
    """The body of ``POST /api/admin/deliveries/{deliveryId}/resolve``."""

    number: Annotated[str, AfterValidator(_checked_number)]


class DeliveryRoutes:
    """Answers ``/api/admin/deliveries`` and below it."""

    def __init__(
        self,
        *,
        reports: LeadReports,
        replays: Replays,
        wake_ups: WakeUps,
        credentials: Credentials,
        probe: LeadProbe,
    ) -> None:
        self._reports = reports
        self._replays = replays
        self._wake_ups = wake_ups
        self._credentials = credentials
        self._probe = probe

    def list(self, request: AdminRequest) -> Reply:
        """List deliveries, last changed first; ``state`` and ``limit`` (50, at most 100)."""
        rows = self._reports.deliveries(
            request.scope,
            request.choice("state", _STATES),
            request.number("limit", default=_USUAL_DELIVERIES, largest=_MOST_DELIVERIES),
        )
        return Reply(HTTPStatus.OK, {"deliveries": [_document(row) for row in rows]})

    def show(self, request: AdminRequest) -> Reply:
        """Show one delivery with every try it had."""
        row = self._row(request)
        return Reply(HTTPStatus.OK, with_attempts(self._reports, row))

    def retry(self, request: AdminRequest) -> Reply:
        """Make a failed delivery due now.

        409 for one that is not failed, and for one that could double the lead. 503 where the
        queue did not take its wake-up; asking again wakes it.
        """
        request.caller.require_manager()
        delivery_id = _delivery_id(request)
        wake_up = self._replays.release(delivery_id, request.scope, actor=request.actor)
        if wake_up is None:
            raise not_found(what="delivery")
        if self._wake_ups.send_wake_ups([wake_up]):
            raise not_woken()
        return Reply(HTTPStatus.ACCEPTED, _document(self._row(request)))

    def resend(self, request: AdminRequest) -> Reply:
        """Create a lead again of which nobody knows whether EasyCars has it, as a person decided.

        Where EasyCars has it after all, it is there twice from then on. 409 for a delivery about
        which there is no doubt.
        """
        request.caller.require_manager()
        wake_ups = self._replays.send_again(
            _delivery_id(request), request.scope, actor=request.actor
        )
        if wake_ups is None:
            raise not_found(what="delivery")
        wake_best_effort(self._wake_ups, wake_ups)
        return Reply(HTTPStatus.ACCEPTED, _document(self._row(request)))

    def resolve(self, request: AdminRequest) -> Reply:
        """Take a person's word that EasyCars has the lead as a number, once EasyCars shows it.

        422 where EasyCars shows no such lead, 409 where it is another lead or somebody has the
        number, 503 where EasyCars cannot be asked now.
        """
        request.caller.require_manager()
        body = request.fields(Resolution)
        row = self._row(request)
        require_possible(Act.RESOLVE, row)
        credentials = self._credentials_for(row)
        found = self._read(credentials, body.number)
        _require_same_lead(row, found, credentials)
        self._require_free(row, found, credentials, request.caller)
        wake_ups = self._replays.adopt(
            row["id"], request.scope, found, credentials, actor=request.actor
        )
        if wake_ups is None:
            self._require_free(row, found, credentials, request.caller)
            raise _conflict(
                kind="changed-meanwhile", detail="The delivery has changed; look again."
            )
        wake_best_effort(self._wake_ups, wake_ups)
        return Reply(HTTPStatus.OK, _document(self._row(request)))

    def _row(self, request: AdminRequest) -> Row:
        row = self._reports.delivery(_delivery_id(request), request.scope)
        if row is None:
            raise not_found(what="delivery")
        return row

    def _credentials_for(self, row: Row) -> EasyCarsCredentials:
        credentials = self._credentials.load(row["dealership_id"])
        if credentials is None:
            raise _conflict(
                kind="no-credentials",
                detail="The dealership has no active EasyCars credentials to look the number up "
                "with; save them first.",
            )
        return credentials

    def _read(self, credentials: EasyCarsCredentials, number: str) -> FoundLead:
        try:
            found = self._probe.read_lead(credentials, number, seconds=_READ_SECONDS)
        except ForecourtError as error:
            raise _not_read(error) from error
        if found is None:
            raise invalid_fields(
                [
                    FieldError(
                        "number",
                        "is no lead EasyCars shows to the dealership's present credentials; "
                        "write it as EasyCars does, with its zeros, such as 000123",
                    )
                ]
            )
        return found

    def _require_free(
        self, row: Row, found: FoundLead, credentials: EasyCarsCredentials, caller: Caller
    ) -> None:
        holder = self._replays.holder(found.number, credentials.account_scope, row["id"])
        if holder is None:
            return
        own = caller.dealership_id in (None, holder["dealership_id"])
        whose = f"lead {holder['external_id']}" if own else "a lead of another dealership"
        raise _conflict(kind="number-taken", detail=f"Number {found.number} is {whose} already.")


def wake_best_effort(queue: WakeUps, wake_ups: Sequence[WakeUp]) -> None:
    """Wake deliveries at once; those the queue does not take now, the sweeper wakes soon."""
    unsent = queue.send_wake_ups(wake_ups) if wake_ups else ()
    if unsent:
        get_logger("admin_api").warning(
            "The queue took no wake-up", delivery_ids=[one.delivery_id for one in unsent]
        )


def with_attempts(reports: LeadReports, row: Row) -> dict[str, Any]:
    """Describe a delivery with every try it had."""
    shown = _document(row)
    shown["attemptHistory"] = [to_document(attempt) for attempt in reports.attempts(row["id"])]
    return shown


def _document(row: Row) -> dict[str, Any]:
    """Describe a delivery with ``acts``, what a person may do about it."""
    shown = to_document({name: row[name] for name in row if name not in _JUDGED_ONLY})
    shown["acts"] = possible_acts(row)
    return shown


def _require_same_lead(row: Row, found: FoundLead, credentials: EasyCarsCredentials) -> None:
    """Let a number pass that bears our lead's id, or none in the account the lead went to."""
    if found.is_lead(row["lead_id"]):
        return
    if found.external_id:
        raise _conflict(
            kind="number-of-another-lead",
            detail=f"Number {found.number} is another lead: EasyCars shows it with ExternalID "
            f"{found.external_id}, and this lead's is {row['lead_id']}.",
        )
    if row["remote_scope"] not in (None, credentials.account_scope):
        raise _conflict(
            kind="account-changed",
            detail=f"Number {found.number} bears no ExternalID, and the lead went to another "
            "account than the present one. Save the former credentials, or send it again.",
        )


def _not_read(error: ForecourtError) -> ForecourtError | Problem:
    if isinstance(error, AuthenticationError):
        return _conflict(
            kind="credentials-refused",
            detail="EasyCars refuses the dealership's credentials, so the number cannot be looked "
            "up. Mend them first.",
        )
    if isinstance(error, PermanentError):
        return _conflict(
            kind="easycars-refused", detail=f"EasyCars does not show it: {error.detail}"
        )
    if isinstance(error, OutcomeUnknownError):
        return RetryableError(error.code, error.detail, target=error.target)
    return error


def _conflict(*, kind: str, detail: str) -> Problem:
    return Problem(HTTPStatus.CONFLICT, kind, detail)


def _delivery_id(request: AdminRequest) -> int:
    number = whole_number(request.path["deliveryId"], largest=LARGEST_ROW_ID)
    if number is None:
        raise not_found(what="delivery")
    return number
