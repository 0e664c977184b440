"""The sweeper wakes whatever is due that no message is on its way for."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from forecourt.errors import (
    AuthenticationError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from forecourt.leads.ledger import ClaimRequest
from forecourt.leads.sweep import Swept
from forecourt.leads.wake_ups import WakeUp
from forecourt.storage.deliveries import claim_deliveries, release_delivery
from forecourt.storage.holds import release_after_save
from forecourt.storage.sweeps import PostgresSweeps
from tests.support.clock import let_pass
from tests.support.lead_delivery import MemoryQueue, Scene, lead_body, queued, wake_up_body
from tests.support.sweeping import Ticking, deliver_woken, new_sweeper, seed_due, sweep

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def busy(retry_after: float) -> RetryableError:
    return RetryableError(code="HTTP_429", detail="-", target="EasyCars", retry_after=retry_after)


def unknown() -> OutcomeUnknownError:
    return OutcomeUnknownError(code="TIMEOUT", detail="No answer.", target="EasyCars")


def wake_up_of(scene: Scene, lead: str) -> str:
    row = scene.delivery_row(lead)
    return wake_up_body(lead, row["dealership_id"], row["id"])


class TestWhatACrashLeavesBehind:
    """Each place where a process may end between a commit and the message that follows it."""

    def test_a_lead_stored_by_a_batch_that_died(self, scene: Scene) -> None:
        scene.store(lead_body(scene.add_dealership(), LEAD))

        assert sweep(scene) == []
        let_pass(scene.database, 151)

        assert sweep(scene) == [LEAD]

    def test_a_lead_released_by_a_person_whose_message_was_not_sent(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(PermanentError(code="VENDOR_REFUSED", detail="-", target="EasyCars"))
        scene.deliver(lead_body(dealership, LEAD))
        let_pass(scene.database, 300)
        assert sweep(scene) == []

        assert release_delivery(scene.database, scene.delivery_row(LEAD)["id"])

        assert sweep(scene) == [LEAD]

    def test_leads_released_by_saved_credentials(self, scene: Scene) -> None:
        dealership = scene.add_dealership(connected=False)
        for _ in range(15):
            scene.deliver(lead_body(dealership))
        scene.connect(dealership)
        assert sweep(scene) == []

        messages = release_after_save(scene.database, dealership)

        assert len(messages) == 10
        assert sweep(scene) == []
        let_pass(scene.database, 121)
        assert len(sweep(scene)) == 10

    def test_leads_released_by_the_end_of_a_hold(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        leads = [str(uuid4()) for _ in range(3)]
        refused = AuthenticationError(code="AUTHENTICATION_FAILED", detail="-", target="EasyCars")
        scene.sink.will(refused)
        scene.deliver(lead_body(dealership, leads[0]))
        scene.deliver(*(lead_body(dealership, lead) for lead in leads[1:]))
        let_pass(scene.database, 61)
        scene.queue.takes_wake_ups = False
        assert scene.deliver(wake_up_of(scene, leads[0])) == []
        assert scene.delivery_row(leads[0])["state"] == "delivered"
        scene.queue.takes_wake_ups = True
        scene.queue.wake_ups.clear()

        let_pass(scene.database, 121)

        assert sorted(sweep(scene)) == sorted(leads[1:])

    def test_a_recorded_retry_whose_message_was_never_sent(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(busy(retry_after=30))

        class KilledError(Exception):
            pass

        class DiesBeforeSending(MemoryQueue):
            def send_wake_ups(self, wake_ups: Sequence[WakeUp]) -> Collection[WakeUp]:
                raise KilledError

        delivery = scene.new_delivery(queue=DiesBeforeSending())
        with pytest.raises(KilledError):
            delivery.deliver_batch([queued(lead_body(dealership, LEAD))], worker="w")
        assert sweep(scene) == []

        let_pass(scene.database, 34)

        assert sweep(scene) == [LEAD]

    def test_a_retry_whose_message_was_lost(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(busy(retry_after=300))
        scene.deliver(lead_body(dealership, LEAD))

        let_pass(scene.database, 331)
        assert sweep(scene) == []  # it is due, and its message may still be on its way
        let_pass(scene.database, 120)

        assert sweep(scene) == [LEAD]

    def test_a_retry_too_far_off_for_a_message(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(busy(retry_after=5000))
        scene.deliver(lead_body(dealership, LEAD))
        assert scene.queue.wake_ups == []

        let_pass(scene.database, 5501)

        assert sweep(scene) == [LEAD]
        deliver_woken(scene)
        assert scene.delivery_row(LEAD)["state"] == "delivered"

    def test_an_edit_whose_message_was_not_sent(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "rating = 'Hot'")

        assert sweep(scene) == [LEAD]

    def test_what_the_sweeper_noted_and_did_not_live_to_send(self, scene: Scene) -> None:
        seed_due(scene, scene.add_dealership(), 1)

        assert len(PostgresSweeps(scene.database).wake_due()) == 1

        assert sweep(scene) == []
        let_pass(scene.database, 121)
        assert len(sweep(scene)) == 1


class TestExpiredLeases:
    def claim_and_die(self, scene: Scene, lead: str) -> None:
        row = scene.delivery_row(lead)
        request = ClaimRequest(
            delivery_id=row["id"], account_scope="scope-1", lead_source="source-1"
        )
        assert claim_deliveries(scene.database, [request], "dead-worker")

    def test_a_create_becomes_unconfirmed(self, scene: Scene) -> None:
        scene.store(lead_body(scene.add_dealership(), LEAD))
        self.claim_and_die(scene, LEAD)
        sweeper = new_sweeper(scene)
        assert sweeper.sweep_once().freed == 0
        let_pass(scene.database, 151)

        assert sweeper.sweep_once().freed == 1

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["last_error_code"]) == ("unconfirmed", "LEASE_EXPIRED")
        assert scene.queue.wake_ups == []

    def test_an_update_is_woken_when_its_wait_is_over(self, scene: Scene) -> None:
        scene.deliver(lead_body(scene.add_dealership(), LEAD))
        scene.edit(LEAD, "rating = 'Hot'")
        self.claim_and_die(scene, LEAD)
        let_pass(scene.database, 151)

        assert sweep(scene) == []
        assert scene.delivery_row(LEAD)["state"] == "pending"
        let_pass(scene.database, 181)
        assert sweep(scene) == [LEAD]


class TestAway:
    def test_a_queue_that_is_away_leaves_deliveries_asleep(self, scene: Scene) -> None:
        seed_due(scene, scene.add_dealership(), 3)
        scene.queue.takes_wake_ups = False
        scene.pauses.clear()

        swept = new_sweeper(scene).run()

        assert swept.interrupted
        assert scene.pauses == []
        scene.queue.takes_wake_ups = True
        assert len(sweep(scene)) == 3

    def test_only_what_was_not_sent_is_woken_again(self, scene: Scene) -> None:
        for _ in range(3):
            seed_due(scene, scene.add_dealership(), 10)

        class TakesOne(MemoryQueue):
            def send_wake_ups(self, wake_ups: Sequence[WakeUp]) -> Collection[WakeUp]:
                full = len(self.wake_ups) >= 10
                return wake_ups if full else super().send_wake_ups(wake_ups)

        queue = TakesOne()
        assert new_sweeper(scene, queue=queue).sweep_once().interrupted

        taken = {str(wake_up.external_id) for wake_up in queue.wake_ups}
        woken = set(sweep(scene))
        assert (len(taken), len(woken)) == (10, 20)
        assert not taken & woken

    @pytest.mark.parametrize("method", ["gauges", "free_expired", "wake_due", "unannounced"])
    def test_a_database_that_is_away_ends_the_run(self, scene: Scene, method: str) -> None:
        class Away(PostgresSweeps):
            pass

        def fail(*_: object) -> Any:
            raise RetryableError(code="DATABASE_AWAY", detail="Away.", target="PostgreSQL")

        setattr(Away, method, fail)

        assert new_sweeper(scene, ledger=Away(scene.database)).run().interrupted
        assert scene.pauses == []


class TestRun:
    def test_with_nothing_due_it_is_one_look(self, scene: Scene) -> None:
        scene.deliver(lead_body(scene.add_dealership()))
        clock = Ticking()

        assert new_sweeper(scene, clock=clock, sleep=clock.sleep).run() == Swept()

        assert clock.sleeps == 0
        assert len(scene.counts.gauges) == 1

    def test_it_tops_up_every_second_until_nothing_is_due(self, scene: Scene) -> None:
        seed_due(scene, scene.add_dealership(), 45)
        clock = Ticking(lambda _: deliver_woken(scene))

        swept = new_sweeper(scene, clock=clock, sleep=clock.sleep).run()

        assert swept == Swept(woken=45)
        assert clock.sleeps == 4
        assert len(scene.sink.sent) == 40

    def test_it_waits_for_what_becomes_due_within_its_time(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        seed_due(scene, dealership, 1, due_for="-40 seconds")
        clock = Ticking(lambda _: let_pass(scene.database, 1))

        assert new_sweeper(scene, clock=clock, sleep=clock.sleep).run().woken == 1

        assert 0 < clock.sleeps <= 41

    @pytest.mark.parametrize(("given", "sleeps"), [(75, 55), (900, 55), (50, 30), (20, 0)])
    def test_it_ends_in_time_for_the_next(self, scene: Scene, given: float, sleeps: int) -> None:
        seed_due(scene, scene.add_dealership(), 11)
        clock = Ticking()

        assert new_sweeper(scene, clock=clock, sleep=clock.sleep).run(given).woken == 10

        assert clock.sleeps == sleeps

    def test_it_shows_what_an_operator_should_see(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(PermanentError(code="VENDOR_REFUSED", detail="-", target="EasyCars"))
        scene.deliver(lead_body(dealership))
        scene.sink.will(unknown())
        scene.deliver(lead_body(dealership))
        let_pass(scene.database, 3601)
        scene.sink.will(unknown())
        scene.deliver(lead_body(dealership))
        seed_due(scene, dealership, 2, due_for="90 seconds")
        scene.execute(
            "INSERT INTO circuit_breaker (target, environment, open_until)"
            " VALUES ('EasyCars', 'Production', now())"
        )

        new_sweeper(scene).run(20)

        (gauges,) = scene.counts.gauges
        assert gauges.pop("OldestDueSeconds") == pytest.approx(90, abs=60)  # type: ignore[attr-defined]
        assert gauges == {
            "DeliveriesParked": 1,
            "DeliveriesUnconfirmedOverAnHour": 1,
            "BreakersOpen": 1,
            "DeliveriesDue": 2,
            "SitesOnlyFailing": 0,
        }


def test_only_the_deliveries_named_are_asleep_again(scene: Scene) -> None:
    seed_due(scene, scene.add_dealership(), 2)
    sweeps = PostgresSweeps(scene.database)
    first, second = sweeps.wake_due()

    sweeps.forget_woken([first.delivery_id])

    assert [wake_up.delivery_id for wake_up in sweeps.wake_due()] == [first.delivery_id]
    assert isinstance(second.external_id, UUID)


def test_a_burst_of_one_dealership_puts_nobody_else_to_sleep(scene: Scene) -> None:
    many, few = scene.add_dealership(), scene.add_dealership()
    seed_due(scene, few, 1)
    seed_due(scene, many, 205)
    scene.execute(
        "UPDATE lead_delivery SET woken_until = now() + interval '150 s' WHERE dealership_id = %s",
        many,
    )

    assert len(sweep(scene)) == 1
