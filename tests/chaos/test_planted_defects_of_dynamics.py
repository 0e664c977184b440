"""What the harness collects of Dynamics at the end of a run shows a defect planted there."""

import random
from collections.abc import Iterator

import pytest

from forecourt.leads.wake_ups import DYNAMICS
from tests.chaos.accepted_leads import AcceptedLead, AcceptedLeads
from tests.chaos.chaos_run import add_dealerships
from tests.chaos.crew import Crew
from tests.chaos.crm import Finding
from tests.chaos.dynamics_crm import Dynamics
from tests.chaos.figures import Figures
from tests.chaos.settling import judge_all
from tests.chaos.standard_queue import Habits
from tests.chaos.world import Harness, World

LEADS = 8


class Delivered:
    """A world in which leads were accepted and delivered to Dynamics, some to EasyCars, too."""

    def __init__(self, world: World) -> None:
        self.world = world
        assert isinstance(world.crm, Dynamics)
        self.dataverse = world.crm.simulator
        self.leads = AcceptedLeads(random.Random(3), add_dealerships(world, 1, 2), spam=0.0)
        self.crew = Crew(world, self.leads, Figures())
        for _ in range(LEADS):
            _, body = self.leads.new()
            world.queue.send(body)
        self.crew.deliver()
        self.crew.dismiss()

    def findings(self, *, may_be_parked: bool = False) -> list[Finding]:
        return judge_all(
            self.world, self.leads, errors=self.crew.errors, may_be_parked=may_be_parked
        )

    def kinds(self) -> list[str]:
        return [finding.kind for finding in self.findings()]

    def one(self) -> AcceptedLead:
        return next(lead for lead in self.leads if lead.company)

    def record(self) -> str:
        """The id of the one lead's record."""
        (found,) = (
            lead["leadId"]
            for lead in self.dataverse.leads()
            if lead["values"].get("hnt_forecourtid") == self.one().external_id
        )
        return str(found)


@pytest.fixture
def delivered(harness: Harness) -> Iterator[Delivered]:
    with harness.world(random.Random(3), Habits(), target=DYNAMICS) as world:
        yield Delivered(world)


def test_nothing_is_found_in_dynamics_where_nothing_is_wrong(delivered: Delivered) -> None:
    assert delivered.findings() == []
    assert len(delivered.dataverse.leads()) == LEADS
    in_easycars = [lead for lead in delivered.leads if lead.account is not None]
    assert 0 < len(in_easycars) == len(delivered.world.simulator.leads()) < LEADS


def test_a_record_made_past_the_key_is_found_as_doubled(delivered: Delivered) -> None:
    text = f"Enquiry\n{delivered.one().message}"
    delivered.dataverse.add_staff_lead({"lastname": "Twin", "description": text})
    assert delivered.kinds() == ["doubled"]


def test_a_record_that_was_deleted_is_found_as_lost(delivered: Delivered) -> None:
    delivered.dataverse.delete_lead(delivered.record())
    assert delivered.kinds() == ["lost"]


def test_a_lead_that_vanished_from_the_ledger_is_found_as_lost(delivered: Delivered) -> None:
    delivered.world.scene.execute(
        "DELETE FROM lead WHERE external_id = %s", delivered.one().external_id
    )
    assert "lost" in delivered.kinds()


@pytest.mark.parametrize(
    "changed",
    [
        {"leadqualitycode": 1},
        {"description": "Is it still for sale?"},
        {"hnt_finalscore": None},
        {"telephone1": "0400 999999"},
        {"hnt_processingstatus": 816940003},
        {"hnt_d365leadid": None},
    ],
)
def test_a_column_that_is_not_of_the_last_version_is_found_as_stale(
    delivered: Delivered, changed: dict[str, object]
) -> None:
    delivered.dataverse.edit_lead(delivered.record(), changed)
    (finding,) = delivered.findings()
    assert finding.kind == "stale"
    assert f"not so: {next(iter(changed))};" in finding.text


def test_an_edit_that_never_got_there_is_found_as_stale(delivered: Delivered) -> None:
    delivered.one().version += 1
    assert set(delivered.kinds()) == {"stale"}


def test_a_delivery_to_dynamics_that_has_not_ended_is_found(delivered: Delivered) -> None:
    delivered.world.scene.execute(
        "UPDATE lead_delivery SET state = 'pending', next_attempt_at = now()"
        " WHERE target = 'Dynamics'"
    )
    assert delivered.kinds() == ["other"] * LEADS


def test_a_parked_lead_nothing_justifies_is_found(delivered: Delivered) -> None:
    delivered.world.scene.execute(
        "UPDATE lead_delivery d SET state = 'failed', last_error_code = 'TEXT_TOO_LONG',"
        " last_error = 'A text is longer than its column.' FROM lead l"
        " WHERE l.id = d.lead_id AND d.target = 'Dynamics' AND l.external_id = %s",
        delivered.one().external_id,
    )
    (finding,) = delivered.findings(may_be_parked=True)
    assert "nothing justifies it" in finding.text
