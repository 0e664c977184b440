"""A worker that dies at a step of a delivery, one step at a time: what the ledger says then.

And what it comes to in the end: nothing is lost, nothing is doubled.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from forecourt.leads.steps import Step
from tests.chaos.accepted_leads import AcceptedLeads
from tests.chaos.chaos_run import add_dealerships
from tests.chaos.checker import judge
from tests.chaos.crew import Crew, Work
from tests.chaos.figures import Figures
from tests.chaos.settling import remains_of, settle
from tests.chaos.standard_queue import VISIBILITY_SECONDS, Habits
from tests.chaos.wave_player import WavePlayer
from tests.chaos.workers import Doom
from tests.chaos.world import Harness, World

LEADS = 4


class Scenario:
    """One dealership whose leads wait on the queue."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._chance = random.Random(1)
        self.leads = AcceptedLeads(self._chance, add_dealerships(world, 1, 1), spam=0.0)
        self.figures = Figures()
        self.crew = Crew(world, self.leads, self.figures)
        self._player = WavePlayer(world, self.leads, self.crew, self.figures)

    def accept(self, count: int) -> None:
        for _ in range(count):
            _, body = self.leads.new()
            self.world.queue.send(body)

    def begin(self, doom: Doom | None = None) -> Work:
        work = self.crew.begin(doom)
        assert work is not None
        return work

    def kill(self, step: Step, nth: int = 1) -> None:
        """Let a worker take all there is, and die at a step."""
        self.crew.finish(self.begin(Doom(step=step, nth=nth)))
        assert self.figures.kills == 1

    def messages_come_back(self) -> None:
        """Let the leases end and the next worker take the same messages."""
        self.world.let_pass(VISIBILITY_SECONDS)
        self.crew.deliver()

    def states(self) -> Counter[str]:
        rows = self.world.rows("SELECT state FROM lead_delivery")
        return Counter(row["state"] for row in rows)

    def ends_well(self) -> None:
        """Let everything go its way; then every lead is there once, with its last version."""
        settle(self.world, self.crew, self._player, self.leads, self._chance)
        assert judge(remains_of(self.world, self.leads, errors=self.crew.errors)) == []


@pytest.fixture
def scenario(harness: Harness) -> Iterator[Scenario]:
    with harness.world(random.Random(1), Habits()) as world:
        playing = Scenario(world)
        yield playing
        playing.crew.dismiss()


@pytest.mark.parametrize(
    ("step", "nth", "expected"),
    [
        (Step.STORED, 1, {"pending": LEADS}),
        (Step.CLAIMED, 1, {"in_progress": LEADS}),
        (Step.CALLING, 1, {"in_progress": LEADS}),
        (Step.CALLING, LEADS, None),
        (Step.CALLED, 1, None),
        (Step.CALLED, LEADS, None),
        (Step.RECORDED, 1, None),
        (Step.ANNOUNCED, 1, {"delivered": LEADS}),
        (Step.ACKNOWLEDGING, 1, {"delivered": LEADS}),
    ],
)
def test_creates_of_a_killed_worker(
    scenario: Scenario, *, step: Step, nth: int, expected: dict[str, int] | None
) -> None:
    scenario.accept(LEADS)
    scenario.kill(step, nth)
    if expected is not None:
        assert scenario.states() == expected
    if step is Step.RECORDED:
        assert scenario.states()["delivered"] >= 1

    scenario.messages_come_back()
    assert "in_progress" not in scenario.states()
    scenario.ends_well()


def test_killed_while_the_vendor_keeps_silent(scenario: Scenario) -> None:
    scenario.world.simulator.add_fault("hang", operation="CreateLead", times=2)
    scenario.accept(LEADS)
    work = scenario.begin()
    wait_until(lambda: scenario.states()["delivered"] == 2)
    work.worker.kill()
    scenario.crew.finish(work)
    assert scenario.states() == {"delivered": 2, "in_progress": 2}
    scenario.ends_well()


@pytest.mark.parametrize("step", [Step.CLAIMED, Step.CALLING, Step.CALLED, Step.ACKNOWLEDGING])
def test_updates_of_a_killed_worker_are_done_by_another(scenario: Scenario, step: Step) -> None:
    scenario.accept(1)
    scenario.crew.deliver()
    assert scenario.world.edit_one(scenario.leads, tell=True)
    scenario.kill(step)
    scenario.ends_well()
    (lead,) = scenario.leads
    assert lead.version == 2


@pytest.mark.parametrize("step", [Step.RECORDED, Step.WOKEN])
def test_killed_around_the_wake_up_of_a_retry(scenario: Scenario, step: Step) -> None:
    scenario.world.simulator.add_fault("http_429", operation="CreateLead", retry_after=5)
    scenario.accept(1)
    scenario.kill(step)
    assert scenario.states() == {"pending": 1}
    scenario.ends_well()


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)
