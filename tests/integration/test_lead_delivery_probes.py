"""A message about a lead of unknown outcome lets its account be probed."""

from collections.abc import Iterator, Sequence

import pytest

from forecourt.errors import OutcomeUnknownError, RetryableError
from forecourt.leads.ledger import DeliveryView
from forecourt.leads.outcome import DeliveryState
from tests.support.lead_delivery import Scene, lead_body, queued, wake_up_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


class WatchedProber:
    """Notes what it is asked, and with how many leads recorded by then; is away when told."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.passes: list[tuple[list[DeliveryView], float, int]] = []
        self.away = False

    def pass_for(self, views: Sequence[DeliveryView], *, seconds: float) -> None:
        delivered = self._scene.one("SELECT count(*) FROM lead_delivery WHERE state = 'delivered'")[
            "count"
        ]
        self.passes.append((list(views), seconds, delivered))
        if self.away:
            raise RetryableError(code="AWAY", detail="Away.", target="EasyCars")


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


@pytest.fixture
def prober(scene: Scene) -> WatchedProber:
    prober = WatchedProber(scene)
    scene.delivery = scene.new_delivery(prober=prober)
    return prober


def unconfirmed(scene: Scene, dealership: int) -> str:
    """Leave LEAD unconfirmed; gives the body of a wake-up about it."""
    scene.sink.will(OutcomeUnknownError(code="TIMEOUT", detail="No answer.", target="EasyCars"))
    scene.deliver(lead_body(dealership, LEAD))
    return wake_up_body(LEAD, dealership, scene.delivery_row(LEAD)["id"])


def test_a_due_one_is_probed_once_the_batch_s_deliveries_are_recorded(
    scene: Scene, prober: WatchedProber
) -> None:
    dealership = scene.add_dealership()
    wake_up = unconfirmed(scene, dealership)
    scene.pass_time("180 s")

    assert scene.deliver(lead_body(dealership), wake_up, wake_up) == []

    ((views, seconds, delivered_before),) = prober.passes
    assert [(str(view.external_id), view.state) for view in views] == [
        (LEAD, DeliveryState.UNCONFIRMED)
    ]
    assert seconds == 60
    assert delivered_before == 1


def test_one_that_is_not_due_is_left_alone(scene: Scene, prober: WatchedProber) -> None:
    wake_up = unconfirmed(scene, scene.add_dealership())

    assert scene.deliver(wake_up) == []

    assert prober.passes == []


def test_a_pass_that_stops_sends_no_message_back(scene: Scene, prober: WatchedProber) -> None:
    wake_up = unconfirmed(scene, scene.add_dealership())
    scene.pass_time("180 s")
    prober.away = True

    assert scene.deliver(wake_up) == []

    assert len(prober.passes) == 1
    assert scene.delivery_row(LEAD)["state"] == "unconfirmed"


@pytest.mark.parametrize(("left", "expected"), [(50.0, [38.0]), (21.0, [])])
def test_it_gets_what_is_left_of_the_invocation(
    scene: Scene, prober: WatchedProber, left: float, expected: list[float]
) -> None:
    wake_up = unconfirmed(scene, scene.add_dealership())
    scene.pass_time("180 s")

    scene.delivery.deliver_batch([queued(wake_up)], worker="w", seconds_left=lambda: left)

    assert [seconds for _, seconds, _ in prober.passes] == expected
