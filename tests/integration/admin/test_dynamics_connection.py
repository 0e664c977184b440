"""A connection to Dynamics 365 through the admin API: checked, never shown, releasing leads."""

from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from forecourt.aws.kms import KmsDataKeys
from forecourt.storage.dynamics_connections import DynamicsVault
from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, Answered, owner, staff
from tests.support.aws_account import AwsAccount
from tests.support.certificates import certificate_pem, rsa_key
from tests.support.lead_desk import store_lead

ROUTE = "/api/admin/dynamics/connection"
BODY = {
    "environmentUrl": "https://OBrien.crm6.dynamics.com/",
    "tenantId": "8F1D3F6E-3a59-4f0e-9e0b-0a2f6a9d1c01",
    "clientId": "7d1c6c1e-5a53-4f0e-8a1b-0a2f6a9d1c02",
    "clientSecret": "q8~planted-secret",
}


def put(admin: AdminClient, dealership: int, **body: Any) -> Answered:
    return admin("PUT", ROUTE, body, dealershipId=dealership)


@pytest.fixture
def connected(admin: AdminClient, dealership: int) -> Answered:
    return put(admin, dealership, **BODY)


def complaints(answer: Answered) -> dict[str, str]:
    assert answer.status == 422, answer.body
    return {error["field"]: error["message"] for error in answer.body["errors"]}


def test_without_one_there_is_none(admin: AdminClient, dealership: int) -> None:
    asked = admin("GET", ROUTE, dealershipId=dealership)

    assert (asked.status, "dynamics connect" in asked.body["detail"]) == (404, True)
    assert admin("DELETE", ROUTE, dealershipId=dealership).status == 404


def test_what_was_saved_is_shown_but_for_its_secret(
    admin: AdminClient, dealership: int, connected: Answered
) -> None:
    shown = admin("GET", ROUTE, dealershipId=dealership)

    assert connected.status == 200
    assert connected.body == shown.body
    assert shown.body["environmentUrl"] == "https://obrien.crm6.dynamics.com"
    assert shown.body["tenantId"] == BODY["tenantId"].lower()
    assert shown.body["apiVersion"] == "v9.2"
    assert shown.body["keyColumn"] == "hnt_forecourtid"
    assert shown.body["config"] == {
        "optionSets": {},
        "columns": {},
        "duplicateDetection": False,
    }
    assert shown.body["enabled"] is True
    assert shown.body["secret"]["kind"] == "clientSecret"
    assert shown.body["secret"]["changedAt"]
    assert "planted" not in str(shown.body)


def test_what_is_left_out_stays(admin: AdminClient, dealership: int, connected: Answered) -> None:
    config = {
        "optionSets": {"hnt_source": {"Partner Center": 816940000}},
        "columns": {"hnt_domain": False},
        "duplicateDetection": True,
    }
    put(admin, dealership, config=config, appId=BODY["clientId"], keyColumn="new_forecourt")

    changed = put(admin, dealership, apiVersion="v9.1", enabled=False).body
    cleared = put(admin, dealership, appId=None).body

    assert changed["config"] == config
    assert changed["appId"] == BODY["clientId"]
    assert (changed["keyColumn"], changed["apiVersion"]) == ("new_forecourt", "v9.1")
    assert changed["enabled"] is False
    assert changed["secret"] == connected.body["secret"]
    assert cleared["appId"] is None
    assert cleared["config"] == config


def test_a_first_connection_names_what_it_misses(admin: AdminClient, dealership: int) -> None:
    assert complaints(put(admin, dealership)) == dict.fromkeys(
        ("environmentUrl", "tenantId", "clientId", "clientSecret"), "is required"
    )


@pytest.mark.parametrize(
    "address",
    [
        "http://obrien.crm6.dynamics.com",
        "https://obrien.crm6.dynamics.com/main.aspx",
        "https://obrien.crm6.dynamics.com:8443",
        "https://user@obrien.crm6.dynamics.com",
        "https://obrien.crm6.dynamics.com?x",
        "https://dynamics.com.evil.example",
        "https://evil-dynamics.com",
        "https://169.254.169.254",
        "https://[fd00::1]",
        "https://[::::]",
        "https://localhost",
        "obrien.crm6.dynamics.com",
        "https://",
    ],
)
def test_an_environment_is_https_and_dataverse_alone(
    admin: AdminClient, dealership: int, address: str
) -> None:
    refused = complaints(put(admin, dealership, **BODY | {"environmentUrl": address}))

    assert list(refused) == ["environmentUrl"]
    assert "https://org.crm6.dynamics.com" in refused["environmentUrl"]


@pytest.mark.parametrize(
    ("field", "value", "cure"),
    [
        ("tenantId", "common", "directory"),
        ("tenantId", "Organizations", "directory"),
        ("tenantId", "not a tenant", "directory"),
        ("clientId", "forecourt", "GUID"),
        ("clientSecret", "", "must not be empty"),
        ("clientSecret", "a\nb", "control"),
        ("certificate", "-----BEGIN", "PEM"),
        ("apiVersion", "9.2", "v9.2"),
        ("apiVersion", "v8.2", "v9.2"),
        ("keyColumn", "HNT_ForecourtId", "logical name"),
        ("keyColumn", "emailaddress1", "prefix"),
        ("appId", "sales", "GUID"),
        ("enabled", "yes", "true or false"),
        ("colour", "red", "not a known field"),
    ],
)
def test_a_bad_value_is_named_with_its_cure(
    admin: AdminClient, dealership: int, field: str, value: Any, cure: str
) -> None:
    body = dict(BODY)
    if field == "certificate":
        del body["clientSecret"]

    refused = complaints(put(admin, dealership, **body | {field: value}))

    assert cure in refused[field]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"optionSets": {"hnt_source": {"Manual": "816940001"}}}, "optionSets"),
        ({"optionSets": {"hnt_source": {"Manual": True}}}, "optionSets"),
        ({"optionSets": {"hnt_source": {"Manual": 2**31}}}, "optionSets"),
        ({"optionSets": {"HNT Source": {"Manual": 1}}}, "optionSets"),
        ({"columns": {"hnt_domain": 1}}, "columns"),
        ({"columns": ["hnt_domain"]}, "columns"),
        ({"mapping": {}}, "mapping"),
    ],
)
def test_a_config_of_another_shape_is_refused(
    admin: AdminClient, dealership: int, config: Any, field: str
) -> None:
    refused = complaints(put(admin, dealership, **BODY, config=config))

    assert all(name.startswith(f"config.{field}") for name in refused)


def test_a_domain_names_a_tenant_too(admin: AdminClient, dealership: int) -> None:
    saved = put(admin, dealership, **BODY | {"tenantId": "OBrien.OnMicrosoft.com"})

    assert saved.body["tenantId"] == "obrien.onmicrosoft.com"


def test_a_certificate_with_its_key_serves_instead_of_a_secret(
    admin: AdminClient, dealership: int, connected: Answered
) -> None:
    both = complaints(put(admin, dealership, clientSecret="x", certificate=certificate_pem()))
    saved = put(admin, dealership, certificate=certificate_pem())

    assert list(both) == ["certificate"]
    assert saved.body["secret"]["kind"] == "certificate"
    assert "PRIVATE" not in str(saved.body)


@pytest.mark.parametrize("kind", ["encrypted", "elliptic", "foreign key", "short key"])
def test_a_certificate_that_cannot_sign_is_refused(
    admin: AdminClient, dealership: int, connected: Answered, kind: str
) -> None:
    texts = {
        "encrypted": lambda: certificate_pem(password=b"x"),
        "elliptic": lambda: certificate_pem(key=ec.generate_private_key(ec.SECP256R1())),
        "foreign key": lambda: certificate_pem(shown_key=rsa_key()),
        "short key": lambda: certificate_pem(key=rsa_key(bits=1024)),
    }

    assert list(complaints(put(admin, dealership, certificate=texts[kind]()))) == ["certificate"]


@pytest.mark.parametrize("field", ["tenantId", "clientId"])
def test_a_stored_secret_serves_no_other_registration(
    admin: AdminClient, dealership: int, connected: Answered, field: str
) -> None:
    other = "11111111-2222-4333-8444-555555555555"

    assert list(complaints(put(admin, dealership, **{field: other}))) == ["clientSecret"]
    assert put(admin, dealership, **{field: other}, clientSecret="new").status == 200


@pytest.fixture
def local_address(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address that answers for every Dynamics 365; to be asked for before the API."""
    address = "http://127.0.0.1:9"
    monkeypatch.setenv("DYNAMICS_URL", address)
    return address


def test_behind_a_local_address_any_environment_does(
    local_address: str, admin: AdminClient, dealership: int
) -> None:
    saved = put(admin, dealership, **BODY | {"environmentUrl": f"{local_address}/"})

    assert saved.body["environmentUrl"] == local_address


def test_an_unknown_dealership_is_not_found(admin: AdminClient) -> None:
    assert put(admin, 999, **BODY).status == 404


def test_owners_manage_and_staff_only_reads(
    admin: AdminClient, dealership: int, connected: Answered
) -> None:
    assert admin("GET", ROUTE, claims=staff(dealership)).status == 200
    assert admin("PUT", ROUTE, {"enabled": False}, claims=staff(dealership)).status == 403
    assert admin("DELETE", ROUTE, claims=staff(dealership)).status == 403
    assert admin("PUT", ROUTE, {"enabled": False}, claims=owner(dealership)).status == 200


def test_every_change_is_audited_without_its_values(
    admin: AdminClient, dealership: int, connected: Answered, database: Database
) -> None:
    put(admin, dealership, clientSecret="planted-too", enabled=False)
    admin("DELETE", ROUTE, dealershipId=dealership)

    rows = (
        database.connection()
        .execute(
            "SELECT action, detail -> 'changed' FROM audit_log"
            " WHERE subject_type = 'dynamics_connection' ORDER BY id"
        )
        .fetchall()
    )
    assert rows[0][0] == "dynamics.connected"
    assert rows[1:] == [
        ("dynamics.changed", ["client_secret", "is_active"]),
        ("dynamics.disconnected", None),
    ]
    assert "planted" not in str(rows)


def test_an_unreadable_secret_can_be_given_again(
    admin: AdminClient, dealership: int, connected: Answered, database: Database,
    account: AwsAccount,
) -> None:  # fmt: skip
    other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    database.connection().execute("UPDATE dynamics_connection SET dealership_id = %s", (other,))

    refused = put(admin, other, enabled=True)
    mended = put(admin, other, clientSecret="new")

    assert refused.status == 409
    assert refused.body["type"] == "urn:forecourt:problem:credentials-unreadable"
    assert mended.status == 200
    loaded = DynamicsVault(database, KmsDataKeys(account.key_arn)).load(other)
    assert loaded
    assert loaded.client_secret
    assert loaded.client_secret.get_secret_value() == "new"


def deliveries(database: Database, lead: UUID) -> dict[str, tuple[str, str | None]]:
    rows = database.connection().execute(
        "SELECT d.target, d.state, d.last_error_code FROM lead_delivery d"
        " JOIN lead l ON l.id = d.lead_id WHERE l.external_id = %s",
        (lead,),
    )
    return {target: (state, code) for target, state, code in rows.fetchall()}


def add_delivery(
    database: Database, lead: UUID, target: str, state: str, code: str | None = None
) -> None:
    database.connection().execute(
        "INSERT INTO lead_delivery (lead_id, dealership_id, target, state, last_error_code,"
        " attempts, next_attempt_at, delivered_fields)"
        " SELECT id, dealership_id, %s, %s, %s, 3, now() + interval '1 hour', '{\"kept\": 1}'"
        " FROM lead WHERE external_id = %s",
        (target, state, code, lead),
    )


@pytest.mark.parametrize(
    ("state", "code", "becomes"),
    [
        ("failed", "NO_CONNECTION", ("pending", "NO_CONNECTION")),
        ("failed", "PRIVILEGE_MISSING", ("pending", "PRIVILEGE_MISSING")),
        ("pending", "TOKEN_DENIED", ("pending", "TOKEN_DENIED")),
        ("failed", "OPTION_REFUSED", ("pending", "OPTION_REFUSED")),
        ("failed", "DUPLICATE_FOUND", ("failed", "DUPLICATE_FOUND")),
    ],
)
def test_a_save_makes_due_what_it_may_have_mended(
    admin: AdminClient, dealership: int, connected: Answered, database: Database,
    state: str, code: str, becomes: tuple[str, str],
) -> None:  # fmt: skip
    lead = store_lead(database, dealership)
    add_delivery(database, lead, "Dynamics", state, code)

    put(admin, dealership, clientSecret="new")

    assert deliveries(database, lead) == {"Dynamics": becomes}
    (due,) = database.connection().execute(
        "SELECT next_attempt_at <= now() FROM lead_delivery"
    ).fetchone() or (None,)
    assert due is (becomes[0] == "pending")


def test_leads_of_before_the_first_connection_go_to_dynamics(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    waiting, elsewhere = store_lead(database, dealership), store_lead(database, dealership)
    add_delivery(database, waiting, "EasyCars", "failed", "NO_CONNECTION")
    add_delivery(database, elsewhere, "EasyCars", "delivered")

    put(admin, dealership, **BODY)

    assert deliveries(database, waiting)["Dynamics"] == ("pending", None)
    assert "Dynamics" not in deliveries(database, elsewhere)


def test_a_connection_that_is_saved_switched_off_releases_nothing(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    lead = store_lead(database, dealership)
    add_delivery(database, lead, "Dynamics", "failed", "NO_CONNECTION")

    put(admin, dealership, **BODY, enabled=False)

    assert deliveries(database, lead) == {"Dynamics": ("failed", "NO_CONNECTION")}


def test_removing_it_parks_what_waits_and_keeps_what_is_known(
    admin: AdminClient, dealership: int, connected: Answered, database: Database
) -> None:
    leads = {
        state: store_lead(database, dealership) for state in ("pending", "delivered", "failed")
    }
    for state, lead in leads.items():
        add_delivery(database, lead, "Dynamics", state)

    removed = admin("DELETE", ROUTE, dealershipId=dealership)

    assert removed.status == 200
    assert removed.body["waitingLeads"] == 1
    assert "1 lead waited" in removed.body["message"]
    assert deliveries(database, leads["pending"]) == {"Dynamics": ("failed", "NO_CONNECTION")}
    assert deliveries(database, leads["delivered"]) == {"Dynamics": ("delivered", None)}
    (kept,) = database.connection().execute(
        "SELECT count(*) FROM lead_delivery WHERE delivered_fields IS NOT NULL"
    ).fetchone() or (0,)
    assert kept == 3
