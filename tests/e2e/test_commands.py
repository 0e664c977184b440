"""The commands an on-call engineer types, on a stack of their own."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from local.commands.target import StackTarget
from tests.e2e.running_stack import RunningStack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "O'Brien & Söhne [bold]"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("commands") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def dealership(stack: RunningStack) -> dict[str, Any]:
    added: dict[str, Any] = stack.json("dealership", "add", "--name", NAME)
    return added


def set_credentials(stack: RunningStack, dealership: int) -> dict[str, Any]:
    account = stack.simulator("accounts")["accounts"][0]
    saved: dict[str, Any] = stack.json(
        *("credentials", "set", dealership, "--environment", "Test"),
        *("--client-id", account["clientId"], "--client-secret", account["clientSecret"]),
        *("--account-number", account["accountNumber"]),
        *("--account-secret", account["accountSecret"]),
    )
    return saved


def until(expected: int, ask: Any) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while True:
        found: list[dict[str, Any]] = ask()
        if len(found) == expected or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def test_without_a_stack_a_command_says_how_to_start_one(
    stack: RunningStack, tmp_path: Path
) -> None:
    elsewhere = RunningStack(stack.process, stack.ready, tmp_path)

    finished = elsewhere.run("deliveries", "list")

    assert finished.returncode == 1
    assert finished.stdout == ""
    assert "forecourt up" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_names_are_shown_as_they_were_typed(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    listed = stack.run("dealership", "list")

    assert listed.returncode == 0, listed.stderr
    assert NAME in listed.stdout
    assert "no credentials" in listed.stdout
    assert dealership["id"] in {d["id"] for d in stack.json("dealership", "list")["dealerships"]}


def test_a_missing_secret_is_asked_for_by_name(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    finished = stack.run("credentials", "set", dealership["id"], "--client-id", "x")

    assert finished.returncode == 2
    assert "--client-secret is missing" in finished.stderr


def test_credentials_of_nobody_are_refused(stack: RunningStack) -> None:
    finished = stack.run("credentials", "show", 4711)

    assert finished.returncode == 1
    assert finished.stderr.startswith("forecourt:")


def test_a_parked_lead_is_listed_explained_and_replayed(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    body = {"name": "Zoë", "email": "zoe@example.com", "phone": "0412345678", "message": "Hi"}
    assert stack.post_lead(dealership["siteKey"], body).status_code == 202

    def failed() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = stack.json("deliveries", "list", "--state", "failed")[
            "deliveries"
        ]
        return found

    (parked,) = until(1, failed)
    assert "credentials" in parked["lastError"]
    assert parked["lastErrorCode"] == "NO_CONNECTION"

    set_credentials(stack, dealership["id"])
    stack.run("deliveries", "retry", parked["id"])
    until(0, failed)

    def delivered() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = stack.json("deliveries", "list", "--state", "delivered")[
            "deliveries"
        ]
        return rows

    (done,) = until(1, delivered)
    assert done["id"] == parked["id"]
    shown = stack.run("deliveries", "show", done["id"])
    assert "delivered" in shown.stdout
    assert "create" in shown.stdout
    assert stack.simulator("requests")["counts"]["CreateLead"] == 1


def test_a_lead_in_doubt_is_explained_and_resolved(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    set_credentials(stack, dealership["id"])
    stack.play_fault({"fault": "cut_after", "operation": "CreateLead", "times": 1})
    body = {"name": "Ümit O'Neil", "email": "umit@example.com", "message": "Hi"}
    lead_id = stack.post_lead(dealership["siteKey"], body).json()["leadId"]

    def doubtful() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = stack.json("deliveries", "list", "--state", "unconfirmed")[
            "deliveries"
        ]
        return found

    (unconfirmed,) = until(1, doubtful)
    shown = stack.run("deliveries", "show", unconfirmed["id"])
    assert f"deliveries resolve {unconfirmed['id']} --number N" in shown.stdout
    assert lead_id in shown.stdout
    retried = stack.run("deliveries", "retry", unconfirmed["id"])
    assert (retried.returncode, "resolve" in retried.stderr) == (1, True)
    blind = stack.run("deliveries", "resend", unconfirmed["id"])
    assert (blind.returncode, "--yes" in blind.stderr) == (2, True)

    [there] = [
        lead
        for lead in stack.simulator("leads")["leads"]
        if lead["fields"].get("ExternalID") == lead_id
    ]
    number = there["leadNumber"]
    resolved = stack.json("deliveries", "resolve", unconfirmed["id"], "--number", number)
    assert (resolved["state"], resolved["remoteId"]) == ("delivered", number)
    stack.json("leads", "set-status", lead_id, "in-progress", "--version", 1)
    again = stack.run("leads", "set-status", lead_id, "won", "--version", 1)
    assert (again.returncode, "version 2" in again.stderr) == (1, True)
    listed = stack.run("leads", "list", "--status", "in-progress", "--no-spam")
    assert f"{lead_id} " in listed.stdout
    assert number in listed.stdout
    assert "Ümit O'Neil" in stack.run("leads", "show", lead_id).stdout


def test_credentials_are_shown_without_the_credentials(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    saved = set_credentials(stack, dealership["id"])
    account = stack.simulator("accounts")["accounts"][0]

    shown = stack.run("credentials", "show", dealership["id"])

    assert "Test" in shown.stdout
    for output in (json.dumps(saved), shown.stdout):
        for secret in ("clientId", "clientSecret", "accountNumber", "accountSecret"):
            assert account[secret] not in output


def test_a_dead_letter_is_explained_picked_and_put_back(stack: RunningStack) -> None:
    target = StackTarget.find(stack.data, None)
    sqs = boto3.client(
        "sqs",
        endpoint_url=stack.ready["aws_endpoint_url"],
        region_name="ap-southeast-2",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    empty = stack.run("dlq", "list")
    assert "Nothing to do" in empty.stdout
    assert "Nothing to do" in stack.run("dlq", "list", "--archived").stdout
    sqs.send_message(
        QueueUrl=target.resource("LeadsQueue"), MessageBody='{"schema": 99}', MessageGroupId="1"
    )

    def dead() -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = stack.json("dlq", "list")["messages"]
        return messages

    (letter,) = until(1, dead)
    assert letter["reason"] == "MALFORMED_MESSAGE"
    assert "schema" in letter["detail"]
    assert stack.json("dlq", "show", letter["messageId"])["body"] == '{"schema": 99}'

    assert stack.run("dlq", "redrive", "--archived").returncode == 2
    dry = stack.json("dlq", "redrive")
    assert dry == {"dryRun": True, "messages": [letter["messageId"]], "failed": []}
    assert [message["messageId"] for message in dead()] == [letter["messageId"]]

    unknown = stack.run("dlq", "redrive", "no-such-message", "--yes")
    assert unknown.returncode == 1
    assert "no-such-message" in unknown.stderr

    moved = stack.json("dlq", "redrive", letter["messageId"], "--yes")
    assert moved == {"dryRun": False, "messages": [letter["messageId"]], "failed": []}
    (back,) = until(1, lambda: [m for m in dead() if m["messageId"] != letter["messageId"]])
    assert back["reason"] == "MALFORMED_MESSAGE"

    target.client("lambda").invoke(
        FunctionName=target.resource("DeliverySweeperFunction"), Payload=b'{"task": "archive"}'
    )
    (copy,) = stack.json("dlq", "list", "--archived")["messages"]
    assert copy["messageId"] == back["messageId"]
    early = stack.run("dlq", "redrive", copy["messageId"], "--archived")
    assert "still in the queue" in early.stdout
    sqs.purge_queue(QueueUrl=target.resource("LeadsDeadLetterQueue"))
    restored = stack.json("dlq", "redrive", copy["messageId"], "--archived", "--yes")
    assert restored["messages"] == [copy["messageId"]]
    assert stack.json("dlq", "list", "--archived")["messages"] == []
    until(1, dead)


def test_a_token_speaks_for_one_side_only(stack: RunningStack) -> None:
    finished = stack.run("token", "--admin", "--dealership", 1)

    assert finished.returncode == 2
    assert "exclude each other" in finished.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dealership"],
        ["credentials"],
        ["site-key"],
        ["sync"],
        ["leads"],
        ["deliveries"],
        ["dlq"],
    ],
    ids=lambda words: " ".join(words) or "forecourt",
)
def test_every_command_group_explains_itself(stack: RunningStack, words: list[str]) -> None:
    finished = RunningStack.run_anywhere(*words, "--help")

    assert finished.returncode == 0
    assert "Usage" in finished.stdout
