"""``forecourt dlq``: messages that could not be worked on, and putting them back.

SQS shows a dead letter only by receiving it, which hides it for a while; these commands give back
at once what they do not move. A message is sent to the leads queue before it is deleted here: a
crash between the two leaves it twice, which the delivery ledger makes harmless.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from local.commands.output import (
    DataOption,
    JsonOption,
    StackOption,
    console,
    epoch_time,
    local_time,
    print_fields,
    print_json,
    print_table,
    text,
)
from local.commands.target import StackTarget
from local.failures import StackError

app = typer.Typer(no_args_is_help=True, help="See and redrive dead letters.")

_MOST = 1_000
_BATCH = 10
_HIDDEN_SECONDS = 30
_LONG_BODY = 60


class DeadLetterQueue:
    """The leads queue's dead-letter queue, seen through SQS.

    Parameters
    ----------
    target
        The stack whose ``LeadsDeadLetterQueue`` and ``LeadsQueue`` are meant.
    """

    def __init__(self, target: StackTarget) -> None:
        self._sqs = target.client("sqs")
        self._dead_letters = target.resource("LeadsDeadLetterQueue")
        self._leads = target.resource("LeadsQueue")

    def receive(self) -> list[dict[str, Any]]:
        """Receive every visible message, at most 1,000, hiding them for half a minute."""
        received: dict[str, dict[str, Any]] = {}
        while len(received) < _MOST:
            batch = self._sqs.receive_message(
                QueueUrl=self._dead_letters,
                MaxNumberOfMessages=_BATCH,
                VisibilityTimeout=_HIDDEN_SECONDS,
                WaitTimeSeconds=0,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            new = [message for message in batch if message["MessageId"] not in received]
            received.update((message["MessageId"], message) for message in batch)
            if not new:
                break
        return list(received.values())

    def give_back(self, messages: list[dict[str, Any]]) -> None:
        """Make received messages visible again at once."""
        for message in messages:
            self._sqs.change_message_visibility(
                QueueUrl=self._dead_letters,
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=0,
            )

    def redrive(self, message: dict[str, Any]) -> None:
        """Send a message to the leads queue again, then delete it here."""
        sent: dict[str, Any] = {"QueueUrl": self._leads, "MessageBody": message["Body"]}
        group = message.get("Attributes", {}).get("MessageGroupId")
        if group:
            sent["MessageGroupId"] = group
        self._sqs.send_message(**sent)
        self._sqs.delete_message(
            QueueUrl=self._dead_letters, ReceiptHandle=message["ReceiptHandle"]
        )


@app.command("list")
def list_(data: DataOption = None, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """List dead letters with the reason each came here."""
    queue, messages = _receive(data, stack)
    queue.give_back(messages)
    described = [_describe(message) for message in messages]
    if as_json:
        print_json({"messages": described})
        return
    print_table(
        "Dead letters",
        ["message", "sent", "reason", "detail", "lead"],
        (
            (
                text(message["messageId"]),
                local_time(message["sentAt"]),
                text(message["reason"]),
                text(message["detail"]),
                text(message["leadId"]),
            )
            for message in described
        ),
        empty="No dead letter. Nothing to do.",
    )
    if described:
        console.print("Look at one: forecourt dlq show MESSAGE   Put back: forecourt dlq redrive")


@app.command()
def show(
    message_id: Annotated[str, typer.Argument(metavar="MESSAGE", help="The message's id.")],
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter with its body. The body is the visitor's: it holds personal data."""
    queue, messages = _receive(data, stack)
    queue.give_back(messages)
    for message in _pick(messages, [message_id]):
        described = _describe(message) | {"body": message["Body"]}
        if as_json:
            print_json(described)
        else:
            print_fields(described)


@app.command()
def redrive(
    message_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MESSAGE]...", help="Which messages; left out: all."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without it, only say what would be done.")
    ] = False,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put dead letters back on the leads queue, after their cause is mended.

    Without --yes nothing is moved. A message that is still bad comes back here with its reason.
    """
    queue, messages = _receive(data, stack)
    left = {message["MessageId"]: message for message in messages}
    try:
        chosen = _pick(messages, message_ids) if message_ids else messages
        if yes:
            for message in chosen:
                queue.redrive(message)
                del left[message["MessageId"]]
    except (ClientError, BotoCoreError) as error:
        sentence = f"The redrive stopped: {error}."
        raise StackError(sentence, cure="Run it again; what was moved stays moved.") from None
    finally:
        queue.give_back(list(left.values()))
    ids = [message["MessageId"] for message in chosen]
    if as_json:
        print_json({"dryRun": not yes, "messages": ids})
    elif not ids:
        console.print("No dead letter. Nothing to do.")
    elif yes:
        console.print(f"{len(ids)} put back on the leads queue.")
    else:
        console.print(f"Would put back {len(ids)}: {', '.join(ids)}")
        console.print("Nothing was moved. Repeat with --yes to do it.")


def _receive(data: DataOption, stack: StackOption) -> tuple[DeadLetterQueue, list[dict[str, Any]]]:
    queue = DeadLetterQueue(StackTarget.find(data, stack))
    try:
        return queue, queue.receive()
    except (ClientError, BotoCoreError) as error:
        message = f"The dead-letter queue cannot be read: {error}."
        raise StackError(message, cure="Check that the stack runs and that you may.") from None


def _pick(messages: list[dict[str, Any]], ids: list[str]) -> list[dict[str, Any]]:
    known = {message["MessageId"]: message for message in messages}
    missing = [message_id for message_id in ids if message_id not in known]
    if missing:
        message = f"No such dead letter: {', '.join(missing)}."
        cure = "See `forecourt dlq list`; a message someone just looked at is hidden for 30 s."
        raise StackError(message, cure=cure)
    return [known[message_id] for message_id in dict.fromkeys(ids)]


def _describe(message: dict[str, Any]) -> dict[str, Any]:
    """Say where a dead letter comes from, without the visitor's data."""
    attributes = {
        name: value.get("StringValue")
        for name, value in message.get("MessageAttributes", {}).items()
    }
    system = message.get("Attributes", {})
    try:
        body = json.loads(message["Body"])
        lead_id = body.get("leadId") if isinstance(body, dict) else None
    except ValueError:
        lead_id = None
    received = system.get("ApproximateReceiveCount", "?")
    return {
        "messageId": message["MessageId"],
        "sentAt": epoch_time(system["SentTimestamp"]) if "SentTimestamp" in system else None,
        "reason": attributes.get("reason") or "TOO_MANY_RECEIVES",
        "detail": attributes.get("detail") or f"received {received} times without success",
        "leadId": lead_id,
        "dealershipId": system.get("MessageGroupId"),
    }
