"""Makes moto's SQS keep its promises: no message lost to a race or to a killed process.

moto's queues are plain lists that several threads replace at once, and live in memory only. Here
requests to SQS go one at a time (a waiting ReceiveMessage holds nobody up), and each queue writes
to the journal what it takes in and what is deleted.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

if TYPE_CHECKING:
    from local.journal import Journal

type Environ = dict[str, Any]
type WsgiApp = Callable[[Environ, Any], Iterable[bytes]]

_LONGEST_WAIT_SECONDS = 20
_LOOK_AGAIN_SECONDS = 0.25
"""How often a waiting ReceiveMessage looks for messages whose time has come."""


class JournaledQueue(Queue):
    """A moto queue that writes its messages to the journal."""

    journal: Journal
    _last_purged_at: float | None = None  # moto's __init__ ran before this was its class

    def add_message(self, message: Message) -> None:
        """Take a message in, on disk first; a move to a dead-letter queue comes here too."""
        self.journal.keep(self.name, message.id, _written_down(message))
        super().add_message(message)

    def delete_message(self, receipt_handle: str) -> None:
        """Delete a message, here and in the journal."""
        before = {message.id for message in self._messages}
        super().delete_message(receipt_handle)
        for message_id in before - {message.id for message in self._messages}:
            self.journal.forget(message_id)

    @property
    def last_purged_at(self) -> float | None:
        """When the queue was last emptied. Setting it is all moto does to tell of a purge."""
        return self._last_purged_at

    @last_purged_at.setter
    def last_purged_at(self, moment: float | None) -> None:
        self._last_purged_at = moment
        if moment is not None:
            self.journal.forget_queue(self.name)


def keep_journal(name: str, *, account: str, region: str, journal: Journal) -> None:
    """Make the moto queue of that name journaled and give it back what the journal holds for it."""
    backend: SQSBackend = sqs_backends[account][region]
    queue = cast("JournaledQueue", backend.queues[name])
    # The queue exists already, made and checked by moto's own API; only its behaviour changes.
    object.__setattr__(queue, "__class__", JournaledQueue)
    queue.journal = journal
    for record in journal.held(name):
        message = Message(record["id"], record["body"], record["systemAttributes"])
        message.message_attributes = record["attributes"]
        message.group_id = record["groupId"]
        message.sent_timestamp = record["sentTimestamp"]
        message.delayed_until = record["delayedUntil"]
        Queue.add_message(queue, message)


def default_wait(queue_url: str, *, account: str, region: str) -> float:
    """Return a queue's own ``ReceiveMessageWaitTimeSeconds``; 0 for a queue that is not there."""
    queue = sqs_backends[account][region].queues.get(queue_url.rpartition("/")[2])
    if queue is None:
        return 0.0
    return float(queue.attributes["ReceiveMessageWaitTimeSeconds"])


def _written_down(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "body": message.body,
        "systemAttributes": message.system_attributes,
        "attributes": message.message_attributes,
        "groupId": message.group_id,
        "sentTimestamp": message.sent_timestamp,
        "delayedUntil": message.delayed_until,
    }


class OneAtATime:
    """Lets requests to SQS through one at a time, and waits for messages outside the queue's lock.

    Parameters
    ----------
    app
        moto's WSGI application.
    default_wait
        Gives the seconds a ReceiveMessage waits that does not say so itself, by queue URL: the
        queue's ``ReceiveMessageWaitTimeSeconds``.
    """

    def __init__(self, app: WsgiApp, *, default_wait: Callable[[str], float]) -> None:
        self._app = app
        self._default_wait = default_wait
        self._turn = threading.Condition()
        self._ended = False

    def stop(self) -> None:
        """Answer every waiting ReceiveMessage now."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
        """Answer one SQS request (JSON protocol)."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if not environ["HTTP_X_AMZ_TARGET"].endswith(".ReceiveMessage"):
            with self._turn:
                answer = self._forward(environ, body)
                self._turn.notify_all()
            return answer.send(start_response)
        request = json.loads(body)
        wait = request.get("WaitTimeSeconds")
        patience = self._default_wait(request["QueueUrl"]) if wait is None else float(wait)
        until = time.monotonic() + patience
        if patience <= _LONGEST_WAIT_SECONDS:  # moto refuses a longer one
            body = json.dumps({**request, "WaitTimeSeconds": 0}).encode()
        with self._turn:
            while True:
                answer = self._forward(environ, body)
                left = until - time.monotonic()
                if answer.has_messages or left <= 0 or self._ended:
                    break
                self._turn.wait(min(left, _LOOK_AGAIN_SECONDS))
        return answer.send(start_response)

    def _forward(self, environ: Environ, body: bytes) -> _Answer:
        answer = _Answer()
        request = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        answer.body = b"".join(self._app(request, answer.start))
        return answer


class _Answer:
    """A WSGI answer held back until it is known to be the one to send."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.body = b""

    def start(self, status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> None:
        self.status = status
        self.headers = headers

    @property
    def has_messages(self) -> bool:
        return not self.status.startswith("200") or b'"Messages"' in self.body

    def send(self, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's callable
        start_response(self.status, self.headers)
        return [self.body]
