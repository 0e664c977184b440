"""Routes of status conflicts: leads whose status changed here and at EasyCars (reference 2.4)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field

from forecourt.admin.access import not_found
from forecourt.admin.deliveries import wake_best_effort
from forecourt.admin.documents import to_document
from forecourt.admin.lead_ports import StatusConflicts, WakeUps
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.admin.status_resolution import Resolution, Settled, settle
from forecourt.admin.whole_numbers import whole_number
from forecourt.leads.status import STATUS_OF_NUMBER
from forecourt.validation import RequestBody

_LARGEST_CONFLICT_ID = 2**31 - 1


class ResolveBody(RequestBody):
    """The body of ``POST …/{conflictId}/resolve``."""

    resolution: Annotated[Resolution, Field(strict=False)]


class ConflictRoutes:
    """Answers ``/api/admin/easycars/lead-sync-conflicts`` and below it (reference 3.7)."""

    def __init__(self, *, conflicts: StatusConflicts, wake_ups: WakeUps) -> None:
        self._conflicts = conflicts
        self._wake_ups = wake_ups

    def list(self, request: AdminRequest) -> Reply:
        """List open conflicts, newest first; with ``resolved=true`` those that are settled."""
        page = request.page()
        resolved = request.choice("resolved", ("true", "false")) == "true"
        rows, total = self._conflicts.list(request.scope, page, resolved=resolved)
        return Reply(
            HTTPStatus.OK,
            {"conflicts": [_document(row) for row in rows], "pagination": page.describe(total)},
        )

    def resolve(self, request: AdminRequest) -> Reply:
        """Settle a conflict: our status goes to EasyCars (local), or theirs is taken (remote).

        409 where it is settled already, and where a deleted lead would have to come back.
        """
        request.caller.require_manager()
        resolution = request.fields(ResolveBody).resolution
        conflict_id = whole_number(request.path["conflictId"], largest=_LARGEST_CONFLICT_ID)
        if conflict_id is None:
            raise not_found(what="conflict")

        def decide(row: Mapping[str, Any]) -> Settled:
            return settle(row, resolution)

        found = self._conflicts.resolve(conflict_id, request.scope, decide, actor=request.actor)
        if found is None:
            raise not_found(what="conflict")
        row, wake_ups = found
        wake_best_effort(self._wake_ups, wake_ups)
        return Reply(HTTPStatus.OK, _document(row))


def _document(row: Mapping[str, Any]) -> dict[str, Any]:
    return to_document(row) | {"remoteStatusLabel": STATUS_OF_NUMBER.get(row["remote_status"])}
