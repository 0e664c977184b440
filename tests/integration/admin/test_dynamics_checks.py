"""Checking and setting up a connection through the admin API, against the Dataverse simulator."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from forecourt.storage.postgres import Database
from local.dataverse_simulator import DataverseSimulator
from tests.support.admin_api import AdminClient, Answered
from tests.support.aws_account import AwsAccount

ROUTE = "/api/admin/dynamics/connection"


@pytest.fixture
def dataverse(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataverseSimulator]:
    """Two tenants in the place of every Dynamics; to be asked for before the API."""
    with DataverseSimulator() as running:
        monkeypatch.setenv("DYNAMICS_URL", running.url)
        yield running


def connect(
    admin: AdminClient, dataverse: DataverseSimulator, dealership: int, number: int = 0
) -> Answered:
    tenant = dataverse.accounts()[number].as_json()
    names = ("environmentUrl", "tenantId", "clientId", "clientSecret")
    body = {name: tenant[name] for name in names}
    return admin("PUT", ROUTE, body, dealershipId=dealership)


def check(admin: AdminClient, dealership: int) -> dict[str, Any]:
    answer = admin("POST", f"{ROUTE}/check", dealershipId=dealership)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


def set_up(admin: AdminClient, dealership: int, **body: bool) -> dict[str, Any]:
    answer = admin("POST", f"{ROUTE}/setup", body, dealershipId=dealership)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


def results(report: dict[str, Any]) -> dict[str, str]:
    return {line["name"]: line["result"] for line in report["lines"]}


def test_a_check_is_kept_and_so_is_what_it_read(
    dataverse: DataverseSimulator, admin: AdminClient, dealership: int, database: Database
) -> None:
    connect(admin, dataverse, dealership)

    report = check(admin, dealership)

    shown = admin("GET", ROUTE, dealershipId=dealership).body
    assert report["ok"] is True
    assert shown["lastCheck"] == report
    assert shown["lastCheckedAt"]
    assert shown["metadataReadAt"]
    (has_subject,) = database.connection().execute(
        "SELECT metadata -> 'columns' ? 'subject' FROM dynamics_connection"
    ).fetchone() or (None,)
    assert has_subject is True
    assert dataverse.accounts()[0].client_secret not in str([report, shown])


def test_a_check_tells_of_both_switches(
    dataverse: DataverseSimulator, admin: AdminClient, dealership: int
) -> None:
    connect(admin, dataverse, dealership)

    admin("PUT", "/api/admin/settings", {"dynamicsPushEnabled": False})
    system = check(admin, dealership)
    admin("PUT", "/api/admin/settings", {"dynamicsPushEnabled": True})
    admin("PUT", ROUTE, {"enabled": False}, dealershipId=dealership)
    own = check(admin, dealership)

    assert results(system)["switches"] == results(own)["switches"] == "warn"
    assert "dynamicsPushEnabled" in str(system["lines"])
    assert "--enabled" in str(own["lines"])


def test_a_refusal_is_an_answer_and_keeps_the_metadata_of_before(
    dataverse: DataverseSimulator, admin: AdminClient, dealership: int
) -> None:
    connect(admin, dataverse, dealership)
    check(admin, dealership)
    tenant = dataverse.accounts()[0]
    dataverse.change_account(tenant.client_id, application_user=False)
    dataverse.revoke_tokens()

    report = check(admin, dealership)

    assert report["ok"] is False
    assert results(report)["WhoAmI"] == "fail"
    assert admin("GET", ROUTE, dealershipId=dealership).body["metadataReadAt"]


def test_a_dry_run_creates_nothing_and_a_real_one_is_audited(
    dataverse: DataverseSimulator, admin: AdminClient, dealership: int, database: Database
) -> None:
    connect(admin, dataverse, dealership, number=1)
    table = dataverse.table(dataverse.accounts()[1].environment_url)
    table.pace = replace(table.pace, seconds=0.0, polls=0)

    dry = set_up(admin, dealership)
    untouched = "hnt_forecourtid" in table.columns()
    report = set_up(admin, dealership, dryRun=False)
    again = set_up(admin, dealership, dryRun=False)

    assert (dry["ready"], dry["goesOn"], untouched) == (False, True, False)
    assert report["ready"] is again["ready"] is True
    assert "hnt_forecourtid" in table.columns()
    rows = (
        database.connection()
        .execute("SELECT detail FROM audit_log WHERE action = 'dynamics.set-up'")
        .fetchall()
    )
    assert rows == [({"created": ["key column", "alternate key"]},)]


def test_without_a_connection_there_is_nothing_to_look_at(
    dataverse: DataverseSimulator, admin: AdminClient, dealership: int
) -> None:
    assert admin("POST", f"{ROUTE}/check", dealershipId=dealership).status == 404
    assert admin("POST", f"{ROUTE}/setup", {}, dealershipId=dealership).status == 404


def test_an_unreadable_secret_is_to_be_given_again(
    dataverse: DataverseSimulator, admin: AdminClient, dealership: int, database: Database
) -> None:
    connect(admin, dataverse, dealership)
    other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    database.connection().execute("UPDATE dynamics_connection SET dealership_id = %s", (other,))

    refused = admin("POST", f"{ROUTE}/check", dealershipId=other)

    assert refused.status == 409
    assert refused.body["type"] == "urn:forecourt:problem:credentials-unreadable"
