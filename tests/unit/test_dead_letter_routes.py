"""Redriving dead letters when time runs out, the queue fails half-way, or a copy stays."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from forecourt.admin.access import Caller, Role
from forecourt.admin.audit import Actor, AuditEntry
from forecourt.admin.dead_letters import DeadLetterRoutes
from forecourt.admin.request import AdminRequest
from forecourt.errors import RetryableError
from forecourt.http_request import HttpRequest
from forecourt.leads.dead_letters import DeadLetter


def letter(name: str) -> DeadLetter:
    sent_at = datetime(2026, 11, 20, tzinfo=UTC)
    return DeadLetter(message_id=name, sent_at=sent_at, body="{}", receipt_handle=f"handle-{name}")


def away(*, target: str) -> RetryableError:
    return RetryableError(code="AWS_AWAY", detail="Away.", target=target)


@dataclass
class Queue:
    """Letters in batches of one; can be told what not to send or delete."""

    letters: list[DeadLetter]
    keeps: set[str] = field(default_factory=set)
    sticks: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)
    received: int = 0

    def receive(self, *, hidden_seconds: int) -> Iterator[Sequence[DeadLetter]]:
        assert hidden_seconds > 29
        for one in self.letters:
            self.received += 1
            yield [one]

    def give_back(self, receipt_handles: Sequence[str]) -> None:
        self.given_back.extend(handle.removeprefix("handle-") for handle in receipt_handles)

    def count_visible(self) -> int:
        return len(self.letters)

    def count_hidden(self) -> int:
        return 0

    def send_again(self, letter: DeadLetter) -> None:
        if letter.message_id in self.keeps:
            raise away(target="SQS")
        self.sent.append(letter.message_id)

    def delete(self, letter: DeadLetter) -> None:
        if letter.message_id in self.sticks:
            raise away(target="SQS")


@dataclass
class Copies:
    """A store whose copies cannot be deleted."""

    asked: list[str] = field(default_factory=list)

    def ids_of(self, day: date) -> set[str]:
        return set()

    def write(self, letter: DeadLetter) -> bool:
        return True

    def newest(self, limit: int) -> Sequence[DeadLetter]:
        return []

    def find(self, message_ids: Collection[str]) -> Sequence[DeadLetter]:
        return []

    def delete(self, letter: DeadLetter) -> None:
        self.asked.append(letter.message_id)
        raise away(target="S3")


class Audit:
    """Remembers what was written; is away when told."""

    def __init__(self, *, is_away: bool = False) -> None:
        self._is_away = is_away

    def write(self, actor: Actor, entry: AuditEntry) -> None:
        if self._is_away:
            raise away(target="PostgreSQL")


def request(body: dict[str, Any]) -> AdminRequest:
    http = HttpRequest(
        method="POST",
        path="/api/admin/dead-letters/redrive",
        headers={"content-type": "application/json"},
        raw_body=json.dumps(body),
    )
    caller = Caller(subject="admin-1", role=Role.ADMIN, dealership_id=None)
    return AdminRequest(caller=caller, http=http)


def redrive(queue: Queue, *names: str) -> dict[str, Any]:
    """Redrive while each letter that is sent takes five seconds."""
    routes = DeadLetterRoutes(
        queue=queue,
        copies=Copies(),
        audit_log=Audit(),
        clock=lambda: 5.0 * len(queue.sent),
    )
    reply = routes.redrive(request({"messageIds": list(names), "dryRun": False}))
    answered: dict[str, Any] = reply.document
    return answered


def names(letters: Sequence[dict[str, Any]]) -> list[str]:
    return [one["messageId"] for one in letters]


def test_what_the_queue_does_not_take_is_given_back_and_the_rest_moves() -> None:
    queue = Queue([letter("a"), letter("b"), letter("c")], keeps={"b"})

    answered = redrive(queue, "a", "b", "c")

    assert names(answered["messages"]) == ["a", "c"]
    assert names(answered["failed"]) == ["b"]
    assert queue.sent == ["a", "c"]
    assert queue.given_back == ["b"]


def test_a_letter_that_was_sent_and_not_deleted_is_told_as_not_moved() -> None:
    queue = Queue([letter("a")], sticks={"a"})

    answered = redrive(queue, "a")

    assert (queue.sent, names(answered["failed"])) == (["a"], ["a"])
    assert queue.given_back == ["a"]


def test_a_copy_that_cannot_be_deleted_takes_nothing_back() -> None:
    queue = Queue([letter("a")])

    answered = redrive(queue, "a")

    assert (names(answered["messages"]), answered["failed"]) == (["a"], [])


def test_when_time_runs_out_the_rest_is_given_back_and_named() -> None:
    all_nine = [f"letter-{number}" for number in range(9)]
    queue = Queue([letter(name) for name in all_nine])

    answered = redrive(queue, *all_nine)

    assert names(answered["messages"]) == queue.sent == all_nine[:4]
    assert names(answered["failed"]) == queue.given_back == all_nine[4:]
    assert "ask again" in answered["failed"][0]["detail"]


def test_looking_ends_once_all_that_is_wanted_was_seen() -> None:
    queue = Queue([letter("a"), letter("b"), letter("c")])

    redrive(queue, "a")

    assert queue.received == 1


def test_nothing_moves_that_the_audit_log_does_not_know() -> None:
    queue = Queue([letter("a")])
    routes = DeadLetterRoutes(queue=queue, copies=Copies(), audit_log=Audit(is_away=True))

    with pytest.raises(RetryableError, match="PostgreSQL"):
        routes.redrive(request({"messageIds": ["a"], "dryRun": False}))

    assert (queue.sent, queue.given_back) == ([], ["a"])
