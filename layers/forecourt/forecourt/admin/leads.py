"""Routes of leads."""

from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from forecourt.admin.access import not_found
from forecourt.admin.deliveries import wake_best_effort, with_attempts
from forecourt.admin.documents import to_document
from forecourt.admin.lead_changes import plan_change, read_patch
from forecourt.admin.lead_ports import LeadEdits, LeadReports, WakeUps
from forecourt.admin.ports import Row
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.leads.dynamics.deep_link import lead_url
from forecourt.security.dynamics_connections import remote_scope_of

_LINK_ONLY = ("d365_remote_scope", "d365_environment_url", "d365_app_id")

STATUSES = ("received", "in progress", "won", "lost", "deleted")


class LeadRoutes:
    """Answers ``/api/admin/leads`` and below it."""

    def __init__(self, *, reports: LeadReports, edits: LeadEdits, wake_ups: WakeUps) -> None:
        self._reports = reports
        self._edits = edits
        self._wake_ups = wake_ups

    def list_leads(self, request: AdminRequest) -> Reply:
        """List leads, newest first; ``status`` and ``spam`` (true, false) narrow the list."""
        page = request.page()
        spam = request.choice("spam", ("true", "false"))
        rows, total = self._reports.leads(
            request.scope,
            page,
            status=request.choice("status", STATUSES),
            spam=None if spam is None else spam == "true",
        )
        return Reply(
            HTTPStatus.OK,
            {"leads": [_document(row) for row in rows], "pagination": page.describe(total)},
        )

    def show_lead(self, request: AdminRequest) -> Reply:
        """Show one lead with its deliveries and every try they had."""
        return Reply(HTTPStatus.OK, self._describe(lead_id_of(request), request.scope))

    def change_lead(self, request: AdminRequest) -> Reply:
        """Change a lead's status or correct it: a new version, which its deliveries push.

        ``easyCarsKeeps`` of the answer names what EasyCars lets nobody change any more. 409 where
        the caller has seen another version, and for a lead that is deleted or erased.
        """
        request.caller.require_manager()
        lead_id = lead_id_of(request)
        patch = read_patch(request)
        changed = self._edits.change(
            lead_id, request.scope, partial(plan_change, patch), actor=request.actor
        )
        if changed is None:
            raise not_found(what="lead")
        change, wake_ups = changed
        wake_best_effort(self._wake_ups, wake_ups)
        shown = self._describe(lead_id, request.scope)
        shown["changed"] = list(change.fields)
        shown["easyCarsKeeps"] = [
            {"field": kept.field, "message": kept.message} for kept in change.kept_by_easycars
        ]
        return Reply(HTTPStatus.OK, shown)

    def _describe(self, lead_id: UUID, scope: int | None) -> dict[str, Any]:
        row = self._reports.lead(lead_id, scope)
        if row is None:
            raise not_found(what="lead")
        lead = _document(row)
        lead["deliveries"] = [
            with_attempts(self._reports, delivery)
            for delivery in self._reports.deliveries_of_lead(lead_id)
        ]
        return lead


def _document(row: Row) -> dict[str, Any]:
    """Describe a lead, with the address of its page in Dynamics 365.

    There is one while the connection is to the organisation that has the lead.
    """
    shown = to_document({name: row[name] for name in row if name not in _LINK_ONLY})
    address, lead_id = row["d365_environment_url"], row["d365_lead_id"]
    is_there = address is not None and row["d365_remote_scope"] == remote_scope_of(address)
    shown["d365LeadUrl"] = (
        lead_url(address, UUID(lead_id), row["d365_app_id"]) if is_there and lead_id else None
    )
    return shown


def lead_id_of(request: AdminRequest) -> UUID:
    """Read the lead's id out of the address; 404 for what is none."""
    try:
        return UUID(request.path["leadId"])
    except ValueError:
        raise not_found(what="lead") from None
