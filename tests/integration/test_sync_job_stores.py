"""Who is planned, and how a job is accounted for, against real tables."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from forecourt.errors import PermanentError
from forecourt.stock.job_end import JobSummary
from forecourt.stock.plan import PlanLocation, SyncJob
from forecourt.stock.run import Counts, SyncRun, SyncStatus, SyncType
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import (
    PostgresPlanStore,
    PostgresStockStore,
    PostgresSummaryStore,
)
from tests.support.clock import let_pass
from tests.support.stock import StockBench, item, several, stock_feed


@pytest.fixture
def bench(database: Database) -> StockBench:
    return StockBench(database)


@pytest.fixture
def plans(database: Database) -> PostgresPlanStore:
    return PostgresPlanStore(database)


@pytest.fixture
def summaries(database: Database) -> PostgresSummaryStore:
    return PostgresSummaryStore(database)


def add_credentials(bench: StockBench, dealership: int, *, active: bool = True) -> None:
    bench.execute(
        "INSERT INTO dealership_easycars_credentials (dealership_id, account_number_encrypted,"
        " account_secret_encrypted, encryption_iv, environment, is_active, data_key_encrypted)"
        " VALUES (%s, '', '', '', 'Test', %s, 'key')",
        dealership,
        active,
    )


def set_auto_sync(bench: StockBench, dealership: int, *, enabled: bool) -> None:
    bench.execute(
        "INSERT INTO dealership_settings (dealership_id, easycar_auto_sync_enabled)"
        " VALUES (%s, %s)",
        dealership,
        enabled,
    )


def job(execution: str = "execution-1", job_id: UUID | None = None, planned: int = 2) -> SyncJob:
    return SyncJob(
        job_id=job_id or uuid4(),
        sync_type="stock",
        trigger="schedule",
        execution_name=execution,
        schedule_name="nightly",
        scheduled_time=datetime(2026, 3, 2, 2, tzinfo=UTC),
        started_at=datetime(2026, 3, 2, 2, 0, 3, tzinfo=UTC),
        planned=planned,
        concurrency=4,
        plan=PlanLocation(bucket="runs", key="plan.json"),
    )


def job_row(bench: StockBench, job_id: UUID) -> dict[str, Any]:
    [row] = bench.execute("SELECT * FROM sync_job WHERE id = %s", job_id)
    return row


def test_eligible_is_auto_sync_on_and_active_credentials(
    bench: StockBench, plans: PostgresPlanStore
) -> None:
    by_default, switched_on, switched_off, inactive, without = (
        bench.add_dealership(name) for name in "abcde"
    )
    for dealership in (by_default, switched_on, switched_off):
        add_credentials(bench, dealership)
    add_credentials(bench, inactive, active=False)
    set_auto_sync(bench, switched_on, enabled=True)
    set_auto_sync(bench, switched_off, enabled=False)
    set_auto_sync(bench, without, enabled=True)
    assert plans.eligible_dealerships("stock") == [by_default, switched_on]
    assert plans.eligible_dealerships("lead") == [by_default, switched_on]


def test_a_dealership_on_hold_is_left_out_of_lead_runs_only(
    bench: StockBench, plans: PostgresPlanStore
) -> None:
    held, free = bench.add_dealership("a"), bench.add_dealership("b")
    add_credentials(bench, held)
    add_credentials(bench, free)
    bench.execute(
        "UPDATE dealership_easycars_credentials SET hold_reason = 'refused', hold_until = now()"
        " WHERE dealership_id = %s",
        held,
    )
    assert plans.eligible_dealerships("stock") == [held, free]
    assert plans.eligible_dealerships("lead") == [free]


def test_a_stock_schedule_of_its_own_is_told_from_the_nightly_plan(
    bench: StockBench, plans: PostgresPlanStore
) -> None:
    nightly, own, off = (bench.add_dealership(name) for name in "abc")
    for dealership in (nightly, own, off):
        add_credentials(bench, dealership)
        set_auto_sync(bench, dealership, enabled=dealership != off)
    bench.execute(
        "UPDATE dealership_settings SET easycar_sync_cron = '0 5 * * *'"
        " WHERE dealership_id IN (%s, %s)",
        own,
        off,
    )
    assert plans.eligible_dealerships("stock", own_schedule=False) == [nightly]
    assert plans.eligible_dealerships("stock", own_schedule=True) == [own]
    assert plans.eligible_dealerships("stock") == [nightly, own]


def test_a_job_is_under_way_as_long_as_it_shows_signs_of_life(
    bench: StockBench, plans: PostgresPlanStore, database: Database
) -> None:
    running, new = job(), uuid4()
    plans.start_job(running)
    bench.execute("UPDATE sync_job SET started_at = now()")
    assert plans.running_job("nightly", beside=new) == running.job_id
    assert plans.running_job("nightly", beside=running.job_id) is None
    assert plans.running_job("hourly", beside=new) is None

    let_pass(database, 11 * 60)
    assert plans.running_job("nightly", beside=new) is None

    PostgresStockStore(database).open_run(running.job_id, bench.add_dealership("a"))
    assert plans.running_job("nightly", beside=new) == running.job_id
    let_pass(database, 14 * 60)
    assert plans.running_job("nightly", beside=new) == running.job_id
    let_pass(database, 2 * 60)
    assert plans.running_job("nightly", beside=new) is None

    bench.execute("UPDATE sync_job SET started_at = now()")
    PostgresSummaryStore(database).finish_job(
        JobSummary(job_id=running.job_id, planned=1, succeeded=1, failed=0)
    )
    assert plans.running_job("nightly", beside=new) is None


def test_a_manual_run_holds_up_no_schedule(bench: StockBench, plans: PostgresPlanStore) -> None:
    plans.start_job(job())
    bench.execute("UPDATE sync_job SET started_at = now(), trigger = 'manual'")
    assert plans.running_job("nightly", beside=uuid4()) is None


def test_a_dealership_is_busy_while_a_live_run_holds_its_lock(
    bench: StockBench, plans: PostgresPlanStore, database: Database
) -> None:
    dealership = bench.add_dealership("a")
    PostgresStockStore(database).open_run(uuid4(), dealership)
    assert plans.busy_dealerships("stock") == [dealership]
    assert plans.busy_dealerships("lead") == []
    let_pass(database, 6 * 60)
    assert plans.busy_dealerships("stock") == []


def test_the_switches_are_the_system_settings(bench: StockBench, plans: PostgresPlanStore) -> None:
    bench.execute("UPDATE system_settings SET value = NULL WHERE key = 'easycar_sync_concurrency'")
    switches = plans.switches()
    assert switches["easycar_sync_enabled"] == "true"
    assert "easycar_sync_concurrency" not in switches


def test_a_job_starts_running(bench: StockBench, plans: PostgresPlanStore) -> None:
    started = job()
    assert plans.start_job(started)
    row = job_row(bench, started.job_id)
    expected = {
        "sync_type": "stock",
        "trigger": "schedule",
        "execution_name": "execution-1",
        "schedule_name": "nightly",
        "scheduled_time": started.scheduled_time,
        "started_at": started.started_at,
        "planned": 2,
        "concurrency": 4,
        "plan_bucket": "runs",
        "plan_key": "plan.json",
        "status": "Running",
        "completed_at": None,
    }
    assert {name: row[name] for name in expected} == expected


def test_a_job_belongs_to_one_execution(bench: StockBench, plans: PostgresPlanStore) -> None:
    first = job()
    assert plans.start_job(first)
    assert not plans.start_job(job("execution-2", first.job_id, planned=9))
    assert job_row(bench, first.job_id)["planned"] == 2
    assert plans.start_job(job("execution-1", first.job_id, planned=3))
    assert job_row(bench, first.job_id)["planned"] == 3


@pytest.mark.parametrize(
    ("failed", "status"), [(0, "Succeeded"), (1, "Failed")], ids=["all well", "one failed"]
)
def test_a_finished_job_says_how_it_ended(
    bench: StockBench,
    plans: PostgresPlanStore,
    summaries: PostgresSummaryStore,
    failed: int,
    status: str,
) -> None:
    started = job()
    plans.start_job(started)
    assert not summaries.is_finished(started.job_id)
    summaries.finish_job(
        JobSummary(job_id=started.job_id, planned=2, succeeded=2 - failed, failed=failed)
    )
    row = job_row(bench, started.job_id)
    assert (row["status"], row["succeeded"], row["failed"]) == (status, 2 - failed, failed)
    assert summaries.is_finished(started.job_id)


def test_settling_accounts_for_every_planned_dealership(
    bench: StockBench, summaries: PostgresSummaryStore, database: Database
) -> None:
    well, warned, failed, stuck, never = (bench.add_dealership(name) for name in "abcde")
    stranger = bench.add_dealership("not planned")
    job_id = uuid4()
    bench.source.answers = {
        well: stock_feed(item("1")),
        warned: stock_feed(item("1"), item("2", YearGroup=1)),
        failed: PermanentError(code="REFUSED", detail="bad account", target="EasyCars"),
    }
    for dealership in (well, warned):
        bench.sync.run(job_id, dealership, seconds_left=900)
    with pytest.raises(PermanentError):
        bench.sync.run(job_id, failed, seconds_left=900)
    store = PostgresStockStore(database)
    straggler = store.open_run(job_id, stuck)
    assert isinstance(straggler, SyncRun)

    planned = [well, warned, failed, stuck, never, 999_999]
    ends = {one.dealership_id: one for one in summaries.settle(job_id, SyncType.STOCK, planned)}

    assert {dealership: (one.status, one.reason) for dealership, one in ends.items()} == {
        well: (SyncStatus.SUCCESS, None),
        warned: (SyncStatus.WARNING, ends[warned].reason),
        failed: (SyncStatus.FAILED, "EasyCars REFUSED: bad account"),
        stuck: (SyncStatus.FAILED, "did not finish"),
        never: (SyncStatus.FAILED, "did not start"),
    }
    assert (ends[well].name, ends[well].counts) == ("a", Counts(received=1, created=1))
    assert bench.logs(stranger) == []
    assert [log["status"] for log in bench.logs(never)] == ["Failed"]
    with pytest.raises(PermanentError) as caught:
        store.write_vehicles(straggler, "scope", [], Counts())
    assert caught.value.code == "LEASE_LOST"
    again = summaries.settle(job_id, SyncType.STOCK, planned)
    assert {one.dealership_id: one for one in again} == ends


def test_an_end_says_how_long_it_took_and_how_many_records_are_usual(
    bench: StockBench, summaries: PostgresSummaryStore
) -> None:
    dealership = bench.add_dealership()
    bench.run(dealership, *several(range(3)))
    job_id = uuid4()
    bench.source.answers[dealership] = PermanentError("REFUSED", "no", target="EasyCars")
    with pytest.raises(PermanentError):
        bench.sync.run(job_id, dealership, seconds_left=900)
    bench.execute(
        "UPDATE easycars_sync_logs SET completed_at = started_at + interval '90 s'"
        " WHERE job_id = %s",
        job_id,
    )

    [end] = summaries.settle(job_id, SyncType.STOCK, [dealership])

    assert (end.usual_records, end.seconds) == (3, 90.0)
    newcomer = bench.add_dealership("new")
    [unknown] = summaries.settle(uuid4(), SyncType.STOCK, [newcomer])
    assert unknown.usual_records is None


def test_settling_leaves_other_jobs_alone(
    bench: StockBench, summaries: PostgresSummaryStore, database: Database
) -> None:
    dealership = bench.add_dealership()
    running = PostgresStockStore(database).open_run(uuid4(), dealership)
    assert isinstance(running, SyncRun)
    [end] = summaries.settle(uuid4(), SyncType.STOCK, [dealership])
    assert end.reason == "did not start"
    assert [log["status"] for log in bench.logs(dealership)] == ["InProgress", "Failed"]


def add_run(bench: StockBench, dealership: int, hours_ago: float, **values: Any) -> None:
    """A run that ended so long ago."""
    started = datetime.now(UTC) - timedelta(hours=hours_ago)
    columns: dict[str, Any] = {
        "sync_type": "Stock", "sync_direction": "Inbound", "status": "Failed",
        "started_at": started, "completed_at": started, "job_id": uuid4(),
    } | values  # fmt: skip
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    bench.execute(
        f"INSERT INTO easycars_sync_logs (dealership_id, {names}) VALUES (%s, {marks})",  # noqa: S608
        dealership,
        *columns.values(),
    )


@pytest.mark.parametrize(
    ("before", "failures"),
    [
        ([], 0),
        (["Success"], 0),
        (["Success", "Failed"], 1),
        (["Failed", "Warning", "Failed", "Failed"], 2),
        (["Failed"] * 5, 3),
        (["Failed", "Success"], 0),
    ],
)
def test_an_end_says_how_often_it_failed_before_in_a_row(
    bench: StockBench, summaries: PostgresSummaryStore, before: list[str], failures: int
) -> None:
    dealership = bench.add_dealership()
    for age, status in enumerate(reversed(before), start=1):
        reason = f"{age} ago" if status == "Failed" else None
        add_run(bench, dealership, 30 * age, status=status, error_message=reason)
    add_run(bench, dealership, 1, sync_type="Lead")
    add_run(bench, dealership, 1, sync_direction="Outbound")
    add_run(bench, bench.add_dealership("other"), 1)
    job_id = uuid4()
    bench.source.answers[dealership] = stock_feed(item("1"))
    bench.sync.run(job_id, dealership, seconds_left=900)

    [end] = summaries.settle(job_id, SyncType.STOCK, [dealership])

    assert (end.failures_before, end.reason_before) == (failures, "1 ago" if failures else None)
    assert (end.failed_today, end.held_today, end.removals_held) == (False, False, 0)


def test_a_run_that_met_another_one_says_nothing_about_the_dealership(
    bench: StockBench, summaries: PostgresSummaryStore, database: Database
) -> None:
    dealership = bench.add_dealership()
    store = PostgresStockStore(database)
    running = store.open_run(uuid4(), dealership)
    assert isinstance(running, SyncRun)
    refused, later = uuid4(), uuid4()
    with pytest.raises(PermanentError):
        store.open_run(refused, dealership)
    [end] = summaries.settle(refused, SyncType.STOCK, [dealership])
    assert (end.status, end.was_refused) == (SyncStatus.FAILED, True)

    bench.execute("DELETE FROM easycars_sync_logs WHERE id = %s", running.log_id)
    bench.source.answers[dealership] = stock_feed(item("1"))
    bench.sync.run(later, dealership, seconds_left=900)
    [end] = summaries.settle(later, SyncType.STOCK, [dealership])
    assert (end.was_refused, end.failures_before, end.failed_today) == (False, 0, False)


def test_an_end_says_whether_the_same_was_told_today(
    bench: StockBench, summaries: PostgresSummaryStore
) -> None:
    bench.execute("SET TIME ZONE 'Australia/Sydney'")
    fresh, failing, holding = (bench.add_dealership(name) for name in "abc")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    held = Jsonb({"proposedRemovals": {"total": 2, "stockNumbers": ["1", "2"]}})
    earlier = {"started_at": midnight - timedelta(seconds=1)}
    today = {"started_at": midnight}
    for dealership in (fresh, failing):
        add_run(bench, dealership, 0, **earlier)
    add_run(bench, fresh, 0, **earlier, status="Warning", error_details=held)
    add_run(bench, failing, 0, **today)
    add_run(bench, holding, 0, **today, status="Warning", error_details=held)
    job_id = uuid4()
    add_run(bench, holding, 0, job_id=job_id, status="Warning", error_details=held)

    planned = [fresh, failing, holding]
    ends = {one.dealership_id: one for one in summaries.settle(job_id, SyncType.STOCK, planned)}

    told = {one: (end.failed_today, end.held_today) for one, end in ends.items()}
    assert told == {fresh: (False, False), failing: (True, False), holding: (False, True)}
    assert [ends[one].removals_held for one in planned] == [0, 0, 2]
