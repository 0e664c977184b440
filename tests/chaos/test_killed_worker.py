"""A worker that dies between any two steps of a delivery loses no lead and doubles none."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from forecourt.leads.steps import Step
from local.easycars_simulator import Account, EasyCarsSimulator, Fault, default_accounts
from tests.support.delivery_world import (
    DeliveryWorld,
    aws_variables,
    delivery_world,
    moto_server,
    sqs_event,
)
from tests.support.handlers import new_sandbox
from tests.support.lead_delivery import lead_body, wake_up_body
from tests.support.mortal_worker import Invocation


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture
def account() -> Account:
    return default_accounts(1, vehicles=1)[0]


@pytest.fixture
def world(
    aws: str, account: Account, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DeliveryWorld]:
    for name, value in aws_variables(aws).items():
        monkeypatch.setenv(name, value)
    with (
        EasyCarsSimulator(accounts=[account]) as simulator,
        delivery_world(database_url, simulator, tmp_path) as world,
    ):
        for name, value in world.environment.items():
            monkeypatch.setenv(name, value)
        world.environment = dict(os.environ)
        yield world


class Survivor:
    """The sandbox the messages come back to."""

    def __init__(self) -> None:
        self._module = new_sandbox("lead_delivery")

    def deliver(self, bodies: list[str]) -> list[str]:
        answer = self._module.handler(sqs_event(bodies, receive_count=2), Invocation())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def close(self) -> None:
        self._module.delivery().close()
        self._module.easycars().close()
        self._module.database().close()


@pytest.fixture
def survivor(world: DeliveryWorld) -> Iterator[Survivor]:
    assert world.environment
    survivor = Survivor()
    yield survivor
    survivor.close()


def states(world: DeliveryWorld) -> Counter[str]:
    return Counter(row["state"] for row in world.scene.rows("SELECT state FROM lead_delivery"))


def assert_nothing_lost_or_doubled(world: DeliveryWorld, leads: list[str]) -> None:
    """Every lead has ended; a delivered one is at the vendor once, any other at most once."""
    rows = {
        str(row["external_id"]): row
        for row in world.scene.rows(
            "SELECT l.external_id, l.easycars_lead_number, d.state, d.last_error_code"
            " FROM lead l JOIN lead_delivery d ON d.lead_id = l.id"
        )
    }
    there = Counter(lead["fields"]["ExternalID"] for lead in world.simulator.leads())
    numbers = {lead["fields"]["ExternalID"]: lead["leadNumber"] for lead in world.simulator.leads()}
    assert set(rows) == set(leads)
    assert world.simulator.invalid_requests() == []
    for lead, row in rows.items():
        assert row["state"] in {"delivered", "unconfirmed"}
        assert there[lead] <= 1
        if row["state"] == "delivered":
            assert numbers[lead] == row["easycars_lead_number"]
        else:
            assert row["last_error_code"] in {"LEASE_EXPIRED", "CONNECTION_CUT"}


def killed(world: DeliveryWorld, bodies: list[str], step: Step, nth: int = 1) -> None:
    worker = world.start_worker(bodies, step, nth)
    _, errors = worker.communicate(timeout=60)
    assert worker.returncode == -signal.SIGKILL, errors


def messages_come_back(world: DeliveryWorld, survivor: Survivor, bodies: list[str]) -> None:
    """Hand the batch out again at once, as a duplicate, and then when the leases have ended."""
    survivor.deliver(bodies)
    world.scene.pass_time("151 s")
    assert survivor.deliver(bodies) == []
    assert survivor.deliver(bodies) == []


@pytest.mark.parametrize(
    ("step", "nth", "expected"),
    [
        (Step.STORED, 1, {"delivered": 4}),
        (Step.CLAIMED, 1, {"unconfirmed": 4}),
        (Step.CALLING, 1, {"unconfirmed": 4}),
        (Step.CALLING, 4, None),
        (Step.CALLED, 1, None),
        (Step.CALLED, 4, None),
        (Step.RECORDED, 1, None),
        (Step.ACKNOWLEDGING, 1, {"delivered": 4}),
    ],
)
def test_creates_of_a_killed_worker(
    world: DeliveryWorld,
    survivor: Survivor,
    account: Account,
    *,
    step: Step,
    nth: int,
    expected: dict[str, int] | None,
) -> None:
    dealership = world.add_dealership(account)
    leads = [str(uuid4()) for _ in range(4)]
    bodies = [lead_body(dealership, lead) for lead in leads]

    killed(world, bodies, step, nth)
    messages_come_back(world, survivor, bodies)

    assert_nothing_lost_or_doubled(world, leads)
    if expected is not None:
        assert states(world) == expected
    if step is Step.RECORDED:
        assert states(world)["delivered"] >= 1


def test_killed_while_the_vendor_keeps_silent(
    world: DeliveryWorld, survivor: Survivor, account: Account
) -> None:
    dealership = world.add_dealership(account)
    leads = [str(uuid4()) for _ in range(4)]
    bodies = [lead_body(dealership, lead) for lead in leads]
    world.simulator.put_fault(Fault(kind="hang", operation="CreateLead", times=2))

    worker = world.start_worker(bodies)
    wait_until(lambda: states(world)["delivered"] == 2)
    worker.kill()
    worker.communicate(timeout=60)
    messages_come_back(world, survivor, bodies)

    assert_nothing_lost_or_doubled(world, leads)
    assert states(world) == {"delivered": 2, "unconfirmed": 2}


@pytest.mark.parametrize("step", [Step.CLAIMED, Step.CALLING, Step.CALLED, Step.ACKNOWLEDGING])
def test_updates_of_a_killed_worker_are_done_by_the_next(
    world: DeliveryWorld, survivor: Survivor, account: Account, step: Step
) -> None:
    dealership = world.add_dealership(account)
    lead = str(uuid4())
    assert survivor.deliver([lead_body(dealership, lead, rating="Cold")]) == []
    world.scene.edit(lead, "rating = 'Hot'")
    wake_up = wake_up_body(lead, dealership, world.scene.delivery_row(lead)["id"])

    killed(world, [wake_up], step)
    messages_come_back(world, survivor, [wake_up])
    world.scene.pass_time("181 s")
    assert survivor.deliver([wake_up]) == []

    assert states(world) == {"delivered": 1}
    (there,) = world.simulator.leads()
    assert there["fields"]["Rating"] == 3
    assert world.scene.delivery_row(lead)["delivered_version"] == 2


@pytest.mark.parametrize("step", [Step.RECORDED, Step.WOKEN])
def test_killed_around_the_wake_up_of_a_retry(
    world: DeliveryWorld, survivor: Survivor, account: Account, step: Step
) -> None:
    dealership = world.add_dealership(account)
    lead = str(uuid4())
    body = lead_body(dealership, lead)
    world.simulator.put_fault(
        Fault(kind="http_429", operation="CreateLead", retry_after=5, times=1)
    )

    killed(world, [body], step)
    assert survivor.deliver([body]) == []
    assert states(world) == {"pending": 1}
    world.scene.pass_time("10 s")
    assert survivor.deliver([body]) == []

    assert_nothing_lost_or_doubled(world, [lead])
    assert states(world) == {"delivered": 1}


def wait_until(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)
