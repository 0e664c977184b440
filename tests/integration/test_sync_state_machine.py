"""The sync state machine on moto's interpreter, with functions that answer as they are told."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.config import Config

from local.aws_endpoint import AwsEndpoint
from local.http_server import HttpServer
from local.sandbox import Answer
from tests.support.sam_template import ROOT

if TYPE_CHECKING:
    from local.functions import Functions

REGION = "ap-southeast-2"
BUCKET = "runs"
JOB = "0d3f6c1e-6a57-4a0a-9b1e-6c1f0a8f4b11"
STARTED_WITH = json.loads((ROOT / "events/sync_state_machine/schedule.json").read_text("utf-8"))


class ToldFunctions:
    """Stands for the four functions; ``errors`` names how often which dealership fails how."""

    def __init__(self, dealerships: list[int], sync_type: str = "stock") -> None:
        self.dealerships = dealerships
        self.sync_type = sync_type
        self.errors: dict[int, list[str]] = {}
        self.calls: list[tuple[str, Any]] = []
        self.accept_removals = False
        self.plan_key = f"runs/{JOB}/plan.json"
        self._failed: Counter[int] = Counter()

    def invoke(self, name: str, event: str) -> Answer:
        function = name.rsplit(":", 1)[-1]
        payload = json.loads(event)
        self.calls.append((function, payload))
        if function == "planner":
            return Answer(
                json.dumps(
                    {
                        "jobId": JOB,
                        "syncType": self.sync_type,
                        "trigger": "schedule",
                        "planned": len(self.dealerships),
                        "concurrency": 2,
                        "plan": {"bucket": BUCKET, "key": self.plan_key},
                        "acceptRemovals": self.accept_removals,
                    }
                )
            )
        if function in {"stock", "leads"}:
            dealership = payload["dealershipId"]
            self._failed[dealership] += 1
            errors = self.errors.get(dealership, [])
            if len(errors) >= self._failed[dealership]:
                kind = errors[self._failed[dealership] - 1]
                return Answer(json.dumps({"errorType": kind, "errorMessage": "no"}), "Unhandled")
            return Answer(json.dumps({"dealershipId": dealership, "status": "Success"}))
        failed = sum(len(e) >= self._failed[d] for d, e in self.errors.items() if e)
        planned = len(self.dealerships)
        return Answer(
            json.dumps(
                {"jobId": JOB, "planned": planned, "succeeded": planned - failed, "failed": failed}
            )
        )

    def times(self, function: str) -> int:
        return sum(called == function for called, _ in self.calls)


class _Deaf:
    def objects_changed(self, bucket: str, key: str) -> None: ...
    def secrets_changed(self) -> None: ...
    def schedules_changed(self) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    opened = HttpServer(0)
    # moto's interpreter calls functions and S3 at this port of localhost.
    monkeypatch.setenv("MOTO_PORT", str(opened.port))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    yield opened
    opened.stop()


def run(server: HttpServer, functions: ToldFunctions) -> tuple[dict[str, Any], dict[str, int]]:
    """Run the machine once; return the finished execution and its map run's item counts."""
    endpoint = AwsEndpoint(account="123456789012", region=REGION, effects=_Deaf())
    endpoint.serve(cast("Functions", functions))
    server.serve(endpoint)

    at = {"endpoint_url": server.url, "region_name": REGION}
    make: Any = boto3.client
    s3 = make("s3", config=Config(s3={"addressing_style": "path"}), **at)
    sfn = make("stepfunctions", **at)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    plan = [{"dealershipId": one} for one in functions.dealerships]
    s3.put_object(Bucket=BUCKET, Key=f"runs/{JOB}/plan.json", Body=json.dumps(plan))
    machine = sfn.create_state_machine(
        name="sync", definition=definition(), roleArn="arn:aws:iam::123456789012:role/sync"
    )["stateMachineArn"]
    arn = sfn.start_execution(
        stateMachineArn=machine, name="one-night", input=json.dumps(STARTED_WITH)
    )["executionArn"]
    until = time.monotonic() + 120
    while (ended := sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < until
        time.sleep(0.05)
    counts: dict[str, int] = {}
    for found in sfn.list_map_runs(executionArn=arn)["mapRuns"]:
        counts = sfn.describe_map_run(mapRunArn=found["mapRunArn"])["itemCounts"]
    endpoint.stop()
    return ended, counts


def definition() -> str:
    """The definition with names filled in, and waits of at most a second."""
    text = (ROOT / "statemachines/sync.asl.json").read_text("utf-8")
    for name, function in (
        ("SyncPlanner", "planner"),
        ("StockSync", "stock"),
        ("LeadRefresh", "leads"),
        ("SyncSummary", "summary"),
    ):
        arn = f"arn:aws:lambda:{REGION}:123456789012:function:{function}"
        text = text.replace(f"${{{name}FunctionArn}}", arn)
    text = text.replace("${RunBucketName}", BUCKET)
    text = re.sub(r'"MaxDelaySeconds": \d+', '"MaxDelaySeconds": 1', text)
    return re.sub(r'"IntervalSeconds": \d+', '"IntervalSeconds": 1', text)


def test_every_planned_dealership_is_synced_once_and_the_run_is_closed(server: HttpServer) -> None:
    functions = ToldFunctions([1, 2, 3, 4, 5])

    ended, counts = run(server, functions)

    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {
        "jobId": JOB,
        "planned": 5,
        "succeeded": 5,
        "failed": 0,
    }
    synced = [payload for called, payload in functions.calls if called == "stock"]
    assert sorted(one["dealershipId"] for one in synced) == [1, 2, 3, 4, 5]
    assert all(one["jobId"] == JOB and one["syncType"] == "stock" for one in synced)
    assert (counts["succeeded"], counts["failed"]) == (5, 0)


def test_five_hundred_dealerships_are_each_synced_once(server: HttpServer) -> None:
    many = list(range(1, 501))
    functions = ToldFunctions(many)
    functions.errors[250] = ["PermanentError"]

    ended, counts = run(server, functions)

    synced = [payload["dealershipId"] for called, payload in functions.calls if called == "stock"]
    assert sorted(synced) == many
    assert (counts["total"], counts["succeeded"], counts["failed"]) == (500, 499, 1)
    assert ended["cause"].startswith("1 of 500 dealerships failed")


@pytest.mark.parametrize("agreed", [True, False])
def test_what_a_person_agreed_to_reaches_every_dealership(
    server: HttpServer, *, agreed: bool
) -> None:
    functions = ToldFunctions([1, 2])
    functions.accept_removals = agreed

    run(server, functions)

    synced = [payload for called, payload in functions.calls if called == "stock"]
    assert [one["acceptRemovals"] for one in synced] == [agreed, agreed]


def test_planner_and_summary_get_what_the_contract_says(server: HttpServer) -> None:
    functions = ToldFunctions([1])

    run(server, functions)

    planned = functions.calls[0][1]
    assert planned["input"] == STARTED_WITH
    assert planned["executionName"] == "one-night"
    assert planned["startedAt"]
    assert functions.calls[-1] == (
        "summary",
        {"jobId": JOB, "syncType": "stock", "plan": {"bucket": BUCKET, "key": functions.plan_key}},
    )


@pytest.mark.parametrize("error", ["PermanentError", "SkippableError"])
def test_one_failing_dealership_stops_no_other_and_fails_the_run_at_its_end(
    server: HttpServer, error: str
) -> None:
    functions = ToldFunctions([1, 2, 3])
    functions.errors[2] = [error]

    ended, counts = run(server, functions)

    assert (ended["status"], ended["error"]) == ("FAILED", "SomeDealershipsFailed")
    assert ended["cause"].startswith(f"1 of 3 dealerships failed in job {JOB}")
    assert (counts["succeeded"], counts["failed"]) == (2, 1)
    # Neither error is worth a second try.
    assert functions.times("stock") == 3
    assert functions.times("summary") == 1


@pytest.mark.parametrize(
    "error", ["RetryableError", "Sandbox.Timedout", "Runtime.ExitError", "Lambda.Unknown"]
)
def test_a_dealership_that_may_succeed_later_is_tried_again_twice(
    server: HttpServer, error: str
) -> None:
    functions = ToldFunctions([1, 2])
    functions.errors[1] = [error, error]

    ended, counts = run(server, functions)

    assert ended["status"] == "SUCCEEDED"
    assert counts["succeeded"] == 2
    assert functions.times("stock") == 4


def test_three_failures_of_a_dealership_are_final(server: HttpServer) -> None:
    functions = ToldFunctions([1])
    functions.errors[1] = ["RetryableError"] * 3

    ended, _ = run(server, functions)

    assert ended["status"] == "FAILED"
    assert functions.times("stock") == 3


def test_a_night_with_no_dealership_due_is_closed_without_a_map(server: HttpServer) -> None:
    functions = ToldFunctions([])

    ended, counts = run(server, functions)

    assert ended["status"] == "SUCCEEDED"
    assert counts == {}
    assert [called for called, _ in functions.calls] == ["planner", "summary"]


def test_a_run_of_leads_calls_its_own_function_and_is_closed_as_one(server: HttpServer) -> None:
    functions = ToldFunctions([1, 2], "lead")
    functions.errors[1] = ["RetryableError"]

    ended, counts = run(server, functions)

    assert ended["status"] == "SUCCEEDED"
    assert (counts["succeeded"], counts["failed"]) == (2, 0)
    assert (functions.times("leads"), functions.times("stock")) == (3, 0)
    refreshed = [payload for called, payload in functions.calls if called == "leads"]
    assert {one["dealershipId"] for one in refreshed} == {1, 2}
    assert all(one["jobId"] == JOB and one["syncType"] == "lead" for one in refreshed)
    assert functions.calls[-1][1]["syncType"] == "lead"


def test_a_dealership_whose_leads_fail_stops_no_other(server: HttpServer) -> None:
    functions = ToldFunctions([1, 2, 3], "lead")
    functions.errors[2] = ["PermanentError"]

    ended, counts = run(server, functions)

    assert (ended["status"], ended["error"]) == ("FAILED", "SomeDealershipsFailed")
    assert (counts["succeeded"], counts["failed"]) == (2, 1)
    assert functions.times("leads") == 3
