"""Leads of unknown outcome, looked for at the strict simulator over HTTP (design 5.1.4)."""

from collections.abc import Iterator

import pytest

from tests.support.probing import HOUR, LostLeads, lost_leads


@pytest.fixture
def world(database_url: str) -> Iterator[LostLeads]:
    with lost_leads(database_url) as world:
        yield world


class TestOneLostAnswer:
    def test_what_the_vendor_has_is_adopted(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        lead = world.lose(dealership, acted=True)

        world.probe()

        row = world.scene.delivery_row(lead)
        assert (row["state"], row["remote_id"]) == ("delivered", "000002")
        assert world.numbers(lead) == ["000002"]
        assert world.probes_of(lead)[-1][0] == "adopted"

    def test_what_it_has_not_is_sent_again(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        lead = world.lose(dealership, acted=False)

        world.probe()
        assert world.state(lead) == "pending"
        assert world.probes_of(lead)[-1][0] == "create_again"
        world.wake_due()

        assert world.state(lead) == "delivered"
        assert world.numbers(lead) == ["000002"]

    def test_nothing_is_read_before_the_vendor_has_ended(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=True)

        world.probe(170)

        assert (world.reads.numbers, world.reads.contacts) == ([], [])
        assert world.state(lead) == "unconfirmed"
        world.probe(HOUR)
        assert world.state(lead) == "delivered"
