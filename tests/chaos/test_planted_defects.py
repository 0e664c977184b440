"""What the harness collects at the end of a run shows a defect planted in a real world."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos.accepted_leads import AcceptedLead, AcceptedLeads
from tests.chaos.chaos_run import add_dealerships
from tests.chaos.checker import judge
from tests.chaos.crew import Crew
from tests.chaos.crm import Finding
from tests.chaos.figures import Figures
from tests.chaos.settling import remains_of
from tests.chaos.standard_queue import Habits
from tests.chaos.world import Harness, World
from tests.support.vendor_caller import SMALL_LEAD, VendorCaller


class Delivered:
    """A world in which ten leads were accepted and delivered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.leads = AcceptedLeads(random.Random(3), add_dealerships(world, 2, 2))
        self.crew = Crew(world, self.leads, Figures())
        for _ in range(10):
            _, body = self.leads.new()
            world.queue.send(body)
        self.crew.deliver()
        self.crew.dismiss()

    def findings(self) -> list[Finding]:
        return judge(remains_of(self.world, self.leads, errors=self.crew.errors))

    def kinds(self) -> list[str]:
        return [finding.kind for finding in self.findings()]

    def one(self) -> AcceptedLead:
        return next(lead for lead in self.leads if not lead.spam)

    def post(self, operation: str, **body: Any) -> Any:
        """Call the vendor past Forecourt."""
        owner = self.one().account
        (account,) = (
            each for each in self.world.simulator.accounts() if each.account_number == owner
        )
        with VendorCaller(self.world.simulator, account) as vendor:
            return vendor.call(operation, **body)


@pytest.fixture
def delivered(harness: Harness) -> Iterator[Delivered]:
    with harness.world(random.Random(3), Habits()) as world:
        yield Delivered(world)


def test_nothing_is_found_where_nothing_is_wrong(delivered: Delivered) -> None:
    assert delivered.findings() == []


def test_a_second_create_is_found_as_doubled(delivered: Delivered) -> None:
    delivered.post("CreateLead", **SMALL_LEAD, ExternalID=delivered.one().external_id)
    assert delivered.kinds() == ["doubled"]


def test_a_lead_nobody_stored_or_sent_is_found_as_lost(delivered: Delivered) -> None:
    lead, _ = delivered.leads.new()
    assert delivered.kinds() == ["lost", "other"]
    assert delivered.findings()[1].text == f"{lead.external_id} was never announced"


def test_a_lead_that_vanished_from_the_ledger_is_found_as_lost(delivered: Delivered) -> None:
    delivered.world.scene.execute(
        "DELETE FROM lead WHERE external_id = %s", delivered.one().external_id
    )
    assert delivered.kinds() == ["lost"]


def test_a_request_against_the_documents_is_found_as_invalid(delivered: Delivered) -> None:
    delivered.post("CreateLead", **{**SMALL_LEAD, "VehicleYear": "two thousand"})
    assert delivered.kinds() == ["invalid"]


def test_an_edit_that_never_got_there_is_found_as_stale(delivered: Delivered) -> None:
    delivered.one().version += 1
    assert set(delivered.kinds()) == {"stale"}


def test_a_delivery_that_has_not_ended_is_found(delivered: Delivered) -> None:
    delivered.world.scene.execute(
        "UPDATE lead_delivery SET state = 'unconfirmed', next_attempt_at = now()"
    )
    assert set(delivered.kinds()) == {"other"}


def test_a_try_nobody_closed_is_found(delivered: Delivered) -> None:
    delivered.world.scene.execute("UPDATE lead_delivery_attempt SET outcome = NULL")
    (finding,) = delivered.findings()
    assert finding == Finding("other", "10 tries are not closed")
