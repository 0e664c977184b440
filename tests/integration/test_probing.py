"""Leads of unknown outcome, looked for at the strict simulator over HTTP (design 5.1.4)."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from local.easycars_simulator import Rules
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


class TestOneLostAnswer:
    def test_what_the_vendor_has_is_adopted(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        lead = world.lose(dealership, acted=True)

        world.probe()

        row = world.scene.delivery_row(lead)
        assert (row["state"], row["remote_id"]) == ("delivered", "000002")
        assert (row["delivered_version"], row["last_error"]) == (1, None)
        assert row["easycars_customer_no"] == "00002"
        assert world.numbers(lead) == ["000002"]
        assert world.probes_of(lead) == [
            ("adopted", None, "EasyCars has the lead as number 000002.")
        ]
        assert world.reads.numbers == ["000001", "000002"]

    def test_what_it_has_not_is_sent_again(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        lead = world.lose(dealership, acted=False)

        world.probe()
        assert world.state(lead) == "pending"
        ((outcome, code, detail),) = world.probes_of(lead)
        assert (outcome, code) == ("create_again", None)
        assert "knows nobody with the lead's e-mail or phone" in detail
        assert world.reads.numbers == []
        world.wake_due()

        assert world.state(lead) == "delivered"
        assert world.numbers(lead) == ["000002"]

    def test_nothing_is_read_before_the_vendor_has_ended(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=True)

        world.probe(170)

        assert (world.reads.numbers, world.reads.contacts) == ([], [])
        assert world.state(lead) == "unconfirmed"
        world.probe(11)
        assert world.state(lead) == "delivered"

    def test_an_answer_that_commits_late_is_found(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        world.simulator.add_fault("late_commit", operation="CreateLead", seconds=40)
        (lost,) = world.post(dealership)
        world.post(dealership)

        world.probe()

        assert world.numbers(lost) == ["000003"]
        assert world.scene.delivery_row(lost)["remote_id"] == "000003"

    @pytest.mark.parametrize(
        "fault", ["http_500", "http_504", "code_missing", "success_without_number", "truncated"]
    )
    def test_whatever_hid_the_answer(self, world: LostLeads, fault: str) -> None:
        dealership = world.add_dealership()
        world.simulator.add_fault(fault, operation="CreateLead", acts=True)
        (lead,) = world.post(dealership)
        assert world.state(lead) == "unconfirmed"

        world.probe()

        assert (world.state(lead), len(world.numbers(lead))) == ("delivered", 1)

    def test_an_edit_after_the_cut_goes_as_an_update(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=True)
        world.scene.edit(lead, "message = 'And the red one?', email = 'new@mail.example'")

        world.probe()
        assert world.state(lead) == "pending"
        world.wake_due()

        assert world.state(lead) == "delivered"
        (found,) = world.simulator.leads("EC700001")
        assert found["fields"]["Notes"].startswith("And the red one?")
        assert found["customer"]["Email"] == "new@mail.example"
        assert len(world.simulator.requests("UpdateLead")) == 1

    def test_an_edited_lead_is_not_judged_by_its_new_customer(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        lead = world.lose(dealership, acted=True)
        world.scene.edit(lead, "email = 'nobody@mail.example', phone = '0400 000 000'")

        world.probe()

        assert world.reads.contacts == []
        assert world.numbers(lead) == [world.scene.delivery_row(lead)["remote_id"]]

    def test_nothing_differs_after_an_adoption(self, world: LostLeads) -> None:
        lead = world.lose(
            world.add_dealership(), acted=True, address={"city": "Perth"}, rating="Hot"
        )
        world.probe()
        world.scene.edit(lead, "vehicle_interest_type = 'Lease'")

        world.wake_due()

        assert world.state(lead) == "delivered"
        (log,) = world.scene.rows(
            "SELECT request_payload FROM easycars_sync_logs WHERE records_updated = 1"
        )
        assert log["request_payload"].keys() == {"LeadNumber", "VehicleInterest"}


class TestByContact:
    def test_it_is_searched_for_by_what_was_sent(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        world.lose(dealership, acted=False, email=" Zoe@Mail.example ", phone="(02) 9999 1234")

        world.probe()

        assert world.reads.contacts == ["Zoe@Mail.example", "zoe@mail.example", "0299991234"]

    def test_without_a_phone_the_e_mail_is_enough(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = world.lose(dealership, acted=False, email="z@mail.example", phone="ask for Zoe")

        world.probe()

        assert world.reads.contacts == ["z@mail.example"]
        assert world.state(lead) == "pending"

    def test_an_e_mail_the_vendor_holds_in_another_case(self, database_url: str) -> None:
        with lost_leads(database_url, Rules(email_case_matters=True)) as world:
            dealership = world.add_dealership()
            world.add_elsewhere(email="zoe@mail.example", phone="")
            lead = world.lose(dealership, acted=False, email="Zoe@Mail.example", phone="")

            world.probe()

            assert world.state(lead) == "unconfirmed"
            assert world.reads.contacts == ["Zoe@Mail.example", "zoe@mail.example"]

    def test_a_customer_known_by_phone_alone(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership, email="a@mail.example", phone="0299991234")
        lead = world.lose(dealership, acted=False, email="b@mail.example", phone="02 9999 1234")

        world.probe()

        assert world.state(lead) == "unconfirmed"

    def test_a_warning_is_no_plain_answer(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=False)
        world.simulator.add_fault("code", code=5, operation="SearchContacts", acts=True)

        world.probe()

        assert world.state(lead) == "unconfirmed"

    def test_several_leads_of_one_customer_are_searched_for_once(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        leads = [lose_known(world, dealership, acted=True) for _ in range(3)]

        world.probe()

        assert world.reads.contacts == [KNOWN]
        assert [world.state(lead) for lead in leads] == ["delivered"] * 3


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

        assert world.state(lead) == "delivered"
        assert world.numbers(lead) == ["000002"]

    def test_nothing_is_read_before_the_vendor_has_ended(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=True)

        world.probe(170)

        assert (world.reads.numbers, world.reads.contacts) == ([], [])
        assert world.state(lead) == "unconfirmed"
        world.probe(11)
        assert world.state(lead) == "delivered"

    def test_an_answer_that_commits_late_is_found(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        world.simulator.add_fault("late_commit", operation="CreateLead", seconds=40)
        (lost,) = world.post(dealership)
        world.post(dealership)

        world.probe()

        assert world.numbers(lost) == ["000003"]
        assert world.scene.delivery_row(lost)["remote_id"] == "000003"

    @pytest.mark.parametrize(
        "fault", ["http_500", "http_504", "code_missing", "success_without_number", "truncated"]
    )
    def test_whatever_hid_the_answer(self, world: LostLeads, fault: str) -> None:
        dealership = world.add_dealership()
        world.simulator.add_fault(fault, operation="CreateLead", acts=True)
        (lead,) = world.post(dealership)
        assert world.state(lead) == "unconfirmed"

        world.probe()

        assert (world.state(lead), len(world.numbers(lead))) == ("delivered", 1)

    def test_an_edit_after_the_cut_goes_as_an_update(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=True)
        world.scene.edit(lead, "message = 'And the red one?', email = 'new@mail.example'")

        world.probe()
        assert world.state(lead) == "pending"
        world.wake_due()

        assert world.state(lead) == "delivered"
        (found,) = world.simulator.leads("EC700001")
        assert found["fields"]["Notes"].startswith("And the red one?")
        assert found["customer"]["Email"] == "new@mail.example"
        assert len(world.simulator.requests("UpdateLead")) == 1

    def test_an_edited_lead_is_not_judged_by_its_new_customer(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        lead = world.lose(dealership, acted=True)
        world.scene.edit(lead, "email = 'nobody@mail.example', phone = '0400 000 000'")

        world.probe()

        assert world.reads.contacts == []
        assert world.numbers(lead) == [world.scene.delivery_row(lead)["remote_id"]]

    def test_nothing_differs_after_an_adoption(self, world: LostLeads) -> None:
        lead = world.lose(
            world.add_dealership(), acted=True, address={"city": "Perth"}, rating="Hot"
        )
        world.probe()
        world.scene.edit(lead, "vehicle_interest_type = 'Lease'")

        world.wake_due()

        assert world.state(lead) == "delivered"
        (log,) = world.scene.rows(
            "SELECT request_payload FROM easycars_sync_logs WHERE records_updated = 1"
        )
        assert log["request_payload"].keys() == {"LeadNumber", "VehicleInterest"}


class TestByContact:
    def test_it_is_searched_for_by_what_was_sent(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        world.lose(dealership, acted=False, email=" Zoe@Mail.example ", phone="(02) 9999 1234")

        world.probe()

        assert world.reads.contacts == ["Zoe@Mail.example", "zoe@mail.example", "0299991234"]

    def test_without_a_phone_the_e_mail_is_enough(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = world.lose(dealership, acted=False, email="z@mail.example", phone="ask for Zoe")

        world.probe()

        assert world.reads.contacts == ["z@mail.example"]
        assert world.state(lead) == "pending"

    def test_an_e_mail_the_vendor_holds_in_another_case(self, database_url: str) -> None:
        with lost_leads(database_url, Rules(email_case_matters=True)) as world:
            dealership = world.add_dealership()
            world.add_elsewhere(email="zoe@mail.example", phone="")
            lead = world.lose(dealership, acted=False, email="Zoe@Mail.example", phone="")

            world.probe()

            assert world.state(lead) == "unconfirmed"
            assert world.reads.contacts == ["Zoe@Mail.example", "zoe@mail.example"]

    def test_a_customer_known_by_phone_alone(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership, email="a@mail.example", phone="0299991234")
        lead = world.lose(dealership, acted=False, email="b@mail.example", phone="02 9999 1234")

        world.probe()

        assert world.state(lead) == "unconfirmed"

    def test_a_warning_is_no_plain_answer(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=False)
        world.simulator.add_fault("code", code=5, operation="SearchContacts", acts=True)

        world.probe()

        assert world.state(lead) == "unconfirmed"

    def test_several_leads_of_one_customer_are_searched_for_once(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        leads = [lose_known(world, dealership, acted=True) for _ in range(3)]

        world.probe()

        assert world.reads.contacts == [KNOWN]
        assert [world.state(lead) for lead in leads] == ["delivered"] * 3


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
        assert world.probes_of(lead)[-1] == (
            "create_again",
            None,
            "EasyCars' numbers up to 000003 are all accounted for: it is not there and is sent "
            "again.",
        )
        assert world.reads.numbers == []
        world.wake_due()
        assert world.numbers(lead) == ["000004"]

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
