"""The ledger is away in the middle of a batch, and what is on its disk by then."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from forecourt.errors import RetryableError
from forecourt.leads.ledger import Claim, ClaimRequest, Recorded, Report
from forecourt.leads.message import LeadMessage
from forecourt.leads.sink import Push, Receipt
from forecourt.storage.ledger import PostgresLedger
from tests.support.lead_delivery import Scene, lead_body, queued

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def is_on_disk(scene: Scene, position: str) -> bool:
    """Whether the log is flushed up to a position, give or take the header of a page."""
    left = scene.one("SELECT %s::pg_lsn - pg_current_wal_flush_lsn() AS bytes", position)
    return bool(left["bytes"] <= 40)


class AwayLedger(PostgresLedger):
    """A ledger whose database is away for its next so many calls of one method."""

    def __init__(self, scene: Scene, method: str, times: int) -> None:
        super().__init__(scene.database)
        self._method = method
        self._left = times

    def _maybe_away(self, method: str) -> None:
        if method == self._method and self._left > 0:
            self._left -= 1
            raise RetryableError(code="DATABASE_AWAY", detail="Away.", target="PostgreSQL")

    def accept(self, messages: Sequence[LeadMessage]) -> Any:
        self._maybe_away("accept")
        return super().accept(messages)

    def make_durable(self) -> None:
        self._maybe_away("make_durable")
        super().make_durable()

    def look(self, wanted: Any) -> Any:
        self._maybe_away("look")
        return super().look(wanted)

    def claim(self, requests: Sequence[ClaimRequest], worker: str) -> Sequence[Claim]:
        self._maybe_away("claim")
        return super().claim(requests, worker)

    def record(self, reports: Sequence[Report]) -> Sequence[Recorded]:
        self._maybe_away("record")
        return super().record(reports)


class TestDatabaseAway:
    @pytest.mark.parametrize("method", ["accept", "look", "claim"])
    def test_no_vendor_is_called_and_every_message_comes_back(
        self, scene: Scene, method: str
    ) -> None:
        dealership = scene.add_dealership()
        bodies = [lead_body(dealership), lead_body(dealership)]
        if method == "look":  # of leads that were stored before
            for body in bodies:
                scene.store(body)
        delivery = scene.new_delivery(ledger=AwayLedger(scene, method, 99))

        failures = delivery.deliver_batch(
            [queued(bodies[0], "m0", 1), queued(bodies[1], "m1", 4)], worker="w"
        )

        assert failures == ["m0", "m1"]
        assert scene.queue.hidden == {"m0": 30, "m1": 240}
        assert scene.sink.sent == []
        assert scene.rows("SELECT * FROM lead_delivery WHERE attempts > 0") == []
        assert scene.deliver(*bodies) == []
        assert len(scene.sink.sent) == 2

    def test_nothing_is_acknowledged_that_may_not_be_on_disk(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        bodies = [lead_body(dealership, LEAD), lead_body(dealership, spam=True), "not json"]
        delivery = scene.new_delivery(ledger=AwayLedger(scene, "make_durable", 1))

        failures = delivery.deliver_batch(
            [queued(body, f"m{index}") for index, body in enumerate(bodies)], worker="w"
        )

        assert failures == ["m0", "m1"]
        assert len(scene.queue.buried) == 1
        assert scene.deliver(*bodies[:2]) == []
        assert len(scene.sink.sent) == 1

    def test_what_was_committed_without_waiting_is_on_disk_after_make_durable(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        scene.execute("SET synchronous_commit = on")  # as it is anywhere but in tests
        for _ in range(20):
            scene.store(lead_body(dealership))
            written = scene.one("SELECT pg_current_wal_insert_lsn() AS lsn")["lsn"]
            scene.ledger.make_durable()
            assert is_on_disk(scene, written)
        assert scene.one("SHOW synchronous_commit") == {"synchronous_commit": "on"}

    def test_a_claim_is_on_disk_before_the_vendor_is_called(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.execute("SET synchronous_commit = on")

        def look_at_log(push: Push) -> Receipt:
            with scene.elsewhere() as other:
                assert is_on_disk(other, claimed_at[-1])
            return scene.sink.receipt(push)

        class Noting(PostgresLedger):
            def claim(self, requests: Sequence[ClaimRequest], worker: str) -> Sequence[Claim]:
                claims = super().claim(requests, worker)
                claimed_at.append(scene.one("SELECT pg_current_wal_insert_lsn() AS n")["n"])
                return claims

        claimed_at: list[str] = []
        delivery = scene.new_delivery(ledger=Noting(scene.database))
        for _ in range(10):
            scene.sink.will(look_at_log)
            assert delivery.deliver_batch([queued(lead_body(dealership))], worker="w") == []
        assert scene.rows("SELECT * FROM lead_delivery WHERE state <> 'delivered'") == []

    def test_a_connection_lost_with_commits_in_doubt_brings_the_messages_back(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()

        class LostAfterRecord(PostgresLedger):
            def record(self, reports: Sequence[Report]) -> Sequence[Recorded]:
                recorded = super().record(reports)
                scene.database.close()
                return recorded

        delivery = scene.new_delivery(ledger=LostAfterRecord(scene.database))
        body = lead_body(dealership, LEAD)
        assert delivery.deliver_batch([queued(body)], worker="w") == ["m0"]
        assert scene.deliver(body) == []
        assert len(scene.sink.sent) == 1

    def test_an_outcome_is_recorded_once_the_database_is_back(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        delivery = scene.new_delivery(ledger=AwayLedger(scene, "record", 3))

        assert delivery.deliver_batch([queued(lead_body(dealership, LEAD))], worker="w") == []

        assert scene.pauses == [0.1, 0.4, 1.0]
        assert scene.delivery_row(LEAD)["state"] == "delivered"

    def test_when_it_stays_away_the_create_ends_unconfirmed(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        delivery = scene.new_delivery(ledger=AwayLedger(scene, "record", 99))
        body = lead_body(dealership, LEAD)

        assert delivery.deliver_batch([queued(body)], worker="w") == ["m0"]
        scene.pass_time("151 s")
        assert scene.deliver(body) == []

        assert scene.delivery_row(LEAD)["state"] == "unconfirmed"
        assert len(scene.sink.sent) == 1

    def test_a_record_whose_commit_was_not_heard_of_is_repeated_without_harm(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()

        class Deaf(PostgresLedger):
            heard = False

            def record(self, reports: Sequence[Report]) -> Sequence[Recorded]:
                recorded = super().record(reports)
                if not self.heard:
                    self.heard = True
                    raise RetryableError(code="DATABASE_AWAY", detail="-", target="PostgreSQL")
                return recorded

        delivery = scene.new_delivery(ledger=Deaf(scene.database))
        assert delivery.deliver_batch([queued(lead_body(dealership, LEAD))], worker="w") == []

        assert scene.delivery_row(LEAD)["state"] == "delivered"
        assert len(scene.attempts(LEAD)) == 1
        assert scene.one("SELECT count(*) FROM easycars_sync_logs")["count"] == 1
        assert scene.alerts.published == []

    def test_a_connection_that_was_cut_is_opened_again(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership))

        def cut(push: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            return scene.sink.receipt(push)

        scene.sink.will(cut)
        assert scene.deliver(lead_body(dealership, LEAD)) == []

        assert scene.delivery_row(LEAD)["state"] == "delivered"
