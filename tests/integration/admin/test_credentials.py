"""Credentials through the admin API: stored sealed, never shown, roles and dealerships kept."""

import pytest
from pydantic import SecretStr

from forecourt.admin.audit import Actor
from forecourt.aws.kms import KmsDataKeys
from forecourt.security.credentials import Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.storage.credentials import CredentialVault
from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.aws_account import AwsAccount
from tests.support.data_keys import MemoryDataKeys

ROUTE = "/api/admin/easycars/credentials"
BODY = {
    "clientId": "7d1c6c1e-5a53-4f0e-8a1b-0a2f6a9d1c01",
    "clientSecret": "0c7e1f5a-9b57-4a3a-8b1e-5b8f3c2d1e02",
    "accountNumber": "EC900123",
    "accountSecret": "3f1a2b4c-7d8e-4f90-a1b2-c3d4e5f60703",
    "environment": "Test",
}
SECRETS = [BODY[name] for name in ("clientId", "clientSecret", "accountNumber", "accountSecret")]


def vault_of(database: Database, account: AwsAccount) -> CredentialVault:
    return CredentialVault(database, KmsDataKeys(account.key_arn))


def test_what_was_saved_can_be_used_and_is_not_shown(
    admin: AdminClient, dealership: int, database: Database, account: AwsAccount
) -> None:
    saved = admin("POST", ROUTE, {**BODY, "yardCode": "SYD"}, dealershipId=dealership)
    shown = admin("GET", ROUTE, dealershipId=dealership)
    loaded = vault_of(database, account).load(dealership)

    assert saved.status == 201
    assert saved.body["environment"] == "Test"
    assert saved.body["yardCode"] == "SYD"
    assert shown.body["hasCredentials"] is True
    assert shown.body["id"] == saved.body["id"]
    assert loaded
    assert loaded.client_secret == SecretStr(BODY["clientSecret"])
    assert loaded.account_number == SecretStr("EC900123")
    assert loaded.yard_code == "SYD"
    assert not any(secret in str([saved.body, shown.body]) for secret in SECRETS)


def test_no_secret_stands_in_the_database(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    admin("POST", ROUTE, BODY, dealershipId=dealership)
    admin("PUT", f"{ROUTE}/1", {"clientSecret": SECRETS[1]}, dealershipId=dealership)

    connection = database.connection()
    dump = str(
        connection.execute("SELECT c::text FROM dealership_easycars_credentials c").fetchall()
        + connection.execute("SELECT a::text FROM audit_log a").fetchall()
    )

    assert "credentials.created" in dump
    assert not any(secret in dump for secret in SECRETS)


def test_a_second_set_is_refused(admin: AdminClient, dealership: int) -> None:
    admin("POST", ROUTE, BODY, dealershipId=dealership)

    again = admin("POST", ROUTE, BODY, dealershipId=dealership)

    assert again.status == 409
    assert again.body["type"] == "urn:forecourt:problem:credentials-exist"


def test_every_write_seals_all_four_values_anew(
    admin: AdminClient, dealership: int, database: Database, account: AwsAccount
) -> None:
    read = (
        "SELECT client_id_encrypted, client_secret_encrypted, account_number_encrypted,"
        " account_secret_encrypted, encryption_iv, data_key_encrypted"
        " FROM dealership_easycars_credentials"
    )
    saved = admin("POST", ROUTE, BODY, dealershipId=dealership)
    before = database.connection().execute(read).fetchone() or ()

    changed = admin(
        "PUT", f"{ROUTE}/{saved.body['id']}", {"yardCode": "MEL"}, dealershipId=dealership
    )
    after = database.connection().execute(read).fetchone() or ()

    assert changed.status == 200
    assert len(before) == 6
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert changed.body["updatedAt"] > saved.body["updatedAt"]
    loaded = vault_of(database, account).load(dealership)
    assert loaded
    assert loaded.account_secret == SecretStr(BODY["accountSecret"])


def test_an_update_is_partial_and_can_clear_the_yard(
    admin: AdminClient, dealership: int, database: Database, account: AwsAccount
) -> None:
    saved = admin("POST", ROUTE, {**BODY, "yardCode": "SYD"}, dealershipId=dealership)
    path = f"{ROUTE}/{saved.body['id']}"

    admin("PUT", path, {"clientSecret": "a new one", "environment": "Production"},
          dealershipId=dealership)  # fmt: skip
    kept = vault_of(database, account).load(dealership)
    cleared = admin("PUT", path, {"yardCode": None}, dealershipId=dealership)

    assert kept
    assert kept.client_secret == SecretStr("a new one")
    assert kept.client_id == SecretStr(BODY["clientId"])
    assert kept.environment is Environment.PRODUCTION
    assert kept.yard_code == "SYD"
    assert cleared.body["yardCode"] is None


def test_switched_off_credentials_are_not_used(
    admin: AdminClient, dealership: int, database: Database, account: AwsAccount
) -> None:
    saved = admin("POST", ROUTE, BODY, dealershipId=dealership)
    admin("PUT", f"{ROUTE}/{saved.body['id']}", {"isActive": False}, dealershipId=dealership)

    assert vault_of(database, account).load(dealership) is None


def test_new_credentials_end_a_hold(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    saved = admin("POST", ROUTE, BODY, dealershipId=dealership)
    database.connection().execute(
        "UPDATE dealership_easycars_credentials SET hold_reason = 'refused', hold_until = now()"
    )

    admin("PUT", f"{ROUTE}/{saved.body['id']}", {"clientSecret": "x"}, dealershipId=dealership)

    assert admin("GET", ROUTE, dealershipId=dealership).body["holdReason"] is None


def test_deleted_credentials_are_gone(admin: AdminClient, dealership: int) -> None:
    saved = admin("POST", ROUTE, BODY, dealershipId=dealership)

    deleted = admin("DELETE", f"{ROUTE}/{saved.body['id']}", dealershipId=dealership)

    assert (deleted.status, deleted.body) == (204, None)
    assert admin("GET", ROUTE, dealershipId=dealership).status == 404
    again = admin("DELETE", f"{ROUTE}/{saved.body['id']}", dealershipId=dealership)
    assert again.status == 404


def test_every_bad_field_is_named_and_none_is_echoed(admin: AdminClient, dealership: int) -> None:
    refused = admin(
        "POST",
        ROUTE,
        {
            "clientId": "",
            "clientSecret": 5,
            "accountNumber": "EC9999999999999999999",
            "environment": "test",
            "yardCode": "y" * 51,
            "colour": "red",
        },
        dealershipId=dealership,
    )

    assert refused.status == 422
    assert refused.bad_fields == {
        "clientId", "clientSecret", "accountNumber", "accountSecret", "environment", "yardCode",
        "colour",
    }  # fmt: skip
    assert "EC9999999" not in str(refused.body)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_administrator_says_which_dealership(admin: AdminClient, method: str) -> None:
    refused = admin(method, ROUTE, BODY)

    assert refused.status == 400
    assert refused.bad_fields == {"dealershipId"}


@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "99999999999", "٣"])
def test_a_dealership_that_is_no_id_is_named(admin: AdminClient, value: str) -> None:
    refused = admin("GET", ROUTE, dealershipId=value)

    assert refused.status == 400
    assert refused.bad_fields == {"dealershipId"}


def test_an_unknown_dealership_is_not_found(admin: AdminClient) -> None:
    assert admin("POST", ROUTE, BODY, dealershipId=999).status == 404


def test_owners_are_pinned_and_staff_only_reads(admin: AdminClient, dealership: int) -> None:
    other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]

    created = admin("POST", ROUTE, BODY, claims=owner(dealership))
    path = f"{ROUTE}/{created.body['id']}"

    assert created.status == 201
    assert admin("GET", ROUTE, claims=staff(dealership)).status == 200
    assert admin("PUT", path, {"isActive": False}, claims=staff(dealership)).status == 403
    assert admin("DELETE", path, claims=staff(dealership)).status == 403
    assert admin("POST", ROUTE, BODY, claims=staff(dealership)).status == 403
    assert admin("POST", f"{ROUTE}/test-connection", BODY, claims=staff(dealership)).status == 403
    assert admin("PUT", path, {"isActive": False}, claims=owner(other)).status == 404
    assert admin("DELETE", path, claims=owner(other)).status == 404
    assert admin("GET", ROUTE, claims=owner(other), dealershipId=dealership).status == 404
    assert admin("GET", ROUTE, claims=owner(dealership)).body["isActive"] is True


def test_a_row_copied_to_another_dealership_does_not_decrypt(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    admin("POST", ROUTE, BODY, dealershipId=dealership)
    other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    database.connection().execute(
        "UPDATE dealership_easycars_credentials SET dealership_id = %s", (other,)
    )

    refused = admin("PUT", f"{ROUTE}/1", {"clientSecret": "x"}, dealershipId=other)
    mended = admin("PUT", f"{ROUTE}/1", BODY, dealershipId=other)

    assert refused.status == 409
    assert refused.body["type"] == "urn:forecourt:problem:credentials-unreadable"
    assert mended.status == 200


def test_every_change_is_audited(admin: AdminClient, dealership: int, database: Database) -> None:
    saved = admin("POST", ROUTE, BODY, claims=owner(dealership))
    path = f"{ROUTE}/{saved.body['id']}"
    admin("PUT", path, {"clientSecret": "x", "yardCode": ""}, dealershipId=dealership)
    admin("DELETE", path, dealershipId=dealership)

    rows = (
        database.connection()
        .execute(
            "SELECT actor, actor_type, action, detail, correlation_id FROM audit_log"
            " WHERE subject_type = 'credentials' ORDER BY id"
        )
        .fetchall()
    )

    assert rows == [
        ("owner-1", "DealershipOwner", "credentials.created", {"environment": "Test"},
         "request-1"),
        ("admin-1", "Admin", "credentials.changed", {"changed": ["client_secret", "yard_code"]},
         "request-1"),
        ("admin-1", "Admin", "credentials.deleted", {}, "request-1"),
    ]  # fmt: skip


def test_a_data_key_is_opened_once_per_sandbox(dealership: int, database: Database) -> None:
    service = MemoryDataKeys()
    secret = SecretStr("x")
    values = CredentialSecrets(
        client_id=secret, client_secret=secret, account_number=secret, account_secret=secret
    )
    actor = Actor(name="test", kind="Admin")
    CredentialVault(database, service).save(dealership, values, Environment.TEST, None, actor=actor)
    another_sandbox = CredentialVault(database, service)

    for _ in range(5):
        assert another_sandbox.load(dealership)

    assert service.calls == {"generate": 1, "decrypt": 1}


def test_a_failed_connection_test_is_still_an_answer(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    tested = admin("POST", f"{ROUTE}/test-connection", BODY, dealershipId=dealership)

    assert tested.status == 200
    assert tested.body["success"] is False
    assert tested.body["errorCode"] == "NETWORK_ERROR"
    assert not any(secret in str(tested.body) for secret in SECRETS)
    (rows,) = database.connection().execute(
        "SELECT count(*) FROM dealership_easycars_credentials"
    ).fetchone() or (1,)
    assert rows == 0
