"""Whose credentials may look for a lead, and what they can see (design 5.1.4 and section 4)."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from forecourt.storage.holds import release_after_save
from local.easycars_simulator import Rules
from tests.support.probing import HOUR, OUTCOME_KNOWN, LostLeads, lost_leads

KNOWN = "regular@mail.example"


@pytest.fixture
def world(database_url: str) -> Iterator[LostLeads]:
    with lost_leads(database_url) as world:
        yield world


class TestSwitchedCredentials:
    @pytest.mark.parametrize("acted", [True, False])
    def test_nothing_is_looked_for_in_another_account(self, world: LostLeads, acted: bool) -> None:
        dealership = world.add_dealership("EC700001")
        (delivered,) = world.post(dealership)
        lead = world.lose(dealership, acted=acted)
        world.add_dealership("EC700002")
        world.save(dealership, "EC700002")

        world.probe()

        row = world.scene.delivery_row(lead)
        assert (row["state"], row["last_error_code"]) == ("failed", "SCOPE_CHANGED")
        assert "former credentials" in row["last_error"]
        assert (row["next_attempt_at"], row["probe_from"]) == (None, "000001")
        assert [probe[:2] for probe in world.probes_of(lead)] == [("permanent", "SCOPE_CHANGED")]
        assert (world.reads.numbers, world.reads.contacts) == ([], [])
        assert world.simulator.leads("EC700002") == []
        assert world.state(delivered) == "delivered"

    @pytest.mark.parametrize("acted", [True, False])
    def test_back_again_it_is_looked_for_where_it_was_sent(
        self, world: LostLeads, acted: bool
    ) -> None:
        dealership = world.add_dealership("EC700001")
        world.post(dealership)
        lead = world.lose(dealership, acted=acted)
        world.add_dealership("EC700002")
        world.save(dealership, "EC700002")
        world.probe()
        world.save(dealership, "EC700001")
        scope = world.scene.delivery_row(lead)["remote_scope"]
        release_after_save(world.scene.database, dealership, scope)

        world.probe(0)
        world.wake_due()

        assert world.state(lead) == "delivered"
        assert len(world.numbers(lead)) == 1

    def test_without_credentials_it_waits(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = world.lose(dealership, acted=True)
        world.scene.execute("UPDATE dealership_easycars_credentials SET is_active = false")

        world.probe()

        assert world.state(lead) == "unconfirmed"
        assert world.probes_of(lead)[0][:2] == ("inconclusive", "NO_CONNECTION")
        assert HOUR - 30 < world.scene.delivery_row(lead)["due_in"] <= HOUR

    def test_credentials_that_do_not_decrypt_prove_nothing(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=True)
        world.scene.execute(
            "UPDATE dealership_easycars_credentials SET client_id_encrypted = %s,"
            " encryption_iv = %s",
            "AAAA" * 12,
            "AAAAAAAAAAAAAAAA",
        )

        world.probe()

        assert world.state(lead) == "unconfirmed"
        assert world.probes_of(lead)[0][:2] == ("inconclusive", "CREDENTIALS_UNREADABLE")

    def test_a_hold_is_waited_for(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=True)
        world.let_pass(OUTCOME_KNOWN)
        world.scene.execute(
            "UPDATE dealership_easycars_credentials SET hold_reason = 'refused',"
            " hold_until = now() + interval '9 minutes'"
        )

        world.probe(0)

        assert (world.reads.contacts, world.probes_of(lead)) == ([], [])
        assert 530 < world.scene.delivery_row(lead)["due_in"] <= 540
        world.probe(541)
        assert world.state(lead) == "delivered"


class TestAnotherClient:
    """EasyCars shows a lead to the client that created it only."""

    def test_what_another_client_does_not_see_may_be_there(self, world: LostLeads) -> None:
        dealership = world.add_dealership("EC700001", "client-1")
        world.post(dealership, email=KNOWN)
        lead = world.lose(dealership, acted=True, email=KNOWN)
        world.add_dealership("EC700001", "client-2")
        world.save(dealership, "EC700001", "client-2")
        world.let_pass(OUTCOME_KNOWN)
        world.post(dealership, email=KNOWN)

        world.probe(0)

        assert world.state(lead) == "unconfirmed"
        assert "another client" in world.probes_of(lead)[-1][2]
        assert world.reads.numbers == []
        world.save(dealership, "EC700001", "client-1")
        world.probe(HOUR)
        assert world.scene.delivery_row(lead)["remote_id"] == "000002"

    def test_the_other_clients_numbers_prove_nothing(self, world: LostLeads) -> None:
        mine = world.add_dealership("EC700001", "client-1")
        theirs = world.add_dealership("EC700001", "client-2")
        world.post(mine, email=KNOWN)
        lead = world.lose(mine, acted=False, email=KNOWN)
        world.let_pass(OUTCOME_KNOWN)
        world.post(theirs)

        world.probe(0)

        assert world.state(lead) == "unconfirmed"
        assert "000002" in world.scene.delivery_row(lead)["probe_upto"]

    def test_dealerships_that_share_an_account_and_a_client_are_looked_for_together(
        self, world: LostLeads
    ) -> None:
        first, second = (world.add_dealership("EC700001", "group") for _ in range(2))
        world.post(first, email=KNOWN)
        leads = [world.lose(each, acted=True, email=KNOWN) for each in (first, second)]

        world.probe()

        assert [world.state(lead) for lead in leads] == ["delivered", "delivered"]
        assert world.reads.numbers == ["000001", "000002", "000003"]

    def test_dealerships_with_clients_of_their_own_are_looked_for_with_those(
        self, world: LostLeads
    ) -> None:
        first = world.add_dealership("EC700001", "client-1")
        second = world.add_dealership("EC700001", "client-2")
        world.post(first, email=KNOWN)
        leads = [world.lose(each, acted=True, email=KNOWN) for each in (first, second)]

        world.probe()

        assert [world.state(lead) for lead in leads] == ["delivered", "delivered"]

    def test_two_accounts_of_one_group_are_two_books(self, world: LostLeads) -> None:
        accounts = ("EC700001", "EC700002")
        dealerships = [world.add_dealership(each, "group") for each in accounts]
        leads = []
        for dealership, acted in zip(dealerships, (True, False), strict=True):
            world.post(dealership, email=KNOWN)
            leads.append(world.lose(dealership, acted=acted, email=KNOWN))

        world.probe()

        assert [world.state(lead) for lead in leads] == ["delivered", "unconfirmed"]
        world.post(dealerships[0])
        assert world.scene.delivery_row(leads[1])["due_in"] > HOUR - 60
        world.post(dealerships[1])
        world.settle(3)
        assert world.numbers(leads[0], "EC700001") == ["000002"]
        assert world.numbers(leads[1], "EC700002") == ["000003"]


class TestOutOfSight:
    def test_an_account_that_shows_none_of_our_leads_proves_nothing(
        self, database_url: str
    ) -> None:
        with lost_leads(database_url, Rules(account_refusal_code=7)) as world:
            dealership = world.add_dealership()
            world.post(dealership, email=KNOWN)
            lead = world.lose(dealership, acted=True, email=KNOWN)
            world.let_pass(OUTCOME_KNOWN)
            world.post(dealership)
            world.scene.edit(lead, "message = 'so that contacts are not searched'")
            world.simulator.add_fault("code", code=7, operation="GetLeadDetail", times=None)

            world.probe(0)

            assert world.state(lead) == "unconfirmed"
            assert "proves nothing" in world.probes_of(lead)[-1][2]
            assert world.reads.numbers == ["000003", "000001"]
            world.simulator.clear_faults()
            world.settle(3)
            assert world.numbers(lead) == ["000002"]

    def test_a_lead_the_dealer_deleted_does_not_blind_the_search(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership, str(uuid4()), str(uuid4()), email=KNOWN)
        lead = world.lose(dealership, acted=True, email=KNOWN)
        world.simulator.add_fault("code", code=7, operation="GetLeadDetail", times=1)

        world.probe()

        assert world.reads.numbers == ["000002", "000001", "000003"]
        assert world.state(lead) == "delivered"
