"""What people may do about a delivery to Dynamics by its id: try it again, and nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.support.admin_api import AdminClient, owner
from tests.support.aws_account import AwsAccount
from tests.support.dynamics_delivery import DynamicsScene
from tests.support.lead_delivery import lead_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(account: AwsAccount, database_url: str) -> Iterator[DynamicsScene]:
    scene = DynamicsScene(database_url)
    yield scene
    scene.close()


def park(scene: DynamicsScene, code: str) -> int:
    """Deliver a lead, and park a change of it; gives the delivery's id."""
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))
    scene.wake(dealership)
    scene.scene.execute(
        "UPDATE lead_delivery SET state = 'failed', next_attempt_at = NULL, attempts = 8,"
        " last_error_code = %s, last_error = 'Refused.'",
        code,
    )
    delivery: int = scene.row(LEAD)["id"]
    return delivery


def act(admin: AdminClient, delivery: int, name: str, body: object = None, **options: Any) -> Any:
    return admin("POST", f"/api/admin/deliveries/{delivery}/{name}", body, **options)


def woken(url: str) -> list[Any]:
    found = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"])["deliveryId"] for message in found.get("Messages", [])]


def test_a_retry_wakes_the_queue_of_dynamics(
    admin: AdminClient, scene: DynamicsScene, account: AwsAccount
) -> None:
    delivery = park(scene, "DUPLICATE_FOUND")
    before = scene.row(LEAD)

    answer = act(admin, delivery, "retry")

    assert (answer.status, answer.body["state"]) == (202, "pending")
    row = scene.row(LEAD)
    assert (row["attempts"], row["remote_id"]) == (0, before["remote_id"])
    assert row["delivered_fields"] == before["delivered_fields"]
    assert row["due_in"] <= 0
    assert woken(account.environment["DYNAMICS_QUEUE_URL"]) == [delivery]
    assert woken(account.queue_url) == []
    assert act(admin, delivery, "retry").status == 202


def test_a_retry_of_what_was_deleted_there_makes_it_again_whole(
    admin: AdminClient, scene: DynamicsScene
) -> None:
    delivery = park(scene, "DELETED_IN_DYNAMICS")
    scene.sink.delete(LEAD)

    assert act(admin, delivery, "retry").status == 202
    row = scene.row(LEAD)
    assert (row["remote_id"], row["delivered_fields"], row["payload_hash"]) == (None, None, None)
    scene.wake(row["dealership_id"])

    assert scene.row(LEAD)["state"] == "delivered"
    assert scene.sink.sent[-1].remote_id is None


@pytest.mark.parametrize("state", ["delivered", "in_progress", "pending"])
def test_what_needs_nobody_is_not_retried(
    admin: AdminClient, scene: DynamicsScene, state: str
) -> None:
    delivery = park(scene, "DUPLICATE_FOUND")
    scene.scene.execute(
        "UPDATE lead_delivery SET state = %s, next_attempt_at = now() + interval '1 hour',"
        " lease_until = now(), lease_token = gen_random_uuid()",
        state,
    )

    answer = act(admin, delivery, "retry")

    assert answer.status == 409
    if state == "delivered":
        assert "Dynamics has the lead." in answer.body["detail"]


@pytest.mark.parametrize(("name", "body"), [("resolve", {"number": "000123"}), ("resend", None)])
def test_what_is_never_in_doubt_is_not_decided(
    admin: AdminClient, scene: DynamicsScene, name: str, body: object
) -> None:
    delivery = park(scene, "DUPLICATE_FOUND")

    answer = act(admin, delivery, name, body)

    assert (answer.status, answer.body["type"]) == (409, "urn:forecourt:problem:not-easycars")
    assert "retry" in answer.body["detail"]
    shown = admin("GET", f"/api/admin/deliveries/{delivery}").body
    assert (shown["target"], shown["acts"]) == ("Dynamics", ["retry"])


def test_another_dealerships_delivery_is_not_there(
    admin: AdminClient, scene: DynamicsScene
) -> None:
    delivery = park(scene, "DUPLICATE_FOUND")

    answer = act(admin, delivery, "retry", claims=owner(scene.add_dealership()))

    assert answer.status == 404
    assert scene.row(LEAD)["state"] == "failed"
