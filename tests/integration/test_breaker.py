"""The circuit breaker's row: shared, locked, and with one trial at a time."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from forecourt.leads.breaker import Evidence, Observation, Turn
from forecourt.security.credentials import Environment
from forecourt.storage.breaker import PostgresBreaker
from forecourt.storage.postgres import Database
from tests.support.clock import let_pass
from tests.support.lead_delivery import database_at

TEST = Environment.TEST


@pytest.fixture
def breaker(database: Database) -> PostgresBreaker:
    return PostgresBreaker(database)


@pytest.fixture
def elsewhere(database_url: str) -> Iterator[PostgresBreaker]:
    """The same breakers as another sandbox has them."""
    other = database_at(database_url)
    yield PostgresBreaker(other)
    other.close()


def now(database: Database) -> datetime:
    row = database.connection().execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    began: datetime = row[0]
    return began


def failures(database: Database, times: int) -> list[Observation]:
    one = Observation(evidence=Evidence.DOWN, dealership_id=1, begun_at=now(database))
    return [one] * times


def answer(evidence: Evidence = Evidence.ALIVE) -> list[Observation]:
    return [Observation(evidence=evidence, dealership_id=1, begun_at=None)]


def row(database: Database, environment: Environment = TEST) -> tuple[int, float | None, bool]:
    """Failures in a row, seconds until it may be tried (None when closed), under trial."""
    found = (
        database.connection()
        .execute(
            "SELECT failures_in_a_row,"
            " extract(epoch FROM open_until - clock_timestamp())::float8,"
            " trial_token IS NOT NULL AND trial_until > now() FROM circuit_breaker"
            " WHERE target = 'EasyCars' AND environment = %s",
            [environment],
        )
        .fetchone()
    )
    assert found is not None
    return found[0], found[1], found[2]


def opened(database: Database, breaker: PostgresBreaker) -> None:
    assert breaker.observe(TEST, failures(database, 5), trial=None) is Turn.OPENED


def trial_of(database: Database, breaker: PostgresBreaker) -> UUID:
    opened(database, breaker)
    let_pass(database, 60)
    trial = breaker.take_trial(TEST)
    assert trial is not None
    return trial


def test_failures_of_all_sandboxes_add_up(
    database: Database, breaker: PostgresBreaker, elsewhere: PostgresBreaker
) -> None:
    for _ in range(2):
        assert breaker.observe(TEST, failures(database, 1), trial=None) is Turn.COUNTED
        assert elsewhere.observe(TEST, failures(database, 1), trial=None) is Turn.COUNTED

    assert elsewhere.observe(TEST, failures(database, 1), trial=None) is Turn.OPENED
    count, left, _ = row(database)
    assert count == 5
    assert left == pytest.approx(60, abs=2)


def test_an_answer_between_them_starts_the_count_anew(
    database: Database, breaker: PostgresBreaker, elsewhere: PostgresBreaker
) -> None:
    breaker.observe(TEST, failures(database, 4), trial=None)
    elsewhere.observe(TEST, answer(), trial=None)

    assert breaker.observe(TEST, failures(database, 4), trial=None) is Turn.COUNTED


def test_each_environment_has_its_own(database: Database, breaker: PostgresBreaker) -> None:
    opened(database, breaker)

    breaker.observe(Environment.PRODUCTION, failures(database, 1), trial=None)
    assert row(database, Environment.PRODUCTION) == (1, None, False)


def test_each_target_has_its_own(database: Database, breaker: PostgresBreaker) -> None:
    opened(database, breaker)

    other = PostgresBreaker(database, "Dynamics")
    assert other.observe(TEST, failures(database, 1), trial=None) is Turn.COUNTED


def test_failures_while_it_is_open_keep_it_open_no_longer(
    database: Database, breaker: PostgresBreaker
) -> None:
    opened(database, breaker)
    let_pass(database, 50)

    assert breaker.observe(TEST, failures(database, 9), trial=None) is Turn.COUNTED

    assert row(database)[1] == pytest.approx(10, abs=2)


def test_there_is_no_trial_before_its_time(database: Database, breaker: PostgresBreaker) -> None:
    assert breaker.take_trial(TEST) is None
    breaker.observe(TEST, failures(database, 4), trial=None)
    assert breaker.take_trial(TEST) is None
    opened_after = failures(database, 1)
    breaker.observe(TEST, opened_after, trial=None)
    let_pass(database, 55)
    assert breaker.take_trial(TEST) is None

    let_pass(database, 5)
    assert breaker.take_trial(TEST) is not None


def test_one_trial_at_a_time(
    database: Database, breaker: PostgresBreaker, elsewhere: PostgresBreaker
) -> None:
    trial_of(database, breaker)

    assert elsewhere.take_trial(TEST) is None
    let_pass(database, 145)
    assert elsewhere.take_trial(TEST) is None


def test_a_dead_worker_s_trial_passes_to_another_which_alone_decides(
    database: Database, breaker: PostgresBreaker, elsewhere: PostgresBreaker
) -> None:
    dead = trial_of(database, breaker)
    let_pass(database, 150)
    second = elsewhere.take_trial(TEST)
    assert second is not None

    assert breaker.observe(TEST, answer(), trial=dead) is Turn.COUNTED
    breaker.free_trial(TEST, dead)
    assert row(database)[2]

    assert elsewhere.observe(TEST, answer(), trial=second) is Turn.CLOSED


def test_a_trial_s_success_closes_it(
    database: Database, breaker: PostgresBreaker, elsewhere: PostgresBreaker
) -> None:
    trial = trial_of(database, breaker)

    assert breaker.observe(TEST, answer(), trial=trial) is Turn.CLOSED

    assert row(database) == (0, None, False)
    assert elsewhere.take_trial(TEST) is None


def test_a_failed_trial_keeps_it_open_for_another_minute(
    database: Database, breaker: PostgresBreaker
) -> None:
    trial = trial_of(database, breaker)

    assert breaker.observe(TEST, failures(database, 1), trial=trial) is Turn.STAYS_OPEN

    count, left, on_trial = row(database)
    assert (count, on_trial) == (5, False)
    assert left == pytest.approx(60, abs=2)
    assert breaker.take_trial(TEST) is None
    let_pass(database, 60)
    assert breaker.take_trial(TEST) not in (None, trial)


def test_a_trial_that_was_not_made_is_free_at_once(
    database: Database, breaker: PostgresBreaker, elsewhere: PostgresBreaker
) -> None:
    trial = trial_of(database, breaker)
    breaker.free_trial(TEST, uuid4())
    assert elsewhere.take_trial(TEST) is None

    breaker.free_trial(TEST, trial)
    second = elsewhere.take_trial(TEST)
    assert second is not None

    nobody_asked = answer(Evidence.NONE)
    assert elsewhere.observe(TEST, nobody_asked, trial=second) is Turn.TRIAL_FREED
    assert breaker.take_trial(TEST) is not None


def test_late_failures_do_not_open_it_again(database: Database, breaker: PostgresBreaker) -> None:
    late = failures(database, 9)
    trial = trial_of(database, breaker)
    breaker.observe(TEST, answer(), trial=trial)

    assert breaker.observe(TEST, late, trial=None) is Turn.COUNTED

    assert row(database) == (0, None, False)
    opened(database, breaker)
