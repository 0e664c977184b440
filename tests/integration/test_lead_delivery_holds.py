"""What becomes of a dealership's leads when its credentials are refused or unreadable."""

from collections.abc import Iterator

import pytest

from forecourt.errors import AuthenticationError, ForecourtError, OutcomeUnknownError
from forecourt.leads.sink import Push, Receipt
from forecourt.storage.holds import release_after_save
from tests.support.lead_delivery import Scene, lead_body, wake

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def unknown() -> ForecourtError:
    return OutcomeUnknownError(code="TIMEOUT", detail="CreateLead: no answer", target="EasyCars")


def wrong_credentials() -> ForecourtError:
    return AuthenticationError(
        code="AUTHENTICATION_FAILED", detail="CreateLead: Code 1", target="EasyCars"
    )


class TestHold:
    def test_refused_credentials_hold_the_dealership_and_burn_no_try(self, scene: Scene) -> None:
        dealership, other = scene.add_dealership(), scene.add_dealership()
        scene.sink.will(wrong_credentials())

        assert scene.deliver(lead_body(dealership, LEAD)) == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["attempts"]) == ("pending", 0)
        assert row["last_error_code"] == "AUTHENTICATION_FAILED"
        assert 55 < row["due_in"] <= 60
        assert scene.queue.wake_ups[-1].delay == 60
        assert hold_seconds(scene, dealership) == pytest.approx(60, abs=5)
        assert scene.attempts(LEAD)[0]["outcome"] == "auth"

        late = "11111111-1111-4111-8111-111111111111"
        assert scene.deliver(lead_body(dealership, late), lead_body(other)) == []
        assert [account for _, account, _ in scene.sink.sent] == [
            f"EC{dealership:06d}",
            f"EC{other:06d}",
        ]
        row = scene.delivery_row(late)
        assert (row["state"], row["last_error_code"]) == ("pending", "CREDENTIALS_ON_HOLD")
        assert row["last_error"].startswith(
            "EasyCars refuses the dealership's credentials (CreateLead: Code 1)."
        )
        assert 50 < scene.queue.wake_ups[-1].delay <= 60

    def test_a_burst_of_refusals_is_one(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.sink.will(*(wrong_credentials() for _ in range(5)))

        scene.deliver(*(lead_body(dealership) for _ in range(5)))

        assert len(scene.sink.sent) == 5
        assert hold_seconds(scene, dealership) == pytest.approx(60, abs=5)

    def test_one_tries_again_after_1_2_4_minutes_and_an_hour_at_most(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        leads = [f"{n}1111111-1111-4111-8111-111111111111" for n in range(3)]
        scene.sink.will(*(wrong_credentials() for _ in range(11)))
        scene.deliver(*(lead_body(dealership, lead) for lead in leads))
        assert len(scene.sink.sent) == 3

        waits = []
        for _ in range(8):
            waits.append(round(hold_seconds(scene, dealership) / 60))
            scene.pass_time(f"{waits[-1]} minutes")
            calls = len(scene.sink.sent)
            assert scene.deliver(*(wake(scene, lead) for lead in leads)) == []
            assert len(scene.sink.sent) == calls + 1

        assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
        assert {scene.delivery_row(lead)["attempts"] for lead in leads} == {0}

    def test_success_of_the_trial_releases_all(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        leads = [f"{n}1111111-1111-4111-8111-111111111111" for n in range(3)]
        scene.sink.will(*(wrong_credentials() for _ in range(3)))
        scene.deliver(*(lead_body(dealership, lead) for lead in leads))
        scene.pass_time("1 minute")
        scene.queue.wake_ups.clear()

        assert scene.deliver(wake(scene, leads[0])) == []

        assert hold_seconds(scene, dealership) == 0
        due = {str(wake_up.external_id) for wake_up in scene.queue.wake_ups}
        assert due == set(leads[1:])
        assert scene.deliver(*(wake(scene, lead) for lead in leads[1:])) == []
        assert {scene.delivery_row(lead)["state"] for lead in leads} == {"delivered"}

    def test_saved_credentials_release_all_and_what_was_parked_for_want_of_them(
        self, scene: Scene
    ) -> None:
        dealership, unconnected = scene.add_dealership(), scene.add_dealership(connected=False)
        parked = "21111111-1111-4111-8111-111111111111"
        scene.sink.will(wrong_credentials())
        scene.deliver(lead_body(dealership, LEAD), lead_body(unconnected, parked))

        scene.change_account(dealership, "EC888888")
        scene.connect(unconnected)
        wake_ups = [
            *release_after_save(scene.database, dealership),
            *release_after_save(scene.database, unconnected),
        ]

        assert [str(wake_up.external_id) for wake_up in wake_ups] == [LEAD, parked]
        assert scene.deliver(wake(scene, LEAD), wake(scene, parked)) == []
        assert scene.delivery_row(LEAD)["state"] == "delivered"
        assert scene.delivery_row(parked)["state"] == "delivered"

    def test_saved_credentials_let_doubtful_leads_be_looked_for_at_once(self, scene: Scene) -> None:
        dealership, other = scene.add_dealership(), scene.add_dealership()
        scene.sink.will(unknown(), unknown())
        scene.deliver(lead_body(dealership, LEAD), lead_body(other))
        release_after_save(scene.database, dealership)
        assert scene.delivery_row(LEAD)["due_in"] == pytest.approx(180, abs=10)
        scene.execute("UPDATE lead_delivery SET next_attempt_at = now() + interval '1 hour'")
        scene.pass_time("226 s", "lead_delivery")

        release_after_save(scene.database, dealership)

        assert scene.delivery_row(LEAD)["due_in"] <= 0
        (waiting,) = scene.rows(
            "SELECT dealership_id FROM lead_delivery WHERE next_attempt_at > now()"
        )
        assert waiting == {"dealership_id": other}

    def test_a_refusal_says_nothing_about_credentials_saved_since(self, scene: Scene) -> None:
        dealership = scene.add_dealership()

        def saved_meanwhile(_: Push) -> Receipt:
            with scene.elsewhere() as other:
                other.execute(
                    "UPDATE dealership_easycars_credentials SET encryption_iv = 'another'"
                )
            raise wrong_credentials()

        scene.sink.will(saved_meanwhile)
        assert scene.deliver(lead_body(dealership, LEAD)) == []

        assert hold_seconds(scene, dealership) == 0
        assert scene.queue.wake_ups[-1].delay == 0

    def test_credentials_that_do_not_decrypt_park_the_lead(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.execute("UPDATE dealership_easycars_credentials SET data_key_encrypted = 'AAAA'")

        assert scene.deliver(lead_body(dealership, LEAD)) == []

        assert scene.delivery_row(LEAD)["last_error_code"] == "CREDENTIALS_UNREADABLE"

    def test_a_key_service_that_is_away_stops_its_own_dealership_only(self, scene: Scene) -> None:
        dealership, known = scene.add_dealership(), scene.add_dealership()
        scene.deliver(lead_body(known))
        scene.vault.away_for = {dealership}

        assert scene.deliver(lead_body(dealership, LEAD), lead_body(known)) == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["attempts"]) == ("pending", 0)
        assert row["due_in"] <= 0
        scene.vault.away_for = set()
        assert scene.deliver(lead_body(dealership, LEAD)) == []
        assert scene.delivery_row(LEAD)["state"] == "delivered"


def hold_seconds(scene: Scene, dealership: int) -> float:
    row = scene.one(
        "SELECT coalesce(extract(epoch FROM hold_until - now()), 0)::float8 AS left, hold_reason"
        " FROM dealership_easycars_credentials WHERE dealership_id = %s",
        dealership,
    )
    assert (row["left"] == 0) == (row["hold_reason"] is None)
    left: float = row["left"]
    return left
