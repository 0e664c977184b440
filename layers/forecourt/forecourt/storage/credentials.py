"""The ``dealership_easycars_credentials`` table and the envelope around its secrets."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from psycopg.rows import dict_row
from pydantic import SecretStr

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.errors import PermanentError, RetryableError
from forecourt.security.credential_records import CredentialChanges, CredentialRecord
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.security.data_keys import DataKeys, RememberedDataKeys
from forecourt.security.envelope import (
    CredentialSecrets,
    SealedSecrets,
    open_secrets,
    seal_secrets,
)
from forecourt.storage.audit_log import write_audit
from forecourt.storage.postgres import Database

_RECORD = """id, dealership_id, environment, is_active, yard_code, hold_reason, hold_until,
    last_synced_at, created_at, updated_at"""

_SEALED = """client_id_encrypted, client_secret_encrypted, account_number_encrypted,
    account_secret_encrypted, encryption_iv, data_key_encrypted, key_version"""

_OF_DEALERSHIP = f"""
SELECT {_RECORD}, {_SEALED} FROM dealership_easycars_credentials WHERE dealership_id = %s
"""  # noqa: S608 - both parts are constants of this file

_INSERT = f"""
INSERT INTO dealership_easycars_credentials
    (dealership_id, environment, yard_code, is_active, {_SEALED})
VALUES (%(dealership_id)s, %(environment)s, %(yard_code)s, %(is_active)s,
        %(client_id_encrypted)s, %(client_secret_encrypted)s, %(account_number_encrypted)s,
        %(account_secret_encrypted)s, %(encryption_iv)s, %(data_key_encrypted)s, %(key_version)s)
ON CONFLICT (dealership_id) DO NOTHING
RETURNING {_RECORD}
"""  # noqa: S608 - both parts are constants of this file

# A write that met another one in between finds a different nonce and changes nothing.
_UPDATE = f"""
UPDATE dealership_easycars_credentials
SET environment = %(environment)s, yard_code = %(yard_code)s, is_active = %(is_active)s,
    client_id_encrypted = %(client_id_encrypted)s,
    client_secret_encrypted = %(client_secret_encrypted)s,
    account_number_encrypted = %(account_number_encrypted)s,
    account_secret_encrypted = %(account_secret_encrypted)s,
    encryption_iv = %(encryption_iv)s, data_key_encrypted = %(data_key_encrypted)s,
    key_version = %(key_version)s,
    hold_reason = NULL, hold_until = NULL, updated_at = clock_timestamp()
WHERE id = %(id)s AND encryption_iv = %(read_iv)s
RETURNING {_RECORD}
"""  # noqa: S608 - the interpolated part is a constant of this file

_DELETE = """
DELETE FROM dealership_easycars_credentials WHERE id = %s AND dealership_id = %s
"""

_MARK_SYNCED = """
UPDATE dealership_easycars_credentials SET last_synced_at = clock_timestamp() WHERE id = %s
"""

_WRITE_TRIES = 3


@dataclass(frozen=True, slots=True)
class _StoredRow:
    record: CredentialRecord
    sealed: SealedSecrets = field(repr=False)


class CredentialVault:
    """Reads and writes credentials; no secret leaves it but through :meth:`load`.

    A row's data key is opened by the key service once in this object's life.

    Errors of every method: RetryableError where the database or the key service is away.
    """

    def __init__(self, database: Database, keys: DataKeys) -> None:
        self._database = database
        self._keys = RememberedDataKeys(keys)

    def load(self, dealership_id: int) -> EasyCarsCredentials | None:
        """Return a dealership's active credentials in the clear, None where there are none.

        Raises
        ------
        PermanentError
            ``CREDENTIALS_UNREADABLE``.
        """
        row = self._read(dealership_id)
        if row is None or not row.record.is_active:
            return None
        opened = self._open(row)
        return EasyCarsCredentials(
            credential_id=row.record.id,
            dealership_id=dealership_id,
            environment=row.record.environment,
            yard_code=row.record.yard_code,
            client_id=opened.client_id,
            client_secret=opened.client_secret,
            account_number=opened.account_number,
            account_secret=opened.account_secret,
        )

    def describe(self, dealership_id: int) -> CredentialRecord | None:
        """Return a dealership's row without its secrets, also when it is switched off."""
        row = self._read(dealership_id)
        return row.record if row else None

    def save(
        self,
        dealership_id: int,
        values: CredentialSecrets,
        environment: Environment,
        yard_code: str | None,
        *,
        actor: Actor,
        is_active: bool = True,
    ) -> CredentialRecord:
        """Store the first credentials of a dealership.

        Raises
        ------
        PermanentError
            ``CREDENTIALS_EXIST``.
        """
        sealed = seal_secrets(values, dealership_id, environment, self._keys)
        parameters = {
            "dealership_id": dealership_id,
            "environment": environment.value,
            "yard_code": yard_code,
            "is_active": is_active,
            **asdict(sealed),
        }
        with self._database.transaction() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            row = cursor.execute(_INSERT, parameters).fetchone()
            if row is None:
                raise PermanentError(
                    code="CREDENTIALS_EXIST",
                    detail="The dealership already has credentials; change those.",
                    target="Credentials",
                )
            record = _record(row)
            detail = {"environment": environment.value}
            write_audit(connection, actor, _entry("credentials.created", record, detail))
        return record

    def update(
        self,
        credential_id: int,
        dealership_id: int,
        changes: CredentialChanges,
        *,
        actor: Actor,
    ) -> CredentialRecord | None:
        """Change some values; all four are encrypted anew and a hold of the dealership ends.

        Returns
        -------
        CredentialRecord or None
            None where the dealership has no such credentials.

        Raises
        ------
        PermanentError
            ``CREDENTIALS_UNREADABLE``: the values that stay cannot be decrypted; give all four.
        RetryableError
            ``CREDENTIALS_BUSY``: others kept changing them.
        """
        for _ in range(_WRITE_TRIES):
            row = self._read(dealership_id)
            if row is None or row.record.id != credential_id:
                return None
            record = self._rewrite(row, changes, actor)
            if record is not None:
                return record
        raise RetryableError(
            code="CREDENTIALS_BUSY",
            detail="Somebody else is changing these credentials.",
            target="Credentials",
            retry_after=1,
        )

    def delete(self, credential_id: int, dealership_id: int, *, actor: Actor) -> bool:
        """Remove a dealership's credentials for good; say whether there were any."""
        with self._database.transaction() as connection:
            found = connection.execute(_DELETE, (credential_id, dealership_id)).rowcount == 1
            if found:
                write_audit(
                    connection,
                    actor,
                    AuditEntry(
                        action="credentials.deleted",
                        subject_type="credentials",
                        subject_id=credential_id,
                        dealership_id=dealership_id,
                    ),
                )
        return found

    def mark_synced(self, credential_id: int) -> None:
        """Note that the vendor has just been synced with under these credentials."""
        self._database.connection().execute(_MARK_SYNCED, (credential_id,))

    def _rewrite(
        self, row: _StoredRow, changes: CredentialChanges, actor: Actor
    ) -> CredentialRecord | None:
        old = row.record
        environment = changes.environment or old.environment
        sealed = seal_secrets(
            self._merged(row, changes.secrets), old.dealership_id, environment, self._keys
        )
        yard_code = None if changes.clear_yard else (changes.yard_code or old.yard_code)
        is_active = old.is_active if changes.is_active is None else changes.is_active
        parameters = {
            "id": old.id,
            "read_iv": row.sealed.encryption_iv,
            "environment": environment.value,
            "yard_code": yard_code,
            "is_active": is_active,
            **asdict(sealed),
        }
        with self._database.transaction() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            written = cursor.execute(_UPDATE, parameters).fetchone()
            if written is None:
                return None
            record = _record(written)
            detail = {"changed": changes.names}
            write_audit(connection, actor, _entry("credentials.changed", record, detail))
        return record

    def _merged(self, row: _StoredRow, given: Mapping[str, SecretStr]) -> CredentialSecrets:
        if len(given) == len(fields(CredentialSecrets)):
            return CredentialSecrets(**given)
        return replace(self._open(row), **given)

    def _open(self, row: _StoredRow) -> CredentialSecrets:
        return open_secrets(
            row.sealed, row.record.dealership_id, row.record.environment, self._keys
        )

    def _read(self, dealership_id: int) -> _StoredRow | None:
        cursor = self._database.connection().cursor(row_factory=dict_row)
        row = cursor.execute(_OF_DEALERSHIP, (dealership_id,)).fetchone()
        if row is None:
            return None
        # A row of before the envelope has no data key; it reads as unreadable, not as an accident.
        columns: dict[str, Any] = {
            part.name: "" if row[part.name] is None else row[part.name]
            for part in fields(SealedSecrets)
        }
        return _StoredRow(_record(row), SealedSecrets(**columns))


def _record(row: Mapping[str, Any]) -> CredentialRecord:
    values = {part.name: row[part.name] for part in fields(CredentialRecord)}
    return CredentialRecord(**values | {"environment": Environment(row["environment"])})


def _entry(action: str, record: CredentialRecord, detail: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        action=action,
        subject_type="credentials",
        subject_id=record.id,
        dealership_id=record.dealership_id,
        detail=detail,
    )
