"""Nobody who is pinned to one dealership sees, changes or starts anything of another."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from forecourt.openapi.admin_operations import ADMIN_OPERATIONS
from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, Claims, owner, staff

CREDENTIALS = {
    "clientId": "c", "clientSecret": "cs", "accountNumber": "EC1", "accountSecret": "as",
    "environment": "Test",
}  # fmt: skip
EASYCARS = "/api/admin/easycars"
DYNAMICS = "/api/admin/dynamics"
CONNECTION = {
    "environmentUrl": "https://planted-host.crm6.dynamics.com", "clientSecret": "planted-secret",
    "tenantId": "8f1d3f6e-3a59-4f0e-9e0b-0a2f6a9d1c01",
    "clientId": "7d1c6c1e-5a53-4f0e-8a1b-0a2f6a9d1c02",
}  # fmt: skip
DEALERSHIP = "/api/admin/dealerships/{dealershipId}"
TABLES = (
    "dealership_easycars_credentials", "dealership_settings", "system_settings", "lead",
    "lead_delivery", "easycars_sync_logs", "sync_job", "audit_log", "dealership",
    "lead_status_conflicts", "site_key", "dealership_origin", "vehicle", "dynamics_connection",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """What one dealership has, and the id of another one."""

    victim: int
    attacker: int
    ids: dict[str, Any]


@pytest.fixture
def world(admin: AdminClient, dealership: int, database: Database) -> World:
    attacker = admin("POST", "/api/admin/dealerships", {"name": "Attacker"}).body["id"]
    path = f"{EASYCARS}/credentials"
    saved = admin("POST", path, CREDENTIALS, dealershipId=dealership).body
    admin("PUT", f"{DYNAMICS}/connection", CONNECTION, dealershipId=dealership)
    connection = database.connection()
    job_id, lead_id = uuid4(), uuid4()
    row: tuple[Any, ...] = connection.execute(
        "INSERT INTO lead (dealership_id, external_id, name, email, phone, message)"
        " VALUES (%s, %s, 'planted-name', 'p@example.org', '04', 'planted-message') RETURNING id",
        (dealership, lead_id),
    ).fetchone() or (0,)
    (delivery_id,) = connection.execute(
        "INSERT INTO lead_delivery (lead_id, dealership_id, target, state, next_attempt_at,"
        " last_error) VALUES (%s, %s, 'EasyCars', 'failed', NULL, 'planted-error') RETURNING id",
        (row[0], dealership),
    ).fetchone() or (0,)
    connection.execute(
        "INSERT INTO sync_job (id, sync_type, trigger, planned) VALUES (%s, 'stock', 'manual', 1)",
        (job_id,),
    )
    (log_id,) = connection.execute(
        "INSERT INTO easycars_sync_logs (dealership_id, sync_type, sync_direction, status, job_id,"
        " error_message, error_details)"
        " VALUES (%s, 'Stock', 'Inbound', 'Failed', %s, 'planted-error', %s) RETURNING id",
        (dealership, job_id, Jsonb({"failed": "planted-detail"})),
    ).fetchone() or (0,)
    (conflict_id,) = connection.execute(
        "INSERT INTO lead_status_conflicts (dealership_id, lead_id, local_status, remote_status,"
        " easycars_lead_number) VALUES (%s, %s, 'won', 60, 'planted-number') RETURNING id",
        (dealership, row[0]),
    ).fetchone() or (0,)
    (vehicle_id,) = connection.execute(
        "INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition, status,"
        " title) VALUES (%s, 'planted-make', 'x', 2020, 1, 1, 'used', 'active', 'x') RETURNING id",
        (dealership,),
    ).fetchone() or (0,)
    path = f"/api/admin/dealerships/{dealership}/site-keys"
    site_key = admin("POST", path, {"label": "planted-label"}).body
    ids = {
        "conflictId": conflict_id,
        "credentialId": saved["id"],
        "dealershipId": dealership,
        "deliveryId": delivery_id,
        "jobId": job_id,
        "keyId": site_key["keyId"],
        "leadId": lead_id,
        "logId": log_id,
        "messageId": "4cf2b9a3-0000-4000-8000-000000000000",
        "vehicleId": vehicle_id,
    }
    return World(victim=dealership, attacker=attacker, ids=ids)


READS = [
    f"{EASYCARS}/credentials",
    f"{EASYCARS}/sync/status",
    f"{EASYCARS}/schedules",
    f"{EASYCARS}/sync/logs",
    f"{EASYCARS}/sync/logs/{{logId}}",
    f"{EASYCARS}/sync/jobs/{{jobId}}",
    f"{EASYCARS}/lead-sync-conflicts",
    f"{DYNAMICS}/connection",
    f"{DYNAMICS}/status",
    "/api/admin/leads",
    "/api/admin/leads/{leadId}",
    "/api/admin/deliveries",
    "/api/admin/deliveries/{deliveryId}",
    "/api/admin/vehicles",
    "/api/admin/vehicles/{vehicleId}",
    "/api/admin/dealerships",
    f"{DEALERSHIP}/site-keys",
    f"{DEALERSHIP}/origins",
    "/api/admin/settings",
]
NOTHING_SAVED_YET = {f"{EASYCARS}/credentials", f"{DYNAMICS}/connection"}
WRITES = [
    ("POST", f"{EASYCARS}/credentials", CREDENTIALS),
    ("POST", f"{EASYCARS}/credentials/test-connection", CREDENTIALS),
    ("PUT", f"{EASYCARS}/credentials/{{credentialId}}", {"isActive": False}),
    ("DELETE", f"{EASYCARS}/credentials/{{credentialId}}", None),
    ("POST", f"{EASYCARS}/sync/stock", None),
    ("POST", f"{EASYCARS}/sync/leads", None),
    ("POST", "/api/admin/deliveries/{deliveryId}/retry", None),
    ("POST", "/api/admin/deliveries/{deliveryId}/resend", None),
    ("POST", "/api/admin/deliveries/{deliveryId}/resolve", {"number": "000001"}),
    ("POST", f"{EASYCARS}/lead-sync-conflicts/{{conflictId}}/resolve", {"resolution": "local"}),
    ("PUT", f"{DYNAMICS}/connection", {"enabled": False}),
    ("POST", f"{DYNAMICS}/connection/check", None),
    ("POST", f"{DYNAMICS}/connection/setup", {"dryRun": False}),
    ("DELETE", f"{DYNAMICS}/connection", None),
    ("POST", f"{DYNAMICS}/retry/{{leadId}}", None),
    ("PATCH", "/api/admin/leads/{leadId}", {"status": "won"}),
    ("PATCH", "/api/admin/vehicles/{vehicleId}", {"price": 1}),
    ("POST", f"{DEALERSHIP}/site-keys", {"label": "mine"}),
    ("DELETE", f"{DEALERSHIP}/site-keys/{{keyId}}", None),
    ("PUT", f"{DEALERSHIP}/origins", {"origins": ["https://evil.example"]}),
    ("PUT", "/api/admin/settings", {"autoSyncEnabled": False}),
]
FOR_ADMINISTRATORS = [
    ("GET", "/api/admin/dead-letters", None),
    ("GET", "/api/admin/dead-letters/{messageId}", None),
    ("POST", "/api/admin/dead-letters/redrive", {"messageIds": ["x"], "dryRun": False}),
    ("POST", "/api/admin/dealerships", {"name": "Mine"}),
    ("PATCH", f"{DEALERSHIP}/site-keys/{{keyId}}", {"burst": 10_000}),
]


def rows(database: Database) -> dict[str, str]:
    connection = database.connection()
    return {
        table: str(connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall())  # noqa: S608
        for table in TABLES
    }


def claims_of(role: str, dealership_id: int) -> Claims:
    return owner(dealership_id) if role == "owner" else staff(dealership_id)


@pytest.mark.parametrize("role", ["owner", "staff"])
def test_reading_shows_nothing_of_another_dealership(
    admin: AdminClient, world: World, role: str
) -> None:
    claims = claims_of(role, world.attacker)
    for template in READS:
        path = template.format(**world.ids)
        own = admin("GET", path, claims=claims)
        asked = admin("GET", path, claims=claims, dealershipId=world.victim)

        has_none = path != template or path in NOTHING_SAVED_YET
        assert own.status == (404 if has_none else 200), path
        assert asked.status == 404, path
        for answer in (own.body, asked.body):
            assert "planted" not in str(answer), path
            assert "O'Brien" not in str(answer), path


@pytest.mark.parametrize("role", ["owner", "staff"])
@pytest.mark.parametrize("names_the_victim", [True, False])
def test_writing_changes_nothing_of_another_dealership(
    admin: AdminClient, world: World, database: Database, role: str, *, names_the_victim: bool
) -> None:
    before = rows(database)
    query = {"dealershipId": world.victim} if names_the_victim else {}
    for method, template, body in WRITES:
        own_route = "{" not in template
        if own_route and not names_the_victim and role == "owner":
            continue  # that is the caller's own dealership
        answer = admin(
            method,
            template.format(**world.ids),
            body,
            claims=claims_of(role, world.attacker),
            **query,
        )

        assert answer.status == (404 if role == "owner" else 403), template

    assert rows(database) == before


PUSH = f"{DYNAMICS}/push"


@pytest.mark.parametrize("names_the_victim", [True, False])
def test_leads_of_another_dealership_are_as_unknown_as_no_leads(
    admin: AdminClient, world: World, database: Database, *, names_the_victim: bool
) -> None:
    before = rows(database)
    query = {"dealershipId": world.victim} if names_the_victim else {}
    foreign, nobody = str(world.ids["leadId"]), "00000000-0000-4000-8000-000000000000"
    body = {"leadIds": [foreign, nobody]}

    answer = admin("POST", PUSH, body, claims=owner(world.attacker), **query)
    for_staff = admin("POST", PUSH, body, claims=staff(world.attacker), **query)

    assert for_staff.status == 403
    assert answer.status == (404 if names_the_victim else 202)
    if not names_the_victim:
        assert {one["leadId"]: one["status"] for one in answer.body["leads"]} == {
            foreign: "not_found",
            nobody: "not_found",
        }
    after = rows(database)
    assert {name: after[name] for name in TABLES if name != "audit_log"} == {
        name: before[name] for name in TABLES if name != "audit_log"
    }


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_staff_write_nothing_at_home_either(
    admin: AdminClient, world: World, database: Database, method: str, path: str, body: object
) -> None:
    before = rows(database)

    answer = admin(method, path.format(**world.ids), body, claims=staff(world.victim))

    assert answer.status == 403
    assert rows(database) == before


@pytest.mark.parametrize("role", ["owner", "staff"])
@pytest.mark.parametrize("at_home", [True, False])
def test_what_is_for_administrators_is_for_no_owner(
    admin: AdminClient, world: World, database: Database, role: str, *, at_home: bool
) -> None:
    claims = claims_of(role, world.victim if at_home else world.attacker)
    before = rows(database)
    for method, template, body in FOR_ADMINISTRATORS:
        answer = admin(method, template.format(**world.ids), body, claims=claims)

        assert answer.status == 403, template

    assert rows(database) == before


@pytest.mark.parametrize("role", ["owner", "staff"])
def test_only_administrators_change_the_system(
    admin: AdminClient, world: World, database: Database, role: str
) -> None:
    claims = claims_of(role, world.attacker)
    before = rows(database)

    changed = admin("PUT", "/api/admin/settings", {"syncEnabled": False}, claims=claims)

    assert changed.status in {403, 422}
    assert rows(database) == before


def test_no_route_is_left_out_of_this_file() -> None:
    tried = {("GET", path) for path in READS}
    tried |= {(method, path) for method, path, _ in [*WRITES, *FOR_ADMINISTRATORS]}
    tried.add(("POST", PUSH))

    assert {(one.method, one.path) for one in ADMIN_OPERATIONS} - tried == set()


ABUSED_NUMBERS = ["0" * 18 + "1" + "9" * 8, "0" * 20 + "1" + "9" * 5000, "9" * 30, "1.0", "-1", "²"]


@pytest.mark.parametrize("number", ABUSED_NUMBERS)
def test_no_number_of_an_address_goes_past_its_limit(admin: AdminClient, number: str) -> None:
    for name in ("page", "pageSize", "dealershipId"):
        query: dict[str, Any] = {name: number}
        assert admin("GET", "/api/admin/leads", **query).status == 400, name
    for path in ("/api/admin/deliveries", f"{EASYCARS}/sync/logs"):
        assert admin("GET", f"{path}/{number}").status == 404, path
    path = f"{EASYCARS}/credentials/{number}"
    assert admin("DELETE", path, dealershipId=1).status == 404


@pytest.mark.parametrize(
    "claims",
    [
        {"usertype": "DealershipOwner", "dealershipid": "2147483648"},
        {"usertype": "DealershipOwner", "dealershipid": "9" * 5000},
        {"usertype": "DealershipOwner", "dealershipid": "[1]"},
        {"usertype": "DealershipOwner", "dealershipid": ["1"]},
        {"usertype": "DealershipOwner", "dealershipid": 1.0},
        {"usertype": "DealershipOwner", "dealershipid": True},
        {"usertype": "DealershipOwner", "dealershipid": "-1"},
        {"usertype": "DealershipOwner", "dealershipid": "٣"},
        {"usertype": "[Admin]"},
        {"usertype": ["Admin"]},
        {"usertype": "Admin DealershipOwner"},
        {"dealershipid": "1"},
    ],
)
def test_claims_of_another_shape_are_nobodys(admin: AdminClient, claims: Any) -> None:
    assert admin("GET", "/api/admin/leads", claims={"sub": "x"} | claims).status == 403
