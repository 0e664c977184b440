"""Changing when runs start: what the settings take, and what the scheduler is told."""

import json
from typing import Any

import boto3
import pytest

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.aws_account import GROUP

SETTINGS = "/api/admin/settings"


def kept(name: str) -> dict[str, Any]:
    return dict(boto3.client("scheduler").get_schedule(GroupName=GROUP, Name=name))


def times(name: str) -> tuple[str, str]:
    schedule = kept(name)
    return schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]


def test_new_times_are_shown_and_kept_by_the_scheduler(admin: AdminClient) -> None:
    changed = admin(
        "PUT",
        SETTINGS,
        {
            "syncCron": " 30  1 * * 1-5 ",
            "syncTimezone": "Australia/Sydney",
            "leadSyncCron": "*/30 * * * *",
        },
    )

    assert changed.status == 200
    assert changed.body["system"]["syncCron"] == "30 1 * * 1-5"
    assert changed.body["system"]["syncTimezone"] == "Australia/Sydney"
    assert changed.body["system"]["leadSyncCron"] == "*/30 * * * *"
    assert times("nightly-stock") == ("cron(30 1 ? * 2,3,4,5,6 *)", "Australia/Sydney")
    assert times("hourly-leads") == ("cron(0,30 * * * ? *)", "Australia/Sydney")


def test_all_else_about_a_schedule_stays_as_the_deployment_made_it(admin: AdminClient) -> None:
    scheduler = boto3.client("scheduler")
    before = kept("nightly-stock")
    scheduler.update_schedule(
        **{
            name: before[name]
            for name in (
                "Name", "GroupName", "Description", "ScheduleExpression", "Target",
                "FlexibleTimeWindow",
            )
        },
        State="DISABLED",
    )  # fmt: skip

    admin("PUT", SETTINGS, {"syncCron": "15 4 * * *"})

    after = kept("nightly-stock")
    assert after["ScheduleExpression"] == "cron(15 4 * * ? *)"
    assert after["State"] == "DISABLED"
    for part in ("Description", "Target", "FlexibleTimeWindow"):
        assert after[part] == before[part]


def test_a_change_of_something_else_leaves_the_scheduler_alone(admin: AdminClient) -> None:
    boto3.client("scheduler").delete_schedule(GroupName=GROUP, Name="nightly-stock")

    assert admin("PUT", SETTINGS, {"syncConcurrency": 4}).status == 200


@pytest.mark.parametrize(
    ("body", "field", "cure"),
    [
        ({"syncCron": "0 2 * *"}, "syncCron", "must be a cron of five fields"),
        ({"syncCron": "0 25 * * *"}, "syncCron", "hour 0-23"),
        ({"syncCron": "0 2 1 * 1"}, "syncCron", "not both"),
        ({"leadSyncCron": "cron(0 2 * * ? *)"}, "leadSyncCron", "must be a cron of five fields"),
        ({"leadSyncCron": "0 2 * * *" + " " * 100 + "x"}, "leadSyncCron", "at most 100"),
        ({"syncTimezone": "Sydney"}, "syncTimezone", "like Australia/Sydney"),
        ({"syncTimezone": "../etc/passwd"}, "syncTimezone", "like Australia/Sydney"),
    ],
)
def test_times_nobody_can_keep_are_refused_by_field_and_cure(
    admin: AdminClient, body: dict[str, str], field: str, cure: str
) -> None:
    refused = admin("PUT", SETTINGS, body | {"syncConcurrency": 7})

    assert refused.status == 422
    assert refused.bad_fields == {field}
    assert cure in refused.body["errors"][0]["message"]
    assert admin("GET", SETTINGS).body["system"]["syncConcurrency"] == 1
    assert times("nightly-stock") == ("cron(0 2 * * ? *)", "UTC")


def test_a_zone_somebody_broke_in_the_database_is_named_before_anything_changes(
    admin: AdminClient, database: Database
) -> None:
    database.connection().execute(
        "UPDATE system_settings SET value = 'Mars' WHERE key = 'easycar_sync_timezone'"
    )

    refused = admin("PUT", SETTINGS, {"syncCron": "0 3 * * *"})

    assert refused.bad_fields == {"syncTimezone"}
    assert admin("GET", SETTINGS).body["system"]["syncCron"] == "0 2 * * *"
    assert admin("PUT", SETTINGS, {"syncCron": "0 3 * * *", "syncTimezone": "UTC"}).status == 200
    assert times("nightly-stock") == ("cron(0 3 * * ? *)", "UTC")


def test_a_scheduler_that_does_not_take_it_is_told_and_the_request_can_be_repeated(
    admin: AdminClient,
) -> None:
    scheduler = boto3.client("scheduler")
    nightly = kept("nightly-stock")
    scheduler.delete_schedule(GroupName=GROUP, Name="nightly-stock")
    change = {"syncCron": "45 3 * * *"}

    lost = admin("PUT", SETTINGS, change)

    assert (lost.status, lost.headers["Retry-After"]) == (503, "30")
    assert lost.body["type"] == "urn:forecourt:problem:schedule-not-applied"
    assert admin("GET", SETTINGS).body["system"]["syncCron"] == "45 3 * * *"
    scheduler.create_schedule(
        Name="nightly-stock",
        **{
            name: nightly[name]
            for name in ("GroupName", "ScheduleExpression", "Target", "FlexibleTimeWindow")
        },
    )
    assert admin("PUT", SETTINGS, change).status == 200
    assert times("nightly-stock")[0] == "cron(45 3 * * ? *)"


def test_a_dealer_changes_no_times_of_the_system(admin: AdminClient, dealership: int) -> None:
    refused = admin("PUT", SETTINGS, {"syncCron": "bad"}, claims=owner(dealership))

    assert refused.status == 422
    assert times("nightly-stock") == ("cron(0 2 * * ? *)", "UTC")


def own_times(dealership: int) -> tuple[str, str] | None:
    try:
        return times(f"stock-dealership-{dealership}")
    except boto3.client("scheduler").exceptions.ResourceNotFoundException:
        return None


def test_a_dealer_gets_a_schedule_of_its_own_and_gives_it_back(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    me = owner(dealership)
    given = admin(
        "PUT", SETTINGS, {"syncCron": "0 5 * * 1-5", "syncTimezone": "Australia/Perth"}, claims=me
    )

    assert given.body["dealership"] == {
        "dealershipId": dealership,
        "autoSyncEnabled": True,
        "syncCron": "0 5 * * 1-5",
        "syncTimezone": "Australia/Perth",
    }
    assert own_times(dealership) == ("cron(0 5 ? * 2,3,4,5,6 *)", "Australia/Perth")
    own, nightly = kept(f"stock-dealership-{dealership}"), kept("nightly-stock")
    assert own["Target"] | {"Input": ""} == nightly["Target"] | {"Input": ""}
    assert json.loads(own["Target"]["Input"]) == {
        "syncType": "stock",
        "trigger": "schedule",
        "scheduleName": f"stock-dealership-{dealership}",
        "scheduledTime": "<aws.scheduler.scheduled-time>",
        "dealershipIds": [dealership],
    }

    admin("PUT", SETTINGS, {"syncCron": "0 6 * * *"}, claims=me)
    assert own_times(dealership) == ("cron(0 6 * * ? *)", "Australia/Perth")
    admin("PUT", SETTINGS, {"syncTimezone": "Asia/Tokyo"}, claims=me)
    assert own_times(dealership) == ("cron(0 6 * * ? *)", "Asia/Tokyo")
    admin("PUT", SETTINGS, {"autoSyncEnabled": False}, claims=me)
    assert own_times(dealership) == ("cron(0 6 * * ? *)", "Asia/Tokyo")

    back = admin("PUT", SETTINGS, {"syncCron": None}, claims=me)

    assert back.body["dealership"]["syncCron"] is back.body["dealership"]["syncTimezone"] is None
    assert own_times(dealership) is None
    assert admin("PUT", SETTINGS, {"syncCron": None}, claims=me).status == 200
    audited = database.connection().execute(
        "SELECT subject_id, detail ->> 'value' FROM audit_log"
        " WHERE action = 'setting.changed' AND dealership_id = %s ORDER BY id LIMIT 2",
        [dealership],
    )
    assert audited.fetchall() == [
        ("easycar_sync_cron", "0 5 * * 1-5"),
        ("easycar_sync_timezone", "Australia/Perth"),
    ]


def test_a_schedule_of_its_own_keeps_the_zone_it_was_made_in(
    admin: AdminClient, dealership: int
) -> None:
    admin("PUT", SETTINGS, {"syncTimezone": "Australia/Sydney"})
    admin("PUT", SETTINGS, {"syncCron": "0 5 * * *"}, claims=owner(dealership))

    admin("PUT", SETTINGS, {"syncTimezone": "UTC"})

    assert own_times(dealership) == ("cron(0 5 * * ? *)", "Australia/Sydney")
    assert times("nightly-stock")[1] == "UTC"


def test_a_schedule_of_its_own_is_on_and_off_with_the_nightly_one(
    admin: AdminClient, dealership: int
) -> None:
    nightly = kept("nightly-stock")
    boto3.client("scheduler").update_schedule(
        **{
            name: nightly[name]
            for name in (
                "Name", "GroupName", "ScheduleExpression", "Target", "FlexibleTimeWindow",
            )
        },
        State="DISABLED",
    )  # fmt: skip

    admin("PUT", SETTINGS, {"syncCron": "0 5 * * *"}, claims=owner(dealership))

    assert kept(f"stock-dealership-{dealership}")["State"] == "DISABLED"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"syncCron": "0 5 * *"}, "syncCron"),
        ({"syncTimezone": "Perth", "syncCron": "0 5 * * *"}, "syncTimezone"),
        ({"syncTimezone": "Australia/Perth"}, "syncTimezone"),
        ({"syncTimezone": "Australia/Perth", "syncCron": None}, "syncTimezone"),
    ],
)
def test_times_of_its_own_that_cannot_be_kept_change_nothing(
    admin: AdminClient, dealership: int, body: dict[str, str], field: str
) -> None:
    refused = admin("PUT", SETTINGS, body | {"autoSyncEnabled": False}, claims=owner(dealership))

    assert refused.bad_fields == {field}
    shown = admin("GET", SETTINGS, claims=owner(dealership)).body["dealership"]
    assert (shown["autoSyncEnabled"], shown["syncCron"]) == (True, None)
    assert own_times(dealership) is None


def test_of_its_own_is_the_managers_to_change(admin: AdminClient, dealership: int) -> None:
    refused = admin("PUT", SETTINGS, {"syncCron": "0 5 * * *"}, claims=staff(dealership))

    assert refused.status == 403
    assert own_times(dealership) is None


@pytest.mark.parametrize("cron", ["* * * * *", "*/10 2 * * *", "50,0 1-3 * * *"])
def test_an_owner_leaves_a_quarter_of_an_hour_between_runs(
    admin: AdminClient, dealership: int, cron: str
) -> None:
    refused = admin("PUT", SETTINGS, {"syncCron": cron}, claims=owner(dealership))
    assert (refused.status, refused.bad_fields) == (422, {"syncCron"})
    assert own_times(dealership) is None

    allowed = admin("PUT", SETTINGS, {"syncCron": "*/15 * * * *"}, claims=owner(dealership))
    assert allowed.status == 200
    assert admin("PUT", SETTINGS, {"syncCron": cron}, dealershipId=dealership).status == 200
