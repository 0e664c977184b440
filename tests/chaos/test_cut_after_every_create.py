"""The vendor acts on the first create of every lead and cuts the connection each time."""

import random
from collections import Counter
from itertools import cycle

import pytest

from local.easycars_simulator import Rules
from tests.chaos.accepted_leads import AcceptedLeads
from tests.chaos.chaos_run import add_dealerships
from tests.chaos.checker import judge
from tests.chaos.crew import Crew
from tests.chaos.figures import Figures
from tests.chaos.settling import remains_of, settle
from tests.chaos.standard_queue import Habits
from tests.chaos.wave_player import WavePlayer
from tests.chaos.world import Harness

_LEADS = 200
_ACCOUNTS = 5
_FOR_EVER = 1e8


@pytest.mark.timeout(300)
def test_each_lead_ends_there_once_though_no_create_was_ever_answered(harness: Harness) -> None:
    chance = random.Random("cut after")
    # A request with an expired token is refused, and no first create the vendor acts on.
    with harness.world(chance, Habits(), Rules(token_life=_FOR_EVER)) as world:
        leads = AcceptedLeads(chance, add_dealerships(world, _ACCOUNTS, _ACCOUNTS), spam=0.0)
        world.simulator.add_fault("cut_after", operation="CreateLead", per="lead")
        figures = Figures()
        crew = Crew(world, leads, figures)
        player = WavePlayer(world, leads, crew, figures)
        for dealership_id, _ in zip(cycle(leads.dealerships), range(_LEADS), strict=False):
            player.accept(1, chance, dealership_id)

        settle(world, crew, player, leads, chance, later_leads=False)
        crew.dismiss()

        assert judge(remains_of(world, leads, errors=crew.errors)) == []
        states = Counter(row["state"] for row in world.rows("SELECT state FROM lead_delivery"))
        assert states == {"delivered": _LEADS}
        assert len(world.simulator.leads()) == _LEADS
        creates = world.simulator.requests("CreateLead")
        assert [request.fault for request in creates] == ["cut_after"] * _LEADS
