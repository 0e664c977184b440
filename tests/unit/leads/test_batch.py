from uuid import UUID

import pytest

from forecourt.leads.batch import Batch, outage_wait
from forecourt.leads.message import QueuedMessage

FIRST = UUID("0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11")


def message(name: str, receive_count: int = 1) -> QueuedMessage:
    return QueuedMessage(
        message_id=name, receipt_handle=f"h-{name}", body="{}", receive_count=receive_count
    )


def test_what_is_not_settled_comes_back() -> None:
    messages = [message("a"), message("b"), message("c")]
    batch = Batch(messages)
    batch.assign(messages[0], FIRST)
    batch.assign(messages[2], FIRST)

    batch.settle_lead(FIRST)

    assert [one.message_id for one in batch.open] == ["b"]


def test_reopened_all_come_back_but_those_that_are_elsewhere() -> None:
    messages = [message("a"), message("b")]
    batch = Batch(messages)
    batch.settle(messages[0])
    batch.discard(messages[1])
    assert not batch.open

    batch.reopen()

    assert [one.message_id for one in batch.open] == ["a"]


@pytest.mark.parametrize(
    ("count", "seconds"), [(0, 30), (1, 30), (2, 60), (3, 120), (6, 960), (7, 1800), (200, 1800)]
)
def test_waits_for_a_service_of_ours_double_up_to_half_an_hour(count: int, seconds: int) -> None:
    assert outage_wait(count) == seconds
    assert Batch([]).wait_of(message("a", count)) == seconds


@pytest.mark.parametrize(("asked", "given"), [(152.0, 152), (-3.0, 1), (10**6, 43_200)])
def test_a_message_that_has_to_wait_for_something_waits_that_long(asked: float, given: int) -> None:
    one = message("a")
    batch = Batch([one])
    batch.assign(one, FIRST)

    batch.give_back(FIRST, asked)

    assert batch.wait_of(one) == given


def test_two_hundred_receipts_outlast_an_outage_of_a_day() -> None:
    assert sum(outage_wait(count) for count in range(1, 200)) > 24 * 3600
