"""The sweeper wakes what is due to Dynamics: fairly, and not where nobody may call."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from forecourt.leads.dynamics.budget import Spent
from forecourt.leads.message import LeadMessage, parse_message
from forecourt.leads.sweep import Swept
from forecourt.storage.dynamics_ledger import PostgresDynamicsLedger
from forecourt.storage.sweeps import PostgresSweeps
from tests.support.dynamics_delivery import DynamicsScene, connect_dynamics
from tests.support.lead_delivery import lead_body, wake_up_body
from tests.support.sweeping import new_sweeper

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[DynamicsScene]:
    scene = DynamicsScene(database_url)
    yield scene
    scene.close()


def add_due(scene: DynamicsScene, dealership: int, count: int = 1) -> list[str]:
    """Store leads no message is on its way for."""
    leads = [str(uuid4()) for _ in range(count)]
    for lead in leads:
        scene.store(lead_body(dealership, lead))
    scene.scene.execute("UPDATE lead_delivery SET woken_until = NULL")
    return leads


def sweep(scene: DynamicsScene) -> list[tuple[str, str]]:
    before = len(scene.queue.wake_ups)
    new_sweeper(scene.scene, queue=scene.queue).sweep_once()
    return [(w.target, str(w.external_id)) for w in scene.queue.wake_ups[before:]]


def test_what_no_message_is_on_its_way_for_is_woken_once(scene: DynamicsScene) -> None:
    (lead,) = add_due(scene, scene.add_dealership())

    assert sweep(scene) == [("Dynamics", lead)]
    assert sweep(scene) == []
    scene.scene.pass_time("121 s", "lead_delivery")
    assert sweep(scene) == [("Dynamics", lead)]


def test_dealerships_take_turns_and_none_has_more_than_ten_awake(scene: DynamicsScene) -> None:
    many, few = scene.add_dealership(), scene.add_dealership()
    first = add_due(scene, many, 15)
    (second,) = add_due(scene, few)

    woken = [lead for _, lead in sweep(scene)]

    assert len(woken) == 11
    assert set(woken[:2]) == {first[0], second}


def test_a_burst_of_one_dealership_puts_nobody_else_to_sleep(scene: DynamicsScene) -> None:
    many, few = scene.add_dealership(), scene.add_dealership()
    (lead,) = add_due(scene, few)
    burst = [parse_message(lead_body(many)) for _ in range(205)]
    scene.scene.ledger.accept([message for message in burst if isinstance(message, LeadMessage)])

    assert sweep(scene) == [("Dynamics", lead)]


@pytest.mark.parametrize(
    "silenced",
    [
        "UPDATE system_settings SET value = 'false' WHERE key = 'dynamics_push_enabled'",
        "UPDATE dynamics_connection SET is_active = false",
        (
            "UPDATE dynamics_connection SET hold_reason = 'Refused.',"
            " hold_until = now() + interval '1 minute'"
        ),
        (
            "INSERT INTO circuit_breaker (target, environment, open_until)"
            " SELECT 'Dynamics', base_url, now() + interval '1 minute' FROM dynamics_connection"
        ),
    ],
    ids=["flag", "switch", "hold", "breaker"],
)
def test_nobody_is_woken_where_nobody_may_call(scene: DynamicsScene, silenced: str) -> None:
    add_due(scene, scene.add_dealership())
    scene.scene.execute(silenced)

    assert sweep(scene) == []
    assert not PostgresSweeps(scene.database).awaits_waking(10)


def test_nobody_is_woken_for_a_user_that_was_asked_to_be_silent(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    add_due(scene, dealership)
    connection = scene.vault.load(dealership)
    assert connection is not None
    grant = scene.budget.take(connection.budget_scope, connection.connection_id, 1)
    spent = Spent(requests=1, refused_for=60.0)
    scene.budget.give_back(connection.budget_scope, grant, spent)

    assert sweep(scene) == []
    assert not PostgresSweeps(scene.database).awaits_waking(10)
    assert PostgresSweeps(scene.database).awaits_waking(70)


@pytest.mark.parametrize(
    "over",
    [
        "UPDATE dynamics_connection SET hold_reason = 'Refused.', hold_until = now()",
        (
            "INSERT INTO circuit_breaker (target, environment, open_until)"
            " SELECT DISTINCT 'Dynamics', base_url, now() FROM dynamics_connection"
        ),
    ],
    ids=["hold", "breaker"],
)
def test_one_is_woken_to_try_what_was_closed(scene: DynamicsScene, over: str) -> None:
    add_due(scene, scene.add_dealership(), 3)
    scene.scene.execute(over)

    assert len(sweep(scene)) == 1
    assert sweep(scene) == []


def test_one_connection_tries_for_all_of_an_organisation(scene: DynamicsScene) -> None:
    for _ in range(2):
        add_due(scene, scene.add_dealership())
    scene.scene.execute(
        "INSERT INTO circuit_breaker (target, environment, open_until)"
        " SELECT DISTINCT 'Dynamics', base_url, now() FROM dynamics_connection"
    )

    assert len(sweep(scene)) == 1


def test_what_lost_its_connection_is_woken_to_be_parked(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    add_due(scene, dealership, 3)
    scene.scene.execute("DELETE FROM dynamics_connection")

    assert len(sweep(scene)) == 1
    scene.wake(dealership)

    rows = scene.scene.rows("SELECT state, last_error_code FROM lead_delivery")
    assert {(row["state"], row["last_error_code"]) for row in rows} == {("failed", "NO_CONNECTION")}


def test_leases_of_dead_workers_are_freed_whole(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    (lead,) = add_due(scene, dealership)
    connection = scene.vault.load(dealership)
    assert connection is not None
    (claim,) = scene.ledger.claim(connection, limit=10, worker="dead")
    scene.scene.execute("UPDATE lead_delivery SET delivered_fields = '{}', payload_hash = 'x'")
    sweeper = new_sweeper(scene.scene, queue=scene.queue)
    assert sweeper.sweep_once() == Swept()

    scene.scene.pass_time("151 s", "lead_delivery")
    assert sweeper.sweep_once() == Swept(freed=1)

    row = scene.row(lead)
    assert (row["state"], row["attempts"]) == ("pending", claim.attempts)
    assert (row["delivered_fields"], row["payload_hash"]) == (None, None)
    assert 115 < row["due_in"] <= 120


def test_easycars_and_dynamics_are_woken_for_themselves(scene: DynamicsScene) -> None:
    dealership = scene.scene.add_dealership()
    connect_dynamics(scene.scene, dealership)
    (lead,) = add_due(scene, dealership)

    assert sorted(sweep(scene)) == [("Dynamics", lead), ("EasyCars", lead)]


def test_what_somebody_switched_off_rings_no_alarm(scene: DynamicsScene) -> None:
    add_due(scene, scene.add_dealership())
    scene.scene.pass_time("2 hours", "lead_delivery")
    sweeps = PostgresSweeps(scene.database)
    assert sweeps.gauges()["DeliveriesDue"] == 1
    assert sweeps.gauges()["OldestDueSeconds"] >= 7_200

    scene.scene.execute("UPDATE dynamics_connection SET is_active = false")

    assert (sweeps.gauges()["DeliveriesDue"], sweeps.gauges()["OldestDueSeconds"]) == (0, 0)


def test_a_lead_that_goes_to_dynamics_instead_of_easycars_waits_for_nobody(
    scene: DynamicsScene,
) -> None:
    dealership = scene.scene.add_dealership(connected=False)
    scene.scene.deliver(lead_body(dealership, LEAD))
    sweeps = PostgresSweeps(scene.database)
    assert sweeps.gauges()["DeliveriesParked"] == 1

    connect_dynamics(scene.scene, dealership)

    assert sweeps.gauges()["DeliveriesParked"] == 0
    scene.scene.execute("UPDATE lead_delivery SET state = 'failed' WHERE target = 'Dynamics'")
    assert sweeps.gauges()["DeliveriesParked"] == 1


def test_an_organisation_nobody_uses_any_more_is_not_away(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    sweeps = PostgresSweeps(scene.database)
    scene.scene.execute(
        "INSERT INTO circuit_breaker (target, environment, open_until)"
        " SELECT 'Dynamics', base_url, now() FROM dynamics_connection"
    )
    assert sweeps.gauges()["BreakersOpen"] == 1

    connect_dynamics(scene.scene, dealership, url="https://other.crm6.dynamics.com")

    assert sweeps.gauges()["BreakersOpen"] == 0


def test_a_queue_that_is_away_leaves_deliveries_asleep(scene: DynamicsScene) -> None:
    (lead,) = add_due(scene, scene.add_dealership())
    scene.queue.takes_wake_ups = False

    assert new_sweeper(scene.scene, queue=scene.queue).sweep_once().interrupted

    assert scene.row(lead)["woken_until"] is None


class SavedMeanwhile(PostgresDynamicsLedger):
    """A ledger whose worker is overtaken, just before it parks, by somebody who saves."""

    def __init__(self, scene: DynamicsScene, url: str) -> None:
        super().__init__(scene.database)
        self._scene, self._url = scene, url

    def park_due(self, dealership_id: int, code: str, detail: str, stamp: str | None) -> int:
        connect_dynamics(self._scene.scene, dealership_id, url=self._url)
        return super().park_due(dealership_id, code, detail, stamp)


@pytest.mark.parametrize("had", ["none", "an unreadable one"])
def test_what_was_saved_while_a_worker_parked_is_not_parked(scene: DynamicsScene, had: str) -> None:
    dealership = scene.add_dealership()
    (lead,) = add_due(scene, dealership)
    if had == "none":
        scene.scene.execute("DELETE FROM dynamics_connection")
    else:
        scene.scene.execute("UPDATE dynamics_connection SET client_secret_encrypted = 'AAAA'")
    ledger = SavedMeanwhile(scene, "https://other.crm6.dynamics.com")

    scene.new_delivery(ledger=ledger).deliver_batch(scene.messages(dealership), worker="w")

    assert scene.row(lead)["state"] == "pending"
    scene.wake(dealership)
    assert scene.row(lead)["state"] == "delivered"


def test_what_was_parked_as_unconnected_after_a_save_goes_on(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    (lead,) = add_due(scene, dealership)
    scene.scene.execute(
        "UPDATE lead_delivery SET state = 'failed', next_attempt_at = NULL,"
        " last_error_code = 'NO_CONNECTION'"
    )
    sweeps = PostgresSweeps(scene.database)
    assert sweeps.return_forgotten() == 0
    scene.scene.execute(
        "UPDATE dynamics_connection SET updated_at = now() - interval '61 s', is_active = false"
    )
    assert sweeps.return_forgotten() == 0
    scene.scene.execute("UPDATE dynamics_connection SET is_active = true")
    assert sweeps.return_forgotten() == 1
    assert sweep(scene) == [("Dynamics", lead)]


def test_a_lead_that_found_no_connection_a_moment_before_the_first_goes_on(
    scene: DynamicsScene,
) -> None:
    dealership = scene.scene.add_dealership(connected=False)
    scene.store(lead_body(dealership, LEAD))
    scene.store(lead_body(dealership, spam=True))
    connect_dynamics(scene.scene, dealership)
    scene.scene.deliver(wake_up_body(LEAD, dealership, 1))
    scene.scene.pass_time("121 s", "lead_delivery")
    new_sweeper(scene.scene, queue=scene.scene.queue).sweep_once()
    scene.scene.deliver(wake_up_body(LEAD, dealership, 1))
    assert scene.scene.one("SELECT last_error_code FROM lead_delivery") == {
        "last_error_code": "NO_CONNECTION"
    }
    sweeps = PostgresSweeps(scene.database)
    assert sweeps.return_forgotten() == 0
    scene.pass_time("61 s")

    assert sweeps.return_forgotten() == 1
    assert sweeps.return_forgotten() == 0

    assert sweep(scene) == [("Dynamics", LEAD)]
    scene.wake(dealership)
    assert scene.row(LEAD)["state"] == "delivered"
