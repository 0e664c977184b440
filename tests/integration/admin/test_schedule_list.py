"""When runs start, as the admin API shows it."""

from datetime import UTC, datetime

import boto3

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.aws_account import GROUP

SETTINGS = "/api/admin/settings"
SCHEDULES = "/api/admin/easycars/schedules"


def test_every_schedule_is_shown_with_its_next_runs(admin: AdminClient, dealership: int) -> None:
    admin("PUT", SETTINGS, {"syncTimezone": "Australia/Sydney"})
    admin("PUT", SETTINGS, {"syncCron": "0 5 * * 1"}, claims=owner(dealership))

    shown = admin("GET", SCHEDULES).body

    assert [one["name"] for one in shown["schedules"]] == [
        "nightly-stock",
        "hourly-leads",
        f"stock-dealership-{dealership}",
    ]
    nightly, hourly, own = shown["schedules"]
    assert (nightly["cron"], nightly["timezone"]) == ("0 2 * * *", "Australia/Sydney")
    assert (nightly["syncType"], hourly["syncType"]) == ("stock", "lead")
    assert (own["dealershipId"], own["cron"]) == (dealership, "0 5 * * 1")
    assert nightly["enabled"] is hourly["enabled"] is own["enabled"] is True
    for one in shown["schedules"]:
        moments = [datetime.fromisoformat(found["at"]) for found in one["nextRuns"]]
        assert moments == sorted(moments)
        assert len(moments) == 3
        assert moments[0] > datetime.now(UTC)
    assert nightly["nextRuns"][0]["local"].endswith("T02:00")
    swallowed = nightly["nextSwallowed"]
    assert (swallowed["local"][4:8], swallowed["local"][10:]) == ("-10-", "T02:00")
    assert swallowed["at"].endswith("T16:00:00Z")
    assert hourly["nextSwallowed"] is None
    assert shown["pagination"]["totalRecords"] == 3
    page = admin("GET", SCHEDULES, page=2, pageSize=2).body
    assert [one["name"] for one in page["schedules"]] == [f"stock-dealership-{dealership}"]


def test_a_dealer_sees_the_schedules_that_sync_it(admin: AdminClient, dealership: int) -> None:
    def names() -> list[str]:
        found = admin("GET", SCHEDULES, claims=staff(dealership)).body["schedules"]
        return [one["name"] for one in found]

    other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    admin("PUT", SETTINGS, {"syncCron": "0 4 * * *"}, claims=owner(other))
    assert names() == ["nightly-stock", "hourly-leads"]

    admin("PUT", SETTINGS, {"syncCron": "0 5 * * *"}, claims=owner(dealership))

    assert names() == [f"stock-dealership-{dealership}", "hourly-leads"]


def test_a_schedule_nobody_can_keep_says_what_is_wrong(
    admin: AdminClient, database: Database
) -> None:
    database.connection().execute(
        "UPDATE system_settings SET value = '0 25 * * *' WHERE key = 'easycar_sync_cron'"
    )

    nightly = admin("GET", SCHEDULES).body["schedules"][0]

    assert nightly["nextRuns"] == []
    assert nightly["fault"].startswith("The cron or the time zone must be a cron whose fields")


def test_a_schedule_that_is_off_is_shown_as_off(admin: AdminClient, dealership: int) -> None:
    scheduler = boto3.client("scheduler")
    nightly = scheduler.get_schedule(GroupName=GROUP, Name="nightly-stock")
    scheduler.update_schedule(
        Name="nightly-stock",
        GroupName=GROUP,
        ScheduleExpression=nightly["ScheduleExpression"],
        FlexibleTimeWindow=nightly["FlexibleTimeWindow"],
        Target=nightly["Target"],
        State="DISABLED",
    )
    admin("PUT", SETTINGS, {"syncCron": "0 5 * * 1"}, claims=owner(dealership))

    shown = admin("GET", SCHEDULES).body["schedules"]

    assert [one["enabled"] for one in shown] == [False, True, False]
