"""Routes that start runs by hand: of one dealership, or of those that failed in an earlier run."""

import math
from collections.abc import Callable
from datetime import UTC
from http import HTTPStatus
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import Field

from forecourt.admin.access import not_found
from forecourt.admin.audit import AuditEntry, AuditLog
from forecourt.admin.ports import Credentials
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.admin.run_ports import ManualRun, ManualRuns, Proposal, SyncStarter
from forecourt.admin.whole_numbers import LARGEST_ROW_ID
from forecourt.problem import FieldError, Problem
from forecourt.validation import RequestBody, invalid_fields

MOST_NAMED = 20_000
"""A run can be started for so many named dealerships; their ids have to fit into the 256 KiB an
execution may be started with."""

_START_SECONDS = 5
_SECONDS = {"stock": 55, "lead": 25}
"""What a dealership's run takes as long as none of its own was measured."""

_STARTED = {"stock": "The stock run has started", "lead": "The refresh of the leads has started"}
_PATHS = {"stock": "sync/stock", "lead": "sync/leads"}


class LeadRunBody(RequestBody):
    """The body of ``POST …/sync/leads``, which may also be left out.

    ``failedOf`` names an earlier job: the run is for those dealerships that failed in it, for
    people of a dealership only for their own.
    """

    failed_of: Annotated[UUID, Field(strict=False)] | None = None


class StockRunBody(LeadRunBody):
    """The body of ``POST …/sync/stock``, which may also be left out.

    With ``acceptRemovals`` the run removes what the dealership's last one only proposed, as long as
    that is the run with the log row ``logId``; without it, whichever it is.
    """

    accept_removals: bool = False
    log_id: Annotated[int, Field(ge=1, le=LARGEST_ROW_ID)] | None = None


class SyncStartRoutes:
    """Answers ``POST /api/admin/easycars/sync/…``."""

    def __init__(
        self,
        *,
        runs: ManualRuns,
        credentials: Credentials,
        starter: SyncStarter,
        audit_log: AuditLog,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._runs = runs
        self._credentials = credentials
        self._starter = starter
        self._audit_log = audit_log
        self._new_id = new_id

    def start_stock(self, request: AdminRequest) -> Reply:
        """Start a stock run; the auto-sync switches of its dealerships do not matter."""
        request.caller.require_manager()
        body = request.fields(StockRunBody) if request.http.raw_body else StockRunBody()
        if body.log_id is not None and not body.accept_removals:
            message = "says whose removals are accepted; give it together with acceptRemovals"
            raise invalid_fields([FieldError("logId", message)])
        if body.failed_of is None:
            return self._start_one(
                request, "stock", accept_removals=body.accept_removals, seen=body.log_id
            )
        if body.accept_removals:
            message = "cannot be given together with failedOf; removals are accepted one by one"
            raise invalid_fields([FieldError("acceptRemovals", message)])
        return self._start_failed(request, "stock", body.failed_of)

    def start_leads(self, request: AdminRequest) -> Reply:
        """Start a refresh of leads; the auto-sync switches of its dealerships do not matter."""
        request.caller.require_manager()
        body = request.fields(LeadRunBody) if request.http.raw_body else LeadRunBody()
        if body.failed_of is None:
            return self._start_one(request, "lead")
        return self._start_failed(request, "lead", body.failed_of)

    def _start_one(
        self,
        request: AdminRequest,
        sync_type: str,
        *,
        accept_removals: bool = False,
        seen: int | None = None,
    ) -> Reply:
        dealership_id = request.dealership_id
        record = self._credentials.describe(dealership_id)
        if record is None or not record.is_active:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "no-credentials",
                "The dealership has no active EasyCars credentials; store them first.",
            )
        proposal = self._proposal(dealership_id, seen) if accept_removals else None
        run = ManualRun(
            job_id=self._new_id(),
            sync_type=sync_type,
            dealership_ids=[dealership_id],
            accept_removals=None if proposal is None else proposal.log_id,
        )
        self._refuse_if_running(dealership_id, sync_type)
        return self._start(request, run, proposal=proposal)

    def _start_failed(self, request: AdminRequest, sync_type: str, job_id: UUID) -> Reply:
        failed = self._runs.failed_of(job_id, request.scope)
        if failed is None:
            raise not_found(what="job")
        if failed.sync_type != sync_type:
            path = _PATHS[failed.sync_type]
            detail = f"That job was of the other kind; post to …/{path}."
            raise _conflict(kind="other-kind", detail=detail)
        if failed.is_under_way:
            detail = "That job is still under way; wait for its end."
            raise _conflict(kind="still-running", detail=detail)
        ids = failed.dealership_ids
        if not ids:
            raise _conflict(kind="nothing-failed", detail="No dealership failed in that job.")
        if len(ids) > MOST_NAMED:
            detail = f"Over {MOST_NAMED} dealerships failed in that job; start a run of all."
            raise _conflict(kind="too-many", detail=detail)
        if len(ids) == 1:
            self._refuse_if_running(ids[0], sync_type)
        run = ManualRun(job_id=self._new_id(), sync_type=sync_type, dealership_ids=ids)
        return self._start(request, run, concurrency=failed.concurrency)

    def _proposal(self, dealership_id: int, seen: int | None) -> Proposal:
        proposal = self._runs.proposal(dealership_id)
        if proposal is None:
            raise _conflict(
                kind="nothing-proposed",
                detail="The dealership's last stock run proposed no removals, so there is nothing"
                " to accept; start a run without acceptRemovals.",
            )
        if seen is not None and seen != proposal.log_id:
            raise _conflict(
                kind="proposal-changed",
                detail=f"A later run proposed other removals: look at its log, {proposal.log_id}.",
            )
        return proposal

    def _refuse_if_running(self, dealership_id: int, sync_type: str) -> None:
        since = self._runs.running_since(dealership_id, sync_type)
        if since is not None:
            detail = (
                f"A run of the dealership is already running since"
                f" {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC; wait for its end."
            )
            raise _conflict(kind="already-running", detail=detail)

    def _start(
        self,
        request: AdminRequest,
        run: ManualRun,
        *,
        proposal: Proposal | None = None,
        concurrency: int = 1,
    ) -> Reply:
        if self._runs.are_switched_off():
            detail = "Syncs are switched off for the whole system; switch syncEnabled on first."
            raise _conflict(kind="switched-off", detail=detail)
        # Who may invoke the function itself is held back by the dealership's lock alone.
        is_limited = not request.http.is_command
        if is_limited:
            self._take_turns(run)
        try:
            self._write_down(request, run, proposal)
            self._starter.start(run)
        except BaseException:
            if is_limited:
                self._runs.release(run.dealership_ids, run.sync_type)
            raise
        return Reply(
            HTTPStatus.ACCEPTED,
            {
                "jobId": run.job_id,
                "message": _message(run, proposal),
                "estimatedDurationSeconds": self._estimate(run, concurrency),
            },
        )

    def _take_turns(self, run: ManualRun) -> None:
        wait = self._runs.claim(run.dealership_ids, run.sync_type)
        if wait is not None:
            seconds = max(1, math.ceil(wait))
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "started-just-now",
                "A dealership's run may be started once a minute; this was done just now."
                f" Try again in {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )

    def _write_down(self, request: AdminRequest, run: ManualRun, proposal: Proposal | None) -> None:
        """Say who asked for a run, or agreed to what it removes, before it can happen."""
        ids = run.dealership_ids
        one = ids[0] if len(ids) == 1 else None
        if proposal is None:
            entry = AuditEntry(
                action="sync.start_asked",
                subject_type="sync_job",
                subject_id=str(run.job_id),
                dealership_id=one,
                detail={"syncType": run.sync_type, "dealerships": len(ids)},
            )
        else:
            entry = AuditEntry(
                action="removals.accepted",
                subject_type="sync_log",
                subject_id=proposal.log_id,
                dealership_id=one,
                detail={"jobId": str(run.job_id), "stockNumbers": list(proposal.stock_numbers)},
            )
        self._audit_log.write(request.actor, entry)

    def _estimate(self, run: ManualRun, concurrency: int) -> int:
        measured = self._runs.usual_seconds(run.dealership_ids, run.sync_type)
        each = [measured.get(one, _SECONDS[run.sync_type]) for one in run.dealership_ids]
        return math.ceil(_START_SECONDS + max(*each, sum(each) / concurrency))


def _conflict(*, kind: str, detail: str) -> Problem:
    return Problem(HTTPStatus.CONFLICT, kind, detail)


def _message(run: ManualRun, proposal: Proposal | None) -> str:
    started = _STARTED[run.sync_type]
    if proposal is not None:
        return (
            f"{started}; it removes what is still missing of the"
            f" {len(proposal.stock_numbers)} vehicles the last one proposed."
        )
    count = len(run.dealership_ids)
    return f"{started}." if count == 1 else f"{started} for {count} dealerships."
