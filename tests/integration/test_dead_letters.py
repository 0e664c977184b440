"""Dead letters in SQS and their copies in S3 (moto)."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from forecourt.aws.dead_letter_metrics import EmfCopyingMetrics
from forecourt.aws.dead_letters import S3DeadLetterCopies, SqsDeadLetters
from forecourt.errors import PermanentError, RetryableError
from forecourt.leads import dead_letters
from forecourt.leads.dead_letters import (
    COPYING_SECONDS,
    CopyingRun,
    DeadLetter,
    DeadLetterArchive,
    MessageAttribute,
)
from tests.support.aws_account import BUCKET, REGION, AwsAccount, aws_account
from tests.support.handlers import new_sandbox, read_event

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"
BODY = json.dumps({"schema": 1, "leadId": LEAD, "dealershipId": 7, "lead": {"name": "Zoë 😀"}})


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAccount]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with aws_account() as opened:
        yield opened


@pytest.fixture
def queue(account: AwsAccount) -> SqsDeadLetters:
    return SqsDeadLetters(account.dead_letter_url, account.queue_url)


@pytest.fixture
def copies(account: AwsAccount) -> S3DeadLetterCopies:
    return S3DeadLetterCopies(BUCKET)


class Runs:
    """Keeps the numbers of each run."""

    def __init__(self) -> None:
        self.finished: list[CopyingRun] = []

    def copying_finished(self, run: CopyingRun) -> None:
        self.finished.append(run)


def bury(account: AwsAccount, body: str = BODY, group: str | None = "7", **attributes: str) -> str:
    sent: dict[str, Any] = {
        "QueueUrl": account.dead_letter_url,
        "MessageBody": body,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }
    if group:
        sent["MessageGroupId"] = group
    return str(boto3.client("sqs").send_message(**sent)["MessageId"])


def visible(account: AwsAccount) -> int:
    answer = boto3.client("sqs").get_queue_attributes(
        QueueUrl=account.dead_letter_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def objects() -> dict[str, dict[str, Any]]:
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="dead-letters/").get("Contents", [])
    return {
        found["Key"]: json.loads(s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read())
        for found in listed
    }


def received(queue: SqsDeadLetters, hidden_seconds: int = 0) -> list[DeadLetter]:
    return [one for many in queue.receive(hidden_seconds=hidden_seconds) for one in many]


def test_every_letter_is_copied_and_stays_where_it_is(
    account: AwsAccount, queue: SqsDeadLetters, copies: S3DeadLetterCopies
) -> None:
    ids = {bury(account, reason="UNKNOWN_LEAD", detail="No lead.") for _ in range(23)}

    run = DeadLetterArchive(queue, copies, Runs()).copy()

    assert (run.copied, run.uncopied) == (23, 0)
    assert visible(account) == 23
    today = datetime.now(UTC).date()
    kept = objects()
    assert {key.rpartition("/")[0] for key in kept} <= {
        f"dead-letters/{day}" for day in (today, today - timedelta(days=1))
    }
    assert {key.rpartition("/")[2] for key in kept} == {f"{name}.json" for name in ids}
    document = next(iter(kept.values()))
    assert (document["reason"], document["detail"]) == ("UNKNOWN_LEAD", "No lead.")
    assert document["body"] == BODY
    assert document["attributes"]["reason"] == {"kind": "String", "value": "UNKNOWN_LEAD"}


def test_a_letter_is_copied_once(
    account: AwsAccount, queue: SqsDeadLetters, copies: S3DeadLetterCopies
) -> None:
    bury(account)
    archive = DeadLetterArchive(queue, copies, Runs())
    assert archive.copy().copied == 1
    [(key, document)] = objects().items()
    marked = document | {"body": "first"}
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(marked))

    assert archive.copy().copied == 0
    [letter] = received(queue)
    assert copies.write(letter) is False

    assert objects()[key]["body"] == "first"


def test_what_a_run_came_to_is_counted(
    account: AwsAccount, queue: SqsDeadLetters, copies: S3DeadLetterCopies
) -> None:
    bury(account)
    runs = Runs()
    in_three_days = datetime.now(UTC) + timedelta(days=3)

    DeadLetterArchive(queue, copies, runs, clock=lambda: in_three_days).copy()

    [run] = runs.finished
    assert (run.copied, run.uncopied) == (1, 0)
    assert run.oldest_seconds == pytest.approx(3 * 86_400, abs=60)


def test_no_letter_is_no_age(queue: SqsDeadLetters, copies: S3DeadLetterCopies) -> None:
    run = DeadLetterArchive(queue, copies, Runs()).copy()

    assert run == CopyingRun(copied=0, uncopied=0, oldest_seconds=0)


def test_a_run_ends_in_time_and_says_what_is_left(
    account: AwsAccount, queue: SqsDeadLetters, copies: S3DeadLetterCopies
) -> None:
    for _ in range(25):
        bury(account)
    start = datetime.now(UTC)
    moments = iter([start, start, start + timedelta(seconds=COPYING_SECONDS + 1)])

    run = DeadLetterArchive(queue, copies, Runs(), clock=lambda: next(moments)).copy()

    assert (run.copied, run.uncopied) == (20, 5)
    assert visible(account) == 25


class Refusing:
    """Copies that refuse some letters, or are away."""

    def __init__(self, copies: S3DeadLetterCopies, refuse: Callable[[DeadLetter], None]) -> None:
        self._refuse = refuse
        self.ids_of = copies.ids_of
        self.newest = copies.newest
        self.find = copies.find
        self.delete = copies.delete
        self._write = copies.write

    def write(self, letter: DeadLetter) -> bool:
        self._refuse(letter)
        return self._write(letter)


def test_a_letter_that_cannot_be_copied_holds_up_no_other(
    account: AwsAccount, queue: SqsDeadLetters, copies: S3DeadLetterCopies
) -> None:
    for body in ("good", "bad", "good"):
        bury(account, body)

    def refuse(letter: DeadLetter) -> None:
        if letter.body == "bad":
            raise PermanentError(code="AWS_REFUSED", detail="Refused.", target="S3")

    run = DeadLetterArchive(queue, Refusing(copies, refuse), Runs()).copy()

    assert (run.copied, run.uncopied) == (2, 1)
    assert {document["body"] for document in objects().values()} == {"good"}


def test_with_the_store_away_a_run_ends_and_hides_nothing(
    account: AwsAccount, queue: SqsDeadLetters, copies: S3DeadLetterCopies
) -> None:
    for _ in range(12):
        bury(account)
    tried: list[DeadLetter] = []

    def refuse(letter: DeadLetter) -> None:
        tried.append(letter)
        raise RetryableError(code="AWS_AWAY", detail="Away.", target="S3")

    run = DeadLetterArchive(queue, Refusing(copies, refuse), Runs()).copy()

    assert len(tried) == 1
    assert (run.copied, run.uncopied) == (0, 12)
    assert visible(account) == 12


def test_with_the_queue_away_the_run_fails(account: AwsAccount, copies: S3DeadLetterCopies) -> None:
    gone = SqsDeadLetters(account.queue_url + "-gone", account.queue_url)

    with pytest.raises(PermanentError):
        DeadLetterArchive(gone, copies, Runs()).copy()


def test_while_a_letter_is_being_looked_at_it_counts_as_hidden(
    account: AwsAccount, queue: SqsDeadLetters
) -> None:
    bury(account)
    bury(account)
    letters = received(queue, hidden_seconds=60)

    assert (queue.count_visible(), queue.count_hidden()) == (0, 2)

    queue.give_back([letters[0].receipt_handle or ""])
    assert (queue.count_visible(), queue.count_hidden()) == (1, 1)


def test_a_letter_goes_back_with_its_attributes_and_group_but_not_with_its_reason(
    account: AwsAccount, queue: SqsDeadLetters
) -> None:
    sqs = boto3.client("sqs")
    sqs.send_message(
        QueueUrl=account.dead_letter_url,
        MessageBody=BODY,
        MessageGroupId="7",
        MessageAttributes={
            "reason": {"DataType": "String", "StringValue": "UNKNOWN_LEAD"},
            "formerReason": {"DataType": "String", "StringValue": "TOO_MANY_RECEIVES"},
            "originalMessageId": {"DataType": "String", "StringValue": "m1"},
            "seal": {"DataType": "Binary.x", "BinaryValue": b"\x00\xff"},
            "tries": {"DataType": "Number", "StringValue": "3"},
        },
    )
    [letter] = received(queue, hidden_seconds=60)
    queue.send_again(letter)
    queue.delete(letter)

    [sent] = sqs.receive_message(
        QueueUrl=account.queue_url,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )["Messages"]
    assert sent["Body"] == BODY
    assert sent["Attributes"]["MessageGroupId"] == "7"
    attributes = sent["MessageAttributes"]
    assert attributes.keys() == {"formerReason", "originalMessageId", "seal", "tries"}
    assert attributes["formerReason"]["StringValue"] == "UNKNOWN_LEAD"
    assert attributes["seal"] == {"DataType": "Binary.x", "BinaryValue": b"\x00\xff"}
    assert attributes["tries"] == {"DataType": "Number", "StringValue": "3"}
    assert visible(account) == 0


def test_a_letter_without_a_group_shares_its_dealerships(
    account: AwsAccount, queue: SqsDeadLetters
) -> None:
    bury(account, group=None)
    [letter] = received(queue)
    queue.send_again(letter)

    [sent] = boto3.client("sqs").receive_message(
        QueueUrl=account.queue_url, MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert sent["Attributes"]["MessageGroupId"] == "7"


def test_a_copy_is_the_letter_without_its_receipt(
    account: AwsAccount, queue: SqsDeadLetters, copies: S3DeadLetterCopies
) -> None:
    boto3.client("sqs").send_message(
        QueueUrl=account.dead_letter_url,
        MessageBody=BODY,
        MessageGroupId="7",
        MessageAttributes={"seal": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
    )
    [letter] = received(queue)
    copies.write(letter)

    [copy] = copies.find({letter.message_id, "another"})

    assert copy.receipt_handle is None
    for name in ("message_id", "body", "group", "attributes", "sent_at", "receive_count"):
        assert getattr(copy, name) == getattr(letter, name)
    assert copies.find({"another"}) == []


def test_copies_are_listed_newest_first_up_to_a_limit(copies: S3DeadLetterCopies) -> None:
    now = datetime.now(UTC)
    for age in (3, 1, 2):
        sent_at = now - timedelta(days=age)
        copies.write(DeadLetter(message_id=f"m{age}", sent_at=sent_at, body="{}"))

    assert [letter.message_id for letter in copies.newest(2)] == ["m1", "m2"]


@pytest.mark.parametrize(
    ("body", "lead_id", "dealership_id"),
    [
        (BODY, LEAD, "7"),
        ('{"leadId": 5, "dealershipId": "x"}', None, None),
        ('{"dealershipId": true}', None, None),
        ("[]", None, None),
        ("[" * 100_000, None, None),
        ("not JSON", None, None),
    ],
    ids=["a lead", "wrong types", "not a number", "a list", "deep", "no JSON"],
)
def test_what_a_body_says_of_itself(
    body: str, lead_id: str | None, dealership_id: str | None
) -> None:
    letter = DeadLetter(message_id="m", sent_at=datetime.now(UTC), body=body)

    assert (letter.lead_id, letter.dealership_id) == (lead_id, dealership_id)


def test_why_a_letter_is_here() -> None:
    now = datetime.now(UTC)
    moved = DeadLetter(message_id="m", sent_at=now, body="{}", receive_count=201)
    attributes = {"reason": MessageAttribute(kind="String", value="UNKNOWN_LEAD")}
    buried = DeadLetter(message_id="m", sent_at=now, body="{}", attributes=attributes)

    assert (moved.reason, buried.reason) == (dead_letters.TOO_MANY_RECEIVES, "UNKNOWN_LEAD")
    assert "201" in moved.detail


def test_the_metrics_are_written_also_when_all_is_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Forecourt")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "delivery_sweeper")
    EmfCopyingMetrics().copying_finished(CopyingRun(copied=0, uncopied=0, oldest_seconds=0.0))

    line: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    assert line["service"] == "delivery_sweeper"
    assert (line["DeadLettersCopied"], line["DeadLettersUncopied"]) == ([0.0], [0.0])
    assert line["OldestDeadLetterSeconds"] == [0.0]


def test_the_sweeper_copies_on_its_hourly_event_and_needs_no_database(
    account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = boto3.client("sns").create_topic(Name="events")["TopicArn"]
    nowhere = {"DATABASE_HOST": "nowhere.invalid", "DATABASE_NAME": "forecourt"}
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Forecourt")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "delivery_sweeper")
    for name, value in {**account.environment, **nowhere, "LEAD_EVENTS_TOPIC_ARN": topic}.items():
        monkeypatch.setenv(name, value)
    bury(account)

    done = new_sandbox("delivery_sweeper").handler(read_event("delivery_sweeper", "archive"), None)

    assert (done["copied"], done["uncopied"]) == (1, 0)
    assert len(objects()) == 1
