"""Dead letters through the admin API: who may look, and what moving them does."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from forecourt.aws.dead_letters import S3DeadLetterCopies
from forecourt.leads.dead_letters import DeadLetter, MessageAttribute
from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.aws_account import BUCKET, AwsAccount

PATH = "/api/admin/dead-letters"
LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"
BODY = json.dumps({"schema": 1, "leadId": LEAD, "dealershipId": 7, "lead": {"name": "Zoë"}})


def bury(account: AwsAccount, body: str = BODY) -> str:
    sent = boto3.client("sqs").send_message(
        QueueUrl=account.dead_letter_url,
        MessageBody=body,
        MessageGroupId="7",
        MessageAttributes={
            "reason": {"DataType": "String", "StringValue": "UNKNOWN_LEAD"},
            "detail": {"DataType": "String", "StringValue": "Dealership 7 has no lead."},
        },
    )
    return sent["MessageId"]


def copy(message_id: str, *, days_old: float = 20.0, body: str = BODY) -> DeadLetter:
    letter = DeadLetter(
        message_id=message_id,
        sent_at=datetime.now(UTC) - timedelta(days=days_old),
        body=body,
        group="7",
        attributes={"reason": MessageAttribute(kind="String", value="UNKNOWN_LEAD")},
    )
    assert S3DeadLetterCopies(BUCKET).write(letter)
    return letter


def copies() -> set[str]:
    return {letter.message_id for letter in S3DeadLetterCopies(BUCKET).newest(100)}


def visible(url: str) -> int:
    answer = boto3.client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def audited(database: Database) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    rows = database.connection().execute(
        "SELECT actor, action, subject_id, detail FROM audit_log"
        " WHERE subject_type = 'dead_letter' ORDER BY id"
    )
    return rows.fetchall()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", PATH), ("GET", f"{PATH}/m1"), ("POST", f"{PATH}/redrive")]
)
def test_dead_letters_are_for_administrators(
    admin: AdminClient, dealership: int, method: str, path: str
) -> None:
    body = {"messageIds": ["m1"]} if method == "POST" else None
    for claims in (owner(dealership), staff(dealership)):
        assert admin(method, path, body, claims=claims).status == 403


def test_the_list_says_why_and_whose_but_nothing_a_visitor_wrote(
    admin: AdminClient, account: AwsAccount
) -> None:
    first, second = bury(account), bury(account)

    listed = admin("GET", PATH)

    assert listed.status == 200
    assert {letter["messageId"] for letter in listed.body["messages"]} == {first, second}
    letter = listed.body["messages"][0]
    assert letter["reason"] == "UNKNOWN_LEAD"
    assert letter["detail"] == "Dealership 7 has no lead."
    assert (letter["leadId"], letter["dealershipId"]) == (LEAD, "7")
    kept = datetime.fromisoformat(letter["inQueueUntil"]) - datetime.fromisoformat(letter["sentAt"])
    assert kept == timedelta(days=14)
    assert listed.body["hidden"] == 0
    assert "Zoë" not in json.dumps(listed.body, ensure_ascii=False)
    assert visible(account.dead_letter_url) == 2


def test_the_list_tells_how_many_somebody_else_is_looking_at(
    admin: AdminClient, account: AwsAccount
) -> None:
    bury(account)
    boto3.client("sqs").receive_message(QueueUrl=account.dead_letter_url, VisibilityTimeout=60)

    assert admin("GET", PATH).body == {"messages": [], "hidden": 1}


def test_the_list_has_a_limit(admin: AdminClient, account: AwsAccount) -> None:
    for _ in range(12):
        bury(account)

    assert len(admin("GET", PATH, limit=3).body["messages"]) == 3
    assert visible(account.dead_letter_url) == 12
    assert admin("GET", PATH, limit=1001).status == 400


def test_a_body_is_shown_and_the_audit_log_says_to_whom(
    admin: AdminClient, account: AwsAccount, database: Database
) -> None:
    name = bury(account)

    shown = admin("GET", f"{PATH}/{name}")

    assert shown.body["body"] == BODY
    assert shown.body["attributes"]["reason"] == "UNKNOWN_LEAD"
    assert audited(database) == [("admin-1", "dead_letter.shown", name, {"leadId": LEAD})]
    assert visible(account.dead_letter_url) == 1


def test_a_copy_is_shown_and_audited_too(admin: AdminClient, database: Database) -> None:
    copy("m1")

    shown = admin("GET", f"{PATH}/m1", archived="true")

    assert shown.body["body"] == BODY
    assert [entry[1:3] for entry in audited(database)] == [("dead_letter.shown", "m1")]


@pytest.mark.parametrize("archived", ["true", "false"])
def test_what_is_not_there_is_not_shown(
    admin: AdminClient, database: Database, archived: str
) -> None:
    assert admin("GET", f"{PATH}/m1", archived=archived).status == 404
    assert audited(database) == []


def test_nothing_is_moved_unless_it_is_said(
    admin: AdminClient, account: AwsAccount, database: Database
) -> None:
    name = bury(account)

    answered = admin("POST", f"{PATH}/redrive", {"messageIds": [name]})

    assert answered.body["dryRun"] is True
    assert [letter["messageId"] for letter in answered.body["messages"]] == [name]
    assert (visible(account.dead_letter_url), visible(account.queue_url)) == (1, 0)
    assert audited(database) == []


def test_picked_letters_go_back_and_their_copies_are_forgotten(
    admin: AdminClient, account: AwsAccount, database: Database
) -> None:
    stays, goes = bury(account), bury(account)
    sent_now = copy(goes, days_old=0)
    copy(stays, days_old=0)
    assert copies() == {stays, goes}

    answered = admin("POST", f"{PATH}/redrive", {"messageIds": [goes], "dryRun": False})

    assert answered.body["failed"] == []
    assert [letter["messageId"] for letter in answered.body["messages"]] == [sent_now.message_id]
    assert [letter["messageId"] for letter in admin("GET", PATH).body["messages"]] == [stays]
    assert [message["leadId"] for message in account.messages()] == [LEAD]
    assert copies() == {stays}
    asked = ("admin-1", "dead_letters.redrive_asked", None, {"messageIds": [goes]})
    assert audited(database) == [asked]


def test_one_unknown_letter_and_nothing_moves(
    admin: AdminClient, account: AwsAccount, database: Database
) -> None:
    name = bury(account)

    answered = admin("POST", f"{PATH}/redrive", {"messageIds": [name, "m1"], "dryRun": False})

    assert answered.status == 404
    assert "m1" in answered.body["detail"]
    assert name not in answered.body["detail"]
    assert (visible(account.dead_letter_url), visible(account.queue_url)) == (1, 0)
    assert audited(database) == []


def test_a_letter_the_queue_has_forgotten_comes_back_from_its_copy(
    admin: AdminClient, account: AwsAccount
) -> None:
    copy("m1")
    copy("m2")

    listed = admin("GET", PATH, archived="true")
    answered = admin(
        "POST", f"{PATH}/redrive", {"messageIds": ["m1"], "dryRun": False, "archived": True}
    )

    assert {letter["messageId"] for letter in listed.body["messages"]} == {"m1", "m2"}
    assert [letter["messageId"] for letter in answered.body["messages"]] == ["m1"]
    assert [message["leadId"] for message in account.messages()] == [LEAD]
    assert copies() == {"m2"}


def test_what_the_queue_does_not_take_stays_and_is_named(
    admin: AdminClient, account: AwsAccount
) -> None:
    copy("m1", body="x" * 2_000_000)
    copy("m2")

    answered = admin(
        "POST", f"{PATH}/redrive", {"messageIds": ["m1", "m2"], "dryRun": False, "archived": True}
    )

    assert answered.status == 200
    assert [one["messageId"] for one in answered.body["failed"]] == ["m1"]
    assert [one["messageId"] for one in answered.body["messages"]] == ["m2"]
    assert copies() == {"m1"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "messageIds"),
        ({"messageIds": []}, "messageIds"),
        ({"messageIds": ["m"] * 101}, "messageIds"),
        ({"messageIds": ["m"], "dryRun": "no"}, "dryRun"),
        ({"messageIds": ["m"], "all": True}, "all"),
    ],
)
def test_what_cannot_be_taken_is_named(
    admin: AdminClient, body: dict[str, Any], field: str
) -> None:
    answered = admin("POST", f"{PATH}/redrive", body)

    assert answered.status == 422
    assert any(name.startswith(field) for name in answered.bad_fields)
