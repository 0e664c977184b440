"""Every event belongs to something the template has, and is shaped as its trigger sends it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.sam_template import ROOT, SamTemplate

EVENTS = sorted((ROOT / "events").glob("*/*.json"))
HTTP_FIELDS = {
    "version",
    "routeKey",
    "rawPath",
    "rawQueryString",
    "headers",
    "requestContext",
    "isBase64Encoded",
}


def read(path: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return event


def named(*folders: str) -> list[Any]:
    return [pytest.param(p, id=p.stem) for p in EVENTS if p.parent.name in folders]


def test_every_function_has_events_and_every_folder_has_something_that_takes_them(
    template: SamTemplate,
) -> None:
    functions = {Path(properties["CodeUri"]).name for properties in template.functions.values()}

    assert {path.parent.name for path in EVENTS} == functions | {"sync_state_machine"}
    assert [
        path for path in (ROOT / "events").rglob("*") if path.is_file() and path not in EVENTS
    ] == []


@pytest.mark.parametrize("path", named("lead_intake", "admin_api"))
def test_requests_are_payloads_of_an_http_api_on_a_route_of_the_template(
    template: SamTemplate, path: Path
) -> None:
    event = read(path)
    context = event["requestContext"]
    routes = {
        f"{trigger['Properties']['Method']} {trigger['Properties']['Path']}": trigger["Properties"]
        for properties in template.functions.values()
        for trigger in properties.get("Events", {}).values()
        if trigger["Type"] == "HttpApi"
    }

    assert set(event) >= HTTP_FIELDS
    assert event["version"] == "2.0"
    assert event["routeKey"] == context["routeKey"]
    assert event["rawPath"] == context["http"]["path"]
    assert ("jwt" in context.get("authorizer", {})) == ("Auth" in routes[event["routeKey"]])
    assert all(name == name.lower() for name in event["headers"])
    if proxy := event.get("pathParameters", {}).get("proxy"):
        assert event["rawPath"] == f"/api/admin/{proxy}"


@pytest.mark.parametrize("path", named("lead_delivery"))
def test_batches_are_of_sqs_records_with_true_digests(path: Path) -> None:
    records = read(path)["Records"]

    assert 1 <= len(records) <= 10
    assert len({record["messageId"] for record in records}) == len(records)
    for record in records:
        digest = hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
        assert record["md5OfBody"] == digest
        assert record["eventSource"] == "aws:sqs"
        assert int(record["attributes"]["ApproximateReceiveCount"]) >= 1


def test_one_batch_has_duplicates_and_messages_nobody_can_read() -> None:
    bodies = [
        record["body"]
        for record in read(ROOT / "events/lead_delivery/duplicates_and_poison.json")["Records"]
    ]

    assert len(set(bodies)) < len(bodies)
    with pytest.raises(ValueError, match="Expecting property name"):
        [json.loads(body) for body in bodies]


@pytest.mark.parametrize("path", named("sync_planner"))
def test_the_planner_is_called_as_the_state_machine_calls_it(path: Path) -> None:
    machine = read(ROOT / "statemachines/sync.asl.json")
    payload = machine["States"]["PlanSync"]["Parameters"]["Payload"]

    assert set(read(path)) == {name.removesuffix(".$") for name in payload}


@pytest.mark.parametrize("path", named("stock_sync", "lead_refresh"))
def test_a_dealership_is_called_as_the_map_calls_it(path: Path) -> None:
    machine = read(ROOT / "statemachines/sync.asl.json")
    selector = machine["States"]["SyncEachDealership"]["ItemSelector"]

    assert set(read(path)) == {name.removesuffix(".$") for name in selector}


@pytest.mark.parametrize("path", named("sync_summary"))
def test_the_summary_is_called_as_the_state_machine_calls_it(path: Path) -> None:
    machine = read(ROOT / "statemachines/sync.asl.json")
    payload = machine["States"]["SummariseSync"]["Parameters"]["Payload"]

    assert set(read(path)) == {name.removesuffix(".$") for name in payload}


@pytest.mark.parametrize(
    ("case", "name"),
    [("schedule", "scheduled"), ("hourly_leads", "scheduled"), ("manual", "manual")],
)
def test_the_planner_gets_what_starts_the_state_machine(case: str, name: str) -> None:
    started_with = read(ROOT / f"events/sync_state_machine/{case}.json")
    planned = read(ROOT / f"events/sync_planner/{name}.json")["input"]

    assert set(planned) == set(started_with)
