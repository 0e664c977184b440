"""Searches that are cut short, workers that die or wake late, and a vendor that fails."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from forecourt.easycars.lead_sink import EasyCarsLeadSink
from forecourt.leads.ledger import LEASE_SECONDS
from forecourt.leads.probe_ports import Finding, FoundLead, Unconfirmed
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.sink import Push, Receipt
from tests.support.probing import HOUR, OUTCOME_KNOWN, LostLeads, WatchedProbe, lost_leads

KNOWN = "regular@mail.example"


@pytest.fixture
def world(database_url: str) -> Iterator[LostLeads]:
    with lost_leads(database_url) as world:
        yield world


def again(row: Unconfirmed) -> Finding:
    """Say that a create is to be done again."""
    return Finding(
        delivery_id=row.delivery_id,
        claimed_at=row.claimed_at,
        outcome="create_again",
        state="pending",
        detail="It is not there.",
    )


def lose_among(world: LostLeads, foreign: int, *, acted: bool) -> str:
    """Lose a lead of a known customer with so many of another source before it."""
    dealership = world.add_dealership()
    world.post(dealership, email=KNOWN)
    for _ in range(foreign):
        world.simulator.add_foreign_lead("EC700001")
    lead = world.lose(dealership, acted=acted, email=KNOWN)
    world.let_pass(OUTCOME_KNOWN)
    world.post(dealership)
    return lead


class TestCutShort:
    @pytest.mark.parametrize("acted", [True, False])
    def test_fifty_reads_and_then_on_from_there(self, world: LostLeads, acted: bool) -> None:
        lead = lose_among(world, 70, acted=acted)

        world.probe(0)

        row = world.scene.delivery_row(lead)
        assert len(world.reads.numbers) == 50
        assert (row["state"], row["probe_upto"]) == ("unconfirmed", "000050")
        assert 50 < row["due_in"] <= 60
        assert "goes on" in world.probes_of(lead)[-1][2]
        world.probe(61)
        assert world.reads.numbers[1] == "000051"
        assert world.state(lead) == ("delivered" if acted else "pending")

    def test_a_minute_and_then_on_from_there(self, world: LostLeads) -> None:
        lead = lose_among(world, 30, acted=False)
        now = 0.0

        def slow_read(_: str) -> None:
            nonlocal now
            now += 5.0

        world.reads.before_read = slow_read
        world.delivery = world.scene.new_delivery(
            sink=EasyCarsLeadSink(world.client), prober=world.new_prober(clock=lambda: now)
        )
        world.probe(0)

        assert len(world.reads.numbers) == 12
        assert world.scene.delivery_row(lead)["probe_upto"] == "000012"
        world.reads.before_read = lambda _: None
        world.probe(61)
        assert world.state(lead) == "pending"

    def test_slow_searches_for_many_customers_leave_time_to_read(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        leads = [world.lose(dealership, acted=True) for _ in range(6)]
        now = 0.0

        class SlowSearches(WatchedProbe):
            def has_no_contact(self, *of: Any, **whom: Any) -> bool:
                nonlocal now
                now += 11.0
                return super().has_no_contact(*of, **whom)

        world.reads = SlowSearches(world.client)
        world.delivery = world.scene.new_delivery(
            sink=EasyCarsLeadSink(world.client), prober=world.new_prober(clock=lambda: now)
        )
        world.probe()

        assert len(world.reads.contacts) == 3
        assert [world.state(lead) for lead in leads[:3]] == ["delivered"] * 3
        world.wake(leads[3])
        assert {world.state(lead) for lead in leads} == {"delivered"}

    def test_who_was_not_reached_comes_next(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership)
        leads = [world.lose(dealership, acted=False) for _ in range(4)]
        now = 0.0

        class SlowSearches(WatchedProbe):
            def has_no_contact(self, *of: Any, **whom: Any) -> bool:
                nonlocal now
                now += 16.0
                return super().has_no_contact(*of, **whom)

        world.reads = SlowSearches(world.client)
        world.delivery = world.scene.new_delivery(
            sink=EasyCarsLeadSink(world.client), prober=world.new_prober(clock=lambda: now)
        )
        world.probe()
        assert [world.state(lead) for lead in leads] == ["pending"] + ["unconfirmed"] * 3
        assert [len(world.probes_of(lead)) for lead in leads] == [1, 0, 0, 0]

        world.wake(leads[1])

        assert [len(world.probes_of(lead)) for lead in leads] == [1, 1, 0, 0]

    def test_too_little_time_begins_nothing(self, world: LostLeads) -> None:
        lead = lose_among(world, 0, acted=True)
        views = world.scene.ledger.look([(UUID(lead), 1)])

        world.new_prober().pass_for([view for view in views.values() if view], seconds=4)

        assert (world.reads.contacts, world.state(lead)) == ([], "unconfirmed")


class TestOneAtATime:
    def test_an_account_another_worker_looks_into_is_left_to_it(self, world: LostLeads) -> None:
        lead = lose_among(world, 0, acted=True)
        scope = world.scene.delivery_row(lead)["remote_scope"]
        token = world.probes.lease(scope, 60)
        assert token is not None

        world.probe(0)
        assert (world.reads.contacts, world.state(lead)) == ([], "unconfirmed")
        world.probe(61)
        assert world.state(lead) == "delivered"
        assert world.probes.lease(scope, 60) is not None

    def test_only_its_holder_gives_a_lease_back(self, world: LostLeads) -> None:
        first = world.probes.lease("Test:a", 0)
        second = world.probes.lease("Test:a", 60)
        assert first is not None
        assert second is not None

        world.probes.release("Test:a", first)
        assert world.probes.lease("Test:a", 60) is None
        world.probes.release("Test:a", second)
        assert world.probes.lease("Test:a", 60) is not None

    def test_creates_go_on_meanwhile_and_a_number_recorded_then_is_not_missed(
        self, world: LostLeads
    ) -> None:
        dealership = world.add_dealership()
        world.post(dealership, email=KNOWN)
        lead = world.lose(dealership, acted=False, email=KNOWN)
        posted: list[str] = []

        def post_once(_: str) -> None:
            if not posted:
                with world.elsewhere() as other:
                    posted.extend(other.post(dealership))

        world.reads.before_read = post_once
        world.probe()

        assert world.state(lead) == "unconfirmed"
        assert 0 < world.scene.delivery_row(lead)["due_in"] <= 60
        world.probe(61)
        assert world.state(lead) == "pending"


class ConfusedProbe(WatchedProbe):
    """Shows lead 17, whichever was asked for."""

    def read_lead(self, *asked: Any, **options: Any) -> FoundLead | None:
        found = super().read_lead(*asked, **options)
        return None if found is None else replace(found, number="000017")


class TestVendorFailing:
    @pytest.mark.parametrize(
        ("fault", "options", "outcome"),
        [
            ("http_500", {}, "retryable"),
            ("http_503", {"retry_after": 0}, "retryable"),
            ("code", {"code": 9}, "retryable"),
            ("code_missing", {}, "retryable"),
            ("cut_before", {}, "retryable"),
            ("html", {}, "retryable"),
            ("code", {"code": 1}, "inconclusive"),
            ("http_404", {}, "inconclusive"),
            ("http_400", {}, "inconclusive"),
        ],
    )
    @pytest.mark.parametrize("acted", [True, False])
    def test_what_is_not_clearly_missing_ends_the_pass(
        self, world: LostLeads, fault: str, options: dict[str, Any], outcome: str, acted: bool
    ) -> None:
        lead = lose_among(world, 2, acted=acted)
        world.simulator.add_fault(fault, operation="GetLeadDetail", after=2, times=9, **options)

        world.probe(0)

        row = world.scene.delivery_row(lead)
        assert (row["state"], row["probe_upto"]) == ("unconfirmed", "000002")
        assert world.probes_of(lead)[-1][0] == outcome
        world.simulator.clear_faults()
        world.probe(HOUR)
        world.wake_due()
        assert (world.state(lead), len(world.numbers(lead))) == ("delivered", 1)

    def test_a_lead_shown_without_its_number_is_there(self, world: LostLeads) -> None:
        lead = lose_among(world, 2, acted=True)
        world.simulator.add_fault("success_without_number", operation="GetLeadDetail", times=9)

        world.probe(0)

        assert world.state(lead) == "unconfirmed"
        assert world.probes_of(lead)[-1][:2] == ("inconclusive", "MISSING_PAYLOAD")
        world.simulator.clear_faults()
        world.probe(HOUR)
        assert world.numbers(lead) == [world.scene.delivery_row(lead)["remote_id"]]

    def test_an_answer_about_another_number_is_none(self, world: LostLeads) -> None:
        lead = lose_among(world, 2, acted=False)
        prober = world.new_prober(probe=ConfusedProbe(world.client))
        world.delivery = world.scene.new_delivery(
            sink=EasyCarsLeadSink(world.client), prober=prober
        )

        world.probe(0)

        assert world.state(lead) == "unconfirmed"
        assert "another lead than number 000004" in world.probes_of(lead)[-1][2]

    def test_what_was_concluded_before_stands(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        world.post(dealership, email=KNOWN)
        new = world.lose(dealership, acted=False)
        known = world.lose(dealership, acted=True, email=KNOWN)
        world.simulator.add_fault("http_500", operation="GetLeadDetail", times=9)

        world.probe()

        assert (world.state(new), world.state(known)) == ("pending", "unconfirmed")

    def test_a_failing_search_concludes_nothing(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=False)
        world.simulator.add_fault("http_500", operation="SearchContacts", times=9)

        world.probe()

        assert (world.state(lead), world.reads.numbers) == ("unconfirmed", [])
        assert 290 < world.scene.delivery_row(lead)["due_in"] <= 300

    def test_a_contact_list_that_is_missing_is_not_empty(self, world: LostLeads) -> None:
        lead = world.lose(world.add_dealership(), acted=False)
        world.simulator.add_fault("success_without_number", operation="SearchContacts", times=9)

        world.probe()

        assert world.state(lead) == "unconfirmed"


class TestDeadWorker:
    @pytest.mark.parametrize("acted", [True, False])
    def test_a_crash_between_sending_and_recording(self, world: LostLeads, acted: bool) -> None:
        dealership = world.add_dealership()
        world.post(dealership, email=KNOWN)
        lead = world.claim_and_die(dealership, acted=acted)
        world.let_pass(LEASE_SECONDS + 1)
        world.wake(lead)
        assert world.state(lead) == "unconfirmed"
        assert 170 < world.scene.delivery_row(lead)["due_in"] <= 180

        world.probe(170)
        assert world.reads.contacts == []
        world.probe(11)
        world.wake_due()

        assert (world.state(lead), len(world.numbers(lead))) == ("delivered", 1)


class LateSink(EasyCarsLeadSink):
    """Does something while one call is under way, before or after the vendor acts."""

    def __init__(self, world: LostLeads, *, before: Any = None, after: Any = None) -> None:
        super().__init__(world.client)
        self.before, self.after = before, after

    def send(self, push: Push, *rest: Any, **options: Any) -> Receipt:
        before, self.before = self.before, None
        after, self.after = self.after, None
        if before is not None:
            before()
        receipt = super().send(push, *rest, **options)
        if after is not None:
            after()
        return receipt


class TestLateWorker:
    """A worker whose lease ran out while others looked for its lead."""

    def probe_elsewhere(self, world: LostLeads, lead: str) -> None:
        with world.elsewhere() as other:
            other.let_pass(LEASE_SECONDS + 1)
            other.wake(lead)
            other.probe()

    def test_its_success_after_the_adoption_changes_nothing(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"
        sink = LateSink(world, after=lambda: self.probe_elsewhere(world, lead))
        world.delivery = world.scene.new_delivery(sink=sink, prober=world.new_prober())

        world.post(dealership, lead)

        assert (world.state(lead), len(world.numbers(lead))) == ("delivered", 1)
        outcomes = [attempt["outcome"] for attempt in world.scene.attempts(lead)]
        assert outcomes == ["delivered", "adopted"]
        assert world.scene.alerts.published == []

    def test_a_vendor_that_acts_after_all_is_told_as_a_duplicate(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"

        def created_again() -> None:
            self.probe_elsewhere(world, lead)
            with world.elsewhere() as other:
                other.wake_due()
                assert other.state(lead) == "delivered"

        sink = LateSink(world, before=created_again)
        world.delivery = world.scene.new_delivery(sink=sink, prober=world.new_prober())

        world.post(dealership, lead)

        assert world.numbers(lead) == ["000001", "000002"]
        assert world.scene.delivery_row(lead)["remote_id"] == "000001"
        ((subject, text),) = world.scene.alerts.published
        assert "DUPLICATE_IN_EASYCARS" in subject
        assert "000002" in text

    def test_its_success_before_the_second_create_is_an_update(self, world: LostLeads) -> None:
        dealership = world.add_dealership()
        lead = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"
        sink = LateSink(world, before=lambda: self.probe_elsewhere(world, lead))
        world.delivery = world.scene.new_delivery(sink=sink, prober=world.new_prober())
        world.post(dealership, lead)
        assert world.state(lead) == "pending"

        world.wake_due()

        assert (world.state(lead), world.numbers(lead)) == ("delivered", ["000001"])

    def test_a_search_that_wakes_late_settles_nothing_about_a_later_create(
        self, world: LostLeads
    ) -> None:
        dealership = world.add_dealership()
        lead = world.lose(dealership, acted=False)
        world.let_pass(OUTCOME_KNOWN)
        scope = world.scene.delivery_row(lead)["remote_scope"]
        (seen,) = world.probes.unconfirmed(scope)
        world.probe(0)
        world.simulator.add_fault("cut_after", operation="CreateLead")
        world.wake_due()
        assert world.state(lead) == "unconfirmed"
        found = world.reads.read_lead(world.credentials(dealership), "000001")
        assert found is not None

        world.probes.settle(scope, [again(seen)], since=seen.claimed_at)
        assert not world.probes.adopt(scope, seen, found, "-")

        assert world.state(lead) == "unconfirmed"
        world.settle(3)
        assert world.numbers(lead) == ["000001"]


class TestTries:
    def test_each_time_it_waits_longer_and_at_last_a_person_is_asked(
        self, world: LostLeads
    ) -> None:
        dealership = world.add_dealership()
        lead = world.lose(dealership, acted=False)
        policy = RetryPolicy(draw=lambda low, _high: low)
        waits = []
        for _ in range(policy.tries - 1):
            world.probe()
            assert world.state(lead) == "pending"
            waits.append(max(0, round(world.scene.delivery_row(lead)["due_in"], -1)))
            world.let_pass(24 * HOUR)
            world.lose_again(lead)

        world.probe()

        assert waits[:5] == [0, 120, 1020, 3420, 10620]
        row = world.scene.delivery_row(lead)
        assert (row["state"], row["last_error_code"]) == ("failed", "TRIES_USED_UP")
        assert "All 8 tries" in row["last_error"]
        assert world.numbers(lead) == []
