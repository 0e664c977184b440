"""Chaos with leads to Dynamics in short; `make chaos ARGS="--target dynamics"` plays it long."""

import random
from collections import Counter
from itertools import cycle

import pytest

from forecourt.leads.wake_ups import DYNAMICS
from local.dataverse_simulator.faults import KINDS
from tests.chaos.accepted_leads import AcceptedLeads
from tests.chaos.chaos_run import Plan, add_dealerships, play
from tests.chaos.checker import judge
from tests.chaos.crew import Crew
from tests.chaos.dynamics_crm import Dynamics
from tests.chaos.dynamics_faults import draw_faults
from tests.chaos.figures import Figures
from tests.chaos.settling import judge_all, remains_of, settle
from tests.chaos.standard_queue import Habits
from tests.chaos.wave_player import WavePlayer
from tests.chaos.world import Harness

_LEADS = 120
_EDITED = 2
"""Of each kind; five failures in a row would stop all calls."""
_FOR_EVER = 1e8


@pytest.mark.timeout(420)
def test_no_lead_is_lost_or_doubled_in_dynamics_whatever_happens(harness: Harness) -> None:
    plan = Plan(seed="dynamics", target=DYNAMICS, leads=50, kills=8, freezes=2)
    figures, found = play(harness, plan)
    print("\n".join(figures.lines()))  # noqa: T201 - pytest shows it where the test fails
    assert found == []
    assert figures.is_clean
    assert figures.leads >= 50
    assert figures.kills_amid_creates >= 8
    assert figures.freezes
    assert figures.vendor_faults
    assert figures.edits


@pytest.mark.timeout(300)
def test_each_lead_is_one_record_though_no_first_upsert_was_answered(harness: Harness) -> None:
    chance = random.Random("cut after")
    with harness.world(chance, Habits(), target=DYNAMICS) as world:
        leads = AcceptedLeads(chance, add_dealerships(world, 2, 4), spam=0.0)
        assert isinstance(world.crm, Dynamics)
        # A request with an expired token is refused, and no first upsert Dynamics acts on.
        world.crm.simulator.set_rules(token_life=_FOR_EVER)
        world.crm.simulator.add_fault("cut_after", operation="UpsertLead", per="lead")
        figures = Figures()
        crew = Crew(world, leads, figures)
        player = WavePlayer(world, leads, crew, figures)
        for dealership_id, _ in zip(cycle(leads.dealerships), range(_LEADS), strict=False):
            player.accept(1, chance, dealership_id)

        settle(world, crew, player, leads, chance, later_leads=False)
        crew.dismiss()

        assert judge_all(world, leads, errors=crew.errors) == []
        assert judge(remains_of(world, leads)) == []
        states = world.rows("SELECT state FROM lead_delivery WHERE target = 'Dynamics'")
        assert Counter(row["state"] for row in states) == {"delivered": _LEADS}
        assert len(world.crm.simulator.leads()) == _LEADS
        upserts = world.crm.simulator.requests("UpsertLead")
        met: Counter[str] = Counter()
        for request in upserts:
            assert request.external_id is not None
            met[request.external_id] += request.fault == "cut_after"
        assert set(met.values()) == {1}
        assert len(met) == _LEADS


@pytest.mark.timeout(300)
def test_an_older_version_that_arrives_late_overwrites_no_newer_one(harness: Harness) -> None:
    chance = random.Random("late")
    with harness.world(chance, Habits(), target=DYNAMICS) as world:
        leads = AcceptedLeads(chance, add_dealerships(world, 1, 1), spam=0.0)
        assert isinstance(world.crm, Dynamics)
        figures = Figures()
        crew = Crew(world, leads, figures)
        player = WavePlayer(world, leads, crew, figures)
        player.accept(_EDITED, chance)
        crew.deliver()
        for operation in ("UpdateLead", "UpsertLead"):
            world.crm.simulator.add_fault(
                "late_commit", operation=operation, per="lead", seconds=100
            )
        player.accept(_EDITED, chance)
        for lead in list(leads.leads)[:_EDITED]:
            world.edit_one(leads, tell=True, among=[lead])
        crew.deliver()
        assert world.crm.simulator.waiting_commits() == 2 * _EDITED

        for lead in leads.leads:
            world.edit_one(leads, tell=True, among=[lead])
        settle(world, crew, player, leads, chance)
        crew.dismiss()

        assert judge_all(world, leads, errors=crew.errors) == []
        met = Counter(request.fault for request in world.crm.simulator.requests())
        assert met["late_commit"] >= 2 * _EDITED


def test_every_fault_of_dynamics_befalls_somebody() -> None:
    chance = random.Random("a")
    drawn = [fault for _ in range(1500) for fault in draw_faults(chance, ["https://a.example"])]
    assert {fault.kind for fault in drawn} >= KINDS.keys()
    assert {"Token", "ReadMetadata", "UpsertLead", "UpdateLead"} == {f.operation for f in drawn}
