"""An older version of a lead never arrives in Dynamics after a newer one."""

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest

from forecourt.errors import RetryableError
from forecourt.storage.deliveries import release_delivery
from forecourt.storage.dynamics_pushes import PostgresDynamicsPushes
from forecourt.storage.lead_edits import want_present_version
from tests.support.dynamics_delivery import DynamicsScene, connect_dynamics
from tests.support.lead_delivery import ACTOR, lead_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[DynamicsScene]:
    scene = DynamicsScene(database_url)
    yield scene
    scene.close()


def _push(scene: DynamicsScene) -> None:
    PostgresDynamicsPushes(scene.database).push([UUID(LEAD)], None, uuid4(), actor=ACTOR)


def _retry(scene: DynamicsScene) -> None:
    PostgresDynamicsPushes(scene.database).retry(UUID(LEAD), None, uuid4(), actor=ACTOR)


def _retry_delivery(scene: DynamicsScene) -> None:
    release_delivery(scene.database, scene.row(LEAD)["id"])


def _edit(scene: DynamicsScene) -> None:
    scene.scene.execute("UPDATE lead SET name = 'Zoë Tran', version = version + 1")
    with scene.database.transaction() as connection:
        want_present_version(connection, scene.row(LEAD)["lead_id"])


def _reconnect(scene: DynamicsScene) -> None:
    dealership = scene.row(LEAD)["dealership_id"]
    scene.vault.delete(dealership, actor=ACTOR)
    connect_dynamics(scene.scene, dealership)


@pytest.mark.parametrize("is_last_try", [False, True], ids=["waits", "given up"])
@pytest.mark.parametrize("act", [_push, _retry, _retry_delivery, _edit, _reconnect])
def test_whoever_wants_it_sent_waits_for_what_may_still_arrive(
    scene: DynamicsScene, act: Callable[[DynamicsScene], None], *, is_last_try: bool
) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))
    if is_last_try:
        scene.scene.execute("UPDATE lead_delivery SET attempts = 7")
    scene.sink.will(RetryableError("TIMEOUT", "No answer.", target="Dynamics"))
    scene.wake(dealership)
    assert scene.row(LEAD)["state"] == ("failed" if is_last_try else "pending")

    act(scene)
    scene.wake(dealership)

    assert len(scene.sink.sent) == 1
    row = scene.row(LEAD)
    assert row["state"] != "delivered"
    if row["state"] == "pending":
        assert row["due_in"] > 115
    scene.pass_time("300 s")
    scene.wake(dealership)
    assert scene.row(LEAD)["state"] == ("delivered" if row["state"] == "pending" else "failed")


def test_whoever_wants_it_sent_waits_for_nothing_where_nothing_is_under_way(
    scene: DynamicsScene,
) -> None:
    dealership = scene.add_dealership()
    scene.store(lead_body(dealership, LEAD))
    scene.sink.will(RetryableError("CONNECT_FAILED", "Nobody there.", target="Dynamics"))
    scene.wake(dealership)

    _push(scene)
    scene.wake(dealership)

    assert scene.row(LEAD)["state"] == "delivered"
