"""``lead.accepted`` is published of every accepted lead, once it is on disk."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from forecourt.errors import RetryableError
from forecourt.storage.ledger import PostgresLedger
from tests.support.clock import let_pass
from tests.support.lead_delivery import Scene, lead_body, queued
from tests.support.sweeping import new_sweeper, seed_due

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def test_a_lead_is_announced_once_it_is_on_disk(scene: Scene) -> None:
    dealership = scene.add_dealership()

    scene.deliver(lead_body(dealership, LEAD), lead_body(dealership, spam=True))
    scene.deliver(lead_body(dealership, LEAD))

    (lead,) = scene.events.announced
    assert (str(lead.external_id), lead.dealership_id) == (LEAD, dealership)
    assert lead.received_at == datetime.fromisoformat("2026-11-20T22:15:00Z")
    announced = scene.rows("SELECT spam FROM lead WHERE announced_at IS NOT NULL")
    assert announced == [{"spam": False}]


def test_nothing_is_announced_that_may_not_be_on_disk(scene: Scene) -> None:
    class LosesCommits(PostgresLedger):
        def make_durable(self) -> None:
            raise RetryableError(code="DATABASE_AWAY", detail="Away.", target="PostgreSQL")

    delivery = scene.new_delivery(ledger=LosesCommits(scene.database))

    delivery.deliver_batch([queued(lead_body(scene.add_dealership(), LEAD))], worker="w")

    assert scene.events.announced == []


def test_with_no_time_left_it_is_left_to_the_sweeper(scene: Scene) -> None:
    body = lead_body(scene.add_dealership(), LEAD)

    scene.delivery.deliver_batch([queued(body)], worker="w", seconds_left=lambda: 10.0)

    assert scene.events.announced == []


def test_the_sweeper_announces_what_a_batch_did_not(scene: Scene) -> None:
    dealership = scene.add_dealership()
    scene.events.left = 0
    scene.deliver(*(lead_body(dealership) for _ in range(3)))
    scene.deliver(lead_body(dealership, spam=True))
    scene.events.left = None

    assert new_sweeper(scene).sweep_once().announced == 0
    let_pass(scene.database, 151)
    assert new_sweeper(scene).sweep_once().announced == 3
    assert new_sweeper(scene).sweep_once().announced == 0

    assert len({lead.external_id for lead in scene.events.announced}) == 3


def test_a_topic_that_is_away_is_not_asked_for_every_lead(scene: Scene) -> None:
    dealership = scene.add_dealership()
    scene.events.left = 0
    for _ in range(3):
        scene.deliver(*(lead_body(dealership) for _ in range(10)))
    let_pass(scene.database, 151)
    scene.events.left, scene.events.requests = 14, 0

    assert new_sweeper(scene).sweep_once().announced == 14
    assert scene.events.requests == 2
    scene.events.left = None
    assert new_sweeper(scene).sweep_once().announced == 16

    assert len({lead.external_id for lead in scene.events.announced}) == 30


def test_a_lead_of_another_program_is_not_announced(scene: Scene) -> None:
    seed_due(scene, scene.add_dealership(), 1)
    let_pass(scene.database, 151)

    assert new_sweeper(scene).sweep_once().announced == 0
