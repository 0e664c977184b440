"""The function in a new sandbox whose surroundings are not there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecourt.leads.steps import unwatched
from local.easycars_simulator import EasyCarsSimulator, default_accounts
from tests.support.delivery_world import (
    DeliveryWorld,
    aws_variables,
    delivery_world,
    moto_server,
)
from tests.support.handlers import new_sandbox, read_event
from tests.support.mortal_worker import Invocation


@pytest.fixture
def world(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DeliveryWorld]:
    with (
        moto_server() as aws,
        EasyCarsSimulator(accounts=default_accounts(1, vehicles=1)) as simulator,
    ):
        for name, value in aws_variables(aws).items():
            monkeypatch.setenv(name, value)
        with delivery_world(database_url, simulator, tmp_path) as world:
            for name, value in world.environment.items():
                monkeypatch.setenv(name, value)
            yield world


def test_an_unreachable_database_brings_every_message_back(
    world: DeliveryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add_dealership(world.simulator.accounts()[0])
    monkeypatch.setenv("DATABASE_PORT", "9")
    module = new_sandbox("lead_delivery")

    answer = module.handler(read_event("lead_delivery", "one_lead"), Invocation())

    (record,) = read_event("lead_delivery", "one_lead")["Records"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    assert world.simulator.requests() == []
    module.delivery(unwatched).close()
    module.easycars().close()


def test_nothing_is_connected_or_read_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("DATABASE", "LEADS", "AWS"))]:
        monkeypatch.delenv(name)

    assert callable(new_sandbox("lead_delivery").handler)
