"""What becomes of a lead when the vendor or its answer fails."""

from collections.abc import Iterator

import pytest

from forecourt.errors import ForecourtError, OutcomeUnknownError, PermanentError, RetryableError
from forecourt.leads.sink import Operation, Push, Receipt
from forecourt.storage.deliveries import release_delivery
from forecourt.storage.lead_edits import want_present_version
from tests.support.lead_delivery import Answer, Scene, lead_body, wake

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def away(retry_after: float | None = None) -> ForecourtError:
    return RetryableError(
        code="HTTP_429", detail="CreateLead: slow down", target="EasyCars", retry_after=retry_after
    )


def unknown() -> ForecourtError:
    return OutcomeUnknownError(code="TIMEOUT", detail="CreateLead: no answer", target="EasyCars")


def refused() -> ForecourtError:
    return PermanentError(code="VENDOR_REFUSED", detail="CreateLead: Code 7", target="EasyCars")


class TestPassingFailure:
    def test_the_lead_is_due_again_and_a_wake_up_takes_the_message_s_place(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(away())

        assert scene.deliver(lead_body(dealership, LEAD)) == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["attempts"], row["last_error_code"]) == ("pending", 1, "HTTP_429")
        assert 55 < row["due_in"] <= 60
        (attempt,) = scene.attempts(LEAD)
        assert (attempt["outcome"], attempt["http_status"]) == ("retryable", 429)
        (wake_up,) = scene.queue.wake_ups
        assert (wake_up.delivery_id, wake_up.delay) == (row["id"], 60)
        log = scene.one("SELECT * FROM easycars_sync_logs")
        assert (log["status"], log["records_failed"]) == ("Failed", 1)
        assert log["error_details"] == {"code": "HTTP_429"}

    def test_what_the_vendor_asks_for_wins(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(away(retry_after=400))

        scene.deliver(lead_body(dealership, LEAD))

        assert 395 < scene.delivery_row(LEAD)["due_in"] <= 400

    def test_until_the_wake_up_is_overdue_it_counts_as_on_its_way(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(away(retry_after=900))

        scene.deliver(lead_body(dealership, LEAD))

        assert [wake_up.delay for wake_up in scene.queue.wake_ups] == [900]
        assert scene.delivery_row(LEAD)["woken_for"] == pytest.approx(900 + 120, abs=30)

    def test_a_retry_later_than_the_queue_can_delay_is_left_to_the_sweeper(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(away(retry_after=2000))

        assert scene.deliver(lead_body(dealership, LEAD)) == []

        assert scene.queue.wake_ups == []
        assert scene.delivery_row(LEAD)["woken_for"] is None

    def test_a_message_that_comes_too_early_is_acknowledged_and_calls_nobody(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(away(retry_after=2000))
        scene.deliver(lead_body(dealership, LEAD))

        assert scene.deliver(wake(scene, LEAD)) == []
        assert scene.queue.wake_ups == []
        assert len(scene.sink.sent) == 1

        scene.pass_time("2000 s")
        assert scene.deliver(wake(scene, LEAD)) == []
        assert scene.delivery_row(LEAD)["state"] == "delivered"
        assert [a["attempt_no"] for a in scene.attempts(LEAD)] == [1, 2]

    def test_the_message_comes_back_when_no_wake_up_can_be_sent(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.queue.takes_wake_ups = False
        scene.sink.will(away())

        assert scene.deliver(lead_body(dealership, LEAD)) == ["m0"]

        assert scene.queue.hidden == {"m0": 60}

    def test_eight_tries_and_then_a_person(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(*(away() for _ in range(8)))

        scene.deliver(lead_body(dealership, LEAD))
        for _ in range(7):
            assert scene.delivery_row(LEAD)["state"] == "pending"
            scene.pass_time("1 day")
            scene.deliver(wake(scene, LEAD))

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["attempts"]) == ("failed", 8)
        assert row["next_attempt_at"] is None
        assert [wake_up.delay for wake_up in scene.queue.wake_ups] == [60, 300]

    def test_one_lead_s_failure_touches_no_other(self, scene: Scene) -> None:
        dealership = scene.add_dealership()

        def answer(push: Push) -> Receipt:
            if push.fields["ExternalID"] == LEAD:
                raise away()
            return scene.sink.receipt(push)

        scene.sink.will(*[answer] * 5)
        others = [lead_body(dealership) for _ in range(4)]
        assert scene.deliver(*others[:2], lead_body(dealership, LEAD), *others[2:]) == []

        states = scene.rows("SELECT state, count(*) FROM lead_delivery GROUP BY 1 ORDER BY 1")
        assert [(row["state"], row["count"]) for row in states] == [
            ("delivered", 4),
            ("pending", 1),
        ]


class TestRefusal:
    def test_it_is_parked_at_once_with_the_reason(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(refused())

        assert scene.deliver(lead_body(dealership, LEAD)) == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["last_error_code"]) == ("failed", "VENDOR_REFUSED")
        assert row["last_error"] == "CreateLead: Code 7"
        assert scene.queue.wake_ups == []
        assert scene.attempts(LEAD)[0]["outcome"] == "permanent"

    def test_a_lead_that_cannot_be_mapped_is_parked_without_a_call(self, scene: Scene) -> None:
        dealership = scene.add_dealership()

        assert scene.deliver(lead_body(dealership, LEAD, email="nobody")) == []

        assert scene.delivery_row(LEAD)["last_error_code"] == "INVALID_EMAIL"
        assert scene.sink.sent == []
        assert scene.rows("SELECT * FROM easycars_sync_logs") == []

    def test_a_person_releases_it_with_all_its_tries(self, scene: Scene) -> None:
        dealership, other = scene.add_dealership(), scene.add_dealership()
        scene.sink.will(refused())
        scene.deliver(lead_body(dealership, LEAD))
        delivery = scene.delivery_row(LEAD)["id"]

        assert release_delivery(scene.database, delivery, dealership_id=other) is None
        wake_up = release_delivery(scene.database, delivery, dealership_id=dealership)

        assert wake_up is not None
        assert (str(wake_up.external_id), wake_up.dealership_id) == (LEAD, dealership)
        assert scene.delivery_row(LEAD)["attempts"] == 0
        assert release_delivery(scene.database, delivery) == wake_up
        scene.deliver(wake(scene, LEAD))
        assert scene.delivery_row(LEAD)["state"] == "delivered"
        assert release_delivery(scene.database, delivery) is None


class TestUnknownOutcomeOfCreate:
    def test_it_is_unconfirmed_and_never_sent_again_by_itself(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership))
        scene.sink.will(unknown())

        assert scene.deliver(lead_body(dealership, LEAD)) == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["operation"]) == ("unconfirmed", "create")
        assert (row["probe_from"], row["sent_version"]) == ("000001", 1)
        assert 175 < row["due_in"] <= 180
        assert scene.attempts(LEAD)[0]["outcome"] == "unknown"
        assert scene.rows("SELECT status FROM easycars_sync_logs ORDER BY id")[-1] == {
            "status": "Warning"
        }
        scene.pass_time("1 day")
        assert scene.deliver(lead_body(dealership, LEAD), wake(scene, LEAD)) == []
        assert len(scene.sink.sent) == 2

    def test_a_defect_of_ours_counts_as_unknown(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(ZeroDivisionError())

        assert scene.deliver(lead_body(dealership, LEAD)) == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["last_error_code"]) == ("unconfirmed", "UNEXPECTED_ERROR")


class TestUpdate:
    def test_only_what_differs_is_sent(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD, rating="Cold"))
        scene.edit(LEAD, "rating = 'Hot'")

        assert scene.deliver(wake(scene, LEAD)) == []

        assert scene.sink.sent[-1][0] is Operation.UPDATE
        assert scene.sink.sent[-1][2] == {"Rating": 3}
        row = scene.delivery_row(LEAD)
        assert (row["state"], row["delivered_version"]) == ("delivered", 2)
        log = scene.rows("SELECT * FROM easycars_sync_logs ORDER BY id")[-1]
        assert (log["records_created"], log["records_updated"]) == (0, 1)

    def test_an_edit_that_changes_nothing_there_calls_nobody(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "consent = '{}'")

        assert scene.deliver(wake(scene, LEAD)) == []

        assert len(scene.sink.sent) == 1
        assert scene.delivery_row(LEAD)["delivered_version"] == 2
        assert scene.one("SELECT count(*) FROM easycars_sync_logs")["count"] == 1

    def test_an_edit_during_the_call_is_sent_after_it(self, scene: Scene) -> None:
        dealership = scene.add_dealership()

        def edited_meanwhile(push: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.edit(LEAD, "rating = 'Hot'")
            return scene.sink.receipt(push)

        scene.sink.will(edited_meanwhile)
        assert scene.deliver(lead_body(dealership, LEAD)) == []

        assert scene.delivery_row(LEAD)["state"] == "pending"
        assert scene.queue.wake_ups[-1].delay == 0
        scene.deliver(wake(scene, LEAD))
        assert scene.sink.sent[-1][2] == {"Rating": 3}
        assert scene.delivery_row(LEAD)["state"] == "delivered"

    def test_a_status_no_create_can_carry_follows_as_an_update(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(away())
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "status = 'in progress'")
        scene.pass_time("1 day")

        scene.deliver(wake(scene, LEAD))
        assert scene.delivery_row(LEAD)["state"] == "pending"
        scene.deliver(wake(scene, LEAD))

        assert scene.sink.sent[-1][2] == {"LeadStatus": 30}
        assert scene.delivery_row(LEAD)["state"] == "delivered"
        assert scene.one("SELECT last_known_easycars_status AS s FROM lead") == {"s": 30}

    def test_after_an_unknown_outcome_its_fields_go_again_even_when_taken_back(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD, rating="Cold"))
        scene.edit(LEAD, "rating = 'Hot', status = 'won'")
        scene.sink.will(unknown())

        assert scene.deliver(wake(scene, LEAD)) == []

        row = scene.delivery_row(LEAD)
        assert row["state"] == "pending"
        assert 175 < row["due_in"] <= 180
        assert scene.queue.wake_ups[-1].delay == 180
        scene.edit(LEAD, "rating = 'Cold', status = 'received'")
        scene.deliver(wake(scene, LEAD))
        assert scene.sink.sent[-1][2] == {"Rating": 1, "LeadStatus": 10}
        assert scene.delivery_row(LEAD)["state"] == "delivered"

    def lose_the_last_try(self, scene: Scene, answer: Answer) -> None:
        """Send an update for the eighth time, and lose what the vendor says."""
        scene.deliver(lead_body(scene.add_dealership(), LEAD))
        scene.edit(LEAD, "rating = 'Hot'")
        scene.execute("UPDATE lead_delivery SET attempts = 7")
        scene.sink.will(answer)
        scene.deliver(wake(scene, LEAD))

    def test_a_newer_version_does_not_overtake_a_last_try_of_unknown_outcome(
        self, scene: Scene
    ) -> None:
        def edited_meanwhile(_: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.edit(LEAD, "rating = 'Cold'")
            raise unknown()

        self.lose_the_last_try(scene, edited_meanwhile)

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["attempts"]) == ("pending", 0)
        assert row["due_in"] == pytest.approx(180, abs=10)

    @pytest.mark.parametrize("by", ["edit", "retry"])
    def test_neither_does_what_a_person_does_next(self, scene: Scene, by: str) -> None:
        self.lose_the_last_try(scene, unknown())
        row = scene.delivery_row(LEAD)
        assert row["state"] == "failed"

        self.act(scene, by)

        assert scene.delivery_row(LEAD)["due_in"] == pytest.approx(225, abs=10)
        scene.pass_time("226 s")
        scene.execute("UPDATE lead_delivery SET state = 'failed', next_attempt_at = NULL")
        self.act(scene, by)
        assert scene.delivery_row(LEAD)["due_in"] <= 0

    def test_an_edit_that_waited_for_the_record_does_not_either(self, scene: Scene) -> None:
        self.lose_the_last_try(scene, unknown())
        # What the edit's statement sees of the attempts is from before it waited.
        scene.execute("UPDATE lead_delivery_attempt SET outcome = NULL WHERE outcome = 'unknown'")

        self.act(scene, "edit")

        assert scene.delivery_row(LEAD)["due_in"] == pytest.approx(225, abs=10)

    def act(self, scene: Scene, by: str) -> None:
        row = scene.delivery_row(LEAD)
        if by == "retry":
            assert release_delivery(scene.database, row["id"]) is not None
            return
        scene.execute("UPDATE lead SET version = version + 1, rating = 'Cold'")
        with scene.database.transaction() as connection:
            want_present_version(connection, row["lead_id"])

    def test_another_account_s_lead_is_not_touched(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.deliver(lead_body(dealership, LEAD))
        scene.edit(LEAD, "rating = 'Hot'")
        scene.change_account(dealership, "EC999999")

        assert scene.deliver(wake(scene, LEAD)) == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["last_error_code"]) == ("failed", "SCOPE_CHANGED")
        assert "Send it again to the new account" in row["last_error"]
        assert len(scene.sink.sent) == 1

    def test_a_lead_never_created_goes_to_the_new_account(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(away())
        scene.deliver(lead_body(dealership, LEAD))
        former = scene.delivery_row(LEAD)["remote_scope"]
        scene.change_account(dealership, "EC999999")
        scene.pass_time("1 day", "lead_delivery")

        scene.deliver(wake(scene, LEAD))

        assert scene.sink.sent[-1][1] == "EC999999"
        row = scene.delivery_row(LEAD)
        assert row["state"] == "delivered"
        assert row["remote_scope"] != former
