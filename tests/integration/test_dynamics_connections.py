"""Connections to Dynamics 365 in PostgreSQL: sealed, replaced whole, never shown."""

from typing import Any

import pytest
from pydantic import SecretStr

from forecourt.admin.audit import Actor
from forecourt.errors import PermanentError
from forecourt.security.dynamics_connections import DynamicsConnection
from forecourt.security.dynamics_records import DynamicsChanges, DynamicsRecord
from forecourt.storage.dynamics_connections import DynamicsVault
from forecourt.storage.postgres import Database
from tests.support.data_keys import MemoryDataKeys
from tests.support.lead_desk import store_lead

ACTOR = Actor(name="admin-1", kind="Admin")
SECRET = SecretStr("q8~planted-secret")
PEM = SecretStr("-----BEGIN PRIVATE KEY----- planted-certificate")
VALUES = {
    "environment_url": "https://obrien.crm6.dynamics.com",
    "tenant_id": "8f1d3f6e-3a59-4f0e-9e0b-0a2f6a9d1c01",
    "client_id": "7d1c6c1e-5a53-4f0e-8a1b-0a2f6a9d1c02",
}
METADATA = {"columns": {"subject": {"type": "String"}}, "keys": []}


@pytest.fixture
def dealership(database: Database) -> int:
    row = database.connection().execute(
        "INSERT INTO dealership (name) VALUES ('O''Brien') RETURNING id"
    ).fetchone() or (0,)
    return int(row[0])


@pytest.fixture
def vault(database: Database) -> DynamicsVault:
    return DynamicsVault(database, MemoryDataKeys())


def save(
    vault: DynamicsVault, dealership: int, secret: dict[str, SecretStr] | None = None, **values: Any
) -> DynamicsRecord:
    changes = DynamicsChanges(values=values, **(secret or {}))
    return vault.save(dealership, changes, actor=ACTOR)


def connect(vault: DynamicsVault, dealership: int, **values: Any) -> DynamicsRecord:
    return save(vault, dealership, {"client_secret": SECRET}, **(VALUES | values))


def loaded(vault: DynamicsVault, dealership: int) -> DynamicsConnection:
    found = vault.load(dealership)
    assert found
    return found


def test_what_was_saved_can_be_used(vault: DynamicsVault, dealership: int) -> None:
    saved = connect(
        vault,
        dealership,
        option_sets={"hnt_source": {"Manual": 816940001}},
        columns={"hnt_domain": False},
        duplicate_detection=True,
        app_id="a-1",
    )
    found = loaded(vault, dealership)

    assert saved.secret_kind == "clientSecret"
    assert found.client_secret == SECRET
    assert found.certificate is None
    assert found.environment_url == VALUES["environment_url"]
    assert found.api_version == "v9.2"
    assert found.key_column == "hnt_forecourtid"
    assert found.option_sets == {"hnt_source": {"Manual": 816940001}}
    assert found.columns == {"hnt_domain": False}
    assert found.duplicate_detection is True
    assert found.app_id == "a-1"
    assert found.metadata is None


def test_a_certificate_takes_the_place_of_a_secret(vault: DynamicsVault, dealership: int) -> None:
    connect(vault, dealership)

    saved = save(vault, dealership, {"certificate": PEM})
    found = loaded(vault, dealership)

    assert saved.secret_kind == "certificate"
    assert (found.client_secret, found.certificate) == (None, PEM)


def test_no_secret_stands_in_the_database(
    vault: DynamicsVault, dealership: int, database: Database
) -> None:
    connect(vault, dealership)
    save(vault, dealership, {"certificate": PEM})

    connection = database.connection()
    dump = str(
        connection.execute("SELECT c::text FROM dynamics_connection c").fetchall()
        + connection.execute("SELECT a::text FROM audit_log a").fetchall()
    )
    assert "dynamics.connected" in dump
    assert "planted" not in dump
    assert "planted" not in repr(loaded(vault, dealership))


def test_what_is_not_named_stays_and_everything_is_sealed_anew(
    vault: DynamicsVault, dealership: int
) -> None:
    first = connect(vault, dealership, app_id="a-1", key_column="hnt_other")
    before = loaded(vault, dealership)

    second = save(vault, dealership, app_id="a-2")
    after = loaded(vault, dealership)

    assert (after.app_id, after.key_column) == ("a-2", "hnt_other")
    assert after.client_secret == SECRET
    assert after.stamp != before.stamp
    assert second.secret_changed_at == first.secret_changed_at
    assert second.updated_at > first.updated_at
    assert save(vault, dealership, {"client_secret": PEM}).secret_changed_at > (
        first.secret_changed_at
    )


def test_a_switched_off_connection_is_loaded_for_checks_only(
    vault: DynamicsVault, dealership: int
) -> None:
    connect(vault, dealership, is_active=False)

    assert vault.load(dealership) is None
    assert vault.load(dealership, switched_off_too=True)


def test_a_save_ends_a_hold(vault: DynamicsVault, dealership: int, database: Database) -> None:
    connect(vault, dealership)
    database.connection().execute(
        "UPDATE dynamics_connection SET hold_reason = 'refused', hold_until = now()"
    )

    saved = save(vault, dealership, {"client_secret": PEM})

    assert (saved.hold_reason, saved.hold_until) == (None, None)


def test_metadata_is_kept_until_the_environment_changes(
    vault: DynamicsVault, dealership: int
) -> None:
    connect(vault, dealership)
    vault.store_metadata(loaded(vault, dealership), METADATA)
    assert loaded(vault, dealership).metadata == METADATA

    save(vault, dealership, app_id="a-2")
    assert loaded(vault, dealership).metadata == METADATA

    moved = save(vault, dealership, environment_url="https://other.crm.dynamics.com")
    assert loaded(vault, dealership).metadata is None
    assert moved.metadata_read_at is None


def test_metadata_and_checks_of_a_former_connection_are_not_kept(
    vault: DynamicsVault, dealership: int
) -> None:
    connect(vault, dealership)
    former = loaded(vault, dealership)
    save(vault, dealership, environment_url="https://other.crm.dynamics.com")

    vault.store_metadata(former, METADATA)
    vault.note_check(former, {"ok": True})

    assert loaded(vault, dealership).metadata is None
    record = vault.describe(dealership)
    assert record
    assert record.last_checked_at is None


def test_metadata_can_be_forgotten_and_a_check_noted(vault: DynamicsVault, dealership: int) -> None:
    connect(vault, dealership)
    present = loaded(vault, dealership)
    vault.store_metadata(present, METADATA)
    vault.note_check(present, {"ok": False, "lines": []})

    vault.store_metadata(present, None)

    record = vault.describe(dealership)
    assert record
    assert record.last_check_detail == {"ok": False, "lines": []}
    assert record.metadata_read_at is None
    assert loaded(vault, dealership).metadata is None


def test_a_row_copied_to_another_dealership_does_not_open(
    vault: DynamicsVault, dealership: int, database: Database
) -> None:
    connect(vault, dealership)
    row = database.connection().execute(
        "INSERT INTO dealership (name) VALUES ('Other') RETURNING id"
    ).fetchone() or (0,)
    database.connection().execute("UPDATE dynamics_connection SET dealership_id = %s", row)

    with pytest.raises(PermanentError) as refused:
        vault.load(row[0])
    assert refused.value.code == "CREDENTIALS_UNREADABLE"


def test_a_first_connection_has_to_be_whole(vault: DynamicsVault, dealership: int) -> None:
    with pytest.raises(PermanentError) as refused:
        save(vault, dealership, app_id="a-1")

    assert refused.value.code == "CONNECTION_INCOMPLETE"


def test_the_budget_follows_environment_and_client(
    vault: DynamicsVault, dealership: int, database: Database
) -> None:
    connect(vault, dealership)

    row = database.connection().execute("SELECT budget_scope FROM dynamics_connection").fetchone()
    assert row == (loaded(vault, dealership).budget_scope,)


def test_a_deleted_connection_is_gone_and_audited(
    vault: DynamicsVault, dealership: int, database: Database
) -> None:
    connect(vault, dealership)

    assert vault.delete(dealership, actor=ACTOR) == 0
    assert vault.delete(dealership, actor=ACTOR) is None
    assert vault.describe(dealership) is None
    actions = database.connection().execute("SELECT action FROM audit_log ORDER BY id").fetchall()
    assert actions == [("dynamics.connected",), ("dynamics.disconnected",)]


def test_what_waited_is_due_with_the_save_and_parked_with_the_removal(
    vault: DynamicsVault, dealership: int, database: Database
) -> None:
    lead = store_lead(database, dealership)
    connection = database.connection()
    connection.execute(
        "INSERT INTO lead_delivery (lead_id, dealership_id, target, state, last_error_code)"
        " SELECT id, dealership_id, 'Dynamics', 'failed', 'NO_CONNECTION' FROM lead"
        " WHERE external_id = %s",
        (lead,),
    )
    read = "SELECT state, next_attempt_at <= now() FROM lead_delivery"

    connect(vault, dealership)
    due = connection.execute(read).fetchone()
    parked = vault.delete(dealership, actor=ACTOR)

    assert due == ("pending", True)
    assert parked == 1
    assert connection.execute(read).fetchone() == ("failed", None)
