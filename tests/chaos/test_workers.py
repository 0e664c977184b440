"""Workers are real processes: they die and freeze where they are told, and only there."""

import random
import signal
import time
from collections.abc import Iterator

import pytest

from forecourt.leads.steps import Step
from tests.chaos.chaos_run import add_dealerships
from tests.chaos.standard_queue import Habits, Received
from tests.chaos.workers import Doom, Worker, batch_event
from tests.chaos.world import Harness, World
from tests.support.lead_delivery import lead_body


@pytest.fixture
def world(harness: Harness) -> Iterator[World]:
    with harness.world(random.Random(1), Habits()) as lent:
        yield lent


@pytest.fixture
def worker(world: World) -> Iterator[Worker]:
    opened = world.open_worker()
    yield opened
    opened.close()


def batch(world: World, count: int) -> dict[str, object]:
    (dealership_id,) = add_dealerships(world, 1, 1)
    messages = [
        Received(f"m{number}", f"h{number}", lead_body(dealership_id), 1) for number in range(count)
    ]
    return {"event": batch_event(messages)}


def states(world: World) -> dict[str, int]:
    counted = world.rows("SELECT state, count(*) AS leads FROM lead_delivery GROUP BY state")
    return {row["state"]: row["leads"] for row in counted}


def test_a_worker_answers_batch_after_batch(world: World, worker: Worker) -> None:
    job = batch(world, 3)
    for _ in range(2):
        assert worker.invoke(job).answer == {"batchItemFailures": []}
    assert states(world) == {"delivered": 3}
    assert len(world.simulator.leads()) == 3


@pytest.mark.parametrize(
    ("doom", "expected"),
    [
        (Doom(step=Step.STORED), {"pending": 3}),
        (Doom(step=Step.CLAIMED), {"in_progress": 3}),
        (Doom(step=Step.ACKNOWLEDGING), {"delivered": 3}),
    ],
)
def test_a_worker_dies_at_its_step(
    world: World, worker: Worker, doom: Doom, expected: dict[str, int]
) -> None:
    ending = worker.invoke(batch(world, 3), doom)
    assert ending.died == signal.SIGKILL
    assert states(world) == expected


def test_a_worker_dies_some_time_after_its_step(world: World, worker: Worker) -> None:
    world.simulator.latency = 0.4
    ending = worker.invoke(batch(world, 3), Doom(step=Step.CALLING, nth=3, after=0.05))
    assert ending.died == signal.SIGKILL
    assert states(world) == {"in_progress": 3}


def test_a_doom_that_never_comes_is_forgotten_with_its_batch(world: World, worker: Worker) -> None:
    job = batch(world, 1)
    assert worker.invoke(job, Doom(step=Step.CALLING, nth=2)).died is None
    assert worker.invoke(job, Doom(step=Step.ACKNOWLEDGING, nth=1, after=5)).died is None
    assert worker.invoke(job).died is None


def test_a_frozen_worker_wakes_to_another_time(world: World, worker: Worker) -> None:
    worker.begin(batch(world, 1), Doom(act="freeze", step=Step.CLAIMED))
    assert worker.waits_frozen()
    worker.clock.move(46)
    worker.thaw()
    assert worker.finish().answer is not None
    assert world.simulator.leads() == []
    (row,) = world.rows("SELECT state, last_error_code FROM lead_delivery")
    assert row == {"state": "pending", "last_error_code": "WRITE_WINDOW_CLOSED"}


def test_a_worker_outlives_a_crash_of_the_database(world: World, worker: Worker) -> None:
    job = batch(world, 3)
    assert worker.invoke(job).died is None
    world.crash_database()
    assert worker.invoke(job).died is None  # the first batch may find its connection dead
    assert worker.invoke(job).answer == {"batchItemFailures": []}
    assert states(world) == {"delivered": 3}


def test_a_commit_can_be_held_and_its_session_ended(world: World, worker: Worker) -> None:
    with world.held_commits() as waiting:
        worker.begin(batch(world, 1))
        until = time.monotonic() + 20
        while not (pids := waiting()):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert states(world) == {"in_progress": 1}
        assert world.end_sessions(pids) == 1
    assert worker.finish().answer == {"batchItemFailures": []}
    assert states(world) == {"delivered": 1}


def test_time_passes_for_everybody_and_late_commits_come_in_between(world: World) -> None:
    (dealership_id,) = add_dealerships(world, 1, 1)
    world.queue.send("later", delay=100)
    world.simulator.add_fault("late_commit", seconds=40, operation="CreateLead")
    message = Received("m", "h", lead_body(dealership_id), 1)
    worker = world.open_worker()
    worker.invoke({"event": batch_event([message])})
    worker.close()
    (before,) = world.rows("SELECT extract(epoch FROM claimed_at) AS at FROM lead_delivery")
    assert world.simulator.leads() == []
    world.let_pass(100)
    (lead,) = world.simulator.leads()
    (after,) = world.rows("SELECT extract(epoch FROM claimed_at) AS at FROM lead_delivery")
    assert before["at"] - after["at"] == 100
    assert len(world.queue.receive()) == 1
    seconds_ago = world.simulator.clock.now() - lead["createdAt"]
    assert 40 <= seconds_ago <= 65
