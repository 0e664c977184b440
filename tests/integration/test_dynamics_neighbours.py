"""What one tenant of Dynamics answers, or leaves lying about, stays its own trouble."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from forecourt.security.dynamics_connections import DynamicsConnection
from tests.support.dynamics_delivery import METADATA, DynamicsScene
from tests.support.lead_delivery import lead_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"
OTHERS = "1e5f7f0c-58c6-4a6e-9a51-5a4a7b0c9d22"


@pytest.fixture
def scene(database_url: str) -> Iterator[DynamicsScene]:
    scene = DynamicsScene(database_url)
    yield scene
    scene.close()


def _trip() -> Mapping[str, Any]:
    what = "an answer nobody thought of"
    raise TypeError(what)


def _with_a_null() -> Mapping[str, Any]:
    return {"columns": {"hnt_source": {"type": "Picklist", "options": {"a\0b": 1}}}, "keys": []}


@pytest.mark.parametrize("describe", [_trip, _with_a_null], ids=["trips us up", "null character"])
def test_a_lead_table_we_trip_over_holds_its_own_connection_only(
    scene: DynamicsScene, describe: Callable[[], Mapping[str, Any]]
) -> None:
    odd, sound = scene.add_dealership(), scene.add_dealership()
    scene.store(lead_body(odd, LEAD))
    scene.store(lead_body(sound, OTHERS))

    def tell(connection: DynamicsConnection) -> Mapping[str, Any]:
        return describe() if connection.dealership_id == odd else METADATA

    scene.sink.describe = tell

    assert scene.wake(odd, sound) == []

    assert scene.row(OTHERS)["state"] == "delivered"
    row = scene.row(LEAD)
    assert (row["state"], row["attempts"]) == ("pending", 0)
    assert row["last_error_code"] == "UNEXPECTED_ERROR"
    assert 55 < row["due_in"] <= 60
    held = scene.connection(odd)
    assert "lead table" in held["hold_reason"]
    assert "an answer nobody thought of" not in held["hold_reason"]


def test_nobody_waits_for_who_tries_an_organisation_that_is_away(scene: DynamicsScene) -> None:
    away, sound = scene.add_dealership(url="https://away.crm6.dynamics.com"), scene.add_dealership()
    scene.store(lead_body(away, LEAD))
    scene.store(lead_body(sound, OTHERS))
    scene.scene.execute(
        "INSERT INTO circuit_breaker (target, environment, open_until)"
        " VALUES ('Dynamics', 'https://away.crm6.dynamics.com', now() - interval '1 s')"
    )

    scene.wake(away, sound)

    assert [str(push.external_id) for push in scene.sink.sent] == [OTHERS, LEAD]
