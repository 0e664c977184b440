"""Failures in the middle of a batch: what one lead or step suffers costs no other its outcome."""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from forecourt.errors import AuthenticationError, RetryableError
from forecourt.leads.lead import Lead
from forecourt.leads.ledger import Recorded, Report
from forecourt.leads.sink import Push, Receipt
from forecourt.leads.wake_ups import WakeUp
from forecourt.security.credentials import EasyCarsCredentials
from forecourt.storage.holds import release_after_save
from forecourt.storage.ledger import PostgresLedger
from tests.support.lead_delivery import Scene, ScriptedSink, lead_body, queued, wake

FIRST = "11111111-1111-4111-8111-111111111111"
SECOND = "21111111-1111-4111-8111-111111111111"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def away() -> RetryableError:
    return RetryableError(code="DATABASE_AWAY", detail="Away.", target="PostgreSQL")


class TestLedgerAwayDuringCalls:
    def test_what_arrives_after_a_record_that_failed_is_recorded_with_it(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        given_up = threading.Event()

        class AwayForAWhile(PostgresLedger):
            left = 6

            def record(self, reports: Sequence[Report]) -> Sequence[Recorded]:
                if self.left:
                    self.left -= 1
                    if not self.left:
                        given_up.set()
                    raise away()
                return super().record(reports)

        def slow(push: Push) -> Receipt:
            assert given_up.wait(10)
            return scene.sink.receipt(push)

        scene.sink.will(scene.sink.receipt, slow)
        delivery = scene.new_delivery(ledger=AwayForAWhile(scene.database))
        messages = [
            queued(lead_body(dealership, FIRST)),
            queued(lead_body(dealership, SECOND), "m1"),
        ]

        assert delivery.deliver_batch(messages, worker="w") == []

        assert scene.delivery_row(FIRST)["state"] == "delivered"
        assert scene.delivery_row(SECOND)["state"] == "delivered"

    def test_an_update_that_cannot_be_prepared_costs_no_create_its_outcome(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, FIRST))
        scene.edit(FIRST, "rating = 'Hot'")

        class CutBeforeUpdates(PostgresLedger):
            def forget_fields(
                self, keys: Mapping[int, tuple[UUID, Collection[str]]]
            ) -> Collection[int]:
                raise away()

        delivery = scene.new_delivery(ledger=CutBeforeUpdates(scene.database))
        messages = [queued(wake(scene, FIRST)), queued(lead_body(dealership, SECOND), "m1")]

        assert delivery.deliver_batch(messages, worker="w") == ["m0"]

        assert scene.delivery_row(SECOND)["state"] == "delivered"
        assert len(scene.sink.sent) == 2
        scene.pass_time("151 s")
        assert scene.deliver(wake(scene, FIRST)) == []
        scene.pass_time("180 s")
        assert scene.deliver(wake(scene, FIRST)) == []
        assert scene.delivery_row(FIRST)["state"] == "delivered"

    def test_a_hold_that_cannot_be_ended_costs_no_outcome(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(AuthenticationError(code="AUTHENTICATION_FAILED", detail="-", target="E"))
        scene.deliver(lead_body(dealership, FIRST))
        scene.pass_time("1 minute")

        class CutBeforeRelease(PostgresLedger):
            def release_held(self, dealership_id: int, credential_stamp: str) -> Sequence[WakeUp]:
                raise away()

        delivery = scene.new_delivery(ledger=CutBeforeRelease(scene.database))

        assert delivery.deliver_batch([queued(wake(scene, FIRST))], worker="w") == []

        assert scene.delivery_row(FIRST)["state"] == "delivered"


class TestPoison:
    def test_a_lead_our_mapping_trips_over_is_parked_alone(self, scene: Scene) -> None:
        dealership = scene.add_dealership()

        class Tripping(ScriptedSink):
            def prepare(self, lead: Lead, delivered: Mapping[str, Any] | None) -> Push:
                if str(lead.external_id) == SECOND:
                    raise ZeroDivisionError
                return super().prepare(lead, delivered)

        delivery = scene.new_delivery(sink=Tripping())
        messages = [
            queued(lead_body(dealership, FIRST)),
            queued(lead_body(dealership, SECOND), "m1"),
        ]

        assert delivery.deliver_batch(messages, worker="w") == []

        assert scene.delivery_row(FIRST)["state"] == "delivered"
        row = scene.delivery_row(SECOND)
        assert (row["state"], row["last_error_code"]) == ("failed", "UNEXPECTED_ERROR")
        assert "ZeroDivisionError" in row["last_error"]

    @pytest.mark.parametrize("customer_no", ["9" * 101, "00\0004", "00004\ud83d"])
    def test_an_answer_the_database_refuses_keeps_its_number(
        self, scene: Scene, customer_no: str
    ) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(Receipt(lead_number="000041", customer_no=customer_no))

        assert scene.deliver(lead_body(dealership, FIRST), lead_body(dealership, SECOND)) == []

        states = scene.rows("SELECT state, remote_id IS NOT NULL AS n FROM lead_delivery")
        assert states == [{"state": "delivered", "n": True}] * 2

    @pytest.mark.parametrize("number", ["00\00041", "\ud83d"])
    def test_a_number_that_is_no_text_leaves_its_own_create_unconfirmed(
        self, scene: Scene, number: str
    ) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(
            lambda push: (
                Receipt(lead_number=number)
                if str(push.fields["ExternalID"]) == FIRST
                else scene.sink.receipt(push)
            )
        )

        scene.deliver(lead_body(dealership, FIRST), lead_body(dealership, SECOND))

        assert scene.delivery_row(SECOND)["state"] == "delivered"


class TestTime:
    def test_nothing_is_claimed_when_reading_credentials_took_the_time(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        left = [100.0]

        class SlowVault:
            def load(self, dealership_id: int) -> EasyCarsCredentials | None:
                left[0] = 5.0
                return scene.vault.load(dealership_id)

        delivery = scene.new_delivery(vault=SlowVault())
        message = queued(lead_body(dealership, FIRST))

        failures = delivery.deliver_batch([message], worker="w", seconds_left=lambda: left[0])

        assert failures == ["m0"]
        assert scene.attempts(FIRST) == []
        assert scene.sink.sent == []

    def test_the_write_window_opens_with_the_claim(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        now = [1000.0]
        limits: list[float] = []

        class SlowVault:
            def load(self, dealership_id: int) -> EasyCarsCredentials | None:
                now[0] += 44.0
                return scene.vault.load(dealership_id)

        class Watching(ScriptedSink):
            def send(
                self,
                push: Push,
                credentials: EasyCarsCredentials,
                *,
                write_by: float,
                seconds: float,
            ) -> Receipt:
                limits.append(write_by)
                return super().send(push, credentials, write_by=write_by, seconds=seconds)

        delivery = scene.new_delivery(vault=SlowVault(), sink=Watching(), clock=lambda: now[0])

        delivery.deliver_batch([queued(lead_body(dealership, FIRST))], worker="w")

        assert limits == [1044.0 + 45.0]


class TestSavedCredentials:
    def test_they_release_what_waited_because_the_old_ones_could_not_be_sent(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(
            AuthenticationError(code="INVALID_CREDENTIALS", detail="Too long.", target="EasyCars")
        )
        scene.deliver(lead_body(dealership, FIRST))
        scene.change_account(dealership, "EC888888")

        wake_ups = release_after_save(scene.database, dealership)

        assert [str(wake_up.external_id) for wake_up in wake_ups] == [FIRST]
        assert scene.deliver(wake(scene, FIRST)) == []
        assert scene.delivery_row(FIRST)["state"] == "delivered"

    def test_saved_between_a_refusal_s_hold_and_its_record_they_are_tried_at_once(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()

        class SavedInBetween(PostgresLedger):
            def hold(self, *arguments: Any) -> bool:
                held = super().hold(*arguments)
                scene.change_account(dealership, "EC888888")
                release_after_save(scene.database, dealership)
                return held

        scene.sink.will(AuthenticationError(code="AUTHENTICATION_FAILED", detail="-", target="E"))
        delivery = scene.new_delivery(ledger=SavedInBetween(scene.database))

        delivery.deliver_batch([queued(lead_body(dealership, FIRST))], worker="w")

        assert scene.queue.wake_ups[-1].delay == 0

    def test_saved_while_a_lead_is_being_parked_for_want_of_them_they_release_it(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership(connected=False)

        class SavedAfterLook(PostgresLedger):
            def fail(self, delivery_ids: Collection[int], code: str, detail: str) -> None:
                scene.connect(dealership)
                assert release_after_save(scene.database, dealership) == []
                super().fail(delivery_ids, code, detail)

        scene.connect(dealership)
        scene.store(lead_body(dealership, FIRST))
        scene.execute("DELETE FROM dealership_easycars_credentials")
        delivery = scene.new_delivery(ledger=SavedAfterLook(scene.database))

        assert delivery.deliver_batch([queued(wake(scene, FIRST))], worker="w") == []

        row = scene.delivery_row(FIRST)
        assert row["state"] == "pending"
        assert row["due_in"] <= 0
        assert row["woken_for"] is None

    def test_saved_again_they_wake_again_what_no_wake_up_was_sent_for(self, scene: Scene) -> None:
        dealership = scene.add_dealership(connected=False)
        scene.deliver(lead_body(dealership, FIRST))
        scene.connect(dealership)
        assert len(release_after_save(scene.database, dealership)) == 1

        assert len(release_after_save(scene.database, dealership)) == 1


class TestCredentialsSwitchedBack:
    """The former account is the present one again before it is recorded that it was not."""

    def test_a_change_of_a_lead_there_goes_on(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, FIRST))
        scene.edit(FIRST, "rating = 'Hot'")
        scope = scene.delivery_row(FIRST)["remote_scope"]
        scene.change_account(dealership, "EC900001")

        def switched_back(push: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.change_account(dealership, f"EC{dealership:06d}")
                release_after_save(other.database, dealership, scope)
            return scene.sink.receipt(push)

        scene.sink.will(switched_back)
        scene.deliver(wake(scene, FIRST), lead_body(dealership, SECOND))

        row = scene.delivery_row(FIRST)
        assert (row["state"], row["attempts"], row["due_in"] <= 0) == ("pending", 0, True)
        assert [str(wake_up.external_id) for wake_up in scene.queue.wake_ups] == [FIRST]
        scene.deliver(wake(scene, FIRST))
        assert scene.sink.sent[-1][1:] == (f"EC{dealership:06d}", {"Rating": 3})
        assert scene.delivery_row(FIRST)["state"] == "delivered"
