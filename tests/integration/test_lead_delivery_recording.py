"""Outcomes as they are written down, when what they are about has moved on meanwhile."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import pytest

from forecourt.errors import AuthenticationError, PermanentError, RetryableError
from forecourt.leads.ledger import Recorded, Report
from forecourt.leads.retry import hold_after
from forecourt.leads.sink import Push, Receipt
from forecourt.storage.holds import hold_dealership
from forecourt.storage.ledger import PostgresLedger
from tests.support.lead_delivery import Scene, lead_body, queued, wake

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


class TestNumbers:
    @pytest.mark.parametrize("written", ["1", "0000000001"])
    def test_one_written_another_way_is_the_same(self, scene: Scene, written: str) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "rating = 'Hot'")
        scene.sink.will(Receipt(lead_number=written, customer_no="00077"))

        assert scene.deliver(wake(scene, LEAD)) == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["remote_id"]) == ("delivered", "000001")
        assert row["easycars_lead_number"] == "000001"
        assert row["easycars_customer_no"] == "00077"
        assert [attempt["outcome"] for attempt in scene.attempts(LEAD)] == ["delivered"] * 2
        assert scene.alerts.published == []

    def test_an_update_makes_no_second_lead_whatever_number_it_answers(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "rating = 'Hot'")
        scene.sink.will(Receipt(lead_number="000555", customer_no="00077"))

        scene.deliver(wake(scene, LEAD))

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["easycars_lead_number"]) == ("delivered", "000001")
        assert row["easycars_customer_no"] == "00004"
        attempt = scene.attempts(LEAD)[-1]
        assert (attempt["outcome"], attempt["remote_id"]) == ("delivered", "000555")
        assert scene.alerts.published == []

    def test_a_create_that_answers_the_number_the_lead_got_meanwhile_doubled_nothing(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()

        def found_meanwhile(_: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.execute("UPDATE lead SET easycars_lead_number = '000700'")
            return Receipt(lead_number="700", customer_no="00004")

        scene.sink.will(found_meanwhile)
        scene.deliver(lead_body(dealership, LEAD))

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["remote_id"]) == ("delivered", "000700")
        assert scene.attempts(LEAD)[0]["outcome"] == "delivered"
        assert scene.alerts.published == []


class TestDeletedMeanwhile:
    def test_a_lead_deleted_during_its_call_is_not_created_once_more(
        self, scene: Scene, capsys: pytest.CaptureFixture[str]
    ) -> None:
        dealership = scene.add_dealership()
        other = "11111111-1111-4111-8111-111111111111"

        def deleted_meanwhile(push: Push) -> Receipt:
            with scene.elsewhere() as elsewhere:
                elsewhere.execute("DELETE FROM lead WHERE external_id = %s", LEAD)
            return Receipt(lead_number="000808", customer_no="00004")

        scene.sink.will(deleted_meanwhile)
        assert scene.deliver(lead_body(dealership, LEAD)) == []
        assert scene.deliver(lead_body(dealership, other)) == []

        assert scene.rows("SELECT 1 FROM lead WHERE external_id = %s", LEAD) == []
        assert scene.delivery_row(other)["state"] == "delivered"
        assert scene.queue.buried == []
        (line,) = [
            line
            for line in capsys.readouterr().out.splitlines()
            if "The lead was deleted while it was being sent" in line
        ]
        assert "000808" in line

    def test_a_whole_dealership_deleted_during_a_call_stops_nobody(self, scene: Scene) -> None:
        dealership = scene.add_dealership()

        def deleted_meanwhile(push: Push) -> Receipt:
            with scene.elsewhere() as elsewhere:
                elsewhere.execute("DELETE FROM dealership WHERE id = %s", dealership)
            return scene.sink.receipt(push)

        scene.sink.will(deleted_meanwhile)

        assert scene.deliver(lead_body(dealership, LEAD)) == []
        assert scene.queue.buried == []


class TestHoldOfOthers:
    def test_success_with_former_credentials_proves_nothing_for_the_present(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()

        def replaced_and_refused(push: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.change_account(dealership, "EC555555")
                stamp = other.one("SELECT encryption_iv AS iv FROM dealership_easycars_credentials")
                assert hold_dealership(
                    other.database, dealership, stamp["iv"], "Refused.", hold_after(1)
                )
            return scene.sink.receipt(push)

        scene.sink.will(replaced_and_refused)
        scene.deliver(lead_body(dealership, LEAD))

        assert scene.delivery_row(LEAD)["state"] == "delivered"
        held = scene.one("SELECT hold_reason FROM dealership_easycars_credentials")
        assert held["hold_reason"] == "Refused."

    def test_the_reason_is_one_a_person_can_act_on(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(
            AuthenticationError(
                code="AUTHENTICATION_FAILED", detail="RequestToken: Code 1", target="E"
            )
        )

        scene.deliver(lead_body(dealership, LEAD))

        reason = scene.one("SELECT hold_reason FROM dealership_easycars_credentials")["hold_reason"]
        assert "(RequestToken: Code 1)" in reason
        assert "Saving credentials that work" in reason


class AwayFor(PostgresLedger):
    """A ledger that cannot record for the first so many tries."""

    def __init__(self, scene: Scene, tries: float) -> None:
        super().__init__(scene.database)
        self.tried = 0
        self._tries = tries

    def record(self, reports: Sequence[Report]) -> Sequence[Recorded]:
        self.tried += 1
        if self.tried <= self._tries:
            raise RetryableError(code="DATABASE_AWAY", detail="Away.", target="PostgreSQL")
        return super().record(reports)


def ticking(*seconds: float) -> Callable[[], float]:
    """What is left of an invocation at each look; the last stays."""
    looks = itertools.chain(seconds, itertools.repeat(seconds[-1]))
    return lambda: next(looks)


class TestLedgerAway:
    def test_a_short_absence_costs_nothing(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        ledger = AwayFor(scene, 3)

        delivery = scene.new_delivery(ledger=ledger)
        assert delivery.deliver_batch([queued(lead_body(dealership, LEAD))], worker="w") == []

        assert scene.delivery_row(LEAD)["state"] == "delivered"
        assert scene.pauses == [0.1, 0.4, 1.0]

    def test_no_try_begins_that_might_outlive_the_invocation(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        ledger = AwayFor(scene, float("inf"))
        delivery = scene.new_delivery(ledger=ledger)

        returned = delivery.deliver_batch(
            [queued(lead_body(dealership, LEAD))],
            worker="w",
            # three looks before the call, then as recording goes on
            seconds_left=ticking(110, 110, 110, 10.2, 9.2, 9.0),
        )

        assert returned == ["m0"]
        assert scene.pauses == [0.1]
        assert ledger.tried == 3
        assert scene.delivery_row(LEAD)["state"] == "in_progress"


class TestNumbersForMetrics:
    def test_what_happened_and_how_long_it_took(self, scene: Scene) -> None:
        dealership, unconnected = scene.add_dealership(), scene.add_dealership(connected=False)
        received = datetime(2026, 11, 20, 22, 15, tzinfo=UTC).timestamp()
        delivery = scene.new_delivery(clock=lambda: received + 2.5)
        scene.sink.will(
            scene.sink.receipt,
            PermanentError(code="VENDOR_REFUSED", detail="Code 7", target="E"),
            RetryableError(code="NO_TIME_LEFT", detail="-", target="E"),
        )
        bodies = [
            lead_body(dealership, LEAD),
            *(lead_body(dealership) for _ in range(2)),
            lead_body(unconnected),
            "{}",
        ]

        for number, body in enumerate(bodies):
            delivery.deliver_batch([queued(body, f"m{number}")], worker="w")

        counts = [dict(batch) for batch in scene.counts.batches]
        assert counts == [
            {"LeadsDelivered": 1},
            {"LeadsParked": 1},
            {"LeadsRetried": 1},
            {"LeadsParked": 1},
            {"LeadsDeadLettered": 1},
        ]
        times = scene.counts.milliseconds
        assert times[0]["IntakeToDelivered"] == [2500]
        assert [len(batch.get("VendorLatency", ())) for batch in times] == [1, 1, 0, 0, 0]
        assert all("IntakeToDelivered" not in batch for batch in times[1:])

    def test_a_lead_whose_last_try_failed_is_parked(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.execute("UPDATE lead_delivery SET attempts = 7")
        scene.sink.will(RetryableError(code="HTTP_429", detail="-", target="E"))

        scene.deliver(wake(scene, LEAD))

        assert scene.delivery_row(LEAD)["state"] == "failed"
        assert scene.counts.batches == [{"LeadsParked": 1}]

    def test_an_update_is_no_new_arrival(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "rating = 'Hot'")

        scene.deliver(wake(scene, LEAD))

        assert "IntakeToDelivered" not in scene.counts.milliseconds[-1]
        assert scene.counts.batches[-1] == {"LeadsDelivered": 1}
