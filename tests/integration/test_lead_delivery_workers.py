"""Two workers, dead workers and late workers."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from forecourt.errors import RetryableError
from forecourt.leads.ledger import Claim, ClaimRequest
from forecourt.leads.sink import Operation, Push, Receipt
from forecourt.storage.ledger import PostgresLedger
from tests.support.lead_delivery import Scene, lead_body, queued, wake

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def claim_and_die(scene: Scene, lead: str) -> None:
    """Leave a delivery as a worker does that dies after its claim."""
    row = scene.delivery_row(lead)
    scope = row["remote_scope"] or "Test:account"
    requests = [ClaimRequest(delivery_id=row["id"], account_scope=scope)]
    assert len(scene.ledger.claim(requests, "dead-worker")) == 1


class TestTwoWorkers:
    def test_the_same_messages_at_once_make_one_lead_each(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        bodies = [lead_body(dealership) for _ in range(10)]
        failures: list[list[str]] = []
        together = threading.Barrier(4)

        def work() -> None:
            with scene.elsewhere() as worker:
                worker.deliver()
                together.wait()
                failures.append(worker.deliver(*bodies))

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

        assert len(scene.sink.sent) == 10
        assert len({fields["ExternalID"] for _, _, fields in scene.sink.sent}) == 10
        states = scene.rows("SELECT DISTINCT state FROM lead_delivery")
        assert states == [{"state": "delivered"}]
        assert scene.one("SELECT count(*) FROM lead_delivery_attempt")["count"] == 10
        assert len(failures) == 4
        assert scene.deliver(*bodies) == []

    def test_a_message_that_meets_a_live_lease_has_done_its_work(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        body = lead_body(dealership, LEAD)
        scene.store(body)
        claim_and_die(scene, LEAD)

        assert scene.deliver(body) == []

        assert scene.sink.sent == []
        assert scene.delivery_row(LEAD)["state"] == "in_progress"


class TestDeadWorker:
    def test_its_create_becomes_unconfirmed(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        body = lead_body(dealership, LEAD)
        scene.store(body)
        claim_and_die(scene, LEAD)
        scene.pass_time("151 s")

        assert scene.deliver(body) == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["last_error_code"]) == ("unconfirmed", "LEASE_EXPIRED")
        assert 170 < row["due_in"] <= 180
        (attempt,) = scene.attempts(LEAD)
        assert (attempt["outcome"], attempt["worker"]) == ("lease_expired", "dead-worker")
        assert scene.sink.sent == []

    def test_its_update_is_done_again_when_the_vendor_has_ended_with_it(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "rating = 'Hot'")
        claim_and_die(scene, LEAD)
        scene.pass_time("151 s")

        assert scene.deliver(wake(scene, LEAD)) == []
        row = scene.delivery_row(LEAD)
        assert (row["state"], row["last_error_code"]) == ("pending", "LEASE_EXPIRED")
        assert row["due_in"] == pytest.approx(180, abs=30)
        scene.pass_time("180 s")
        assert scene.deliver(wake(scene, LEAD)) == []

        assert scene.delivery_row(LEAD)["state"] == "delivered"
        assert scene.sink.sent[-1][0] is Operation.UPDATE
        outcomes = [attempt["outcome"] for attempt in scene.attempts(LEAD)]
        assert outcomes == ["delivered", "lease_expired", "delivered"]

    def test_its_update_waits_longer_each_time_and_fails_in_the_end(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "rating = 'Hot'")
        waits = []

        for _ in range(8):
            claim_and_die(scene, LEAD)
            scene.pass_time("151 s")
            assert scene.deliver(wake(scene, LEAD)) == []
            row = scene.delivery_row(LEAD)
            waits.append(row["due_in"])
            scene.pass_time(f"{row['due_in'] or 0} s")

        assert waits[:7] == pytest.approx([180, 300, 1200, 3600, 10800, 25200, 45240], abs=30)
        assert (row["state"], row["last_error_code"]) == ("failed", "LEASE_EXPIRED")
        assert row["next_attempt_at"] is None
        assert len(scene.sink.sent) == 1

    def test_its_last_try_does_not_park_a_version_that_came_meanwhile(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "rating = 'Hot'")
        scene.execute("UPDATE lead_delivery SET attempts = 7")
        claim_and_die(scene, LEAD)
        scene.execute("UPDATE lead SET rating = 'Warm', version = version + 1")
        scene.execute("UPDATE lead_delivery SET wanted_version = wanted_version + 1")
        scene.pass_time("151 s")

        assert scene.deliver(wake(scene, LEAD)) == []
        row = scene.delivery_row(LEAD)
        assert (row["state"], row["attempts"]) == ("pending", 0)
        assert row["due_in"] == pytest.approx(180, abs=30)
        scene.pass_time("180 s")
        scene.deliver(wake(scene, LEAD))

        assert scene.sink.sent[-1][2] == {"Rating": 2}
        assert scene.delivery_row(LEAD)["delivered_version"] == 3


class TestStaleView:
    """What a claim sees that was held up while another worker created the lead."""

    def test_a_lead_whose_number_is_not_visible_yet_is_not_created_again(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        body = lead_body(dealership, LEAD)
        scene.deliver(body)
        created = len(scene.sink.sent)
        scene.execute("UPDATE lead SET easycars_lead_number = NULL")
        scene.execute("UPDATE lead_delivery SET state = 'pending', next_attempt_at = now()")

        returned = scene.deliver(body)

        assert returned == []
        assert len(scene.sink.sent) == created
        assert scene.delivery_row(LEAD)["state"] == "pending"


class TestLateWorker:
    """One whose lease ran out while the vendor was answering."""

    def test_its_number_confirms_the_unconfirmed_create(self, scene: Scene) -> None:
        dealership = scene.add_dealership()

        def frozen(push: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.pass_time("151 s")
                assert other.deliver(lead_body(dealership, LEAD)) == []
                assert other.delivery_row(LEAD)["state"] == "unconfirmed"
            return scene.sink.receipt(push)

        scene.sink.will(frozen)
        assert scene.deliver(lead_body(dealership, LEAD)) == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["remote_id"]) == ("delivered", "000001")
        assert row["easycars_lead_number"] == "000001"
        assert row["delivered_fields"] is not None
        (attempt,) = scene.attempts(LEAD)
        assert attempt["outcome"] == "delivered"
        assert len(scene.sink.sent) == 1

    def test_a_second_number_is_kept_apart_and_alarmed(self, scene: Scene) -> None:
        dealership = scene.add_dealership()

        def numbered_meanwhile(_: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.execute("UPDATE lead SET easycars_lead_number = '000700'")
            return Receipt(lead_number="000701", customer_no="00099")

        scene.sink.will(numbered_meanwhile)
        assert scene.deliver(lead_body(dealership, LEAD)) == []

        row = scene.delivery_row(LEAD)
        assert (row["remote_id"], row["easycars_lead_number"]) == ("000700", "000700")
        assert row["easycars_customer_no"] is None
        (attempt,) = scene.attempts(LEAD)
        assert (attempt["outcome"], attempt["remote_id"]) == ("duplicate", "000701")
        ((subject, text),) = scene.alerts.published
        assert "DUPLICATE_IN_EASYCARS" in subject
        assert "000700" in text
        assert "000701" in text
        assert scene.counts.batches[-1]["DuplicatesInEasyCars"] == 1
        frontier = scene.one("SELECT highest_lead_number AS n FROM vendor_frontier")
        assert frontier == {"n": "000701"}

    def test_the_number_that_stays_gets_all_that_the_second_create_carried(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()

        def numbered_meanwhile(_: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.execute("UPDATE lead SET easycars_lead_number = '000700'")
            return Receipt(lead_number="000701")

        scene.sink.will(numbered_meanwhile)
        scene.deliver(lead_body(dealership, LEAD))
        row = scene.delivery_row(LEAD)
        assert (row["state"], row["attempts"], row["delivered_version"]) == ("pending", 0, None)
        assert [wake_up.delay for wake_up in scene.queue.wake_ups] == [0]

        scene.deliver(wake(scene, LEAD))

        operation, _, fields = scene.sink.sent[-1]
        assert (operation, fields["LeadCustomer"]["Name"]) == (Operation.UPDATE, "Zoë Nguyen")
        row = scene.delivery_row(LEAD)
        assert (row["state"], row["remote_id"]) == ("delivered", "000700")
        assert len(scene.alerts.published) == 1

    def test_an_alert_that_cannot_be_sent_stops_nothing(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.alerts.away = True

        def numbered_meanwhile(_: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.execute("UPDATE lead SET easycars_lead_number = '000700'")
            return Receipt(lead_number="000701")

        scene.sink.will(numbered_meanwhile)

        assert scene.deliver(lead_body(dealership, LEAD)) == []

    def test_its_failure_changes_nothing(self, scene: Scene) -> None:
        dealership = scene.add_dealership()

        def frozen(_: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.pass_time("151 s")
                other.deliver(lead_body(dealership, LEAD))
            raise RetryableError(code="CONNECT_FAILED", detail="-", target="EasyCars")

        scene.sink.will(frozen)
        assert scene.deliver(lead_body(dealership, LEAD)) == []

        assert scene.delivery_row(LEAD)["state"] == "unconfirmed"
        assert scene.queue.wake_ups == []

    def test_an_update_whose_lease_is_gone_before_it_is_sent_is_not_sent(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "rating = 'Hot'")

        class FrozenAfterClaim(PostgresLedger):
            def claim(self, requests: Sequence[ClaimRequest], worker: str) -> Sequence[Claim]:
                claims = super().claim(requests, worker)
                scene.execute("UPDATE lead_delivery SET lease_token = gen_random_uuid()")
                return claims

        frozen = scene.new_delivery(ledger=FrozenAfterClaim(scene.database))
        assert frozen.deliver_batch([queued(wake(scene, LEAD))], worker="w") == []

        assert len(scene.sink.sent) == 1


class TestFrontier:
    @pytest.mark.parametrize(
        ("numbers", "highest"),
        [
            (["000009", "000010"], "000010"),
            (["000010", "000009"], "000010"),
            (["999999", "1000000"], "1000000"),
            (["0002", "000001"], "0002"),
        ],
    )
    def test_it_only_rises(self, scene: Scene, numbers: list[str], highest: str) -> None:
        dealership = scene.add_dealership()
        for number in numbers:
            scene.sink.will(Receipt(lead_number=number))
            scene.deliver(lead_body(dealership))

        frontier = scene.one("SELECT highest_lead_number AS n FROM vendor_frontier")
        assert frontier == {"n": highest}
