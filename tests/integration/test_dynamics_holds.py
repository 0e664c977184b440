"""What makes leads wait for Dynamics: its limits, a refused connection, a switch, a vendor away."""

from collections.abc import Iterator
from typing import Any

import pytest

from forecourt.errors import AuthenticationError, ForecourtError, PermanentError, RetryableError
from tests.support.dynamics_delivery import ORGANISATION, DynamicsScene, connect_dynamics, error
from tests.support.lead_delivery import lead_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[DynamicsScene]:
    scene = DynamicsScene(database_url)
    yield scene
    scene.close()


class TestRateLimit:
    def test_a_429_burns_no_try_and_closes_the_scope_for_all(self, scene: DynamicsScene) -> None:
        first, second = scene.add_dealership(), scene.add_dealership()
        scene.store(lead_body(first, LEAD))
        scene.store(lead_body(second))
        scene.sink.will(error(RetryableError, "RATE_LIMITED", retry_after=40.0))

        scene.wake(first, second)

        row = scene.row(LEAD)
        assert (row["state"], row["attempts"], row["last_error_code"]) == (
            "pending",
            0,
            "RATE_LIMITED",
        )
        assert 39 < row["due_in"] <= 40
        assert len(scene.sink.sent) == 1
        assert sorted(wake_up.delay for wake_up in scene.queue.wake_ups) == [40]
        assert scene.scene.counts.batches[-1] == {"DynamicsRetried": 1, "DynamicsRateLimited": 1}

    def test_an_hour_is_the_longest_silence_whatever_is_asked(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.sink.will(error(RetryableError, "RATE_LIMITED", retry_after=86_400.0))
        scene.wake(dealership)

        assert 3_599 < scene.row(LEAD)["due_in"] <= 3_600
        scene.pass_time("3601 s")
        scene.wake(dealership)

        assert scene.row(LEAD)["state"] == "delivered"

    def test_metadata_that_are_limited_close_the_scope_no_longer(
        self, scene: DynamicsScene
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.sink.metadata_error = error(RetryableError, "RATE_LIMITED", retry_after=86_400.0)
        scene.wake(dealership)
        scene.sink.metadata_error = None

        scene.pass_time("3601 s")
        scene.wake(dealership)

        assert scene.row(LEAD)["state"] == "delivered"

    def test_one_probe_goes_first_then_all(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        for _ in range(15):
            scene.store(lead_body(dealership))
        refused = error(RetryableError, "RATE_LIMITED", retry_after=40.0)
        scene.sink.will(*[refused] * 10)
        scene.wake(dealership)
        assert len(scene.sink.sent) == 10

        scene.pass_time("41 s")
        scene.sink.will(refused)
        scene.wake(dealership)
        assert len(scene.sink.sent) == 11

        scene.pass_time("41 s")
        scene.wake(dealership)
        assert len(scene.sink.records) == 15


class TestHold:
    @pytest.mark.parametrize(
        ("kind", "code"),
        [
            (AuthenticationError, "TOKEN_DENIED"),
            (AuthenticationError, "PRIVILEGE_MISSING"),
            (PermanentError, "WRONG_ADDRESS"),
            (PermanentError, "CONNECTION_INVALID"),
        ],
        ids=lambda value: value if isinstance(value, str) else value.__name__,
    )
    def test_a_refused_connection_waits_and_its_leads_lose_no_try(
        self, scene: DynamicsScene, kind: type[ForecourtError], code: str
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.sink.will(error(kind, code))

        scene.wake(dealership)

        row = scene.row(LEAD)
        assert (row["state"], row["attempts"], row["last_error_code"]) == ("pending", 0, code)
        assert 55 < row["due_in"] <= 60
        held = scene.connection(dealership)
        assert f"Said {code}." in held["hold_reason"]
        assert 55 < held["hold_left"] <= 60

    @pytest.mark.parametrize("code", ["METADATA_UNKNOWN", "KEY_NOT_ACTIVE", "NO_COLUMNS"])
    def test_a_lead_table_that_is_not_ready_is_waited_for_and_read_again(
        self, scene: DynamicsScene, code: str
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.sink.table_error = PermanentError(code, "The key is Pending.", target="Dynamics")

        scene.wake(dealership)

        row = scene.row(LEAD)
        assert (row["state"], row["attempts"], row["last_error_code"]) == ("pending", 0, code)
        assert "The key is Pending." in scene.connection(dealership)["hold_reason"]
        assert scene.sink.metadata_reads == 1

        scene.sink.table_error = None
        scene.pass_time("61 s")
        scene.wake(dealership)
        assert scene.row(LEAD)["state"] == "delivered"
        assert scene.sink.metadata_reads == 2
        assert scene.connection(dealership)["hold_reason"] is None

    def test_while_on_hold_nobody_calls_and_one_tries_afterwards(
        self, scene: DynamicsScene
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.sink.will(error(AuthenticationError, "TOKEN_REFUSED"))
        scene.wake(dealership)
        for _ in range(3):
            scene.store(lead_body(dealership))
        scene.wake(dealership)
        assert len(scene.sink.sent) == 1

        scene.pass_time("61 s")
        scene.sink.will(error(AuthenticationError, "TOKEN_REFUSED"))
        scene.wake(dealership)
        assert len(scene.sink.sent) == 2
        assert 110 < scene.connection(dealership)["hold_left"] <= 120

        scene.pass_time("121 s")
        scene.wake(dealership)
        assert len(scene.sink.records) == 4
        assert scene.connection(dealership)["hold_reason"] is None

    def test_a_lead_that_alone_may_not_be_written_is_parked_in_the_end(
        self, scene: DynamicsScene
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.wake(dealership)
        scene.edit(LEAD, "name = 'Zoë Tran'")
        refused = error(AuthenticationError, "PRIVILEGE_MISSING")
        scene.sink.will(refused)
        scene.wake(dealership)

        for _ in range(3):
            assert scene.row(LEAD)["state"] == "pending"
            assert scene.connection(dealership)["hold_reason"] is not None
            scene.store(lead_body(dealership))
            scene.pass_time("61 s")
            scene.sink.will(lambda _, act: act(), refused)
            scene.wake(dealership)

        row = scene.row(LEAD)
        assert (row["state"], row["last_error_code"]) == ("failed", "PRIVILEGE_MISSING")
        assert len(scene.sink.records) == 4
        assert scene.connection(dealership)["hold_reason"] is None
        assert scene.scene.counts.batches[-1]["DynamicsParked"] == 1

    def test_a_connection_that_may_write_nothing_parks_no_lead(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.wake(dealership)
        scene.edit(LEAD, "name = 'Zoë Tran'")
        for _ in range(6):
            scene.sink.will(error(AuthenticationError, "PRIVILEGE_MISSING"))
            scene.wake(dealership)
            scene.pass_time("61 minutes")

        assert (scene.row(LEAD)["state"], scene.row(LEAD)["attempts"]) == ("pending", 0)

    def test_what_calls_nobody_is_no_trial(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.wake(dealership)
        scene.edit(LEAD, "rating = 'Hot'")
        scene.store(lead_body(dealership, name="Odd"))
        scene.sink.unpreparable.add("Odd")
        scene.store(lead_body(dealership))
        scene.scene.execute(
            "UPDATE dynamics_connection SET hold_reason = 'x', hold_until = now() - interval '1 s'"
        )

        scene.wake(dealership)

        assert scene.connection(dealership)["hold_reason"] is None
        assert len(scene.sink.records) == 2

    def test_a_connection_saved_meanwhile_is_tried_at_once(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        other = DynamicsScene(scene.scene.url, beside=scene)

        def refused_while_saved(_: Any, __: Any) -> Any:
            connect_dynamics(other.scene, dealership)
            raise error(AuthenticationError, "TOKEN_DENIED")

        scene.sink.will(refused_while_saved)
        scene.wake(dealership)
        other.close()

        assert scene.connection(dealership)["hold_reason"] is None
        assert scene.row(LEAD)["due_in"] <= 0

    def test_metadata_that_may_not_be_read_hold_the_connection(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.sink.metadata_error = error(AuthenticationError, "PRIVILEGE_MISSING")

        scene.wake(dealership)

        assert "PRIVILEGE_MISSING" in scene.connection(dealership)["hold_reason"]
        assert (scene.row(LEAD)["state"], scene.row(LEAD)["attempts"]) == ("pending", 0)


class TestSwitches:
    def test_without_the_flag_nothing_is_claimed_and_nothing_lost(
        self, scene: DynamicsScene
    ) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.scene.execute(
            "UPDATE system_settings SET value = 'false' WHERE key = 'dynamics_push_enabled'"
        )

        assert scene.wake(dealership) == []

        assert scene.sink.sent == []
        assert (scene.row(LEAD)["state"], scene.row(LEAD)["attempts"]) == ("pending", 0)

    def test_a_connection_that_is_switched_off_keeps_its_leads(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        connect_dynamics(scene.scene, dealership, active=False)

        scene.wake(dealership)

        assert scene.sink.sent == []
        assert scene.row(LEAD)["state"] == "pending"

    def test_what_has_no_connection_any_more_is_parked(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.scene.execute("DELETE FROM dynamics_connection")

        scene.wake(dealership)

        assert (scene.row(LEAD)["state"], scene.row(LEAD)["last_error_code"]) == (
            "failed",
            "NO_CONNECTION",
        )

    def test_a_secret_that_does_not_decrypt_parks_what_is_due(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.scene.execute("UPDATE dynamics_connection SET client_secret_encrypted = 'AAAA'")

        scene.wake(dealership)

        assert scene.row(LEAD)["last_error_code"] == "CREDENTIALS_UNREADABLE"
        assert scene.scene.counts.batches[-1] == {"DynamicsParked": 1}

    def test_a_key_service_that_is_away_leaves_leads_due(self, scene: DynamicsScene) -> None:
        dealership = scene.add_dealership()
        scene.store(lead_body(dealership, LEAD))
        scene.scene.keys.away = True

        assert scene.wake(dealership) == []

        row = scene.row(LEAD)
        assert (row["state"], row["attempts"]) == ("pending", 0)


class TestBreaker:
    def down(self, scene: DynamicsScene) -> int:
        dealership = scene.add_dealership()
        for _ in range(5):
            scene.store(lead_body(dealership))
        scene.sink.will(*[error(RetryableError, "CONNECT_FAILED")] * 5)
        scene.wake(dealership)
        return dealership

    def test_five_failures_in_a_row_stop_the_calls_of_the_organisation(
        self, scene: DynamicsScene
    ) -> None:
        dealership = self.down(scene)
        scene.store(lead_body(dealership, LEAD))
        elsewhere = scene.add_dealership(url="https://other.crm6.dynamics.com")
        scene.store(lead_body(elsewhere))

        scene.wake(dealership, elsewhere)

        assert len(scene.sink.sent) == 6
        row = scene.row(LEAD)
        assert (row["state"], row["attempts"], row["last_error_code"]) == (
            "pending",
            0,
            "VENDOR_AWAY",
        )
        ((subject, _),) = scene.scene.alerts.published
        assert ORGANISATION in subject

    def test_one_trial_burns_no_try_and_a_success_opens_the_way(self, scene: DynamicsScene) -> None:
        dealership = self.down(scene)
        scene.store(lead_body(dealership, LEAD))
        scene.scene.execute(
            "UPDATE lead_delivery d SET next_attempt_at = now() - interval '1 hour' FROM lead l"
            " WHERE l.id = d.lead_id AND l.external_id = %s",
            LEAD,
        )
        scene.pass_time("70 s")
        scene.sink.will(error(RetryableError, "CONNECT_FAILED"))
        scene.wake(dealership)
        assert len(scene.sink.sent) == 6
        row = scene.row(LEAD)
        assert (row["state"], row["attempts"]) == ("pending", 0)
        assert 85 < row["due_in"] <= 90

        scene.pass_time("91 s")
        scene.wake(dealership)
        assert len(scene.sink.records) == 6
        assert len(scene.scene.alerts.published) == 2
