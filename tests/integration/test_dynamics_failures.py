"""What becomes of a lead when Dynamics refuses it, or nobody knows what became of it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from forecourt.errors import ForecourtError, OutcomeUnknownError, PermanentError, RetryableError
from tests.support.dynamics_delivery import DynamicsScene, error
from tests.support.lead_delivery import lead_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[DynamicsScene]:
    scene = DynamicsScene(database_url)
    yield scene
    scene.close()


def cut_after_acting(push: Any, act: Any) -> Any:
    act()
    raise error(RetryableError, "CONNECTION_CUT")


class TestUnknownOutcome:
    def test_an_upsert_cut_after_acting_finds_its_own_record(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.sink.will(cut_after_acting)

        scene.wake(dealership)

        row = scene.row(LEAD)
        assert (row["state"], row["attempts"], row["remote_id"]) == ("pending", 1, None)
        assert row["last_error_code"] == "CONNECTION_CUT"
        assert scene.scene.attempts(LEAD)[0]["outcome"] == "unknown"
        assert 115 < row["due_in"] <= 120
        scene.wake(dealership)
        assert len(scene.sink.sent) == 1
        scene.pass_time("121 s")
        scene.wake(dealership)
        assert len(scene.sink.records) == 1
        assert scene.row(LEAD)["state"] == "delivered"

    @pytest.mark.parametrize(
        ("kind", "code"),
        [
            (RetryableError, "TIMEOUT"),
            (RetryableError, "VENDOR_AWAY_HTTP"),
            (RetryableError, "SERVER_ERROR"),
            (RetryableError, "UNREADABLE_ANSWER"),
            (OutcomeUnknownError, "CONNECTION_CUT"),
        ],
        ids=lambda value: value if isinstance(value, str) else value.__name__,
    )
    def test_after_an_update_of_unknown_outcome_everything_is_sent_again(
        self, scene: DynamicsScene, kind: type[ForecourtError], code: str
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.wake(dealership)
        scene.edit(LEAD, "name = 'Zoë Tran'")
        scene.sink.will(error(kind, code))

        scene.wake(dealership)

        row = scene.row(LEAD)
        assert (row["state"], row["delivered_fields"], row["payload_hash"]) == (
            "pending",
            None,
            None,
        )
        scene.edit(LEAD, "name = 'Zoë Nguyen'")
        scene.scene.execute("UPDATE lead_delivery SET next_attempt_at = now()")
        scene.wake(dealership)
        assert scene.sink.sent[-1].fields.keys() == {"lastname", "emailaddress1"}
        assert scene.sink.sent[-1].remote_id == scene.sink.ids[UUID(LEAD)]

    @pytest.mark.parametrize("code", ["CONNECT_FAILED", "KEY_RACE", "SQL_BUSY"])
    def test_what_certainly_did_nothing_forgets_nothing(
        self, scene: DynamicsScene, code: str
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.wake(dealership)
        scene.edit(LEAD, "name = 'Zoë Tran'")
        scene.sink.will(error(RetryableError, code))

        scene.wake(dealership)

        row = scene.row(LEAD)
        assert row["delivered_fields"]["lastname"] == "Zoë Nguyen"
        assert 55 < row["due_in"] <= 60
        assert scene.scene.attempts(LEAD)[-1]["outcome"] == "retryable"


class TestRefusals:
    def test_a_permanent_refusal_parks_the_lead_alone(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.sink.will(error(PermanentError, "DUPLICATE_FOUND"))
        scene.wake(dealership)
        scene.store(lead_body(dealership))
        scene.wake(dealership)

        row = scene.row(LEAD)
        assert (row["state"], row["last_error"]) == ("failed", "Said DUPLICATE_FOUND.")
        assert row["next_attempt_at"] is None
        assert len(scene.sink.records) == 1

    def test_after_its_last_try_it_is_parked(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.scene.execute("UPDATE lead_delivery SET attempts = 7")
        scene.sink.will(error(RetryableError, "SQL_BUSY"))

        scene.wake(dealership)

        assert scene.row(LEAD)["state"] == "failed"
        assert scene.scene.counts.batches[-1] == {"DynamicsParked": 1}

    def test_what_was_deleted_there_is_not_made_again_by_an_edit(
        self, scene: DynamicsScene
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.wake(dealership)
        scene.sink.delete(LEAD)
        other = DynamicsScene(scene.scene.url, beside=scene)

        def edited_meanwhile(_: Any, act: Any) -> Any:
            other.edit(LEAD, "name = 'Zoë Diaz'")
            return act()

        scene.sink.will(edited_meanwhile)
        scene.edit(LEAD, "name = 'Zoë Tran'")
        scene.wake(dealership)
        other.close()

        row = scene.row(LEAD)
        assert (row["state"], row["last_error_code"]) == ("failed", "DELETED_IN_DYNAMICS")
        assert row["wanted_version"] == 3
        assert scene.sink.records == {}

    def test_a_newer_version_is_sent_though_the_one_before_was_refused(
        self, scene: DynamicsScene
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        other = DynamicsScene(scene.scene.url, beside=scene)

        def refused_while_edited(_: Any, __: Any) -> Any:
            other.edit(LEAD, "name = 'Zoë Tran'")
            raise error(PermanentError, "REQUEST_REFUSED")

        scene.sink.will(refused_while_edited)
        scene.wake(dealership)
        other.close()

        assert scene.row(LEAD)["state"] == "delivered"
        assert [push.fields["lastname"] for push in scene.sink.sent] == ["Zoë Nguyen", "Zoë Tran"]
