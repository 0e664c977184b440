"""The harness' queue behaves as a standard SQS queue does, seldom habits included."""

import random

from tests.chaos.standard_queue import (
    MOST_RECEIVES,
    VISIBILITY_SECONDS,
    Habits,
    Received,
    StandardQueue,
)


def queue_with(*bodies: str, habits: Habits | None = None) -> StandardQueue:
    queue = StandardQueue(random.Random(1), habits or Habits())
    for body in bodies:
        queue.send(body)
    return queue


def bodies_of(received: list[Received]) -> list[str]:
    return sorted(message.body for message in received)


def test_a_message_is_hidden_while_somebody_has_it_and_comes_back_counted() -> None:
    queue = queue_with("a")
    (first,) = queue.receive()
    assert (first.body, first.receives, queue.receive()) == ("a", 1, [])
    queue.let_pass(VISIBILITY_SECONDS - 1)
    assert queue.receive() == []
    queue.let_pass(1)
    (second,) = queue.receive()
    assert (second.message_id, second.receives) == (first.message_id, 2)
    queue.delete(first.handle)
    assert len(queue) == 0


def test_a_delayed_message_is_not_early() -> None:
    queue = queue_with()
    queue.send("later", delay=30)
    assert (queue.receive(), queue.next_visible_in()) == ([], 30)
    queue.let_pass(30)
    assert bodies_of(queue.receive()) == ["later"]


def test_visibility_can_be_set_for_what_is_there() -> None:
    queue = queue_with("a")
    (message,) = queue.receive()
    assert queue.change_visibility(message.handle, 5)
    queue.let_pass(5)
    assert bodies_of(queue.receive()) == ["a"]
    queue.delete(message.handle)
    assert not queue.change_visibility(message.handle, 5)


def test_a_receive_gives_at_most_ten_in_no_order() -> None:
    names = [f"{number:02d}" for number in range(40)]
    queue = queue_with(*names)
    taken = [message.body for message in queue.receive()]
    assert len(taken) == 10
    assert taken != names[:10]
    everything = taken + [message.body for _ in range(3) for message in queue.receive()]
    assert sorted(everything) == names


def test_batches_are_split_when_that_is_a_habit() -> None:
    queue = queue_with(*"abcdefghij", habits=Habits(split=1.0))
    sizes = []
    while taken := queue.receive():
        sizes.append(len(taken))
    assert sum(sizes) == 10
    assert len(sizes) > 1


def test_a_message_is_handed_out_twice_when_that_is_a_habit() -> None:
    queue = queue_with("a", habits=Habits(twice=1.0))
    first, second = queue.receive()[0], queue.receive()[0]
    assert first.message_id == second.message_id
    assert first.handle != second.handle
    assert queue.handed_out_twice == 2


def test_a_deletion_comes_to_nothing_when_that_is_a_habit() -> None:
    queue = queue_with("a", habits=Habits(undeleted=1.0))
    queue.delete(queue.receive()[0].handle)
    queue.let_pass(VISIBILITY_SECONDS)
    assert bodies_of(queue.receive()) == ["a"]


def test_a_message_dies_after_so_many_receives() -> None:
    queue = queue_with("a")
    for _ in range(MOST_RECEIVES):
        assert len(queue.receive()) == 1
        queue.let_pass(VISIBILITY_SECONDS)
    assert queue.receive() == []
    assert (queue.dead, len(queue)) == (["a"], 0)
