"""Which deliveries a lead is born with, and who is woken for those to Dynamics."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from forecourt.leads.wake_ups import DYNAMICS, WakeUp
from forecourt.storage.lead_edits import want_present_version
from tests.support.dynamics_delivery import connect_dynamics, dynamics_row
from tests.support.lead_delivery import Scene, lead_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def targets(scene: Scene) -> list[str]:
    return [row["target"] for row in scene.rows("SELECT target FROM lead_delivery ORDER BY target")]


@pytest.mark.parametrize(
    ("easycars", "dynamics", "expected"),
    [
        (True, None, ["EasyCars"]),
        (True, True, ["Dynamics", "EasyCars"]),
        (False, True, ["Dynamics"]),
        (False, None, ["EasyCars"]),
        (True, False, ["EasyCars"]),
        (False, False, ["EasyCars"]),
    ],
    ids=["easycars", "both", "dynamics", "none", "switched off", "only one, switched off"],
)
def test_a_lead_goes_to_each_crm_its_dealership_is_connected_to(
    scene: Scene, *, easycars: bool, dynamics: bool | None, expected: list[str]
) -> None:
    dealership = scene.add_dealership(connected=easycars)
    if dynamics is not None:
        connect_dynamics(scene, dealership, active=dynamics)

    assert scene.deliver(lead_body(dealership, LEAD)) == []

    assert targets(scene) == expected


def test_inactive_easycars_credentials_take_no_lead_beside_dynamics(scene: Scene) -> None:
    dealership = scene.add_dealership()
    connect_dynamics(scene, dealership)
    scene.execute("UPDATE dealership_easycars_credentials SET is_active = false")

    scene.deliver(lead_body(dealership, LEAD))

    assert targets(scene) == ["Dynamics"]
    assert scene.sink.sent == []


def test_spam_goes_nowhere_and_wakes_nobody(scene: Scene) -> None:
    dealership = scene.add_dealership()
    connect_dynamics(scene, dealership)

    scene.deliver(lead_body(dealership, LEAD, spam=True))

    assert targets(scene) == []
    assert scene.elsewhere_queue.wake_ups == []


def test_a_new_lead_wakes_its_delivery_to_dynamics_once(scene: Scene) -> None:
    dealership = scene.add_dealership()
    connect_dynamics(scene, dealership)
    body = lead_body(dealership, LEAD)

    scene.deliver(body, lead_body(scene.add_dealership()))
    scene.deliver(body, receive_count=2)

    row = dynamics_row(scene, LEAD)
    assert (row["state"], row["attempts"], row["remote_id"]) == ("pending", 0, None)
    assert -5 < row["due_in"] <= 0
    assert 100 < row["woken_for"] <= 120
    assert scene.elsewhere_queue.wake_ups == [
        WakeUp(
            delivery_id=row["id"],
            external_id=UUID(LEAD),
            dealership_id=dealership,
            target=DYNAMICS,
        )
    ]
    assert scene.queue.wake_ups == []


def test_easycars_gets_the_lead_though_nobody_can_be_woken_for_dynamics(scene: Scene) -> None:
    dealership = scene.add_dealership()
    connect_dynamics(scene, dealership)
    scene.elsewhere_queue.takes_wake_ups = False

    assert scene.deliver(lead_body(dealership, LEAD)) == []

    assert len(scene.sink.sent) == 1
    assert dynamics_row(scene, LEAD)["state"] == "pending"


def test_a_bad_lead_of_a_batch_sinks_no_delivery_of_the_others(scene: Scene) -> None:
    dealership = scene.add_dealership()
    connect_dynamics(scene, dealership)

    scene.deliver(lead_body(dealership, LEAD), lead_body(dealership, email="a" * 400))

    assert [str(w.external_id) for w in scene.elsewhere_queue.wake_ups] == [LEAD]
    assert len(scene.queue.buried) == 1


def test_a_lease_on_a_delivery_to_dynamics_is_not_taken_for_one_to_easycars(scene: Scene) -> None:
    dealership = scene.add_dealership(connected=False)
    connect_dynamics(scene, dealership)
    scene.deliver(lead_body(dealership, LEAD))
    scene.execute(
        "UPDATE lead_delivery SET state = 'in_progress', operation = 'create',"
        " lease_token = gen_random_uuid(), lease_until = now() - interval '1 hour'"
    )

    scene.ledger.expire_leases([dynamics_row(scene, LEAD)["id"]], [60.0])

    assert dynamics_row(scene, LEAD)["state"] == "in_progress"


def test_an_edited_lead_is_wanted_by_dynamics_too(scene: Scene) -> None:
    dealership = scene.add_dealership()
    connect_dynamics(scene, dealership)
    scene.deliver(lead_body(dealership, LEAD))
    scene.execute(
        "UPDATE lead_delivery SET state = 'delivered', next_attempt_at = NULL, delivered_version ="
        " 1, attempts = 3 WHERE target = 'Dynamics'"
    )
    lead = scene.one("UPDATE lead SET version = 2 RETURNING id")["id"]

    with scene.database.transaction() as connection:
        wake_ups = want_present_version(connection, lead)

    row = dynamics_row(scene, LEAD)
    assert (row["state"], row["attempts"], row["wanted_version"]) == ("pending", 0, 2)
    assert {wake_up.target for wake_up in wake_ups} == {"EasyCars", "Dynamics"}
    own = next(wake_up for wake_up in wake_ups if wake_up.target == "Dynamics")
    assert own.delivery_id == row["id"]


@pytest.mark.parametrize("code", ["NO_CONNECTION", "CREDENTIALS_UNREADABLE", "DELETED_IN_DYNAMICS"])
def test_an_edit_moves_nothing_that_waits_for_a_connection_or_a_word(
    scene: Scene, code: str
) -> None:
    dealership = scene.add_dealership()
    connect_dynamics(scene, dealership)
    scene.deliver(lead_body(dealership, LEAD))
    scene.execute(
        "UPDATE lead_delivery SET state = 'failed', next_attempt_at = NULL, last_error_code = %s"
        " WHERE target = 'Dynamics'",
        code,
    )
    lead = scene.one("UPDATE lead SET version = 2 RETURNING id")["id"]

    with scene.database.transaction() as connection:
        want_present_version(connection, lead)

    row = dynamics_row(scene, LEAD)
    assert (row["state"], row["wanted_version"]) == ("failed", 2)
