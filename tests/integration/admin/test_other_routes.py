"""Dealerships, leads, deliveries, logs, jobs, vehicles and settings through the admin API."""

from uuid import UUID, uuid4

import boto3
import pytest
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from forecourt.security.site_keys import SiteKeyRing
from forecourt.storage.postgres import Database
from tests.support.admin_api import ADMIN, AdminClient, owner, staff
from tests.support.aws_account import BUCKET, SITE_KEY_SECRET, AwsAccount

CREDENTIALS = {
    "clientId": "c", "clientSecret": "cs", "accountNumber": "EC1", "accountSecret": "as",
    "environment": "Test",
}  # fmt: skip


@pytest.fixture
def other(admin: AdminClient) -> int:
    added = admin("POST", "/api/admin/dealerships", {"name": "Other"})
    dealership_id: int = added.body["id"]
    return dealership_id


def add_lead(database: Database, dealership_id: int, *, state: str = "failed") -> tuple[UUID, int]:
    """A lead with one delivery that was tried once."""
    lead_id = uuid4()
    connection = database.connection()
    (row_id,) = connection.execute(
        "INSERT INTO lead (dealership_id, external_id, name, email, phone, message, data_source,"
        " address_city, consent) VALUES (%s, %s, 'Kim Lee', 'kim@example.org', '0412', 'Hi',"
        " 'WebForm', 'Perth', %s) RETURNING id",
        (dealership_id, lead_id, Jsonb({"marketing": True})),
    ).fetchone() or (0,)
    (delivery_id,) = connection.execute(
        "INSERT INTO lead_delivery (lead_id, dealership_id, target, state, attempts,"
        " next_attempt_at, last_error_code, last_error)"
        " VALUES (%s, %s, 'EasyCars', %s, 1, NULL, 'NO_CONNECTION', 'None.') RETURNING id",
        (row_id, dealership_id, state),
    ).fetchone() or (0,)
    connection.execute(
        "INSERT INTO lead_delivery_attempt (delivery_id, attempt_no, operation, outcome, code)"
        " VALUES (%s, 1, 'create', 'permanent', 'VENDOR_REFUSED')",
        (delivery_id,),
    )
    return lead_id, int(delivery_id)


def add_log(database: Database, dealership_id: int, **values: object) -> int:
    columns = {"sync_type": "Stock", "sync_direction": "Inbound", "status": "Success"} | values
    names = ", ".join(columns)
    marks = ", ".join(["%s"] * len(columns))
    (log_id,) = database.connection().execute(
        f"INSERT INTO easycars_sync_logs (dealership_id, {names}) VALUES (%s, {marks})"  # noqa: S608
        " RETURNING id",
        (dealership_id, *columns.values()),
    ).fetchone() or (0,)
    return int(log_id)


def test_a_new_dealership_has_a_key_that_intake_accepts(
    admin: AdminClient, account: AwsAccount, database: Database
) -> None:
    added = admin(
        "POST",
        "/api/admin/dealerships",
        {"name": " Autohaus Müller ", "origins": ["HTTPS://Www.Müller.example".replace("ü", "u")]},
    )

    assert added.status == 201
    assert added.body["name"] == "Autohaus Müller"
    key = SiteKeyRing({1: SecretStr(SITE_KEY_SECRET)}).verify(added.body["siteKey"])
    assert key
    assert key.dealership_id == added.body["id"]
    assert account.site(added.body["id"]) == {
        "dealershipId": added.body["id"],
        "keys": [{"keyId": key.key_id, "ratePerSecond": 20, "burst": 200}],
        "origins": ["https://www.muller.example"],
    }
    actions = database.connection().execute("SELECT action FROM audit_log ORDER BY id").fetchall()
    assert actions == [("dealership.created",), ("site_key.created",)]


def test_a_dealership_intake_cannot_be_told_of_is_not_added(admin: AdminClient) -> None:
    boto3.client("s3").delete_bucket(Bucket=BUCKET)

    refused = admin("POST", "/api/admin/dealerships", {"name": "Early"})

    assert (refused.status, refused.headers["Retry-After"]) == (503, "30")
    assert refused.body["type"] == "urn:forecourt:problem:site-not-published"
    assert admin("GET", "/api/admin/dealerships").body == {"dealerships": []}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name"}),
        ({"name": " ", "origins": "x"}, {"name", "origins"}),
        ({"name": "n" * 256}, {"name"}),
        ({"name": "n", "origins": ["*"], "id": 3}, {"origins.0", "id"}),
        ({"name": "n\0"}, {"name"}),
    ],
)
def test_a_bad_dealership_names_its_fields(
    admin: AdminClient, body: dict[str, object], fields: set[str]
) -> None:
    refused = admin("POST", "/api/admin/dealerships", body)

    assert refused.status == 422
    assert refused.bad_fields == fields


def test_only_administrators_add_dealerships_and_others_see_their_own(
    admin: AdminClient, dealership: int, other: int
) -> None:
    path = "/api/admin/dealerships"
    refused = admin("POST", path, {"name": "Mine"}, claims=owner(dealership))
    admin("POST", "/api/admin/easycars/credentials", CREDENTIALS, dealershipId=dealership)

    everyone = admin("GET", path).body["dealerships"]
    own = admin("GET", path, claims=staff(other)).body["dealerships"]

    assert refused.status == 403
    assert [(d["id"], d["hasCredentials"]) for d in everyone] == [
        (dealership, True),
        (other, False),
    ]
    assert [d["id"] for d in own] == [other]


def test_a_lead_is_shown_with_its_deliveries_and_tries(
    admin: AdminClient, dealership: int, other: int, database: Database
) -> None:
    lead_id, delivery_id = add_lead(database, dealership)
    path = f"/api/admin/leads/{lead_id}"

    shown = admin("GET", path, claims=staff(dealership))

    assert shown.status == 200
    assert shown.body["leadId"] == str(lead_id)
    assert shown.body["address"]["city"] == "Perth"
    assert shown.body["consent"] == {"marketing": True}
    assert shown.body["receivedAt"].endswith("Z")
    (delivery,) = shown.body["deliveries"]
    assert (delivery["id"], delivery["state"], delivery["attempts"]) == (delivery_id, "failed", 1)
    assert [attempt["code"] for attempt in delivery["attemptHistory"]] == ["VENDOR_REFUSED"]
    assert admin("GET", path).status == 200
    assert admin("GET", path, claims=owner(other)).status == 404
    assert admin("GET", path, dealershipId=other).status == 404


@pytest.mark.parametrize("lead_id", ["28d180b4-d757-4710-8d4a-e3aced10cef1", "1", "x" * 300, "%00"])
def test_an_unknown_lead_is_not_found(admin: AdminClient, lead_id: str) -> None:
    answer = admin("GET", f"/api/admin/leads/{lead_id}")

    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_lists_are_paged_and_kept_to_the_callers_dealership(
    admin: AdminClient, dealership: int, other: int, database: Database
) -> None:
    for owned_by in (dealership, dealership, dealership, other):
        add_lead(database, owned_by)

    page = admin("GET", "/api/admin/leads", claims=owner(dealership), page=2, pageSize=2).body

    assert len(page["leads"]) == 1
    assert page["pagination"] == {
        "currentPage": 2, "pageSize": 2, "totalRecords": 3, "totalPages": 2,
    }  # fmt: skip
    assert admin("GET", "/api/admin/leads").body["pagination"]["totalRecords"] == 4
    deliveries = admin("GET", "/api/admin/deliveries", claims=staff(other)).body["deliveries"]
    assert [found["dealershipId"] for found in deliveries] == [other]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/admin/leads", {"page": "0"}),
        ("/api/admin/leads", {"pageSize": "101"}),
        ("/api/admin/leads", {"page": "9" * 400}),
        ("/api/admin/deliveries", {"state": "lost"}),
        ("/api/admin/deliveries", {"limit": "-1"}),
        ("/api/admin/easycars/sync/logs", {"syncType": "Images"}),
        ("/api/admin/easycars/sync/logs", {"status": "Bad"}),
        ("/api/admin/vehicles", {"status": "stolen"}),
    ],
)
def test_a_bad_parameter_is_named(admin: AdminClient, path: str, query: dict[str, str]) -> None:
    refused = admin("GET", path, claims=ADMIN, **query)

    assert refused.status == 400
    assert refused.bad_fields == set(query)


def test_deliveries_are_found_by_state(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    add_lead(database, dealership, state="delivered")
    _, failed = add_lead(database, dealership)

    found = admin("GET", "/api/admin/deliveries", state="failed", limit=5).body["deliveries"]

    assert [delivery["id"] for delivery in found] == [failed]
    assert admin("GET", f"/api/admin/deliveries/{failed}").body["attemptHistory"]


def test_a_release_whose_wake_up_is_lost_is_told_and_can_be_repeated(
    admin: AdminClient, dealership: int, database: Database, account: AwsAccount
) -> None:
    _, delivery_id = add_lead(database, dealership)
    path = f"/api/admin/deliveries/{delivery_id}/retry"
    boto3.client("sqs").delete_queue(QueueUrl=account.queue_url)

    lost = admin("POST", path)

    assert lost.status == 503
    assert lost.headers["Retry-After"] == "30"
    assert admin("POST", path).status == 503


def test_a_failed_delivery_is_made_due_and_woken(
    admin: AdminClient, dealership: int, other: int, database: Database, account: AwsAccount
) -> None:
    lead_id, delivery_id = add_lead(database, dealership)
    path = f"/api/admin/deliveries/{delivery_id}/retry"

    assert admin("POST", path, claims=staff(dealership)).status == 403
    assert admin("POST", path, claims=owner(other)).status == 404
    assert account.messages() == []
    retried = admin("POST", path, claims=owner(dealership))

    assert retried.status == 202
    assert retried.body["state"] == "pending"
    assert account.messages() == [
        {
            "schema": 1,
            "leadId": str(lead_id),
            "dealershipId": dealership,
            "deliveryId": delivery_id,
        }
    ]
    database.connection().execute(
        "UPDATE lead_delivery SET state = 'delivered' WHERE id = %s", [delivery_id]
    )
    assert admin("POST", path).status == 409
    (audited,) = database.connection().execute(
        "SELECT count(*) FROM audit_log WHERE action = 'delivery.retried'"
    ).fetchone() or (0,)
    assert audited == 1


def test_saved_credentials_release_what_waited_for_them(
    admin: AdminClient, dealership: int, database: Database, account: AwsAccount
) -> None:
    _, delivery_id = add_lead(database, dealership)

    admin("POST", "/api/admin/easycars/credentials", CREDENTIALS, dealershipId=dealership)

    assert [message["deliveryId"] for message in account.messages()] == [delivery_id]
    assert admin("GET", f"/api/admin/deliveries/{delivery_id}").body["state"] == "pending"


def test_logs_are_filtered_and_details_have_payloads(
    admin: AdminClient, dealership: int, other: int, database: Database
) -> None:
    failed = add_log(
        database, dealership, status="Failed", error_message="no",
        error_details=Jsonb({"items": ["S1"]}), records_failed=2,
    )  # fmt: skip
    add_log(database, dealership, sync_type="Lead", sync_direction="Outbound")
    foreign = add_log(database, other)
    route = "/api/admin/easycars/sync/logs"

    logs = admin("GET", route, claims=staff(dealership), syncType="stock", status="failed").body

    assert [log["id"] for log in logs["logs"]] == [failed]
    assert logs["logs"][0]["recordsFailed"] == 2
    assert "errorDetails" not in logs["logs"][0]
    detail = admin("GET", f"{route}/{failed}", claims=staff(dealership))
    assert detail.body["errorDetails"] == {"items": ["S1"]}
    assert admin("GET", f"{route}/{foreign}", claims=staff(dealership)).status == 404
    assert admin("GET", f"{route}/x").status == 404
    assert admin("GET", route).body["pagination"]["totalRecords"] == 3
    refresh = add_log(database, dealership, sync_type="Lead")
    runs = admin("GET", route, syncType="lead", direction="inbound").body["logs"]
    assert [log["id"] for log in runs] == [refresh]
    assert admin("GET", route, direction="sideways").bad_fields == {"direction"}


def test_the_status_shows_the_last_run_of_each_kind(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    add_log(database, dealership)
    running = add_log(database, dealership, status="InProgress")
    lead = add_log(database, dealership, sync_type="Lead", sync_direction="Outbound")
    path = "/api/admin/easycars/sync/status"

    status = admin("GET", path, dealershipId=dealership).body

    assert (status["isConfigured"], status["isSyncing"]) == (False, True)
    assert status["lastStockSync"]["id"] == running
    assert status["lastLeadSync"]["id"] == lead
    assert len(status["recentLogs"]) == 3

    refresh = add_log(database, dealership, sync_type="Lead")
    for _ in range(11):
        add_log(database, dealership, sync_type="Lead", sync_direction="Outbound")
    status = admin("GET", path, dealershipId=dealership).body
    assert status["lastLeadSync"]["id"] == refresh
    assert status["lastStockSync"]["id"] == running
    assert status["isSyncing"] is True
    assert admin("GET", path).bad_fields == {"dealershipId"}


def test_a_job_is_shown_whole_to_administrators_and_in_part_to_others(
    admin: AdminClient, dealership: int, other: int, database: Database
) -> None:
    job_id = uuid4()
    database.connection().execute(
        "INSERT INTO sync_job (id, sync_type, trigger, planned, succeeded, failed)"
        " VALUES (%s, 'stock', 'manual', 2, 1, 1)",
        (job_id,),
    )
    add_log(database, dealership, job_id=job_id, records_created=3, records_processed=3)
    add_log(database, other, job_id=job_id, status="Failed", error_message="refused")
    path = f"/api/admin/easycars/sync/jobs/{job_id}"

    whole = admin("GET", path).body
    part = admin("GET", path, claims=owner(other)).body

    assert (whole["planned"], whole["succeeded"], whole["failed"]) == (2, 1, 1)
    assert [(d["name"], d["status"], d["created"], d["error"]) for d in whole["dealerships"]] == [
        ("O'Brien Motors", "Success", 3, None),
        ("Other", "Failed", 0, "refused"),
    ]
    assert (part["planned"], part["succeeded"], part["failed"]) == (1, 0, 1)
    assert part["status"] == "Failed"
    assert admin("GET", path, claims=owner(dealership)).body["status"] == "Succeeded"
    assert [d["dealershipId"] for d in part["dealerships"]] == [other]
    assert admin("GET", path, claims=owner(999)).status == 404
    assert admin("GET", "/api/admin/easycars/sync/jobs/x").status == 404


def test_vehicles_show_where_they_come_from(
    admin: AdminClient, dealership: int, other: int, database: Database
) -> None:
    for owned_by, number in ((dealership, "S1"), (dealership, "S2"), (other, "S3")):
        database.connection().execute(
            "INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition,"
            " title, easycars_stock_number, data_source)"
            " VALUES (%s, 'Toyota', 'Hilux', 2020, 31990.50, 5, 'used', 'Hilux', %s, 'EasyCars')",
            (owned_by, number),
        )

    found = admin("GET", "/api/admin/vehicles", claims=staff(dealership), pageSize=1).body

    assert found["pagination"]["totalRecords"] == 2
    (vehicle,) = found["vehicles"]
    assert (vehicle["stockNumber"], vehicle["price"]) == ("S1", 31990.5)
    assert vehicle["dataSource"] == "EasyCars"


def test_settings_of_a_dealership_and_of_the_system(
    admin: AdminClient, dealership: int, other: int, database: Database
) -> None:
    path = "/api/admin/settings"

    shown = admin("GET", path).body
    assert shown["system"]["syncEnabled"] is True
    assert shown["system"]["syncConcurrency"] == 1
    assert shown["system"]["syncCron"] == "0 2 * * *"
    assert "system" not in admin("GET", path, claims=owner(dealership)).body

    changed = admin("PUT", path, {"syncConcurrency": 8, "syncEnabled": False}).body
    assert (changed["system"]["syncConcurrency"], changed["system"]["syncEnabled"]) == (8, False)
    own = admin("PUT", path, {"autoSyncEnabled": False}, claims=owner(dealership)).body
    assert own == {
        "dealership": {
            "dealershipId": dealership,
            "autoSyncEnabled": False,
            "syncCron": None,
            "syncTimezone": None,
        }
    }
    untouched = admin("GET", path, dealershipId=other).body["dealership"]
    assert untouched["autoSyncEnabled"] is True

    assert admin("PUT", path, {"autoSyncEnabled": True}, claims=staff(dealership)).status == 403
    assert admin("PUT", path, {"syncConcurrency": 40}).status == 200
    for outside in (0, 1001, 41):
        refused = admin("PUT", path, {"syncConcurrency": outside})
        assert (refused.status, refused.bad_fields) == (422, {"syncConcurrency"})
    assert "StockSyncReservedConcurrency" in refused.body["errors"][0]["message"]
    assert admin("GET", path).body["system"]["syncConcurrency"] == 40
    assert admin("PUT", path, {"syncConcurrency": 8}).status == 200
    assert admin("PUT", path, {"syncConcurrency": 0, "x": 1}).bad_fields == {
        "syncConcurrency", "x",
    }  # fmt: skip
    refused = admin("PUT", path, {"syncConcurrency": 9}, claims=owner(dealership))
    assert refused.bad_fields == {"syncConcurrency"}
    assert admin("GET", path, dealershipId=999).status == 404
    (audited,) = database.connection().execute(
        "SELECT count(*) FROM audit_log WHERE action = 'setting.changed'"
    ).fetchone() or (0,)
    assert audited == 5


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "x"},
        {"sub": "x", "usertype": "Robot"},
        {"sub": "x", "usertype": "DealershipOwner"},
        {"sub": "x", "usertype": "DealershipOwner", "dealershipid": "all"},
        {"sub": "x", "usertype": "DealershipOwner", "dealershipid": "0"},
    ],
)
def test_claims_that_say_no_role_or_dealership_are_refused(
    admin: AdminClient, claims: dict[str, str]
) -> None:
    assert admin("GET", "/api/admin/leads", claims=claims).status == 403


def test_without_a_token_there_is_nothing(admin: AdminClient) -> None:
    assert admin("GET", "/api/admin/leads", claims=None).status == 401


def test_roles_are_compared_without_case_and_with_cognitos_prefix(
    admin: AdminClient, dealership: int, other: int
) -> None:
    claims = {
        "sub": "x",
        "custom:usertype": "DEALERSHIPOWNER",
        "custom:dealershipid": str(dealership),
    }

    listed = admin("GET", "/api/admin/dealerships", claims=claims).body["dealerships"]

    assert [found["id"] for found in listed] == [dealership]
    assert (
        admin("GET", "/api/admin/dealerships", claims=ADMIN | {"usertype": "admin"}).status == 200
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/admin/nothing", 404),
        ("DELETE", "/api/admin/leads", 405),
        ("POST", "/api/admin/dealerships", 400),
    ],
)
def test_wrong_routes_and_broken_bodies_are_problems(
    admin: AdminClient, method: str, path: str, status: int
) -> None:
    answer = admin(method, path, "{")

    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["correlationId"] == "request-1"


def test_a_database_that_is_away_means_try_again(
    admin: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PORT", "9")

    answer = admin("GET", "/api/admin/leads")

    assert answer.status == 503
    assert answer.headers["Retry-After"]


def test_an_unexpected_failure_tells_and_logs_nobody(
    admin: AdminClient,
    dealership: int,
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    database.connection().execute(
        "ALTER TABLE dealership_easycars_credentials ADD CHECK (environment = 'Production')"
    )
    secrets = {name: f"planted-{name}" for name in ("clientId", "clientSecret")}
    secrets |= {"accountNumber": "EC777777", "accountSecret": "planted-accountSecret"}

    failed = admin(
        "POST",
        "/api/admin/easycars/credentials",
        secrets | {"environment": "Test", "yardCode": "sam@example.org"},
        dealershipId=dealership,
    )

    out = capsys.readouterr().out
    assert failed.status == 500
    assert "CheckViolation" in out
    assert not [text for text in secrets.values() if text in out + str(failed.body)]
    assert "sam@example.org" not in out
