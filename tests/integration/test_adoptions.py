"""Giving an unconfirmed lead the number it has at the vendor."""

from collections.abc import Iterator
from typing import Any

import pytest

from forecourt.errors import OutcomeUnknownError
from forecourt.storage.adoptions import adopt_number
from tests.support.lead_delivery import Scene, lead_body, wake_up_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"
OTHER = "1d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d12"
HELD = {"Notes": "Is it still for sale?", "LeadCustomer": {"Name": "Zoë"}, "LeadStatus": 10}


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def lose(scene: Scene, dealership: int, lead: str = LEAD) -> int:
    """Leave a create whose answer was lost; gives its delivery's id."""
    scene.sink.will(OutcomeUnknownError(code="CONNECTION_CUT", detail="Cut.", target="EasyCars"))
    assert scene.deliver(lead_body(dealership, lead)) == []
    row = scene.delivery_row(lead)
    assert row["state"] == "unconfirmed"
    delivery_id: int = row["id"]
    return delivery_id


def adopt(scene: Scene, delivery_id: int, **changes: Any) -> bool:
    row = scene.one("SELECT remote_scope FROM lead_delivery WHERE id = %s", delivery_id)
    return adopt_number(
        scene.database,
        **{
            "delivery_id": delivery_id,
            "lead_number": "000017",
            "customer_no": "00004",
            "confirmed": HELD,
            "account_scope": row["remote_scope"],
            "detail": "Found as number 000017.",
            **changes,
        },
    )


def test_it_is_delivered_with_its_number_everywhere(scene: Scene) -> None:
    delivery = lose(scene, scene.add_dealership())

    assert adopt(scene, delivery)

    row = scene.delivery_row(LEAD)
    assert (row["state"], row["remote_id"]) == ("delivered", "000017")
    assert (row["easycars_lead_number"], row["easycars_customer_no"]) == ("000017", "00004")
    assert (row["delivered_version"], row["delivered_fields"]) == (1, HELD)
    assert (row["next_attempt_at"], row["last_error"]) == (None, None)
    assert (row["remote_number"], row["delivered_at"] is not None) == (17, True)
    probe = scene.attempts(LEAD)[-1]
    assert (probe["operation"], probe["outcome"], probe["remote_id"]) == (
        "probe", "adopted", "000017",
    )  # fmt: skip
    assert probe["detail"] == "Found as number 000017."
    assert probe["finished_at"] is not None
    frontier = scene.one("SELECT account_scope, highest_lead_number AS n FROM vendor_frontier")
    assert frontier == {"account_scope": row["remote_scope"], "n": "000017"}


def test_it_never_lowers_the_highest_known_number(scene: Scene) -> None:
    dealership = scene.add_dealership()
    delivery = lose(scene, dealership)
    assert adopt(scene, lose(scene, dealership, OTHER), lead_number="1000000")

    assert adopt(scene, delivery, lead_number="999999")

    frontier = scene.one("SELECT highest_lead_number AS n FROM vendor_frontier")
    assert frontier == {"n": "1000000"}


def test_an_edit_made_meanwhile_is_due_at_once(scene: Scene) -> None:
    delivery = lose(scene, scene.add_dealership())
    scene.edit(LEAD, "message = 'And the red one?'")
    assert scene.delivery_row(LEAD)["state"] == "unconfirmed"

    assert adopt(scene, delivery)

    row = scene.delivery_row(LEAD)
    assert (row["state"], row["attempts"], row["delivered_version"]) == ("pending", 0, 1)
    assert row["due_in"] <= 0


def test_a_status_a_create_cannot_carry_is_due_at_once(scene: Scene) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))
    scene.execute("UPDATE lead SET status = 'won'")
    delivery = lose(scene, dealership)

    assert adopt(scene, delivery)

    assert scene.delivery_row(LEAD)["state"] == "pending"


def test_a_change_that_was_never_sent_for_want_of_its_account_is_due(scene: Scene) -> None:
    dealership = scene.add_dealership()
    scene.deliver(lead_body(dealership, LEAD))
    scene.edit(LEAD, "rating = 'Hot'")
    scene.change_account(dealership, "EC900001")
    row = scene.delivery_row(LEAD)
    scene.deliver(wake_up_body(LEAD, dealership, row["id"]))
    assert scene.delivery_row(LEAD)["last_error_code"] == "SCOPE_CHANGED"

    credentials = scene.credentials.load(dealership)
    assert credentials is not None
    assert adopt(scene, row["id"], account_scope=credentials.account_scope)

    row = scene.delivery_row(LEAD)
    assert (row["state"], row["remote_id"], row["attempts"]) == ("pending", "000017", 0)
    assert (row["due_in"] <= 0, row["delivered_version"]) == (True, None)
    scene.deliver(wake_up_body(LEAD, dealership, row["id"]))
    (_, account, fields) = scene.sink.sent[-1]
    assert (account, fields["Rating"]) == ("EC900001", 3)
    assert scene.delivery_row(LEAD)["delivered_version"] == 2


@pytest.mark.parametrize("state", ["pending", "in_progress", "delivered"])
def test_a_delivery_that_waits_no_more_is_left_alone(scene: Scene, state: str) -> None:
    delivery = lose(scene, scene.add_dealership())
    scene.execute(
        "UPDATE lead_delivery SET lease_token = gen_random_uuid(), lease_until = now(), state = %s",
        state,
    )

    assert not adopt(scene, delivery)

    row = scene.delivery_row(LEAD)
    assert (row["state"], row["remote_id"], row["easycars_lead_number"]) == (state, None, None)
    assert scene.attempts(LEAD)[-1]["operation"] == "create"


def test_a_number_that_is_another_leads_is_refused(scene: Scene) -> None:
    dealership = scene.add_dealership()
    scene.deliver(lead_body(dealership, OTHER))
    taken = scene.delivery_row(OTHER)["remote_id"]
    delivery = lose(scene, dealership)

    assert not adopt(scene, delivery, lead_number=taken)

    assert scene.delivery_row(LEAD)["state"] == "unconfirmed"


def test_the_same_number_of_another_account_is_no_hindrance(scene: Scene) -> None:
    scene.deliver(lead_body(scene.add_dealership(), OTHER))
    taken = scene.delivery_row(OTHER)["remote_id"]
    delivery = lose(scene, scene.add_dealership())

    assert adopt(scene, delivery, lead_number=taken)


def test_the_create_that_was_looked_for_must_still_be_the_last(scene: Scene) -> None:
    delivery = lose(scene, scene.add_dealership())
    claimed_at = scene.delivery_row(LEAD)["claimed_at"]
    scene.execute("UPDATE lead_delivery SET claimed_at = now() + interval '1 s'")

    assert not adopt(scene, delivery, claimed_at=claimed_at)
    assert adopt(scene, delivery, claimed_at=scene.delivery_row(LEAD)["claimed_at"])


class TestForAPerson:
    """What waits for a person can be given its number by one."""

    def test_a_failed_delivery_without_a_number(self, scene: Scene) -> None:
        delivery = lose(scene, scene.add_dealership())
        scene.execute("UPDATE lead_delivery SET state = 'failed', last_error_code = 'X'")

        assert adopt(scene, delivery)
        assert scene.delivery_row(LEAD)["state"] == "delivered"

    def test_one_that_has_moved_to_another_account_exchanges_its_number(self, scene: Scene) -> None:
        scene.deliver(lead_body(scene.add_dealership(), LEAD))
        row = scene.delivery_row(LEAD)
        scene.execute(
            "UPDATE lead_delivery SET state = 'failed', last_error_code = 'SCOPE_CHANGED'"
        )

        assert adopt(scene, row["id"], account_scope="Test:other", lead_number="000900")

        row = scene.delivery_row(LEAD)
        assert (row["remote_id"], row["remote_scope"]) == ("000900", "Test:other")
        assert row["easycars_lead_number"] == "000900"

    def test_one_that_failed_with_a_number_keeps_it(self, scene: Scene) -> None:
        scene.deliver(lead_body(scene.add_dealership(), LEAD))
        row = scene.delivery_row(LEAD)
        scene.execute("UPDATE lead_delivery SET state = 'failed', last_error_code = 'X'")

        assert not adopt(scene, row["id"], lead_number="000900")
        assert scene.delivery_row(LEAD)["easycars_lead_number"] == row["easycars_lead_number"]


def test_a_late_answer_with_the_same_number_changes_nothing_and_alarms_nobody(
    scene: Scene,
) -> None:
    dealership = scene.add_dealership()

    def adopted_meanwhile(push: Any) -> Any:
        with scene.elsewhere() as other:
            other.pass_time("151 s")
            assert other.deliver(lead_body(dealership, LEAD)) == []
            row = other.delivery_row(LEAD)
            assert row["state"] == "unconfirmed"
            assert adopt(other, row["id"], lead_number="000001")
        return scene.sink.receipt(push)

    scene.sink.will(adopted_meanwhile)
    assert scene.deliver(lead_body(dealership, LEAD)) == []

    row = scene.delivery_row(LEAD)
    assert (row["state"], row["remote_id"]) == ("delivered", "000001")
    assert scene.alerts.published == []
