"""The main path of leads to Dynamics through the real ledger: once, whole, the last version."""

import json
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from forecourt.errors import PermanentError, RetryableError
from tests.support.dynamics_delivery import DynamicsScene, connect_dynamics
from tests.support.lead_delivery import lead_body, queued

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[DynamicsScene]:
    scene = DynamicsScene(database_url)
    yield scene
    scene.close()


def test_a_lead_reaches_dynamics_once_and_the_ledger_says_so(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))

    assert scene.wake(dealership) == []
    assert scene.wake(dealership) == []

    (push,) = scene.sink.sent
    assert (push.external_id, push.remote_id) == (UUID(LEAD), None)
    row = scene.row(LEAD)
    assert (row["state"], row["operation"], row["attempts"]) == ("delivered", "create", 1)
    assert row["remote_id"] == str(scene.sink.ids[UUID(LEAD)])
    assert row["remote_scope"].startswith("Dynamics:")
    assert row["delivered_fields"] == {
        "lastname": "Zoë Nguyen",
        "emailaddress1": push.fields["emailaddress1"],
    }
    assert (row["payload_hash"], row["delivered_version"]) == (push.payload_hash, 1)
    assert (row["lease_token"], row["next_attempt_at"], row["last_error"]) == (None, None, None)
    (attempt,) = scene.scene.attempts(LEAD)
    assert (attempt["outcome"], attempt["worker"]) == ("delivered", "request-1")
    assert attempt["remote_id"] == row["remote_id"]
    assert attempt["latency_ms"] is not None
    shown = scene.scene.one("SELECT * FROM lead_d365_sync")
    assert (shown["d365_sync_status"], shown["d365_sync_error"]) == ("synced", None)
    assert scene.scene.counts.batches[0] == {"DynamicsDelivered": 1}
    assert set(scene.scene.counts.milliseconds[0]) == {"DynamicsLatency", "IntakeToDynamics"}


def test_an_edit_sends_only_what_differs_to_the_record_it_knows(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))
    scene.wake(dealership)

    scene.edit(LEAD, "name = 'Zoë Tran'")
    scene.wake(dealership)

    push = scene.sink.sent[-1]
    assert push.fields == {"lastname": "Zoë Tran"}
    assert push.remote_id == scene.sink.ids[UUID(LEAD)]
    row = scene.row(LEAD)
    assert (row["state"], row["operation"], row["delivered_version"]) == ("delivered", "update", 2)


def test_an_edit_that_changes_nothing_dynamics_shows_calls_nobody(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))
    scene.wake(dealership)

    scene.edit(LEAD, "message = 'Another word'")
    scene.wake(dealership)

    assert len(scene.sink.sent) == 1
    assert (scene.row(LEAD)["state"], scene.row(LEAD)["delivered_version"]) == ("delivered", 2)
    assert scene.scene.attempts(LEAD)[-1]["code"] == "NOTHING_DIFFERS"


def test_a_record_that_holds_its_own_id_is_updated_once_more_at_once(scene: DynamicsScene) -> None:
    scene.sink.wants_own_id = True
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))

    scene.wake(dealership)

    first, second = scene.sink.sent
    assert "hnt_d365leadid" not in first.fields
    assert second.fields == {"hnt_d365leadid": str(scene.sink.ids[UUID(LEAD)])}
    row = scene.row(LEAD)
    assert (row["state"], row["operation"], row["attempts"]) == ("delivered", "update", 1)


def test_a_version_that_came_during_the_call_is_sent_in_the_next_round(
    scene: DynamicsScene,
) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))
    with_editor = DynamicsScene(scene.scene.url, beside=scene)

    def edit_meanwhile(_push: object, act: object) -> object:
        with_editor.edit(LEAD, "name = 'Zoë Tran'")
        assert callable(act)
        return act()

    scene.sink.will(edit_meanwhile)  # type: ignore[arg-type]
    scene.wake(dealership)
    with_editor.close()

    assert [push.fields.get("lastname") for push in scene.sink.sent] == ["Zoë Nguyen", "Zoë Tran"]
    assert (scene.row(LEAD)["state"], scene.row(LEAD)["delivered_version"]) == ("delivered", 2)


def test_all_that_is_due_goes_oldest_first_in_rounds_of_ten(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    leads = [str(uuid4()) for _ in range(25)]
    for lead in leads:
        scene.store(lead_body(dealership, lead))
    scene.scene.execute("UPDATE lead_delivery SET next_attempt_at = now() - id * interval '1 s'")

    assert scene.wake(dealership) == []

    order = [str(push.external_id) for push in scene.sink.sent]
    assert sorted(order[:10]) == sorted(leads[:-11:-1])
    assert len(set(order)) == 25
    assert {row["state"] for row in scene.scene.rows("SELECT state FROM lead_delivery")} == {
        "delivered"
    }


def test_connections_of_a_batch_take_turns(scene: DynamicsScene) -> None:
    many, few = scene.add_dealership(), scene.add_dealership()
    for _ in range(25):
        scene.store(lead_body(many))
    scene.store(lead_body(few, LEAD))

    scene.wake(many, few)

    assert 10 <= [str(push.external_id) for push in scene.sink.sent].index(LEAD) < 20


def test_no_connection_waits_for_what_another_was_refused(scene: DynamicsScene) -> None:
    refused, other = scene.add_dealership(), scene.add_dealership(url="https://b.crm6.dynamics.com")
    for dealership in (refused, other):
        scene.store(lead_body(dealership))
    scene.sink.will(RetryableError("RATE_LIMITED", "Said so.", target="Dynamics", retry_after=45.0))

    scene.wake(refused, other)

    assert scene.slept == []
    states = scene.scene.rows("SELECT state FROM lead_delivery ORDER BY id")
    assert [row["state"] for row in states] == ["pending", "delivered"]


def test_another_message_goes_on_when_the_time_for_one_connection_is_over(
    scene: DynamicsScene,
) -> None:
    dealership = scene.add_dealership()
    for _ in range(25):
        scene.store(lead_body(dealership))
    left = iter([120.0, 40.0, 40.0])

    delivery = scene.new_delivery()
    failures = delivery.deliver_batch(
        scene.messages(dealership), worker="w", seconds_left=lambda: next(left, 40.0)
    )

    assert failures == []
    assert len(scene.sink.sent) == 10
    (wake_up,) = scene.queue.wake_ups
    assert (wake_up.dealership_id, wake_up.delay, wake_up.target) == (dealership, 0, "Dynamics")
    woken = scene.scene.one(
        "SELECT * FROM lead_delivery WHERE woken_until > now() + '1 minute'"
        " AND state = 'pending' ORDER BY id LIMIT 1"
    )
    assert woken["id"] <= wake_up.delivery_id


def test_a_backlog_calls_one_more_worker_once(scene: DynamicsScene) -> None:
    dealership, few = scene.add_dealership(), scene.add_dealership()
    scene.sink.wants_own_id = True
    scene.store(lead_body(few))
    for _ in range(35):
        scene.store(lead_body(dealership))

    scene.wake(few)
    assert scene.queue.wake_ups == []
    scene.wake(dealership)

    (wake_up,) = scene.queue.wake_ups
    assert (wake_up.dealership_id, wake_up.delay) == (dealership, 0)


def test_two_workers_push_each_lead_once(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    for _ in range(12):
        scene.store(lead_body(dealership))
    other = DynamicsScene(scene.scene.url, beside=scene)

    def other_works(_push: object, act: object) -> object:
        other.wake(dealership)
        assert callable(act)
        return act()

    scene.sink.will(other_works)  # type: ignore[arg-type]
    scene.wake(dealership)
    other.close()

    assert len(scene.sink.sent) == 12
    assert len({push.external_id for push in scene.sink.sent}) == 12


def test_a_lead_we_trip_over_stops_no_other(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD, name="Broken"))
    scene.store(lead_body(dealership))
    scene.sink.unpreparable.add("Broken")

    scene.wake(dealership)

    row = scene.row(LEAD)
    assert (row["state"], row["last_error_code"]) == ("failed", "UNEXPECTED_ERROR")
    assert "ValueError" in row["last_error"]
    assert len(scene.sink.records) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("no json", "MALFORMED_MESSAGE"),
        (json.dumps({"schema": 9}), "MALFORMED_MESSAGE"),
        (lead_body(1, LEAD), "MALFORMED_MESSAGE"),
    ],
    ids=["garbage", "another schema", "a lead"],
)
def test_what_is_no_wake_up_is_buried_and_the_rest_goes_on(
    scene: DynamicsScene, body: str, code: str
) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))

    failures = scene.delivery.deliver_batch(
        [queued(body, "bad"), *scene.messages(dealership)], worker="w"
    )

    assert failures == []
    ((message, reason, _),) = scene.queue.buried
    assert (message.message_id, reason) == ("bad", code)
    assert scene.row(LEAD)["state"] == "delivered"


def test_a_message_that_cannot_be_buried_comes_back(scene: DynamicsScene) -> None:
    scene.queue.takes_dead_letters = False

    assert scene.delivery.deliver_batch([queued("no json", "bad")], worker="w") == ["bad"]

    assert scene.queue.hidden == {"bad": 30}


def test_a_dealership_nobody_knows_is_acknowledged(scene: DynamicsScene) -> None:
    assert scene.wake(4711) == []


def test_another_organisation_gets_the_lead_anew(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))
    scene.wake(dealership)
    former = scene.row(LEAD)["remote_scope"]
    connect_dynamics(scene.scene, dealership, url="https://other.crm6.dynamics.com")
    scene.sink.delete(LEAD)

    scene.edit(LEAD, "name = 'Zoë Tran'")
    scene.wake(dealership)

    push = scene.sink.sent[-1]
    assert push.remote_id is None
    assert push.fields.keys() == {"lastname", "emailaddress1"}
    assert scene.row(LEAD)["remote_scope"] != former
    assert scene.row(LEAD)["state"] == "delivered"


def test_metadata_is_read_before_the_first_push_and_kept_for_a_day(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    for _ in range(2):
        scene.store(lead_body(dealership))
        scene.wake(dealership)
    assert scene.sink.metadata_reads == 1
    with_own_memory = DynamicsScene(scene.scene.url, beside=scene)
    with_own_memory.store(lead_body(dealership))
    with_own_memory.wake(dealership)
    assert scene.sink.metadata_reads == 1

    scene.pass_time("25 hours")
    with_own_memory.close()
    later = DynamicsScene(scene.scene.url, beside=scene)
    later.store(lead_body(dealership, LEAD))
    later.wake(dealership)
    later.close()

    assert scene.sink.metadata_reads == 2
    assert scene.row(LEAD)["state"] == "delivered"


def test_old_metadata_go_on_while_the_tenant_cannot_be_asked(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership))
    scene.wake(dealership)
    scene.pass_time("25 hours")
    scene.sink.metadata_error = RetryableError("TIMEOUT", "Silent.", target="Dynamics")
    later = DynamicsScene(scene.scene.url, beside=scene)

    later.store(lead_body(dealership, LEAD))
    later.wake(dealership)
    later.close()

    assert scene.row(LEAD)["state"] == "delivered"


def test_leads_lose_no_try_while_metadata_cannot_be_read(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))
    scene.sink.metadata_error = RetryableError("TIMEOUT", "Silent.", target="Dynamics")

    scene.wake(dealership)

    row = scene.row(LEAD)
    assert (row["state"], row["attempts"], row["last_error_code"]) == ("pending", 0, "TIMEOUT")
    assert 25 < row["due_in"] <= 30
    assert scene.sink.sent == []


@pytest.mark.parametrize("code", ["COLUMN_UNKNOWN", "OPTION_REFUSED", "TEXT_TOO_LONG"])
def test_a_refusal_old_metadata_may_have_caused_is_tried_with_fresh_ones(
    scene: DynamicsScene, code: str
) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership))
    scene.wake(dealership)
    scene.pass_time("1 hour")
    later = DynamicsScene(scene.scene.url, beside=scene)
    later.store(lead_body(dealership, LEAD))
    scene.sink.will(PermanentError(code, "No such thing.", target="Dynamics"))

    later.wake(dealership)
    later.close()

    assert scene.sink.metadata_reads == 2
    row = scene.row(LEAD)
    assert (row["state"], row["attempts"]) == ("delivered", 1)


def test_a_refusal_with_fresh_metadata_parks_the_lead(scene: DynamicsScene) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))
    scene.sink.will(PermanentError("COLUMN_UNKNOWN", "No hnt_finalscore.", target="Dynamics"))

    scene.wake(dealership)

    row = scene.row(LEAD)
    assert (row["state"], row["last_error"]) == ("failed", "No hnt_finalscore.")
    assert scene.sink.metadata_reads == 1
    assert scene.scene.counts.batches[-1] == {"DynamicsParked": 1}
