"""The intake function on its real events and an AWS account in memory."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from pydantic import SecretStr

from forecourt.security.site_keys import SiteKeyRing
from tests.support.aws_account import EDGE_VALUE, REGION, SITE_KEY_SECRET, AwsAccount, aws_account
from tests.support.handlers import ROOT, Handler, new_sandbox, read_event

RING = SiteKeyRing({1: SecretStr(SITE_KEY_SECRET)})
KEY_ID = "k7Qm2xT9"
EXPECTED = {
    "valid": 202,
    "valid_base64_body": 202,
    "without_vehicle": 202,
    "with_company": 202,
    "honeypot": 202,
    "preflight": 204,
    "bad_fields": 422,
    "broken_json": 400,
    "wrong_content_type": 415,
    "wrong_site_key": 401,
    "foreign_origin": 403,
}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAccount]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with aws_account() as opened:
        for name, value in opened.environment.items():
            monkeypatch.setenv(name, value)
        opened.put_site(1, KEY_ID, origins=("https://www.obrienmotors.example",))
        yield opened


@pytest.fixture
def intake(account: AwsAccount) -> Handler:
    handler: Handler = new_sandbox("lead_intake").handler
    return handler


def event_for(case: str) -> dict[str, Any]:
    """The committed event; a key that is meant to be right is signed with this account's secret."""
    event = read_event("lead_intake", case)
    if case != "wrong_site_key" and "x-site-key" in event["headers"]:
        event["headers"]["x-site-key"] = RING.make(1, KEY_ID)
    return event


def test_every_event_has_an_expectation() -> None:
    assert {path.stem for path in (ROOT / "events/lead_intake").glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("case", EXPECTED)
def test_an_event_is_answered(intake: Handler, account: AwsAccount, case: str) -> None:
    answer = intake(event_for(case), None)
    messages = [message for message in account.messages() if "refusals" not in message]

    assert answer["statusCode"] == EXPECTED[case]
    assert answer["isBase64Encoded"] is False
    if EXPECTED[case] == 202:
        (message,) = messages
        assert json.loads(answer["body"])["leadId"] == message["leadId"]
        assert message["dealershipId"] == 1
        assert message["spam"] is (case == "honeypot")
    else:
        assert messages == []


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("bad_fields", "invalid-fields"),
        ("broken_json", "broken-json"),
        ("wrong_content_type", "unsupported-content-type"),
        ("foreign_origin", "origin-not-allowed"),
    ],
)
def test_a_refusal_is_counted_on_the_queue_in_the_log_and_as_a_metric(
    intake: Handler,
    account: AwsAccount,
    capsys: pytest.CaptureFixture[str],
    case: str,
    reason: str,
) -> None:
    intake(event_for(case), None)

    (message,) = account.messages()
    sums = [one for one in message["refusals"] if one["field"] == ""]
    assert [(one["keyId"], one["reason"], one["requests"]) for one in sums] == [(KEY_ID, reason, 1)]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metric,) = [line for line in lines if "LeadsRefusedByReason" in line]
    assert metric["reason"] == reason
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service", "reason"]]
    (log,) = [line for line in lines if line.get("message") == "Lead request answered"]
    assert (log["outcome"], log["dealership_id"], log["key_id"]) == (reason, 1, KEY_ID)
    assert ("name" in log["fields"]) is (case == "bad_fields")


def test_without_its_queue_a_lead_is_to_be_sent_again(intake: Handler, account: AwsAccount) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=account.queue_url)

    answer = intake(event_for("valid"), None)

    assert answer["statusCode"] == 503
    assert answer["headers"]["Retry-After"]


def test_logs_and_metrics_name_nobody(
    intake: Handler, account: AwsAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    for case in EXPECTED:
        intake(event_for(case), None)
    boto3.client("sqs").delete_queue(QueueUrl=account.queue_url)
    intake(event_for("valid"), None)

    captured = capsys.readouterr()
    output = captured.out + captured.err
    assert '"LeadsAccepted"' in output
    assert '"LeadsRefused"' in output
    assert '"LeadsNotQueued"' in output
    body = json.loads(read_event("lead_intake", "valid")["body"])
    planted = [
        body["name"], body["email"], body["phone"], body["message"], body["address"]["line"],
        SITE_KEY_SECRET, RING.make(1, KEY_ID), RING.make(1, KEY_ID).rsplit(".", 1)[1],
    ]  # fmt: skip
    assert not [text for text in planted if text in output]


@pytest.mark.parametrize(("sent", "status"), [(None, 403), ("made up", 403), (EDGE_VALUE, 202)])
def test_with_cloudfront_before_it_only_its_requests_are_taken(
    account: AwsAccount, monkeypatch: pytest.MonkeyPatch, sent: str | None, status: int
) -> None:
    monkeypatch.setenv("EDGE_SECRET_ARN", account.store_edge_secret())
    event = event_for("valid")
    if sent is not None:
        event["headers"]["x-forecourt-edge"] = sent

    answer = new_sandbox("lead_intake").handler(event, None)

    assert answer["statusCode"] == status
    assert len(account.messages()) == (status == 202)
