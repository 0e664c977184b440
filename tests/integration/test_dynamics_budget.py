"""The budget in PostgreSQL: what stands on record, who waits, and what a 429 does to all."""

from collections.abc import Iterator

import pytest

from forecourt.leads.dynamics.budget import Spent
from forecourt.storage.dynamics_budget import PostgresBudget
from forecourt.storage.postgres import Database
from tests.support.lead_delivery import database_at

SCOPE = "one application user"
OTHER = "another"


@pytest.fixture
def budget(database: Database) -> PostgresBudget:
    return PostgresBudget(database)


@pytest.fixture
def elsewhere(database_url: str) -> Iterator[PostgresBudget]:
    other = database_at(database_url)
    yield PostgresBudget(other)
    other.close()


def pass_time(database: Database, seconds: float) -> None:
    connection = database.connection()
    for table, column in (
        ("dynamics_budget", "closed_until"),
        ("dynamics_budget_grant", "ends_at"),
        ("dynamics_budget_wait", "until"),
    ):
        connection.execute(
            f"UPDATE {table} SET {column} = {column} - make_interval(secs => %s)".encode(),  # noqa: S608
            (seconds,),
        )


def spend(budget: PostgresBudget, wanted: int, spent: Spent, scope: str = SCOPE) -> int:
    grant = budget.take(scope, 1, wanted)
    budget.give_back(scope, grant, spent)
    return grant.permits


def test_no_more_run_at_once_than_all_workers_may(
    budget: PostgresBudget, elsewhere: PostgresBudget
) -> None:
    taken = [worker.take(SCOPE, 1, 10) for worker in (budget, elsewhere) * 3]

    assert [grant.permits for grant in taken] == [10, 10, 10, 10, 9, 0]
    assert taken[-1].wait == 1.0
    elsewhere.give_back(SCOPE, taken[0], Spent(requests=10, execution_seconds=1.0))
    assert budget.take(SCOPE, 1, 10).permits == 10


def test_requests_leave_the_window_after_300_seconds(
    budget: PostgresBudget, database: Database
) -> None:
    spend(budget, 10, Spent(requests=5_690, execution_seconds=10.0))
    pass_time(database, 100)
    assert spend(budget, 10, Spent(requests=10)) == 10

    turned_away = budget.take(SCOPE, 1, 10)

    assert turned_away.permits == 0
    assert 195 < turned_away.wait <= 200
    pass_time(database, 199)
    assert budget.take(SCOPE, 1, 10).permits == 0
    pass_time(database, 2)
    assert budget.take(SCOPE, 1, 10).permits == 10
    kept = database.connection().execute("SELECT count(*) FROM dynamics_budget_grant").fetchone()
    assert kept == (2,)


def test_execution_time_counts_and_slow_calls_reserve_more(budget: PostgresBudget) -> None:
    spend(budget, 10, Spent(requests=10, execution_seconds=1_040.0, slowest_seconds=30.0))

    assert budget.take(SCOPE, 1, 10).permits == 3


def test_scopes_know_nothing_of_each_other(budget: PostgresBudget) -> None:
    spend(budget, 10, Spent(requests=6_000, refused_for=60.0))

    assert budget.take(SCOPE, 1, 1).permits == 0
    assert budget.take(OTHER, 1, 10).permits == 10


def test_permits_of_a_dead_worker_come_back_and_count_as_used(
    budget: PostgresBudget, database: Database
) -> None:
    lost = [budget.take(SCOPE, 1, 49) for _ in range(1)]
    assert budget.take(SCOPE, 1, 10).permits == 0

    pass_time(database, 151)

    assert budget.take(SCOPE, 1, 10).permits == 10
    late = Spent(requests=49, execution_seconds=1_130.0)
    budget.give_back(SCOPE, lost[0], late)
    assert budget.take(SCOPE, 1, 10).permits == 0


def test_a_429_is_waited_out_by_all_and_tried_by_one(
    budget: PostgresBudget, elsewhere: PostgresBudget, database: Database
) -> None:
    spend(budget, 10, Spent(requests=10, refused_for=20.0))
    closed = elsewhere.take(SCOPE, 2, 10)
    assert closed.permits == 0
    assert 19 < closed.wait <= 20

    pass_time(database, 21)
    probe = elsewhere.take(SCOPE, 2, 10)
    assert probe.permits == 1
    assert budget.take(SCOPE, 1, 10).permits == 0
    elsewhere.give_back(SCOPE, probe, Spent(requests=1, refused_for=40.0))
    assert 38 < budget.take(SCOPE, 1, 10).wait <= 40

    pass_time(database, 41)
    budget.give_back(SCOPE, budget.take(SCOPE, 1, 10), Spent())
    probe = budget.take(SCOPE, 1, 10)
    assert probe.permits == 1
    budget.give_back(SCOPE, probe, Spent(requests=1, execution_seconds=0.1))
    assert budget.take(SCOPE, 1, 10).permits == 10


def test_a_shorter_429_does_not_open_what_a_longer_one_closed(budget: PostgresBudget) -> None:
    spend(budget, 10, Spent(requests=1, refused_for=60.0))
    grant = budget.take(SCOPE, 1, 10)
    budget.give_back(SCOPE, grant, Spent(requests=1, refused_for=5.0))

    assert budget.take(SCOPE, 1, 10).wait > 50


def test_another_probe_goes_when_the_first_ones_worker_died(
    budget: PostgresBudget, database: Database
) -> None:
    spend(budget, 10, Spent(requests=1, refused_for=1.0))
    pass_time(database, 2)
    assert budget.take(SCOPE, 1, 10).permits == 1
    assert budget.take(SCOPE, 1, 10).permits == 0

    pass_time(database, 151)

    assert budget.take(SCOPE, 1, 10).permits == 1


def test_room_is_kept_for_a_connection_that_was_turned_away(
    budget: PostgresBudget, database: Database
) -> None:
    spend(budget, 10, Spent(requests=5_700))
    assert budget.take(SCOPE, 2, 1).permits == 0
    pass_time(database, 301)
    spend(budget, 10, Spent(requests=5_690))

    assert budget.take(SCOPE, 1, 10).permits == 5
    assert budget.take(SCOPE, 2, 10).permits == 5
    assert budget.take(SCOPE, 2, 1).permits == 0


def test_room_is_not_kept_for_ever(budget: PostgresBudget, database: Database) -> None:
    spend(budget, 10, Spent(requests=5_700))
    budget.take(SCOPE, 2, 1)

    pass_time(database, 331)

    spend(budget, 10, Spent(requests=5_690))
    assert budget.take(SCOPE, 1, 10).permits == 10
