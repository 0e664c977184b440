"""Leads pushed to Dynamics 365 by a person, tried again, and counted."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from forecourt.aws.clients import create_client
from forecourt.security.dynamics_connections import remote_scope_of
from forecourt.storage.postgres import Database
from tests.integration.admin.test_dynamics_connection import BODY as CONNECTION
from tests.integration.admin.test_dynamics_connection import ROUTE as CONNECTION_ROUTE
from tests.integration.admin.test_dynamics_connection import add_delivery, deliveries
from tests.support.admin_api import AdminClient, Answered, owner
from tests.support.aws_account import AwsAccount
from tests.support.lead_desk import store_lead

PUSH = "/api/admin/dynamics/push"
STATUS = "/api/admin/dynamics/status"
REMOTE = "8b1a2c3d-58c6-4a6e-9a51-00000000d365"


@pytest.fixture
def connected(admin: AdminClient, dealership: int) -> int:
    admin("PUT", CONNECTION_ROUTE, CONNECTION, dealershipId=dealership)
    return dealership


def push(admin: AdminClient, *leads: UUID, **options: Any) -> Answered:
    return admin("POST", PUSH, {"leadIds": [str(lead) for lead in leads]}, **options)


def statuses(answer: Answered) -> dict[str, str]:
    assert answer.status == 202, answer.body
    return {one["leadId"]: one["status"] for one in answer.body["leads"]}


def retry(admin: AdminClient, lead: UUID) -> Answered:
    return admin("POST", f"/api/admin/dynamics/retry/{lead}")


def dynamics_row(database: Database, lead: UUID) -> dict[str, Any]:
    row: tuple[Any, ...] = database.connection().execute(
        "SELECT to_jsonb(d) FROM lead_delivery d JOIN lead l ON l.id = d.lead_id"
        " WHERE l.external_id = %s AND d.target = 'Dynamics'",
        (lead,),
    ).fetchone() or ({},)
    found: dict[str, Any] = row[0]
    return found


def wake_ups(account: AwsAccount) -> list[dict[str, Any]]:
    sqs = create_client("sqs")
    got = sqs.receive_message(
        QueueUrl=account.environment["DYNAMICS_QUEUE_URL"], MaxNumberOfMessages=10
    )
    return [json.loads(message["Body"]) for message in got.get("Messages", [])]


def change(database: Database, lead: UUID, values: str) -> None:
    database.connection().execute(
        f"UPDATE lead_delivery d SET {values} FROM lead l"  # noqa: S608 - the test's own words
        " WHERE l.id = d.lead_id AND l.external_id = %s AND d.target = 'Dynamics'",
        (lead,),
    )


def test_a_lead_that_was_never_pushed_becomes_due_and_its_worker_is_woken(
    admin: AdminClient, connected: int, database: Database, account: AwsAccount
) -> None:
    lead = store_lead(database, connected)

    answer = admin("POST", PUSH, {"leadId": str(lead)})

    assert statuses(answer) == {str(lead): "queued"}
    row = dynamics_row(database, lead)
    assert (row["state"], row["push_job_id"]) == ("pending", answer.body["jobId"])
    assert [(one["leadId"], one["deliveryId"]) for one in wake_ups(account)] == [
        (str(lead), row["id"])
    ]


def test_each_lead_is_told_what_becomes_of_it(
    admin: AdminClient, connected: int, database: Database
) -> None:
    unconnected = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    queued, busy, spam, erased = (store_lead(database, connected) for _ in range(4))
    elsewhere, nowhere = store_lead(database, unconnected), uuid4()
    add_delivery(database, busy, "Dynamics", "pending")
    change(
        database,
        busy,
        "state = 'in_progress', lease_until = now(), lease_token = gen_random_uuid()",
    )
    database.connection().execute(
        "UPDATE lead SET spam = external_id = %s, erased_at = CASE external_id WHEN %s THEN now()"
        " END",
        (spam, erased),
    )

    answer = push(admin, queued, busy, spam, erased, elsewhere, nowhere, queued)

    assert statuses(answer) == {
        str(queued): "queued",
        str(busy): "in_progress",
        str(spam): "spam",
        str(erased): "erased",
        str(elsewhere): "not_connected",
        str(nowhere): "not_found",
    }
    assert len(answer.body["leads"]) == 6
    assert deliveries(database, spam) == deliveries(database, erased) == {}
    assert dynamics_row(database, busy)["attempts"] == 3
    assert dynamics_row(database, busy)["push_job_id"] == answer.body["jobId"]


@pytest.mark.parametrize("state", ["delivered", "failed", "pending"])
def test_what_was_tried_before_is_due_again_with_what_is_known(
    admin: AdminClient, connected: int, database: Database, state: str
) -> None:
    lead = store_lead(database, connected)
    add_delivery(database, lead, "Dynamics", state, "DELETED_IN_DYNAMICS")
    change(database, lead, f"remote_id = '{REMOTE}', payload_hash = 'kept'")

    push(admin, lead)

    row = dynamics_row(database, lead)
    assert (row["state"], row["attempts"], row["last_error_code"]) == ("pending", 0, None)
    assert (row["remote_id"], row["payload_hash"]) == (REMOTE, "kept")
    assert row["delivered_fields"] == {"kept": 1}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "leadId"),
        ({"leadIds": []}, "leadIds"),
        ({"leadIds": ["not-an-id"]}, "leadIds.0"),
        ({"leadId": REMOTE, "leadIds": [REMOTE]}, "leadIds"),
        ({"leadIds": [REMOTE] * 501}, "leadIds"),
        ({"leads": [REMOTE]}, "leads"),
    ],
    ids=["nothing", "none", "no id", "both", "too many", "unknown"],
)
def test_a_body_that_names_no_leads_is_refused(
    admin: AdminClient, connected: int, body: dict[str, Any], field: str
) -> None:
    refused = admin("POST", PUSH, body)

    assert refused.status == 422
    assert field in refused.bad_fields


def test_five_hundred_leads_wake_no_more_than_ten_at_once(
    admin: AdminClient, connected: int, database: Database, account: AwsAccount
) -> None:
    database.connection().execute(
        "INSERT INTO lead (dealership_id, external_id, name, email, phone, message)"
        " SELECT %s, gen_random_uuid(), 'Kim', 'kim@mail.example', '04', 'Hi'"
        " FROM generate_series(1, 500)",
        (connected,),
    )
    leads = [row[0] for row in database.connection().execute("SELECT external_id FROM lead")]

    answer = push(admin, *leads)

    assert set(statuses(answer).values()) == {"queued"}
    (woken,) = database.connection().execute(
        "SELECT count(*) FROM lead_delivery WHERE woken_until > now()"
    ).fetchone() or (0,)
    assert woken == 10
    shown = admin("GET", STATUS, jobId=answer.body["jobId"]).body
    assert (shown["total"], shown["states"]["pending"]) == (500, 500)


def test_a_retry_creates_again_what_was_deleted_there(
    admin: AdminClient, connected: int, database: Database, account: AwsAccount
) -> None:
    lead = store_lead(database, connected)
    add_delivery(database, lead, "Dynamics", "failed", "DELETED_IN_DYNAMICS")
    change(database, lead, f"remote_id = '{REMOTE}', payload_hash = 'former'")

    answer = retry(admin, lead)

    assert answer.status == 202
    assert (answer.body["leadId"], answer.body["status"]) == (str(lead), "queued")
    row = dynamics_row(database, lead)
    assert (row["state"], row["remote_id"], row["payload_hash"], row["delivered_fields"]) == (
        "pending", None, None, None,
    )  # fmt: skip
    assert len(wake_ups(account)) == 1


def test_a_retry_of_any_other_trouble_keeps_the_record(
    admin: AdminClient, connected: int, database: Database
) -> None:
    lead = store_lead(database, connected)
    add_delivery(database, lead, "Dynamics", "failed", "TEXT_TOO_LONG")
    change(database, lead, f"remote_id = '{REMOTE}'")

    retry(admin, lead)

    assert dynamics_row(database, lead)["remote_id"] == REMOTE


def test_a_retry_that_makes_no_sense_says_why(
    admin: AdminClient, connected: int, database: Database
) -> None:
    unconnected = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    spam, elsewhere = store_lead(database, connected), store_lead(database, unconnected)
    database.connection().execute("UPDATE lead SET spam = true WHERE external_id = %s", (spam,))

    answers = {name: retry(admin, lead) for name, lead in
               (("spam", spam), ("elsewhere", elsewhere), ("nobody", uuid4()))}  # fmt: skip

    assert {name: one.status for name, one in answers.items()} == {
        "spam": 409,
        "elsewhere": 409,
        "nobody": 404,
    }
    assert "save one first" in answers["elsewhere"].body["detail"]
    assert admin("POST", "/api/admin/dynamics/retry/x").status == 404


def test_while_it_is_switched_off_nothing_is_pushed(
    admin: AdminClient, connected: int, database: Database
) -> None:
    lead = store_lead(database, connected)
    admin("PUT", "/api/admin/settings", {"dynamicsPushEnabled": False})

    refusals = [push(admin, lead), retry(admin, lead)]

    for refused in refusals:
        assert refused.status == 403
        assert refused.body["type"] == "urn:forecourt:problem:dynamics-switched-off"
        assert "dynamicsPushEnabled" in refused.body["detail"]
    assert deliveries(database, lead) == {}
    assert admin("GET", STATUS).body["enabled"] is False

    admin("PUT", "/api/admin/settings", {"dynamicsPushEnabled": True})
    assert statuses(push(admin, lead)) == {str(lead): "queued"}


def test_a_connection_that_is_switched_off_takes_no_pushes(
    admin: AdminClient, connected: int, database: Database
) -> None:
    lead = store_lead(database, connected)
    admin("PUT", CONNECTION_ROUTE, {"enabled": False}, dealershipId=connected)

    refusals = [push(admin, lead), retry(admin, lead)]

    assert [refused.status for refused in refusals] == [403, 403]
    assert all("enabled true" in refused.body["detail"] for refused in refusals)
    assert deliveries(database, lead) == {}
    assert statuses(push(admin, lead, uuid4()))[str(lead)] == "switched_off"


def test_status_counts_by_state_and_by_kind_of_trouble(
    admin: AdminClient, connected: int, database: Database
) -> None:
    for state, code in (
        ("delivered", None),
        ("pending", None),
        ("pending", "RATE_LIMITED"),
        ("failed", "DUPLICATE_FOUND"),
        ("failed", "TEXT_TOO_LONG"),
        ("failed", "NEVER_HEARD_OF"),
    ):
        add_delivery(database, store_lead(database, connected), "Dynamics", state, code)
    add_delivery(database, store_lead(database, connected), "EasyCars", "failed", "TIMEOUT")
    other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]

    shown = admin("GET", STATUS).body

    assert shown["total"] == 6
    assert shown["states"] == {"pending": 2, "in_progress": 0, "delivered": 1, "failed": 3}
    assert {kind: count for kind, count in shown["errors"].items() if count} == {
        "rate_limit": 1,
        "duplicate": 1,
        "validation": 1,
        "unknown": 1,
    }
    assert shown["errorCodes"] == {
        "DUPLICATE_FOUND": 1,
        "NEVER_HEARD_OF": 1,
        "RATE_LIMITED": 1,
        "TEXT_TOO_LONG": 1,
    }
    assert admin("GET", STATUS, claims=owner(other)).body["total"] == 0
    assert admin("GET", STATUS, dealershipId=connected).body == shown


def test_a_push_of_another_dealership_is_as_unknown_as_none(
    admin: AdminClient, connected: int, database: Database
) -> None:
    other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    job = push(admin, store_lead(database, connected)).body["jobId"]

    assert admin("GET", STATUS, jobId=job, claims=owner(connected)).status == 200
    assert admin("GET", STATUS, jobId=job, claims=owner(other)).status == 404
    assert admin("GET", STATUS, jobId=str(uuid4())).status == 404
    assert admin("GET", STATUS, jobId="x").bad_fields == {"jobId"}


def test_a_delivery_to_dynamics_shows_its_hold_and_what_can_be_done(
    admin: AdminClient, connected: int, database: Database
) -> None:
    lead = store_lead(database, connected)
    add_delivery(database, lead, "Dynamics", "failed", "PRIVILEGE_MISSING")
    database.connection().execute(
        "UPDATE dynamics_connection SET hold_reason = 'No role.', hold_until = now()"
    )

    [shown] = admin("GET", "/api/admin/deliveries").body["deliveries"]
    refused = admin("POST", f"/api/admin/deliveries/{shown['id']}/resend")

    assert shown["target"] == "Dynamics"
    assert (shown["acts"], shown["holdReason"]) == (["retry"], "No role.")
    assert refused.status == 409


def test_who_pushed_is_audited(admin: AdminClient, connected: int, database: Database) -> None:
    lead = store_lead(database, connected)
    job = push(admin, lead, uuid4(), claims=owner(connected)).body["jobId"]
    retry(admin, lead)

    rows = (
        database.connection()
        .execute(
            "SELECT actor, action, subject_id, detail FROM audit_log"
            " WHERE action IN ('dynamics.pushed', 'dynamics.retried') ORDER BY id"
        )
        .fetchall()
    )
    assert rows == [
        ("owner-1", "dynamics.pushed", job, {"leads": 2, "queued": 1}),
        ("admin-1", "dynamics.retried", str(lead), {}),
    ]


def test_a_lead_says_how_far_it_is_and_where_its_page_is(
    admin: AdminClient, connected: int, database: Database
) -> None:
    lead = store_lead(database, connected)
    before = admin("GET", f"/api/admin/leads/{lead}").body
    push(admin, lead)
    record = admin("GET", CONNECTION_ROUTE, dealershipId=connected).body
    app = "7d1c6c1e-5a53-4f0e-8a1b-0a2f6a9d1c02"
    admin("PUT", CONNECTION_ROUTE, {"appId": app}, dealershipId=connected)
    change(
        database,
        lead,
        f"state = 'delivered', remote_id = '{REMOTE}', attempts = 2, delivered_at = now(),"
        f" remote_scope = '{remote_scope_of(record['environmentUrl'])}'",
    )

    after = admin("GET", f"/api/admin/leads/{lead}").body
    [listed] = admin("GET", "/api/admin/leads").body["leads"]
    admin(
        "PUT",
        CONNECTION_ROUTE,
        {"environmentUrl": "https://other.crm6.dynamics.com"},
        dealershipId=connected,
    )
    moved = admin("GET", f"/api/admin/leads/{lead}").body

    assert (before["d365SyncStatus"], before["d365LeadId"]) == ("not_synced", None)
    assert before["d365SyncAttemptCount"] == 0
    assert (after["d365SyncStatus"], after["d365LeadId"]) == ("synced", REMOTE)
    assert (after["d365SyncAttemptCount"], after["d365SyncError"]) == (2, None)
    assert after["d365SyncLastAt"]
    assert after["d365LeadUrl"] == (
        "https://obrien.crm6.dynamics.com/main.aspx?pagetype=entityrecord&etn=lead"
        f"&id={REMOTE}&appid={app}"
    )
    assert listed["d365LeadUrl"] == after["d365LeadUrl"]
    assert (moved["d365LeadId"], moved["d365LeadUrl"]) == (REMOTE, None)
    assert not {"d365RemoteScope", "d365EnvironmentUrl", "d365AppId"} & after.keys()
