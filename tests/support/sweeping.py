"""A sweeper for a scene, due deliveries, a worker for what is woken, a clock."""

from collections.abc import Callable
from typing import Any

from forecourt.leads.retry import RetryPolicy
from forecourt.leads.sweep import DeliverySweeper
from forecourt.storage.sweeps import PostgresSweeps
from tests.support.lead_delivery import Scene, wake_up_body


def new_sweeper(scene: Scene, **ports: Any) -> DeliverySweeper:
    return DeliverySweeper(
        **{
            "ledger": PostgresSweeps(scene.database),
            "queue": scene.queue,
            "events": scene.events,
            "metrics": scene.counts,
            "policy": RetryPolicy(draw=lambda low, _high: low),
            "sleep": scene.pauses.append,
            **ports,
        }
    )


def sweep(scene: Scene) -> list[str]:
    """Sweep once; gives the leads that are woken, in order."""
    before = len(scene.queue.wake_ups)
    new_sweeper(scene).sweep_once()
    return [str(wake_up.external_id) for wake_up in scene.queue.wake_ups[before:]]


def seed_due(scene: Scene, dealership: int, count: int, *, due_for: str = "1 minute") -> None:
    """Add leads whose deliveries have been due that long, the first the longest."""
    scene.execute(
        "WITH stored AS (INSERT INTO lead (dealership_id, name, email, phone, message)"
        " SELECT %s, 'Zoë', 'zoe@mail.example', '', '' FROM generate_series(1, %s) RETURNING id)"
        " INSERT INTO lead_delivery (lead_id, dealership_id, target, state, next_attempt_at)"
        " SELECT id, %s, 'EasyCars', 'pending', now() - %s::interval + id * interval"
        " '1 microsecond' FROM stored",
        dealership,
        count,
        dealership,
        due_for,
    )


def woken_by_dealership(scene: Scene) -> dict[int, int]:
    rows = scene.rows(
        "SELECT dealership_id, count(*) FROM lead_delivery WHERE woken_until > now() GROUP BY 1"
    )
    return {row["dealership_id"]: row["count"] for row in rows}


def deliver_woken(scene: Scene) -> None:
    """Hand the messages on the queue to a worker, until there are none."""
    while wake_ups := scene.queue.wake_ups[:10]:
        del scene.queue.wake_ups[:10]
        bodies = [
            wake_up_body(str(wake_up.external_id), wake_up.dealership_id, wake_up.delivery_id)
            for wake_up in wake_ups
        ]
        assert scene.deliver(*bodies) == []


class Ticking:
    """A clock that only sleeping moves."""

    def __init__(self, on_sleep: Callable[[int], None] = lambda _: None) -> None:
        self.now = 1000.0
        self.sleeps = 0
        self._on_sleep = on_sleep

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.sleeps += 1
        self._on_sleep(self.sleeps)
