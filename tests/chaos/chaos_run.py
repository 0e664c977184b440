"""One run: waves of deliveries under trouble, quiet until nothing moves, judgement."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from forecourt.leads.wake_ups import EASYCARS
from tests.chaos.accepted_leads import AcceptedLeads, Homes
from tests.chaos.crew import Crew
from tests.chaos.crm import Finding
from tests.chaos.figures import Figures
from tests.chaos.settling import judge_all, settle
from tests.chaos.standard_queue import Habits
from tests.chaos.troubles import draw_wave
from tests.chaos.wave_player import WavePlayer
from tests.chaos.world import Harness, World

_HABITS = Habits(twice=0.08, undeleted=0.05, split=0.5)
_MOST_WAVES_PER_KILL = 20
_PARKED = """
SELECT d.id, l.external_id FROM lead_delivery d JOIN lead l ON l.id = d.lead_id
WHERE d.state = 'failed' AND d.target = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of everything one run has.

    ``target`` is the CRM trouble is made for; ``kills`` counts those with several creates of one
    account or environment in flight.
    """

    seed: str
    target: str = EASYCARS
    leads: int
    kills: int
    accounts: int = 4
    dealerships: int = 6
    freezes: int = 5


class ChaosRun:
    """Plays one plan in one world; how it is drawn does not depend on how it goes."""

    def __init__(self, plan: Plan, world: World) -> None:
        self._plan = plan
        self._world = world
        self.figures = Figures(runs=1)
        self._leads = AcceptedLeads(
            random.Random(f"{plan.seed} leads"),
            add_dealerships(world, plan.accounts, plan.dealerships),
        )
        self._crew = Crew(world, self._leads, self.figures)
        self._player = WavePlayer(world, self._leads, self._crew, self.figures)

    def play(self) -> list[Finding]:
        """Play it to the end; gives what was found."""
        began = time.monotonic()
        self._play_waves()
        self._quieten()
        chance = random.Random(f"{self._plan.seed} quiet")
        settle(self._world, self._crew, self._player, self._leads, chance)
        parked = self._judge(may_be_parked=True)
        self._retry_parked()
        settle(self._world, self._crew, self._player, self._leads, chance)
        found = list(dict.fromkeys([*parked, *self._judge(may_be_parked=False)]))
        self._crew.dismiss()
        self._count(found)
        self.figures.seconds = time.monotonic() - began
        return found

    def _play_waves(self) -> None:
        plan, figures = self._plan, self.figures
        crm = self._world.crm
        homes = sorted(self._leads.homes(crm.records.home_of))
        for number in range(plan.kills * _MOST_WAVES_PER_KILL + plan.leads):
            if len(self._leads) >= plan.leads and figures.kills_amid_creates >= plan.kills:
                return
            chance = random.Random(f"{plan.seed} wave {number}")
            usual = 1.2 * plan.leads / max(plan.kills, 1)
            leads = max(round(chance.uniform(0.5, 1.5) * usual), 2)
            wave = draw_wave(chance, leads=leads, faults=lambda one: crm.draw_faults(one, homes))
            self._player.play(wave, chance)
            is_due = figures.freezes * plan.kills < plan.freezes * figures.kills_amid_creates
            if is_due and figures.freezes < plan.freezes:
                self._player.freeze_one(chance)

    def _quieten(self) -> None:
        world = self._world
        for queue in world.aws.queues.values():
            self.figures.messages_twice += queue.handed_out_twice
            queue.habits = Habits()
        world.crm.calm()
        world.aws.calm()

    def _retry_parked(self) -> None:
        """Send again, as a person does, what is parked."""
        world = self._world
        for crm in world.crms:
            for row in world.rows(_PARKED, crm.target):
                self.figures.parked += 1
                crm.release(world.scene, row)

    def _judge(self, *, may_be_parked: bool) -> list[Finding]:
        return judge_all(
            self._world,
            self._leads,
            poison=self._player.poison,
            errors=self._crew.errors,
            may_be_parked=may_be_parked,
        )

    def _count(self, found: Sequence[Finding]) -> None:
        figures, world = self.figures, self._world
        seen = world.crm.simulator.requests()
        figures.leads = len(self._leads)
        figures.vendor_requests = len(seen)
        figures.probe_reads = sum(each.operation in world.crm.probe_operations for each in seen)
        figures.faults_met.update(each.fault for each in seen if each.fault)
        figures.vendor_faults = sum(figures.faults_met.values())
        figures.aws_faults = world.aws.met_trouble
        figures.simulated_hours = world.passed / 3600
        for row in world.rows("SELECT outcome FROM lead_delivery_attempt"):
            figures.adopted += row["outcome"] == "adopted"
            figures.created_again += row["outcome"] == "create_again"
        for finding in found:
            setattr(figures, finding.kind, getattr(figures, finding.kind) + 1)


def add_dealerships(world: World, homes: int, dealerships: int) -> dict[int, Homes]:
    """Add dealerships that share accounts or environments; gives where their leads go."""
    return world.crm.add_dealerships(world.scene, homes, dealerships)


def play(harness: Harness, plan: Plan) -> tuple[Figures, list[Finding]]:
    """Play one plan in a world of its own."""
    chance = random.Random(f"{plan.seed} world")
    with harness.world(chance, _HABITS, target=plan.target) as world:
        run = ChaosRun(plan, world)
        found = run.play()
        return run.figures, found
