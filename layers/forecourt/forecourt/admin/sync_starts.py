"""Routes that start a run of one dealership by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from uuid import UUID, uuid4

from forecourt.admin.audit import AuditEntry, AuditLog
from forecourt.admin.ports import Credentials
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.problem import Problem
from forecourt.validation import RequestBody

_SECONDS = {"stock": 60, "lead": 30}


class StockRunBody(RequestBody):
    """The body of ``POST …/sync/stock``, which may also be left out.

    With ``acceptRemovals`` the run removes what the dealership's last one only proposed.
    """

    accept_removals: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualRun:
    """A run a person starts."""

    job_id: UUID
    sync_type: str
    dealership_ids: Sequence[int]
    accept_removals: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a dealership's last stock run that ended well would have removed."""

    log_id: int
    stock_numbers: Sequence[str]


class SyncStarter(Protocol):
    """The state machine."""

    def start(self, run: ManualRun) -> None:
        """Start a manual run; RetryableError where it cannot be started now."""
        ...


class ManualRuns(Protocol):
    """What has to be known before a run is started by hand."""

    def proposal(self, dealership_id: int) -> Proposal | None:
        """Return what waits for a person's word; None where nothing does."""
        ...


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
        """Start a stock run of one dealership; its auto-sync switch does not matter."""
        request.caller.require_manager()
        body = request.fields(StockRunBody) if request.http.raw_body else StockRunBody()
        dealership_id = self._connected(request)
        run = ManualRun(
            job_id=self._new_id(),
            sync_type="stock",
            dealership_ids=[dealership_id],
            accept_removals=body.accept_removals,
        )
        message = "The stock run has started."
        if body.accept_removals:
            count = self._accept(request, run.job_id, dealership_id)
            message = (
                "The stock run has started; it removes what is still missing of the"
                f" {count} vehicles the last one proposed."
            )
        return self._start(run, message)

    def start_leads(self, request: AdminRequest) -> Reply:
        """Start a refresh of one dealership's leads; its auto-sync switch does not matter."""
        request.caller.require_manager()
        run = ManualRun(
            job_id=self._new_id(), sync_type="lead", dealership_ids=[self._connected(request)]
        )
        return self._start(run, "The refresh of the leads has started.")

    def _connected(self, request: AdminRequest) -> int:
        dealership_id = request.dealership_id
        record = self._credentials.describe(dealership_id)
        if record is None or not record.is_active:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "no-credentials",
                "The dealership has no active EasyCars credentials; store them first.",
            )
        return dealership_id

    def _accept(self, request: AdminRequest, job_id: UUID, dealership_id: int) -> int:
        """Write down who agreed to what, before it can happen; say how many vehicles it is."""
        proposal = self._runs.proposal(dealership_id)
        if proposal is None:
            raise Problem(
                HTTPStatus.CONFLICT,
                "nothing-proposed",
                "The dealership's last stock run proposed no removals, so there is nothing to"
                " accept; start a run without acceptRemovals.",
            )
        self._audit_log.write(
            request.actor,
            AuditEntry(
                action="removals.accepted",
                subject_type="sync_log",
                subject_id=proposal.log_id,
                dealership_id=dealership_id,
                detail={"jobId": str(job_id), "stockNumbers": list(proposal.stock_numbers)},
            ),
        )
        return len(proposal.stock_numbers)

    def _start(self, run: ManualRun, message: str) -> Reply:
        self._starter.start(run)
        return Reply(
            HTTPStatus.ACCEPTED,
            {
                "jobId": run.job_id,
                "message": message,
                "estimatedDurationSeconds": _SECONDS[run.sync_type],
            },
        )
