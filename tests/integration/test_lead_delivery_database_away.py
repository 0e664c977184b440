"""PostgreSQL stops and starts: nobody is called, every message comes back, all is delivered."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from forecourt.leads.batch import outage_wait
from forecourt.leads.sink import Push, Receipt
from forecourt.storage.schema import SchemaAction
from local.postgres import EmbeddedPostgres
from tests.support.clock import let_pass
from tests.support.lead_delivery import Scene, lead_body, queued, wake_up_body
from tests.support.postgres import schema_at
from tests.support.sam_template import SamTemplate

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"
DAY = 24 * 3600


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of this test alone, which may be stopped and started."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with EmbeddedPostgres(tmp_path / "postgres", port=port) as server:
        schema_at(server.url).run(SchemaAction.UPGRADE)
        yield server


@pytest.fixture
def scene(server: EmbeddedPostgres) -> Iterator[Scene]:
    scene = Scene(server.url)
    yield scene
    scene.close()


@dataclass
class Message:
    """A message as SQS keeps it; times in seconds since the outage began."""

    body: str
    visible_at: int = 0
    receipts: int = 0
    is_deleted: bool = False


def test_a_day_without_a_database_sends_nothing_to_the_dead_letter_queue(
    server: EmbeddedPostgres, scene: Scene
) -> None:
    dealerships = [scene.add_dealership() for _ in range(2)]
    leads = [str(uuid4()) for _ in range(10)]
    messages = {lead: Message(lead_body(dealerships[n % 2], lead)) for n, lead in enumerate(leads)}
    server.stop()

    while (now := min(message.visible_at for message in messages.values())) < DAY:
        batch = [lead for lead in leads if messages[lead].visible_at == now]
        for lead in batch:
            messages[lead].receipts += 1
        returned = scene.delivery.deliver_batch(
            [queued(messages[lead].body, lead, messages[lead].receipts) for lead in batch],
            worker="w",
        )
        assert sorted(returned) == sorted(batch)
        for lead in batch:
            assert scene.queue.hidden[lead] == outage_wait(messages[lead].receipts)
            messages[lead].visible_at = now + scene.queue.hidden[lead]

    assert scene.sink.sent == []
    assert scene.queue.buried == []
    redrive = SamTemplate().of_type("AWS::SQS::Queue")["LeadsQueue"]["RedrivePolicy"]
    most = max(message.receipts for message in messages.values())
    assert 48 < most < redrive["maxReceiveCount"] / 2

    server.start()
    returned = scene.delivery.deliver_batch(
        [queued(message.body, lead, message.receipts + 1) for lead, message in messages.items()],
        worker="w",
    )
    assert returned == []
    assert {scene.delivery_row(lead)["state"] for lead in leads} == {"delivered"}
    assert len(scene.sink.sent) == len(leads)


def test_one_that_stops_during_a_call_leaves_it_for_probing_and_creates_nothing_twice(
    server: EmbeddedPostgres, scene: Scene
) -> None:
    dealership = scene.add_dealership()
    body = lead_body(dealership, LEAD)

    def stopped_meanwhile(push: Push) -> Receipt:
        server.stop()
        return scene.sink.receipt(push)

    scene.sink.will(stopped_meanwhile)

    assert scene.deliver(body) == ["m0"]
    assert len(scene.pauses) == 10, "five pauses at once, and five when all calls have ended"

    server.start()
    assert scene.deliver(body, receive_count=2) == []
    assert scene.delivery_row(LEAD)["state"] == "in_progress"
    let_pass(scene.database, 150)
    assert scene.deliver(body, receive_count=3) == []
    assert scene.delivery_row(LEAD)["state"] == "unconfirmed"
    assert len(scene.sink.sent) == 1


def test_one_that_is_back_before_recording_gives_up_costs_nothing(
    server: EmbeddedPostgres, scene: Scene
) -> None:
    dealership = scene.add_dealership()

    def restarted_meanwhile(push: Push) -> Receipt:
        server.stop()
        return scene.sink.receipt(push)

    def restart(seconds: float) -> None:
        server.start()

    delivery = scene.new_delivery(sleep=restart)
    scene.sink.will(restarted_meanwhile)
    body = lead_body(dealership, LEAD)

    assert delivery.deliver_batch([queued(body)], worker="w") == []

    assert scene.delivery_row(LEAD)["state"] == "delivered"
    assert scene.deliver(body, receive_count=2) == []
    assert len(scene.sink.sent) == 1


def test_one_that_stops_before_an_update_burns_no_try(
    server: EmbeddedPostgres, scene: Scene
) -> None:
    dealership = scene.add_dealership()
    scene.deliver(lead_body(dealership, LEAD))
    scene.edit(LEAD, "rating = 'Hot'")
    body = wake_up_body(LEAD, dealership, scene.delivery_row(LEAD)["id"])
    server.stop()

    assert scene.deliver(body, receive_count=3) == ["m0"]
    assert scene.queue.hidden == {"m0": 120}

    server.start()
    assert scene.deliver(body, receive_count=4) == []
    row = scene.delivery_row(LEAD)
    assert (row["state"], row["attempts"]) == ("delivered", 1)
