"""Routes that show sync runs, their logs, and the vehicles they keep."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from forecourt.admin.access import Role, not_found
from forecourt.admin.documents import to_document
from forecourt.admin.ports import Credentials, Row, SyncReports
from forecourt.admin.request import AdminRequest, Page
from forecourt.admin.router import Reply
from forecourt.admin.whole_numbers import LARGEST_ROW_ID, whole_number

_TYPES = ("Stock", "Lead")
_STATUSES = ("Success", "Failed", "Warning", "InProgress")
_VEHICLE_STATUSES = ("active", "sold", "pending", "draft")
_DIRECTIONS = ("Inbound", "Outbound")
_RECENT = Page(number=1, size=10)


class SyncRoutes:
    """Answers ``/api/admin/easycars/sync/…`` and ``/api/admin/vehicles``."""

    def __init__(self, *, reports: SyncReports, credentials: Credentials) -> None:
        self._reports = reports
        self._credentials = credentials

    def list_logs(self, request: AdminRequest) -> Reply:
        """List log rows, newest first; filters ``syncType``, ``direction`` and ``status``.

        A push of a lead is a row of type Lead too, Outbound; runs are Inbound.
        """
        page = request.page()
        rows, total = self._reports.logs(
            request.scope,
            request.choice("syncType", _TYPES),
            request.choice("status", _STATUSES),
            page,
            direction=request.choice("direction", _DIRECTIONS),
        )
        return Reply(
            HTTPStatus.OK,
            {"logs": [to_document(row) for row in rows], "pagination": page.describe(total)},
        )

    def show_log(self, request: AdminRequest) -> Reply:
        """Show one log row with error details, (redacted) payloads and proposed removals.

        A person accepts those with ``POST …/sync/stock`` and ``acceptRemovals``.
        """
        log_id = whole_number(request.path["logId"], largest=LARGEST_ROW_ID)
        row = None if log_id is None else self._reports.log(log_id, request.scope)
        if row is None:
            raise not_found(what="sync log")
        vehicles, can_be_accepted = self._reports.proposed_removals(row["id"])
        shown = to_document(row)
        shown["proposedRemovals"] = {
            "total": len(vehicles),
            "canBeAccepted": can_be_accepted,
            "vehicles": [to_document(vehicle) for vehicle in vehicles],
        }
        return Reply(HTTPStatus.OK, shown)

    def show_status(self, request: AdminRequest) -> Reply:
        """Show whether a dealership is set up, and how its last run of each kind went.

        ``proposedRemovals`` counts the vehicles that wait for a person to let them go.
        Of leads it is the last refresh or, before the first one, the last lead that was sent.
        """
        dealership_id = request.dealership_id
        record = self._credentials.describe(dealership_id)
        rows, _ = self._reports.logs(dealership_id, None, None, _RECENT)
        proposal = self._reports.open_proposal(dealership_id)
        held = None if proposal is None else to_document(proposal)
        return Reply(
            HTTPStatus.OK,
            {
                "isConfigured": record is not None and record.is_active,
                "isSyncing": self._reports.is_syncing(dealership_id),
                "lastStockSync": self._last(dealership_id, "Stock"),
                "lastLeadSync": self._last(dealership_id, "Lead"),
                "proposedRemovals": {"logId": None, "total": 0} if held is None else held,
                "recentLogs": [to_document(row) for row in rows],
            },
        )

    def show_job(self, request: AdminRequest) -> Reply:
        """Show one run over many dealerships; others than administrators see their own part."""
        try:
            job_id = UUID(request.path["jobId"])
        except ValueError:
            raise not_found(what="job") from None
        scope = request.scope
        found = self._reports.job(job_id, scope)
        if found is None or (scope is not None and not found[1]):
            raise not_found(what="job")
        job, rows = found
        shown = to_document(job)
        shown["dealerships"] = [to_document(row) for row in rows]
        if request.caller.role is not Role.ADMIN:
            shown |= _own_end(rows)
        return Reply(HTTPStatus.OK, shown)

    def list_vehicles(self, request: AdminRequest) -> Reply:
        """List vehicles by id, with where each comes from; filter ``status``."""
        page = request.page()
        status = request.choice("status", _VEHICLE_STATUSES)
        rows, total = self._reports.vehicles(request.scope, status, page)
        return Reply(
            HTTPStatus.OK,
            {"vehicles": [to_document(row) for row in rows], "pagination": page.describe(total)},
        )

    def _last(self, dealership_id: int, sync_type: str) -> dict[str, Any] | None:
        row = self._reports.last_log(dealership_id, sync_type)
        return None if row is None else to_document(row)


def _own_end(rows: Sequence[Row]) -> dict[str, Any]:
    """Say how the caller's part went; how the others' went is not the caller's business."""
    failed = sum(row["status"] == "Failed" for row in rows)
    succeeded = sum(row["status"] in {"Success", "Warning"} for row in rows)
    ended = "Failed" if failed else "Succeeded"
    status = ended if failed + succeeded == len(rows) else "Running"
    return {"planned": len(rows), "succeeded": succeeded, "failed": failed, "status": status}
