"""Leads of unknown outcome, looked for at the strict simulator over HTTP (design 5.1.4)."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from local.easycars_simulator import Rules
from tests.support.probing import HOUR, LostLeads, lost_leads

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

    def test_whoever_asks_for_it_earlier_is_not_heard(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=False)
        world.let_pass(170)
        world.scene.execute("UPDATE lead_delivery SET next_attempt_at = now()")

        world.probe(0)

        assert (world.reads.contacts, world.state(lead)) == ([], "unconfirmed")

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


class TestManyAtOnce:
    def test_every_first_answer_is_lost_in_fresh_accounts(self, world: LostLeads) -> None:
        accounts = [f"EC70000{n}" for n in range(1, 5)]
        world.simulator.add_fault("cut_after", operation="CreateLead", times=None)
        leads = []
        for account in accounts:
            dealership = world.add_dealership(account)
            for _ in range(5):
                leads += world.post(dealership, *(str(uuid4()) for _ in range(10)))
                world.scene.execute("DELETE FROM circuit_breaker")
        assert world.count("unconfirmed") == 200

        for _ in range(3):
            world.probe(HOUR)

        assert (world.count("delivered"), len(world.simulator.leads())) == (200, 200)
        assert world.simulator.counts()["GetLeadDetail"] <= 4 * 51
