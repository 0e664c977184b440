"""Play a wave: new leads, batches side by side, and everything that befalls them."""

import random
import time
from collections.abc import Sequence

from tests.chaos.accepted_leads import AcceptedLeads
from tests.chaos.crew import Crew, Work, leads_in
from tests.chaos.crm import Crm
from tests.chaos.figures import Figures
from tests.chaos.troubles import DatabaseTrouble, Wave, draw_freeze
from tests.chaos.world import World

_SLEEPS = (50, 151, 200, 340, 400, 800, 4000)
"""Seconds a worker is frozen; its lease lasts 150, and 180 after that its leads are looked for."""
_ROUNDS_WITHOUT_IT = 4
"""Free the lease, look for the lead, send it again, record that."""
_SECONDS_FOR_A_COMMIT = 1.0
_BATCHES_BESIDE = 3


class WavePlayer:
    """Does to a world what waves say."""

    def __init__(self, world: World, leads: AcceptedLeads, crew: Crew, figures: Figures) -> None:
        self._world = world
        self._leads = leads
        self._crew = crew
        self._figures = figures
        self.poison: list[str] = []

    def play(self, wave: Wave, chance: random.Random) -> None:
        """Play one wave to its end."""
        self._prepare(wave, chance)
        killed = self._figures.kills
        works = [work for doom in wave.batches if (work := self._crew.begin(doom)) is not None]
        self._befall(wave, works, chance)
        for work in works:
            keep = wave.database is not DatabaseTrouble.HOLD_AND_KILL and chance.random() < 0.7
            self._crew.finish(work, keep=keep)
        if self._figures.kills > killed:
            self._world.let_pass(self._world.crm.dead_hold_seconds)
        self._follow(wave, chance)

    def freeze_one(self, chance: random.Random) -> None:
        """Freeze a worker amid its batch, do without it past its lease, and let it go on."""
        world = self._world
        self.accept(4, chance)
        world.crm.simulator.latency = 0.02
        work = self._crew.begin(draw_freeze(chance))
        if work is None:
            return
        if work.worker.waits_frozen():
            self._figures.freezes += 1
            slept = chance.choice(_SLEEPS)
            try:
                world.let_pass(slept)
                for _ in range(_ROUNDS_WITHOUT_IT):
                    self._crew.sweep()
                    self._crew.deliver(10)
            finally:
                work.worker.clock.move(slept)
                work.worker.thaw()
        self._crew.finish(work, keep=False)

    def accept(self, count: int, chance: random.Random, dealership_id: int | None = None) -> None:
        """Put new leads onto the queue; one that intake was asked for twice comes twice."""
        for _ in range(count):
            _, body = self._leads.new(dealership_id)
            for _ in range(2 if chance.random() < 0.05 else 1):
                self._world.queue.send(body)

    def _prepare(self, wave: Wave, chance: random.Random) -> None:
        world = self._world
        self.accept(wave.leads, chance)
        if wave.poison:
            self.poison.append(f'{{"schema": 1, "leadId": "{len(self.poison)}"}}')
            world.queue.send(self.poison[-1])
        for crm in world.crms[1:]:
            self._deliver_beside(crm, chance)
        for fault in wave.faults:
            world.crm.simulator.put_fault(fault)
        for action, manner, times in wave.aws:
            world.aws.trouble(action, manner, times)
        world.crm.simulator.latency = wave.latency

    def _deliver_beside(self, crm: Crm, chance: random.Random) -> None:
        """Let another CRM's workers go undisturbed, mostly, so that what they pass on arrives."""
        for _ in range(_BATCHES_BESIDE if chance.random() < 0.8 else 0):
            if (work := self._crew.begin_for(crm)) is not None:
                self._crew.finish(work)

    def _befall(self, wave: Wave, works: Sequence[Work], chance: random.Random) -> None:
        """Do what happens while the workers work."""
        world, figures = self._world, self._figures
        time.sleep(wave.after_seconds)
        if wave.clock_step and works:
            works[0].worker.clock.move(wave.clock_step)
            figures.clock_steps += 1
        if wave.foreign_lead:
            homes = self._leads.homes(world.crm.records.home_of)
            world.crm.befall(chance.choice(sorted(homes)), chance)
            figures.foreign_leads += 1
        if wave.edits_amid:
            in_hands = [name for work in works for name in leads_in(work)]
            self._edit(wave.edits, chance, among=in_hands)
        match wave.database:
            case DatabaseTrouble.CRASH:
                world.crash_database()
                figures.database_crashes += 1
            case DatabaseTrouble.CUT:
                figures.connections_cut += world.cut_connections()
            case DatabaseTrouble.HOLD_AND_KILL | DatabaseTrouble.HOLD_AND_CUT:
                self._hold_commits(wave.database, works)
        if wave.vendor_away:
            world.crm.simulator.stop()

    def _hold_commits(self, trouble: DatabaseTrouble, works: Sequence[Work]) -> None:
        """Let workers die, or lose their session, between recording an outcome and its commit."""
        with self._world.held_commits() as waiting:
            until = time.monotonic() + _SECONDS_FOR_A_COMMIT
            while not (pids := waiting()) and time.monotonic() < until:
                time.sleep(0.01)
            self._figures.commits_held += len(pids)
            if trouble is DatabaseTrouble.HOLD_AND_CUT:
                self._figures.connections_cut += self._world.end_sessions(pids)
            elif pids:
                for work in works:
                    work.worker.kill()

    def _follow(self, wave: Wave, chance: random.Random) -> None:
        world = self._world
        if wave.vendor_away:
            world.crm.simulator.start()
            self._figures.vendor_outages += 1
        if not wave.edits_amid:
            self._edit(wave.edits, chance)
        if wave.jump:
            world.let_pass(wave.jump)
            self._figures.time_jumps += 1
        if wave.sweep:
            self._crew.sweep(wave.sweeper_doom)

    def _edit(self, times: int, chance: random.Random, among: Sequence[str] = ()) -> None:
        for _ in range(times if len(self._leads) else 0):
            tell = chance.random() < 0.5
            self._figures.edits += self._world.edit_one(self._leads, tell=tell, among=among)
