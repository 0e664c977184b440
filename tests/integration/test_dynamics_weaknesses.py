"""What earlier work on leads into Dynamics got wrong, end to end (Dataverse reference, part 4).

The ledger in PostgreSQL, the delivery, the client with its tokens, and the strict simulator. Most
of that list is shown where the rule lives; `docs/dynamics.md` says by which test.
"""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from forecourt.dynamics.client import DynamicsClient
from forecourt.dynamics.lead_sink import DynamicsLeadSink
from forecourt.openapi.admin_records import LEAD as LEAD_RECORD
from forecourt.security.dynamics_records import DynamicsChanges
from forecourt.storage.dynamics_pushes import PostgresDynamicsPushes
from local.dataverse_simulator import DataverseSimulator
from tests.support.dynamics_delivery import DynamicsScene
from tests.support.handlers import ROOT
from tests.support.lead_delivery import ACTOR, lead_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"
COMPANY = {"canonical_name": "Acme Pty Ltd", "domain": "acme.example", "readiness_score": 81}
_DROPPED = re.compile(r"DROP\s+(VIEW|MATERIALIZED VIEW|TABLE)[^;]*\bCASCADE\b", re.IGNORECASE)


class Tenant:
    """A dealership with a connection to an organisation of the simulator, and a worker."""

    def __init__(self, url: str, vendor: DataverseSimulator) -> None:
        self.vendor = vendor
        self.scene = DynamicsScene(url)
        self.client = DynamicsClient(vendor.url)
        self.delivery = self.scene.new_delivery(sink=DynamicsLeadSink(self.client))
        self.dealership: int = self.scene.scene.add_dealership(connected=False)
        app = vendor.accounts()[0]
        values = {
            "environment_url": app.environment_url,
            "tenant_id": app.tenant_id,
            "client_id": app.client_id,
        }
        changes = DynamicsChanges(values=values, client_secret=SecretStr(app.client_secret))
        self.scene.vault.save(self.dealership, changes, actor=ACTOR)

    def close(self) -> None:
        self.client.close()
        self.scene.close()

    def accept(self, lead: str = LEAD, **fields: Any) -> None:
        self.scene.store(lead_body(self.dealership, lead, **fields))

    def wake(self) -> None:
        messages = self.scene.messages(self.dealership)
        assert self.delivery.deliver_batch(messages, worker="request-1") == []

    def columns(self) -> list[dict[str, Any]]:
        return [lead["values"] for lead in self.vendor.leads()]

    def operations(self) -> set[str]:
        return {request.operation for request in self.vendor.requests()}

    def view(self) -> dict[str, Any]:
        return self.scene.scene.one("SELECT * FROM lead_d365_sync")


@pytest.fixture
def vendor() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as simulator:
        yield simulator
        assert [(r.operation, r.reasons) for r in simulator.invalid_requests()] == []


@pytest.fixture
def tenant(database_url: str, vendor: DataverseSimulator) -> Iterator[Tenant]:
    opened = Tenant(database_url, vendor)
    yield opened
    opened.close()


def test_two_companies_that_share_a_mailbox_are_two_leads(tenant: Tenant) -> None:
    for name in ("Acme Pty Ltd", "Bright Pty Ltd"):
        tenant.accept(str(uuid4()), email="office@shared.example", company={"name": name})

    tenant.wake()

    shown = {(values["emailaddress1"], values["companyname"]) for values in tenant.columns()}
    assert shown == {
        ("office@shared.example", "Acme Pty Ltd"),
        ("office@shared.example", "Bright Pty Ltd"),
    }


@pytest.mark.parametrize("kind", ["cut_after", "http_500", "hang", "http_401"])
def test_a_lead_is_never_looked_for_and_never_posted(tenant: Tenant, kind: str) -> None:
    tenant.vendor.add_fault(kind, operation="UpsertLead", seconds=0.1 if kind == "hang" else None)
    tenant.accept()

    for _ in range(2):
        tenant.wake()
        tenant.scene.pass_time("1 hour")

    assert len(tenant.vendor.leads()) == 1
    assert tenant.operations() <= {"Token", "ReadMetadata", "UpsertLead"}


def test_what_was_deleted_there_comes_back_once_and_only_when_a_person_asks(
    tenant: Tenant,
) -> None:
    tenant.accept()
    tenant.wake()
    (before,) = tenant.vendor.leads()
    tenant.vendor.delete_lead(before["leadId"])
    tenant.scene.edit(LEAD, "message = 'Is it red?'")

    tenant.wake()
    assert tenant.vendor.leads() == []
    assert (tenant.view()["d365_sync_status"], tenant.scene.row(LEAD)["last_error_code"]) == (
        "error",
        "DELETED_IN_DYNAMICS",
    )
    lead = tenant.scene.scene.one("SELECT external_id FROM lead")["external_id"]
    PostgresDynamicsPushes(tenant.scene.database).retry(lead, None, uuid4(), actor=ACTOR)
    tenant.wake()

    (after,) = tenant.vendor.leads()
    assert after["leadId"] == tenant.view()["d365_lead_id"] != before["leadId"]
    assert "Is it red?" in after["values"]["description"]


def test_dynamics_never_shows_the_trouble_of_a_push_that_succeeded(tenant: Tenant) -> None:
    tenant.vendor.add_fault("http_503", operation="UpsertLead")
    tenant.accept(company=COMPANY)
    tenant.wake()
    assert tenant.vendor.leads() == []
    assert tenant.view()["d365_sync_status"] == "pending"

    tenant.scene.pass_time("1 hour")
    tenant.wake()

    (lead,) = tenant.vendor.leads()
    options = tenant.vendor.table().columns()["hnt_processingstatus"].options or {}
    assert lead["values"]["hnt_processingstatus"] == options["Completed"]
    assert lead["values"].get("hnt_syncerrormessage") is None
    assert lead["values"]["hnt_d365leadid"] == lead["leadId"] == tenant.view()["d365_lead_id"]
    shown = tenant.view()
    assert lead["values"]["hnt_syncattemptcount"] == shown["d365_sync_attempt_count"]
    assert (shown["d365_sync_status"], shown["d365_sync_error"]) == ("synced", None)


def test_a_stored_id_that_is_no_guid_gets_into_no_address(tenant: Tenant) -> None:
    tenant.accept()
    tenant.wake()
    (before,) = tenant.vendor.leads()
    tenant.scene.scene.execute("UPDATE lead_delivery SET remote_id = 'x)/Delete?$select=leadid'")
    tenant.scene.edit(LEAD, "message = 'Is it red?'")

    tenant.wake()

    (after,) = tenant.vendor.leads()
    assert after["leadId"] == before["leadId"] == tenant.view()["d365_lead_id"]
    assert "Is it red?" in after["values"]["description"]
    assert tenant.operations() == {"Token", "ReadMetadata", "UpsertLead"}


def test_times_are_utc_wherever_the_machine_thinks_it_is(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Australia/Sydney")
    time.tzset()
    try:
        tenant.accept(company=COMPANY)
        tenant.wake()
    finally:
        monkeypatch.undo()
        time.tzset()

    (values,) = tenant.columns()
    assert values["hnt_lastsynctime"].endswith("Z")
    told = datetime.fromisoformat(values["hnt_lastsynctime"])
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=5)


def test_a_lead_in_both_crms_is_one_row_wherever_it_is_shown(tenant: Tenant) -> None:
    tenant.scene.scene.connect(tenant.dealership)
    tenant.accept(company=COMPANY)

    tenant.wake()

    targets = tenant.scene.scene.rows("SELECT target FROM lead_delivery ORDER BY target")
    assert [row["target"] for row in targets] == ["Dynamics", "EasyCars"]
    assert tenant.view()["d365_sync_status"] == "synced"
    assert len(tenant.vendor.leads()) == 1


def test_the_database_and_the_api_speak_of_one_standing_in_the_same_words(tenant: Tenant) -> None:
    (definition,) = tenant.scene.scene.rows(
        "SELECT pg_get_viewdef('lead_d365_sync'::regclass) AS text"
    )
    states = tenant.scene.scene.one(
        "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint"
        " WHERE conrelid = 'lead_delivery'::regclass AND contype = 'c'"
        " AND pg_get_constraintdef(oid) LIKE %s",
        "%delivered%",
    )["text"]
    kept = set(re.findall(r"'(\w+)'", states)) - {"unconfirmed"}
    renamed = {"delivered": "synced", "failed": "error"}
    spoken = {renamed.get(state, state) for state in kept} | {"not_synced"}
    assert all(f"'{word}'" in definition["text"] for word in ("synced", "error", "not_synced"))
    assert set(LEAD_RECORD["properties"]["d365SyncStatus"]["enum"]) == spoken


def test_no_migration_takes_what_others_stand_on_along() -> None:
    written = [path.read_text() for path in (ROOT / "migrations/versions").glob("*.py")]
    assert [text for text in written if _DROPPED.search(text)] == []
    assert sum(text.count("CREATE VIEW lead_d365_sync") for text in written) == 1
