"""Lead numbers read to find a lead, or to prove that it is not there (design 5.1.4)."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support.probing import HOUR, OUTCOME_KNOWN, LostLeads, lost_leads

KNOWN = "regular@mail.example"


@pytest.fixture
def world(database_url: str) -> Iterator[LostLeads]:
    with lost_leads(database_url) as world:
        yield world


def lose_known(world: LostLeads, dealership: int, *, acted: bool) -> str:
    """Lose a lead of a customer the vendor knows already, so that contacts prove nothing."""
    if KNOWN not in {each["Email"] for each in world.simulator.customers("EC700001")}:
        world.post(dealership, email=KNOWN)
    return world.lose(dealership, acted=acted, email=KNOWN)


class TestByNumber:
    """The customer is known, so only numbers tell."""

    @pytest.mark.parametrize("kind", ["cut_after", "cut_before"])
    def test_ten_at_once_of_which_one_is_lost_in_the_middle(
        self, world: LostLeads, kind: str
    ) -> None:
        dealership = world.add_dealership()
        world.post(dealership, email=KNOWN)
        world.simulator.add_fault(kind, operation="CreateLead", after=5)
        leads = world.post(dealership, *(str(uuid4()) for _ in range(10)), email=KNOWN)
        (lost,) = [lead for lead in leads if world.state(lead) == "unconfirmed"]

        world.probe()
        assert world.state(lost) == ("delivered" if kind == "cut_after" else "unconfirmed")
        world.post(dealership, email=KNOWN)
        world.wake_due()
        world.wake_due()

        assert [len(world.numbers(lead)) for lead in leads] == [1] * 10
        assert world.count("delivered") == 12

    def test_it_is_sent_again_once_a_later_number_is_known(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = lose_known(world, dealership, acted=False)
        world.post(dealership)

        world.probe()
        assert world.state(lead) == "unconfirmed"
        row = world.scene.delivery_row(lead)
        assert HOUR - 30 < row["due_in"] <= HOUR
        assert (row["probe_from"], row["probe_upto"]) == ("000001", "000002")
        assert world.reads.numbers == ["000002", *(f"{n:06d}" for n in range(3, 13))]

        world.post(dealership)
        assert world.scene.delivery_row(lead)["due_in"] <= 0
        world.probe(0)

        assert world.state(lead) == "pending"
        outcome, _, detail = world.probes_of(lead)[-1]
        assert (outcome, "numbers up to 000003" in detail) == ("create_again", True)
        assert world.reads.numbers == []
        world.wake_due()
        assert world.numbers(lead) == ["000004"]

    def test_a_crowded_account_is_searched_twice_a_minute(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = lose_known(world, dealership, acted=False)
        world.scene.execute(
            "UPDATE lead_delivery SET remote_source = 'former' WHERE state = 'unconfirmed'"
        )
        world.probe()
        for _ in range(2):
            world.post(dealership)
            world.probe(0)
            assert len(world.probes_of(lead)) == 2
            world.post(dealership)
            assert world.scene.delivery_row(lead)["due_in"] == pytest.approx(60, abs=20)

        world.probe(61)

        assert len(world.probes_of(lead)) == 3

    def test_a_number_that_leapt_ahead_is_not_counted_up_to(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership, *(str(uuid4()) for _ in range(3)))
        (scope,) = world.scene.rows("SELECT DISTINCT remote_scope AS name FROM lead_delivery")
        world.scene.execute("SET statement_timeout = '5s'")

        gaps = world.probes.gaps(scope["name"], after=0, upto=10**17, limit=5)

        assert gaps == [4, 5, 6, 7, 8]
        assert world.probes.gaps(scope["name"], after=0, upto=6, limit=5) == [4, 5, 6]

    def test_a_number_sent_for_too_soon_after_proves_nothing(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = lose_known(world, dealership, acted=False)
        world.let_pass(170)
        world.post(dealership)

        world.probe(30)

        assert world.state(lead) == "unconfirmed"
        assert world.probes_of(lead)[-1][0] == "inconclusive"

    def test_a_search_is_not_hastened_before_its_time(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = lose_known(world, dealership, acted=False)

        world.post(dealership)

        assert world.scene.delivery_row(lead)["due_in"] > 170

    @pytest.mark.parametrize("acted", [True, False])
    def test_numbers_of_another_source_in_between(self, world: LostLeads, acted: bool) -> None:
        dealership = world.add_dealership()
        world.post(dealership, email=KNOWN)
        for _ in range(15):
            world.simulator.add_foreign_lead("EC700001")
        lead = world.lose(dealership, acted=acted, email=KNOWN)
        for _ in range(15):
            world.simulator.add_foreign_lead("EC700001")
        world.let_pass(OUTCOME_KNOWN)
        (later,) = world.post(dealership, email=KNOWN)

        world.probe(0)

        assert world.state(lead) == ("delivered" if acted else "pending")
        world.wake_due()
        assert len(world.numbers(lead)) == 1
        assert (world.numbers(lead) < world.numbers(later)) is acted

    def test_beyond_ten_in_a_row_nothing_is_concluded(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership, email=KNOWN)
        for _ in range(15):
            world.simulator.add_foreign_lead("EC700001")
        lead = world.lose(dealership, acted=True, email=KNOWN)

        world.probe()
        assert world.state(lead) == "unconfirmed"
        assert len(world.reads.numbers) == 11
        world.post(dealership)
        world.probe(0)

        assert world.scene.delivery_row(lead)["remote_id"] == "000017"

    def test_several_are_looked_for_with_each_number_read_once(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership, email=KNOWN)
        leads = [
            world.lose(dealership, acted=acted, email=KNOWN)
            for acted in (True, False, True, False, True, False, True, False)
        ]

        world.probe()

        assert world.reads.numbers == [f"{n:06d}" for n in range(1, 16)]
        assert [world.state(lead) for lead in leads] == ["delivered", "unconfirmed"] * 4

    def test_numbers_grow_past_their_width(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = lose_known(world, dealership, acted=False)
        world.scene.execute(
            "UPDATE lead_delivery SET probe_from = '999995' WHERE state = 'unconfirmed'"
        )
        world.scene.execute("UPDATE vendor_frontier SET highest_lead_number = '999995'")

        world.probe()

        assert world.reads.numbers[-7:] == [
            "999999", "1000000", "1000001", "1000002", "1000003", "1000004", "1000005",
        ]  # fmt: skip
        assert world.state(lead) == "unconfirmed"

    @pytest.mark.parametrize("column", ["probe_from", "highest_lead_number"])
    def test_numbers_nobody_can_count_prove_nothing(self, world: LostLeads, column: str) -> None:
        dealership = world.add_dealership()
        lead = lose_known(world, dealership, acted=False)
        world.let_pass(OUTCOME_KNOWN)
        world.post(dealership)
        if column == "probe_from":
            world.scene.execute("UPDATE lead_delivery SET probe_from = 'A-17'")
        else:
            world.scene.execute("UPDATE vendor_frontier SET highest_lead_number = 'A-17'")

        world.probe(0)

        assert (world.state(lead), world.reads.numbers) == ("unconfirmed", [])
        assert "cannot be counted" in world.probes_of(lead)[-1][2]


class TestNewAccount:
    """No number of the account is known."""

    def test_its_first_leads_are_found(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        leads = [world.lose(dealership, acted=True) for _ in range(14)]

        world.probe()

        assert [world.state(lead) for lead in leads] == ["delivered"] * 14
        assert world.reads.numbers == [f"{n:06d}" for n in range(1, 15)]

    def test_what_is_not_there_waits_for_the_first_number(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        for _ in range(30):
            world.simulator.add_foreign_lead("EC700001")
        world.add_elsewhere(email=KNOWN)
        world.let_pass(HOUR)
        lead = world.lose(dealership, acted=False, email=KNOWN)

        world.probe()
        assert world.reads.numbers == [f"{n:06d}" for n in range(1, 11)]
        assert world.state(lead) == "unconfirmed"
        world.probe(HOUR)
        assert world.reads.numbers == []
        world.post(dealership)
        world.probe(0)

        row = world.scene.delivery_row(lead)
        assert (row["state"], world.reads.numbers[:3]) == (
            "pending", ["000032", "000031", "000030"],
        )  # fmt: skip
        world.wake_due()
        assert len(world.numbers(lead)) == 1

    def test_it_is_read_downward_to_a_lead_that_is_old_enough(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        for _ in range(60):
            world.simulator.add_foreign_lead("EC700001")
        world.add_elsewhere(email=KNOWN)
        (ours,) = world.post(dealership)
        world.scene.execute("UPDATE vendor_frontier SET highest_lead_number = NULL")
        world.scene.execute("DELETE FROM lead WHERE external_id = %s", ours)
        world.let_pass(HOUR)
        lead = world.lose(dealership, acted=True, email=KNOWN)
        for _ in range(5):
            world.simulator.add_foreign_lead("EC700001")
        world.probe()
        assert world.state(lead) == "unconfirmed"

        world.let_pass(HOUR)
        world.post(dealership)
        world.probe(0)

        assert world.numbers(lead) == ["000063"]
        assert world.scene.delivery_row(lead)["remote_id"] == "000063"
        assert world.reads.numbers == [
            "000069", "000068", "000067", "000066", "000065", "000064", "000063",
        ]  # fmt: skip

    def test_fifty_numbers_without_one_old_enough_prove_nothing(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        for _ in range(80):
            world.simulator.add_foreign_lead("EC700001")
        world.add_elsewhere(email=KNOWN)
        lead = world.lose(dealership, acted=False, email=KNOWN)
        world.probe()
        world.post(dealership)

        world.probe(0)
        world.probe(HOUR)
        assert world.scene.delivery_row(lead)["probe_upto"] == "000032"
        assert "None of the 50 numbers below 000082" in world.probes_of(lead)[-1][2]
        world.probe(HOUR)

        assert (world.state(lead), world.reads.numbers) == ("unconfirmed", ["000082"])
