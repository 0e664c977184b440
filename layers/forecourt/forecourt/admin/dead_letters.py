"""Routes of dead letters, for administrators only: a letter may be any dealership's."""

import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field

from forecourt.admin.access import not_found
from forecourt.admin.audit import AuditEntry, AuditLog
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.errors import ForecourtError
from forecourt.leads.dead_letters import DeadLetter, DeadLetterCopies, DeadLetterQueue
from forecourt.logs import get_logger
from forecourt.problem import Problem
from forecourt.validation import RequestBody

_log = get_logger("admin_api")

_MOST_LISTED = 1_000
_USUALLY_LISTED = 100
_MOST_REDRIVEN = 100
_HIDDEN_SECONDS = 60
"""Longer than the function may run, 29 s: what is not given back has been hidden no longer."""

_WORK_SECONDS = 18.0
"""Time for receiving or moving; the rest is for giving back and for the answer."""


class Redrive(RequestBody):
    """The body of ``POST /api/admin/dead-letters/redrive``."""

    message_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100)]],
        Field(min_length=1, max_length=_MOST_REDRIVEN),
    ]
    dry_run: bool = True
    archived: bool = False


class DeadLetterRoutes:
    """Answers ``/api/admin/dead-letters…``.

    Letters are those on the queue, or with ``archived`` their copies, which outlive it. The
    lists hold no word of the visitor's; a body is shown one at a time, and the audit log says to
    whom.
    """

    def __init__(
        self,
        *,
        queue: DeadLetterQueue,
        copies: DeadLetterCopies,
        audit_log: AuditLog,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._copies = copies
        self._audit_log = audit_log
        self._clock = clock

    def list_letters(self, request: AdminRequest) -> Reply:
        """List dead letters, the newest first; ``limit`` (100, at most 1,000) and ``archived``.

        ``hidden`` says how many more somebody else is looking at or copying just now.
        """
        request.caller.require_admin()
        limit = request.number("limit", default=_USUALLY_LISTED, largest=_MOST_LISTED)
        if _wants_archived(request):
            letters, hidden = self._copies.newest(limit), 0
        else:
            hidden = self._queue.count_hidden()
            letters = self._receive(most=limit)
            self._give_back(letters)
        newest_first = sorted(letters, key=lambda letter: letter.sent_at, reverse=True)
        return Reply(
            HTTPStatus.OK,
            {"messages": [_describe(one) for one in newest_first[:limit]], "hidden": hidden},
        )

    def show_letter(self, request: AdminRequest) -> Reply:
        """Show one dead letter with its body, once the audit log knows who looks; ``archived``."""
        request.caller.require_admin()
        message_id = request.path["messageId"]
        if _wants_archived(request):
            letters = self._copies.find({message_id})
        else:
            letters = self._receive(wanted={message_id})
            self._give_back(letters)
        letter = next((one for one in letters if one.message_id == message_id), None)
        if letter is None:
            raise not_found(what="dead letter")
        self._audit(request, "dead_letter.shown", letter.message_id, leadId=letter.lead_id)
        return Reply(
            HTTPStatus.OK,
            _describe(letter)
            | {
                "attributes": {name: one.value for name, one in letter.attributes.items()},
                "body": letter.body,
            },
        )

    def redrive(self, request: AdminRequest) -> Reply:
        """Put letters back on their queues; without ``"dryRun": false`` only say which.

        404 naming those that are not there, and then nothing is moved. A letter is sent before it
        is deleted, so a failure between the two leaves it twice, which the ledger makes harmless.
        ``failed`` says what was not moved; asking again goes on with those.
        """
        request.caller.require_admin()
        body = request.fields(Redrive)
        wanted = list(dict.fromkeys(body.message_ids))
        received = (
            self._copies.find(set(wanted)) if body.archived else self._receive(wanted=set(wanted))
        )
        moved: list[str] = []
        failed: list[dict[str, str]] = []
        try:
            letters = _pick(received, wanted)
            if not body.dry_run:
                self._audit(request, "dead_letters.redrive_asked", None, messageIds=wanted)
                moved, failed = self._move(letters)
        finally:
            self._give_back([one for one in received if one.message_id not in moved])
        done = wanted if body.dry_run else moved
        return Reply(
            HTTPStatus.OK,
            {
                "dryRun": body.dry_run,
                "messages": [_describe(one) for one in letters if one.message_id in done],
                "failed": failed,
            },
        )

    def _move(self, letters: Sequence[DeadLetter]) -> tuple[list[str], list[dict[str, str]]]:
        until = self._clock() + _WORK_SECONDS
        moved: list[str] = []
        failed: list[dict[str, str]] = []
        for letter in letters:
            if self._clock() > until:
                failed.append(_failure(letter, "There was no time left for it; ask again."))
                continue
            try:
                self._queue.send_again(letter)
                if letter.receipt_handle is not None:
                    self._queue.delete(letter)
            except ForecourtError as error:
                failed.append(_failure(letter, f"{error.detail} Ask again."))
                continue
            moved.append(letter.message_id)
            self._forget_copy(letter)
        return moved, failed

    def _forget_copy(self, letter: DeadLetter) -> None:
        try:
            self._copies.delete(letter)
        except ForecourtError as error:  # redriving that too would be harmless
            _log.error(
                "The copy of a redriven letter stays", message_id=letter.message_id, code=error.code
            )

    def _receive(
        self, *, most: int | None = None, wanted: set[str] | None = None
    ) -> list[DeadLetter]:
        """Receive letters until there are so many, or all wanted ones, or the time is over."""
        until = self._clock() + _WORK_SECONDS
        received: list[DeadLetter] = []
        missing = set(wanted or ())
        for letters in self._queue.receive(hidden_seconds=_HIDDEN_SECONDS):
            received.extend(letters)
            missing.difference_update(letter.message_id for letter in letters)
            enough = not missing if wanted is not None else len(received) >= (most or 0)
            if enough or self._clock() > until:
                break
        return received

    def _give_back(self, letters: Sequence[DeadLetter]) -> None:
        self._queue.give_back(
            [one.receipt_handle for one in letters if one.receipt_handle is not None]
        )

    def _audit(
        self, request: AdminRequest, action: str, message_id: str | None, **detail: object
    ) -> None:
        self._audit_log.write(
            request.actor,
            AuditEntry(
                action=action,
                subject_type="dead_letter",
                subject_id=message_id,
                dealership_id=None,
                detail=detail,
            ),
        )


def _wants_archived(request: AdminRequest) -> bool:
    return request.choice("archived", ("true", "false")) == "true"


def _pick(letters: Sequence[DeadLetter], wanted: Sequence[str]) -> list[DeadLetter]:
    known = {letter.message_id: letter for letter in letters}
    missing = [message_id for message_id in wanted if message_id not in known]
    if missing:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "not-found",
            f"There is no such dead letter now: {', '.join(missing)}. Nothing was moved. One that"
            " somebody looks at is hidden for up to a minute, and two while it is being copied.",
        )
    return [known[message_id] for message_id in wanted]


def _failure(letter: DeadLetter, detail: str) -> dict[str, str]:
    return {"messageId": letter.message_id, "detail": detail}


def _describe(letter: DeadLetter) -> dict[str, Any]:
    """Say where a letter comes from, without the visitor's data."""
    return {
        "messageId": letter.message_id,
        "queue": letter.queue,
        "sentAt": letter.sent_at,
        "inQueueUntil": letter.in_queue_until,
        "reason": letter.reason,
        "detail": letter.detail,
        "leadId": letter.lead_id,
        "dealershipId": letter.dealership_id,
    }
