"""The stock sync's ports over PostgreSQL: which statements share a transaction."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from forecourt.errors import SkippableError
from forecourt.images.ports import ImageRequest
from forecourt.stock.due import SyncKind
from forecourt.stock.job_end import DealershipEnd, JobSummary
from forecourt.stock.plan import SyncJob
from forecourt.stock.ports import KnownVehicle, VehicleWrite, WriteOutcome
from forecourt.stock.renumbering import VinHolder
from forecourt.stock.run import Closing, Counts, SyncResult, SyncRun, SyncType
from forecourt.storage import (
    sync_jobs,
    sync_logs,
    sync_settling,
    vehicle_images,
    vehicle_numbers,
    vehicles,
)
from forecourt.storage.postgres import Database
from forecourt.storage.settings import PostgresSettings


class PostgresStockStore:
    """:class:`forecourt.stock.ports.StockStore`: the lock and the vehicles it protects.

    Parameters
    ----------
    pipeline
        Whether a chunk travels in libpq's pipeline mode; off where a proxy does not stand it.
    """

    def __init__(self, database: Database, *, pipeline: bool = True) -> None:
        self._database = database
        self._pipeline = pipeline

    def open_run(self, job_id: UUID, dealership_id: int) -> SyncRun | SyncResult:
        """Take the dealership's lock, or return how this job's run already ended."""
        return sync_logs.open_run(self._database, job_id, dealership_id, SyncType.STOCK)

    def known_vehicles(self, run: SyncRun, source_scope: str) -> dict[str, KnownVehicle]:
        """Return every vehicle of the dealership that has a stock number, by that number."""
        return vehicles.known(
            self._database.connection(), run.dealership_id, source_scope, run.started_at
        )

    def write_vehicles(
        self, run: SyncRun, source_scope: str, chunk: Iterable[VehicleWrite], progress: Counts
    ) -> list[tuple[VehicleWrite, WriteOutcome | SkippableError]]:
        """Store a chunk in one transaction that first proves the row is still this run's."""
        kept: list[VehicleWrite] = []
        where = (run.dealership_id, source_scope)
        try:
            with self._database.transaction() as connection:
                sync_logs.renew(connection, run, progress)
                fates = vehicles.upsert_all(
                    connection, *where, _keeping(chunk, kept), pipeline=self._pipeline
                )
            return [(write, fates.get(write.stock_number, WriteOutcome.KEPT)) for write in kept]
        except vehicles.BadRowError:
            kept.extend(chunk)
        with self._database.transaction() as connection:
            sync_logs.renew(connection, run, progress)
            each = vehicles.upsert_each(connection, *where, kept)
        return list(zip(kept, each, strict=True))

    def vin_holders(self, run: SyncRun, missing: Collection[str]) -> Sequence[VinHolder]:
        """Return the dealership's vehicles with a VIN that are entered by hand or ``missing``."""
        return vehicle_numbers.vin_holders(self._database.connection(), run.dealership_id, missing)

    def renumber_vehicles(
        self, run: SyncRun, numbers: Mapping[str, str], progress: Counts
    ) -> Collection[str]:
        """Renumber in one transaction that first proves the row is still this run's."""
        with self._database.transaction() as connection:
            sync_logs.renew(connection, run, progress)
            return vehicle_numbers.renumber(connection, run.dealership_id, numbers)

    def remove_vehicles(self, run: SyncRun, stock_numbers: Sequence[str], progress: Counts) -> int:
        """Mark vehicles sold in one transaction that first proves the row is still this run's."""
        with self._database.transaction() as connection:
            sync_logs.renew(connection, run, progress)
            return vehicles.remove(connection, run.dealership_id, stock_numbers)

    def proposed_removals(self, run: SyncRun, log_id: int) -> Collection[str]:
        """Return what an earlier run of the dealership proposed to remove."""
        return sync_logs.proposed_removals(self._database.connection(), run, log_id)

    def due_images(self, run: SyncRun) -> Sequence[ImageRequest]:
        """Return the vehicles whose pictures are due."""
        due = vehicle_images.due_vehicles(self._database.connection(), run.dealership_id)
        return [
            ImageRequest(dealership_id=run.dealership_id, vehicle_id=vehicle, log_id=run.log_id)
            for vehicle in due
        ]

    def last_received(self, run: SyncRun) -> int:
        """Return how many items the dealership's last run that ended well received."""
        return sync_logs.last_received(self._database.connection(), run, SyncType.STOCK)

    def close_run(self, run: SyncRun, closing: Closing) -> bool:
        """End the run if it still holds its row; say whether it did."""
        return sync_logs.close(self._database.connection(), run, closing)


class PostgresPlanStore:
    """:class:`forecourt.stock.plan.PlanStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def switches(self) -> Mapping[str, str]:
        """Return the ``system_settings`` that are set, by key."""
        system = PostgresSettings(self._database).system()
        return {key: value for key, value in system.items() if value is not None}

    def eligible_dealerships(
        self, sync_type: SyncKind, *, own_schedule: bool | None = None
    ) -> list[int]:
        """Return who has auto-sync on and active credentials."""
        return sync_jobs.eligible_dealerships(
            self._database.connection(), sync_type, own_schedule=own_schedule
        )

    def running_job(self, schedule_name: str, *, beside: UUID) -> UUID | None:
        """Return another job of this schedule that is under way."""
        return sync_jobs.running(self._database.connection(), schedule_name, beside=beside)

    def busy_dealerships(self, sync_type: SyncKind) -> Collection[int]:
        """Return whose lock of this kind is held by a run that is alive."""
        return sync_jobs.busy_dealerships(self._database.connection(), sync_type)

    def start_job(self, job: SyncJob) -> bool:
        """Write the job's row; False when another execution has this job already."""
        return sync_jobs.start(self._database.connection(), job)


class PostgresSummaryStore:
    """:class:`forecourt.stock.summary.SummaryStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(
        self, job_id: UUID, sync_type: SyncType, planned: Sequence[int]
    ) -> list[DealershipEnd]:
        """Close what is open, add what is missing, and return every row of the planned."""
        with self._database.transaction() as connection:
            return sync_settling.settle(connection, job_id, sync_type, planned)

    def is_finished(self, job_id: UUID) -> bool:
        """Whether the job's row is closed."""
        return sync_jobs.is_finished(self._database.connection(), job_id)

    def finish_job(self, summary: JobSummary) -> None:
        """Close the job's row."""
        sync_jobs.finish(self._database.connection(), summary)


def _keeping(chunk: Iterable[VehicleWrite], kept: list[VehicleWrite]) -> Iterator[VehicleWrite]:
    """Pass the chunk on and keep what has been passed, for a second try."""
    for write in chunk:
        kept.append(write)
        yield write
