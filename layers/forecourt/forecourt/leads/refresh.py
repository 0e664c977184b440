"""Refresh one dealership's open leads from EasyCars (design 5.1.8).

Each lead is asked for by its number, the least recently asked first: EasyCars has no list of leads
and no "changed since", so leads that were born there are never seen.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from uuid import UUID

from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    PermanentError,
    RetryableError,
    SkippableError,
)
from forecourt.leads.inbound import HeldLead, InboundLead, Joined, join
from forecourt.leads.refresh_ports import DueLead, LeadSource, RefreshStore
from forecourt.leads.refresh_report import RefreshReport
from forecourt.leads.status import DEFAULT_STRATEGY, STRATEGY_KEY, ConflictStrategy
from forecourt.logs import get_logger
from forecourt.security.credentials import EasyCarsCredentials
from forecourt.stock.ports import CredentialSource
from forecourt.stock.run import Closing, SyncResult, SyncRun
from forecourt.stock.state_machine_errors import as_state_machine_error

LEAD_SECONDS = 60.0
"""One lead's answer, with what the client repeats, must come within this."""

RUN_SECONDS = 300.0
"""No run asks for longer than this, so that one dealership does not hold up the next."""

CLOSING_SECONDS = 20.0
"""Kept free at the end of a function's time to store one lead and close the row."""

MISSED_IN_A_ROW = 3
"""So many leads that cannot be read just now, one after another, mean that EasyCars is away."""

_SLOW_DOWN = "HTTP_429"


class LeadRefresh:
    """Runs the lead refresh of single dealerships.

    Parameters
    ----------
    source, credentials, store
        The vendor, the vault and the database.
    calls_per_second
        How often one run asks the vendor at most.
    leads_per_run
        How many leads one run asks for at most; the others come first in the next.
    clock, sleep
        Seconds, monotonic, and how to let some pass.
    """

    def __init__(
        self,
        *,
        source: LeadSource,
        credentials: CredentialSource,
        store: RefreshStore,
        calls_per_second: float,
        leads_per_run: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._credentials = credentials
        self._store = store
        self._pause = 1.0 / calls_per_second
        self._leads_per_run = leads_per_run
        self._clock = clock
        self._sleep = sleep
        self._log = get_logger("lead_refresh")

    def run(self, job_id: UUID, dealership_id: int, *, seconds_left: float) -> SyncResult:
        """Refresh one dealership's leads and close its log row, whatever happens.

        A repeated call for a job whose run ended well returns that end and does nothing; after
        a crash or a failure it goes on with the leads the first one had not asked for.

        Parameters
        ----------
        seconds_left
            How long this process may still run.

        Raises
        ------
        RetryableError, PermanentError, SkippableError
            Exactly these classes, after the row was closed Failed with the reason.
        """
        must_end = self._clock() + min(seconds_left - CLOSING_SECONDS, RUN_SECONDS)
        report = RefreshReport()
        run: SyncRun | None = None
        try:
            opened = self._store.open_run(job_id, dealership_id)
            if isinstance(opened, SyncResult):
                self._log.info("Lead refresh had ended before", dealership_id=dealership_id)
                return opened
            run = opened
            self._log.info("Lead refresh started", dealership_id=dealership_id, job_id=str(job_id))
            report.goes_on_from(run.progress)
            self._refresh(run, report, must_end)
            closing = report.finished()
            self._close(run, closing)
        except Exception as error:
            failure = as_state_machine_error(error)
            self._log.exception(
                "Lead refresh failed", dealership_id=dealership_id, code=failure.code
            )
            if run is not None:
                self._close_after(failure, run, report)
            raise failure from error
        self._log.info(
            "Lead refresh ended",
            dealership_id=dealership_id,
            job_id=str(job_id),
            status=closing.status.value,
            result=closing.counts.in_words(),
            counts=asdict(closing.counts),
        )
        return SyncResult(dealership_id=dealership_id, status=closing.status, counts=closing.counts)

    def _refresh(self, run: SyncRun, report: RefreshReport, must_end: float) -> None:
        credentials = self._credentials.load(run.dealership_id)
        if credentials is None:
            detail = "the dealership has no active EasyCars credentials"
            raise PermanentError(code="NO_CREDENTIALS", detail=detail, target="Forecourt")
        due = self._store.due_leads(run, credentials.account_scope, self._leads_per_run)
        report.asks(credentials, waiting=due.waiting)
        if due.leads and self._store.is_vendor_away(credentials.environment):
            detail = "deliveries found EasyCars away a moment ago; nothing was asked"
            raise RetryableError(code="VENDOR_AWAY", detail=detail, target="EasyCars")
        strategy = self._strategy()
        away: RetryableError | None = None
        for lead in self._paced(due.leads, must_end):
            try:
                inbound = self._read(credentials, lead, must_end)
            except RetryableError as error:
                away = error
                report.missed(lead.lead_number, error)
                self._store.pass_over(run, lead, report.counts, for_good=False)
                if error.code == _SLOW_DOWN or report.missed_in_a_row == MISSED_IN_A_ROW:
                    raise
            except AuthenticationError:
                raise
            except (PermanentError, SkippableError) as error:
                report.failed(lead.lead_number, error)
                self._store.pass_over(run, lead, report.counts, for_good=True)
            else:
                self._store_one(run, report, lead, inbound, strategy)
        if away is not None and not report.was_answered:
            raise away

    def _paced(self, leads: Sequence[DueLead], must_end: float) -> Iterator[DueLead]:
        """Give the leads no faster than the vendor may be asked, until the time is over."""
        next_call = self._clock()
        for lead in leads:
            self._sleep(max(0.0, next_call - self._clock()))
            now = self._clock()
            if now > must_end:
                return
            next_call = now + self._pause
            yield lead

    def _read(
        self, credentials: EasyCarsCredentials, lead: DueLead, must_end: float
    ) -> InboundLead:
        inbound = self._source.read_lead(
            credentials,
            lead.lead_number,
            deadline=min(self._clock() + LEAD_SECONDS, must_end + CLOSING_SECONDS / 2),
        )
        _check_identity(lead, inbound)
        return inbound

    def _store_one(
        self,
        run: SyncRun,
        report: RefreshReport,
        lead: DueLead,
        inbound: InboundLead,
        strategy: ConflictStrategy,
    ) -> None:
        def joined(held: HeldLead) -> Joined:
            base = self._source.confirmed_choices(held.delivered_fields)
            return join(held, inbound, base, strategy)

        try:
            stored = self._store.refresh(run, lead, inbound, joined, report.counts)
        except SkippableError as error:
            report.failed(lead.lead_number, error)
            self._store.pass_over(run, lead, report.counts, for_good=True)
        else:
            report.refreshed(lead.lead_number, inbound, stored)

    def _strategy(self) -> ConflictStrategy:
        text = self._store.setting(STRATEGY_KEY)
        if text is None:
            return DEFAULT_STRATEGY
        try:
            return ConflictStrategy(text.strip())
        except ValueError:
            self._log.warning(
                "Setting is none of LocalWins, RemoteWins, ManualReview, so the default is used",
                key=STRATEGY_KEY,
                default=DEFAULT_STRATEGY.value,
            )
            return DEFAULT_STRATEGY

    def _close(self, run: SyncRun, closing: Closing) -> None:
        if not self._store.close_run(run, closing):
            detail = "another run holds the dealership's log row now"
            raise PermanentError(code="LEASE_LOST", detail=detail, target="Forecourt")

    def _close_after(self, failure: ForecourtError, run: SyncRun, report: RefreshReport) -> None:
        """Write the reason into the row; the failure itself matters more than a second one."""
        try:
            self._store.close_run(run, report.stopped(failure))
        except Exception:  # noqa: BLE001 - logged; the caller raises the failure itself
            self._log.exception("Lead refresh could not close its row", log_id=run.log_id)


def _check_identity(lead: DueLead, inbound: InboundLead) -> None:
    """Refuse another lead's answer: numbers start anew in an account that was set up again."""
    if inbound.easycars_lead_number != lead.lead_number:
        detail = "EasyCars answered with another lead number than was asked for"
        raise SkippableError(code="ANOTHER_LEAD", detail=detail, target="EasyCars")
    theirs = (inbound.external_id or "").lower()
    if theirs and theirs != str(lead.external_id):
        detail = "under this number EasyCars has a lead with another ExternalID"
        raise SkippableError(code="ANOTHER_LEAD", detail=detail, target="EasyCars")
