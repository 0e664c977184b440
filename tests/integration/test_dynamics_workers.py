"""Workers that die, freeze or lose the database while they push leads to Dynamics."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from forecourt.errors import RetryableError
from forecourt.leads.steps import Step, unwatched
from tests.support.dynamics_delivery import DynamicsScene, error
from tests.support.lead_delivery import lead_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[DynamicsScene]:
    scene = DynamicsScene(database_url)
    yield scene
    scene.close()


class TestFrozenWorker:
    def test_a_claim_that_grew_old_is_given_up_unsent(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        clock = [0.0]

        def freeze(step: Step) -> None:
            if step is Step.CLAIMED:
                clock[0] += 46.0

        frozen = scene.new_delivery(freeze, clock=lambda: clock[0])

        frozen.deliver_batch(scene.messages(dealership), worker="w")

        row = scene.row(LEAD)
        assert (row["state"], row["attempts"]) == ("pending", 0)
        assert row["last_error_code"] == "WRITE_WINDOW_CLOSED"
        assert scene.sink.sent == []


class TestLease:
    def test_a_dead_workers_lead_is_sent_again_whole_after_its_lease(
        self, scene: DynamicsScene
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.wake(dealership)
        scene.edit(LEAD, "name = 'Zoë Tran'")
        self.die_at(scene, Step.CALLED, dealership)
        assert scene.row(LEAD)["state"] == "in_progress"

        scene.wake(dealership)
        assert scene.row(LEAD)["state"] == "in_progress"
        scene.pass_time("151 s")
        scene.wake(dealership)

        row = scene.row(LEAD)
        assert (row["state"], row["delivered_fields"]) == ("pending", None)
        assert row["last_error_code"] == "LEASE_EXPIRED"
        assert 115 < row["due_in"] <= 120
        assert scene.scene.attempts(LEAD)[-1]["outcome"] == "lease_expired"
        scene.pass_time("121 s")
        scene.wake(dealership)
        assert scene.sink.sent[-1].fields.keys() == {"lastname", "emailaddress1"}
        assert scene.row(LEAD)["state"] == "delivered"

    @pytest.mark.parametrize("step", [Step.CLAIMED, Step.CALLED, Step.RECORDED, Step.ACKNOWLEDGING])
    def test_wherever_a_worker_dies_the_lead_arrives_once(
        self, scene: DynamicsScene, step: Step
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))

        self.die_at(scene, step, dealership)
        for _ in range(3):
            scene.pass_time("200 s")
            scene.wake(dealership)

        assert len(scene.sink.records) == 1
        assert scene.row(LEAD)["state"] == "delivered"

    def test_a_lead_that_ends_its_worker_each_time_is_parked_in_the_end(
        self, scene: DynamicsScene
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.scene.execute("UPDATE lead_delivery SET attempts = 7")
        self.die_at(scene, Step.CLAIMED, dealership)

        scene.pass_time("151 s")
        scene.wake(dealership)

        assert (scene.row(LEAD)["state"], scene.row(LEAD)["last_error_code"]) == (
            "failed",
            "LEASE_EXPIRED",
        )

    def test_a_success_that_comes_late_still_counts(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        other = DynamicsScene(scene.scene.url, beside=scene)

        def late(_: Any, act: Any) -> Any:
            other.pass_time("151 s")
            other.wake(dealership)
            return act()

        scene.sink.will(late)
        scene.wake(dealership)
        other.close()

        row = scene.row(LEAD)
        assert (row["state"], row["last_error"]) == ("delivered", None)
        assert row["remote_id"] == str(scene.sink.ids[UUID(LEAD)])
        assert scene.scene.attempts(LEAD)[0]["outcome"] == "delivered"

    def test_a_success_later_than_another_claim_changes_nothing(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        other = DynamicsScene(scene.scene.url, beside=scene)

        def overtaken(_: Any, act: Any) -> Any:
            receipt = act()
            other.pass_time("151 s")
            other.wake(dealership)
            other.edit(LEAD, "name = 'Zoë Tran'")
            other.pass_time("121 s")
            other.wake(dealership)
            return receipt

        scene.sink.will(overtaken)
        scene.wake(dealership)
        other.close()

        row = scene.row(LEAD)
        assert (row["state"], row["delivered_version"]) == ("delivered", 2)
        assert row["delivered_fields"]["lastname"] == "Zoë Tran"
        assert len(scene.sink.records) == 1

    @staticmethod
    def die_at(scene: DynamicsScene, fatal: Step, dealership: int) -> None:
        class Died(BaseException):
            pass

        def die(step: Step) -> None:
            if step is fatal:
                raise Died

        def stay_dead(*_: Any, **__: Any) -> Any:
            raise Died

        scene.sink.will(lambda _, act: act())
        ledger = Refusing(scene.ledger, "record", stay_dead) if fatal is Step.CALLED else None
        on_step = unwatched if fatal is Step.CALLED else die
        mortal = scene.new_delivery(on_step, ledger=ledger or scene.ledger)
        with pytest.raises(Died):
            mortal.deliver_batch(scene.messages(dealership), worker="mortal")


class TestDatabaseAway:
    def test_messages_come_back_and_no_lead_is_lost(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        ledger = Refusing(scene.ledger, "look")

        failures = scene.new_delivery(ledger=ledger).deliver_batch(
            scene.messages(dealership), worker="w"
        )

        assert failures == ["m0"]
        assert scene.queue.hidden == {"m0": 30}

    def test_an_outcome_nobody_could_record_is_sent_again_whole(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        ledger = Refusing(scene.ledger, "record")

        failures = scene.new_delivery(ledger=ledger).deliver_batch(
            scene.messages(dealership), worker="w"
        )

        assert failures == ["m0"]
        assert scene.row(LEAD)["state"] == "in_progress"
        assert scene.slept == [0.1, 0.4, 1.0, 2.0, 3.0] * 2
        scene.pass_time("151 s")
        scene.wake(dealership)
        scene.pass_time("121 s")
        scene.wake(dealership)
        assert scene.row(LEAD)["state"] == "delivered"
        assert len(scene.sink.records) == 1


class Refusing:
    """A ledger one of whose methods finds the database away, or whatever `instead` does."""

    def __init__(self, ledger: Any, method: str, instead: Callable[..., Any] | None = None) -> None:
        self._ledger = ledger
        self._method = method
        self._instead = instead or self._refuse

    def __getattr__(self, name: str) -> Any:
        return self._instead if name == self._method else getattr(self._ledger, name)

    @staticmethod
    def _refuse(*_: Any, **__: Any) -> Any:
        raise error(RetryableError, "DATABASE_AWAY")
