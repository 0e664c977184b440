"""Make one dealership's vehicles equal its EasyCars feed (design 5.2)."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict
from itertools import chain
from uuid import UUID

import msgspec

from forecourt.errors import ForecourtError, PermanentError, RetryableError, SkippableError
from forecourt.logs import get_logger
from forecourt.stock.comparison import ChangedItem, Comparison
from forecourt.stock.ports import (
    CredentialSource,
    ImageQueue,
    KnownVehicle,
    StockMapping,
    StockSource,
    StockStore,
    VehicleDraft,
    VehicleWrite,
)
from forecourt.stock.removal import plan_removals, standing
from forecourt.stock.renumbering import know_again
from forecourt.stock.report import RunReport
from forecourt.stock.run import Closing, SyncResult, SyncRun
from forecourt.stock.state_machine_errors import as_state_machine_error

CHUNK_ROWS = 200
CHUNK_CHARACTERS = 4 * 1024 * 1024
"""One transaction stores at most this many rows and about this much raw JSON, so that neither
its locks nor its memory grow with the feed."""

FETCH_SECONDS = 180.0
"""The vendor's whole answer must come within this; less than the five minutes of the lease."""

CLOSING_SECONDS = 20.0
"""Kept free at the end of a function's time to store one chunk and close the row."""

WORD_SECONDS = 300.0
"""A long run says in the log how far it is, so often."""


class StockSync:
    """Runs the stock sync of single dealerships.

    Parameters
    ----------
    source, credentials, store, mapping, images
        The vendor, the vault, the database, the mapping rules and the queue for pictures.
    clock
        Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        source: StockSource,
        credentials: CredentialSource,
        store: StockStore,
        mapping: StockMapping,
        images: ImageQueue,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._credentials = credentials
        self._store = store
        self._mapping = mapping
        self._images = images
        self._clock = clock
        self._log = get_logger("stock_sync")

    def run(
        self,
        job_id: UUID,
        dealership_id: int,
        *,
        seconds_left: float,
        accept_removals: int | None = None,
    ) -> SyncResult:
        """Sync one dealership and close its log row, whatever happens.

        A repeated call for a job whose run ended well returns that end and does nothing; after
        a crash or a failure it goes on where the first one stopped.

        Parameters
        ----------
        seconds_left
            How long this process may still run.
        accept_removals
            The log row of the run whose proposed removals a person agreed to.

        Raises
        ------
        RetryableError, PermanentError, SkippableError
            Exactly these classes, after the row was closed Failed with the reason.
        """
        must_end = self._clock() + seconds_left - CLOSING_SECONDS
        report = RunReport()
        run: SyncRun | None = None
        try:
            opened = self._store.open_run(job_id, dealership_id)
            if isinstance(opened, SyncResult):
                self._log.info("Stock sync had ended before", dealership_id=dealership_id)
                return opened
            run = opened
            self._log.info("Stock sync started", dealership_id=dealership_id, job_id=str(job_id))
            self._sync(run, report, must_end, accept_removals=accept_removals)
            closing = report.finished()
            if closing.credential_id is not None:
                self._credentials.mark_synced(closing.credential_id)
            self._close(run, closing)
        except Exception as error:
            failure = as_state_machine_error(error)
            self._log.exception("Stock sync failed", dealership_id=dealership_id, code=failure.code)
            if run is not None:
                self._close_after(failure, run, report)
            raise failure from error
        self._log.info(
            "Stock sync ended",
            dealership_id=dealership_id,
            job_id=str(job_id),
            status=closing.status.value,
            result=closing.counts.in_words(),
            counts=asdict(closing.counts),
        )
        return SyncResult(dealership_id=dealership_id, status=closing.status, counts=closing.counts)

    def _sync(
        self, run: SyncRun, report: RunReport, must_end: float, *, accept_removals: int | None
    ) -> None:
        credentials = self._credentials.load(run.dealership_id)
        if credentials is None:
            detail = "the dealership has no active EasyCars credentials"
            raise PermanentError(code="NO_CREDENTIALS", detail=detail, target="Forecourt")
        report.asked_with(credentials)
        feed = self._source.fetch_stock(
            credentials, deadline=min(self._clock() + FETCH_SECONDS, must_end)
        )
        report.answered(feed)
        scope = credentials.stock_scope
        known = self._store.known_vehicles(run, scope)
        if not feed.items:
            standing = sum(vehicle.content_hash is not None for vehicle in known.values())
            report.nothing_came(expected=max(standing, self._store.last_received(run)))
            return
        comparison = Comparison(
            feed.items,
            known,
            stock_number_of=self._mapping.stock_number_of,
            mapping_version=self._mapping.version,
        )
        self._know_again(run, report, comparison, known, is_complete=feed.warning is None)
        told: float | None = None
        for chunk in _chunks(self._map(comparison.changed(), report)):
            now = self._clock()
            if now > must_end:
                detail = "the function's time is nearly over; what was stored so far stays"
                raise RetryableError(code="OUT_OF_TIME", detail=detail, target="Forecourt")
            told = now if told is None else told
            if now - told >= WORD_SECONDS:
                told = now
                self._log.info(
                    "Stock sync goes on",
                    dealership_id=run.dealership_id,
                    job_id=str(run.job_id),
                    written=report.counts.created + report.counts.updated,
                    received=report.counts.received,
                )
            for write, fate in self._store.write_vehicles(run, scope, chunk, report.counts):
                if isinstance(fate, SkippableError):
                    report.rejected(write.position, write.stock_number, fate)
                else:
                    report.written(known.get(write.stock_number), fate)
        report.compared(comparison, known)
        if feed.warning is None and comparison.names_all:
            accepted: Collection[str] = ()
            if accept_removals is not None:
                accepted = self._store.proposed_removals(run, accept_removals)
            removals = plan_removals(known, comparison.seen, accepted=accepted)
            count = 0
            if removals.now:
                count = self._store.remove_vehicles(run, removals.now, report.counts)
            report.removed(count, removals, known)
        self._queue_images(run, report, known)

    def _queue_images(
        self, run: SyncRun, report: RunReport, known: dict[str, KnownVehicle]
    ) -> None:
        """Queue the vehicles whose pictures are due; on most nights there are none to look for."""
        counts = report.counts
        wrote = counts.created or counts.updated
        if not wrote and not any(vehicle.pictures_due for vehicle in known.values()):
            return
        due = self._store.due_images(run)
        report.images_queued(self._images.send(due) if due else 0, len(due))

    def _know_again(
        self,
        run: SyncRun,
        report: RunReport,
        comparison: Comparison,
        known: dict[str, KnownVehicle],
        *,
        is_complete: bool,
    ) -> None:
        """Enter new stock numbers of known vehicles into ``known``, as they are to be compared."""
        new = list(comparison.new_items())
        if not new:
            return
        missing: Collection[str] = ()
        if is_complete and comparison.names_all:
            missing = standing(known).keys() - comparison.seen
        holders = self._store.vin_holders(run, missing)
        again = know_again(holders, self._vins(new) if holders else {})
        for number in again.dealer_owned:
            known[number] = KnownVehicle(
                None, from_easycars=False, created_by_job=False, written_by_job=False
            )
        if not again.renumbered:
            return
        done = self._store.renumber_vehicles(run, again.renumbered, report.counts)
        numbers = {old: new for old, new in again.renumbered.items() if old in done}
        for old, number in numbers.items():
            known[number] = known.pop(old)._replace(content_hash=None)
        report.renumbered(numbers)

    def _vins(self, new: Iterable[tuple[str, msgspec.Raw]]) -> dict[str, str]:
        vins = {}
        for number, raw in new:
            try:
                vin = self._mapping.draft(raw).easycars_vin
            except SkippableError:  # told when its turn to be written has come
                continue
            if vin is not None:
                vins[number] = vin
        return vins

    def _map(self, changed: Iterable[ChangedItem], report: RunReport) -> Iterator[VehicleWrite]:
        for item in changed:
            try:
                draft = self._mapping.draft(item.raw)
                _check_number(item, draft)
            except SkippableError as error:
                report.rejected(item.position, item.stock_number, error)
                continue
            report.altered(item.position, item.stock_number, draft.warnings)
            yield VehicleWrite(item.position, item.stock_number, item.content_hash, draft)

    def _close(self, run: SyncRun, closing: Closing) -> None:
        if not self._store.close_run(run, closing):
            detail = "another run holds the dealership's log row now"
            raise PermanentError(code="LEASE_LOST", detail=detail, target="Forecourt")

    def _close_after(self, failure: ForecourtError, run: SyncRun, report: RunReport) -> None:
        """Write the reason into the row; the failure itself matters more than a second one."""
        try:
            self._store.close_run(run, report.stopped(failure))
        except Exception:  # noqa: BLE001 - logged; the caller raises the failure itself
            self._log.exception("Stock sync could not close its row", log_id=run.log_id)


def _check_number(item: ChangedItem, draft: VehicleDraft) -> None:
    """Refuse an item with two stock numbers: nobody knows under which it will be found again."""
    if draft.easycars_stock_number != item.stock_number:
        detail = f"the item also calls itself {draft.easycars_stock_number}"
        raise SkippableError(code="STOCK_NUMBER_AMBIGUOUS", detail=detail, target="EasyCars")


def _chunks(writes: Iterator[VehicleWrite]) -> Iterator[Iterator[VehicleWrite]]:
    """Cut the writes where a transaction has grown large enough; each chunk is lazy too.

    A chunk must be walked to its end before the next is asked for.
    """
    for first in writes:
        yield _chunk(first, writes)


def _chunk(first: VehicleWrite, following: Iterator[VehicleWrite]) -> Iterator[VehicleWrite]:
    size = 0
    for rows, write in enumerate(chain((first,), following), start=1):
        yield write
        size += len(write.draft.easycars_raw_data)
        if rows >= CHUNK_ROWS or size >= CHUNK_CHARACTERS:
            return
