"""Routes of deliveries: what became of each lead on its way to a CRM."""

from http import HTTPStatus
from typing import Any

from forecourt.admin.access import not_found, not_woken
from forecourt.admin.documents import to_document
from forecourt.admin.ports import LeadReports, Replays, Row, WakeUps
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.admin.whole_numbers import LARGEST_ROW_ID, whole_number
from forecourt.problem import Problem

_STATES = ("pending", "in_progress", "unconfirmed", "delivered", "failed")
_MOST_DELIVERIES = 100
_USUAL_DELIVERIES = 50


class DeliveryRoutes:
    """Answers ``/api/admin/deliveries`` and below it."""

    def __init__(self, *, reports: LeadReports, replays: Replays, wake_ups: WakeUps) -> None:
        self._reports = reports
        self._replays = replays
        self._wake_ups = wake_ups

    def list(self, request: AdminRequest) -> Reply:
        """List deliveries, last changed first; ``state`` and ``limit`` (50, at most 100)."""
        rows = self._reports.deliveries(
            request.scope,
            request.choice("state", _STATES),
            request.number("limit", default=_USUAL_DELIVERIES, largest=_MOST_DELIVERIES),
        )
        return Reply(HTTPStatus.OK, {"deliveries": [to_document(row) for row in rows]})

    def show(self, request: AdminRequest) -> Reply:
        """Show one delivery with every try it had."""
        row = self._reports.delivery(_delivery_id(request), request.scope)
        if row is None:
            raise not_found(what="delivery")
        return Reply(HTTPStatus.OK, with_attempts(self._reports, row))

    def retry(self, request: AdminRequest) -> Reply:
        """Make a failed delivery due now.

        409 for one that is not failed: it is on its way already, or may have arrived. 503 where
        the queue did not take its wake-up; asking again wakes it.
        """
        request.caller.require_manager()
        delivery_id, scope = _delivery_id(request), request.scope
        wake_up = self._replays.release(delivery_id, scope, actor=request.actor)
        row = self._reports.delivery(delivery_id, scope)
        if row is None:
            raise not_found(what="delivery")
        if wake_up is None:
            raise Problem(
                HTTPStatus.CONFLICT,
                "delivery-not-failed",
                f"Only a failed delivery can be tried again; this one is {row['state']}.",
            )
        if self._wake_ups.send_wake_ups([wake_up]):
            raise not_woken()
        return Reply(HTTPStatus.ACCEPTED, to_document(row))


def with_attempts(reports: LeadReports, row: Row) -> dict[str, Any]:
    """Describe a delivery with every try it had."""
    shown = to_document(row)
    shown["attemptHistory"] = [to_document(attempt) for attempt in reports.attempts(row["id"])]
    return shown


def _delivery_id(request: AdminRequest) -> int:
    number = whole_number(request.path["deliveryId"], largest=LARGEST_ROW_ID)
    if number is None:
        raise not_found(what="delivery")
    return number
