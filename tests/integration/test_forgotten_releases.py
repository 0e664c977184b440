"""Credentials were saved and the process died before it released what waited for them."""

from collections.abc import Iterator

import pytest

from tests.support.clock import let_pass
from tests.support.lead_delivery import Scene, lead_body, wake_up_body
from tests.support.sweeping import Ticking, deliver_woken, new_sweeper

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def sweep(scene: Scene) -> int:
    """Sweep for a minute; says how many deliveries were found forgotten."""
    clock = Ticking()
    return new_sweeper(scene, clock=clock, sleep=clock.sleep).run().returned


def state(scene: Scene) -> tuple[str, str | None]:
    row = scene.delivery_row(LEAD)
    return row["state"], row["last_error_code"]


def park_elsewhere(scene: Scene) -> int:
    """A delivered lead with an edit, which its dealership's new account does not have."""
    dealership = scene.add_dealership(connected=False)
    scene.connect(dealership, "EC000001")
    scene.deliver(lead_body(dealership, LEAD))
    scene.edit(LEAD, "rating = 'Hot'")
    scene.change_account(dealership, "EC999999")
    wake_up = wake_up_body(LEAD, dealership, scene.delivery_row(LEAD)["id"])
    scene.deliver(wake_up)
    assert state(scene) == ("failed", "SCOPE_CHANGED")
    let_pass(scene.database, 10)
    return dealership


def test_a_lead_that_had_no_connection_goes_once_there_is_one(scene: Scene) -> None:
    dealership = scene.add_dealership(connected=False)
    scene.deliver(lead_body(dealership, LEAD))
    assert sweep(scene) == 0
    scene.connect(dealership)

    assert sweep(scene) == 0  # the release may still be on its way
    let_pass(scene.database, 61)
    assert sweep(scene) == 1

    deliver_woken(scene)
    assert state(scene) == ("delivered", None)


def test_switched_off_credentials_release_nothing(scene: Scene) -> None:
    dealership = scene.add_dealership(connected=False)
    scene.deliver(lead_body(dealership, LEAD))
    scene.connect(dealership)
    scene.execute("UPDATE dealership_easycars_credentials SET is_active = false")
    let_pass(scene.database, 61)

    assert sweep(scene) == 0
    assert state(scene) == ("failed", "NO_CONNECTION")


def test_a_lead_of_the_former_account_goes_once_that_is_back(scene: Scene) -> None:
    dealership = park_elsewhere(scene)
    let_pass(scene.database, 61)
    assert sweep(scene) == 0
    scene.change_account(dealership, "EC000001")
    let_pass(scene.database, 61)

    assert sweep(scene) == 1

    deliver_woken(scene)
    assert state(scene) == ("delivered", None)


def test_a_lead_of_another_account_is_looked_at_once_per_change(scene: Scene) -> None:
    dealership = park_elsewhere(scene)
    scene.change_account(dealership, "EC777777")
    let_pass(scene.database, 61)

    assert sweep(scene) == 1
    deliver_woken(scene)
    assert state(scene) == ("failed", "SCOPE_CHANGED")

    let_pass(scene.database, 61)
    assert sweep(scene) == 0
    assert len(scene.sink.sent) == 1
