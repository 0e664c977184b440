"""The ``dynamics_connection`` table and the envelope around its secret."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.errors import PermanentError, RetryableError
from forecourt.security.data_keys import DataKeys, RememberedDataKeys
from forecourt.security.dynamics_connections import DynamicsConnection, budget_scope_of
from forecourt.security.dynamics_records import (
    SECRET_NAMES,
    DynamicsChanges,
    DynamicsRecord,
    DynamicsValues,
)
from forecourt.security.envelope import SealedFields, open_fields, seal_fields
from forecourt.storage.audit_log import write_audit
from forecourt.storage.dynamics_waiting import park_waiting, release_waiting
from forecourt.storage.postgres import Database

SYSTEM: Final = "Dynamics"
"""The environment that the envelope and the data keys bind a connection's secret to."""

_RECORD = """id, dealership_id, base_url AS environment_url, tenant_id, client_id,
    CASE WHEN certificate_encrypted IS NULL THEN 'clientSecret' ELSE 'certificate' END
        AS secret_kind,
    secret_changed_at, api_version, key_column,
    coalesce(field_mapping -> 'optionSets', '{}') AS option_sets,
    coalesce(field_mapping -> 'columns', '{}') AS columns,
    coalesce((field_mapping ->> 'duplicateDetection')::boolean, false) AS duplicate_detection,
    app_id, is_active, hold_reason, hold_until, metadata_read_at, last_checked_at,
    last_check_detail, created_at, updated_at"""

_SEALED = """client_secret_encrypted, certificate_encrypted, encryption_iv, data_key_encrypted,
    key_version"""

_OF_DEALERSHIP = f"""
SELECT {_RECORD}, {_SEALED}, metadata FROM dynamics_connection WHERE dealership_id = %s
"""  # noqa: S608 - both parts are constants of this file

_INSERT = f"""
INSERT INTO dynamics_connection
    (dealership_id, base_url, tenant_id, client_id, api_version, key_column, field_mapping, app_id,
     is_active, budget_scope, {_SEALED})
VALUES (%(dealership_id)s, %(environment_url)s, %(tenant_id)s, %(client_id)s, %(api_version)s,
        %(key_column)s, %(field_mapping)s, %(app_id)s, %(is_active)s, %(budget_scope)s,
        %(client_secret)s, %(certificate)s, %(encryption_iv)s, %(data_key_encrypted)s,
        %(key_version)s)
ON CONFLICT (dealership_id) DO NOTHING
RETURNING {_RECORD}
"""  # noqa: S608 - both parts are constants of this file

# A write that met another one in between finds a different nonce and changes nothing. Another
# organisation has another lead table.
_UPDATE = f"""
UPDATE dynamics_connection
SET metadata = CASE WHEN base_url = %(environment_url)s THEN metadata END,
    metadata_read_at = CASE WHEN base_url = %(environment_url)s THEN metadata_read_at END,
    base_url = %(environment_url)s, tenant_id = %(tenant_id)s, client_id = %(client_id)s,
    api_version = %(api_version)s, key_column = %(key_column)s,
    field_mapping = %(field_mapping)s, app_id = %(app_id)s, is_active = %(is_active)s,
    budget_scope = %(budget_scope)s,
    client_secret_encrypted = %(client_secret)s, certificate_encrypted = %(certificate)s,
    encryption_iv = %(encryption_iv)s, data_key_encrypted = %(data_key_encrypted)s,
    key_version = %(key_version)s,
    secret_changed_at = CASE WHEN %(is_new_secret)s THEN clock_timestamp()
                             ELSE secret_changed_at END,
    hold_reason = NULL, hold_until = NULL, updated_at = clock_timestamp()
WHERE id = %(id)s AND encryption_iv = %(read_iv)s
RETURNING {_RECORD}
"""  # noqa: S608 - the interpolated part is a constant of this file

_DELETE = "DELETE FROM dynamics_connection WHERE dealership_id = %s RETURNING id"

_STORE_METADATA = """
UPDATE dynamics_connection SET metadata = %(metadata)s, metadata_read_at = clock_timestamp()
WHERE id = %(id)s AND encryption_iv = %(stamp)s
"""

_FORGET_METADATA = """
UPDATE dynamics_connection SET metadata = NULL, metadata_read_at = NULL
WHERE id = %(id)s AND encryption_iv = %(stamp)s
"""

_NOTE_CHECK = """
UPDATE dynamics_connection
SET last_checked_at = clock_timestamp(), last_check_detail = %(detail)s
WHERE id = %(id)s AND encryption_iv = %(stamp)s
"""

_WRITE_TRIES = 3


@dataclass(frozen=True, slots=True)
class _StoredRow:
    record: DynamicsRecord
    sealed: SealedFields = field(repr=False)
    metadata: Mapping[str, Any] | None = field(repr=False)


class DynamicsVault:
    """Reads and writes connections; no secret leaves it but through :meth:`load`.

    A row's data key is opened by the key service once in this object's life. Any save seals the
    secret anew, so that the connection's stamp tells two versions of it apart.

    Errors of every method: RetryableError where the database or the key service is away.
    """

    def __init__(self, database: Database, keys: DataKeys) -> None:
        self._database = database
        self._keys = RememberedDataKeys(keys)

    def load(
        self, dealership_id: int, *, switched_off_too: bool = False
    ) -> DynamicsConnection | None:
        """Return a dealership's active connection in the clear, None where there is none.

        Raises
        ------
        PermanentError
            ``CREDENTIALS_UNREADABLE``.
        """
        row = self._read(dealership_id)
        if row is None or not (row.record.is_active or switched_off_too):
            return None
        opened = self._open(row)
        record = row.record
        return DynamicsConnection(
            connection_id=record.id,
            dealership_id=dealership_id,
            environment_url=record.environment_url,
            tenant_id=record.tenant_id,
            client_id=record.client_id,
            client_secret=opened.get("client_secret"),
            certificate=opened.get("certificate"),
            api_version=record.api_version,
            key_column=record.key_column,
            option_sets=record.option_sets,
            columns=record.columns,
            duplicate_detection=record.duplicate_detection,
            app_id=record.app_id,
            metadata=row.metadata,
            stamp=row.sealed.encryption_iv,
        )

    def describe(self, dealership_id: int) -> DynamicsRecord | None:
        """Return a dealership's row without its secret, also when it is switched off."""
        row = self._read(dealership_id)
        return row.record if row else None

    def save(self, dealership_id: int, changes: DynamicsChanges, *, actor: Actor) -> DynamicsRecord:
        """Store a dealership's first connection, or change what there is; a hold of it ends.

        What waited for a connection, or for a working one, is due with the same commit.

        Raises
        ------
        PermanentError
            ``CREDENTIALS_UNREADABLE``: the secret that stays cannot be decrypted; give it again.
            ``CONNECTION_INCOMPLETE``: there is no connection yet, and something is missing.
        RetryableError
            ``CREDENTIALS_BUSY``: others kept changing it.
        """
        for _ in range(_WRITE_TRIES):
            row = self._read(dealership_id)
            written = (
                self._create(dealership_id, changes, actor)
                if row is None
                else self._rewrite(row, changes, actor)
            )
            if written is not None:
                return written
        raise RetryableError(
            code="CREDENTIALS_BUSY",
            detail="Somebody else is changing this connection.",
            target="Credentials",
            retry_after=1,
        )

    def delete(self, dealership_id: int, *, actor: Actor) -> int | None:
        """Remove a dealership's connection for good; None where there is none.

        The deliveries stay, and with them what is known to be in Dynamics; those that wait are
        parked with the same commit. Returns how many leads those are.
        """
        with self._database.transaction() as connection:
            found = connection.execute(_DELETE, (dealership_id,)).fetchone()
            if found is None:
                return None
            write_audit(
                connection, actor, _entry("dynamics.disconnected", found[0], dealership_id, {})
            )
            return park_waiting(connection, dealership_id)

    def store_metadata(
        self, connection: DynamicsConnection, metadata: Mapping[str, Any] | None
    ) -> None:
        """Keep what the tenant says of its lead table; None lets it be read anew.

        Nothing is kept of a connection that was changed since it was loaded.
        """
        values = {"id": connection.connection_id, "stamp": connection.stamp}
        if metadata is None:
            self._database.connection().execute(_FORGET_METADATA, values)
        else:
            values |= {"metadata": Jsonb(dict(metadata))}
            self._database.connection().execute(_STORE_METADATA, values)

    def note_check(self, connection: DynamicsConnection, detail: Mapping[str, Any]) -> None:
        """Keep what a check found, unless the connection was changed meanwhile."""
        self._database.connection().execute(
            _NOTE_CHECK,
            {
                "id": connection.connection_id,
                "stamp": connection.stamp,
                "detail": Jsonb(dict(detail)),
            },
        )

    def _create(
        self, dealership_id: int, changes: DynamicsChanges, actor: Actor
    ) -> DynamicsRecord | None:
        if len(changes.secret) != 1 or not {*_REQUIRED} <= changes.values.keys():
            raise PermanentError(
                code="CONNECTION_INCOMPLETE",
                detail="There is no connection yet; give the environment's address, tenant, "
                "client id and a secret.",
                target="Credentials",
            )
        values = DynamicsValues(**changes.values)
        parameters = self._sealed(changes.secret, dealership_id) | _columns(values)
        return self._write(_INSERT, parameters, "dynamics.connected", changes, actor)

    def _rewrite(
        self, row: _StoredRow, changes: DynamicsChanges, actor: Actor
    ) -> DynamicsRecord | None:
        secret = changes.secret or self._open(row)
        values = replace(DynamicsValues.of(row.record), **changes.values)
        parameters = self._sealed(secret, row.record.dealership_id) | _columns(values)
        parameters |= {
            "id": row.record.id,
            "read_iv": row.sealed.encryption_iv,
            "is_new_secret": bool(changes.secret),
        }
        return self._write(_UPDATE, parameters, "dynamics.changed", changes, actor)

    def _write(
        self,
        statement: str,
        parameters: Mapping[str, Any],
        action: str,
        changes: DynamicsChanges,
        actor: Actor,
    ) -> DynamicsRecord | None:
        with self._database.transaction() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            written = cursor.execute(statement, parameters).fetchone()
            if written is None:
                return None
            record = _record(written)
            detail = {"changed": changes.names, "environmentUrl": record.environment_url}
            write_audit(connection, actor, _entry(action, record.id, record.dealership_id, detail))
            if record.is_active:
                release_waiting(connection, record.dealership_id)
        return record

    def _sealed(self, secret: Mapping[str, SecretStr], dealership_id: int) -> dict[str, Any]:
        sealed = seal_fields(secret, dealership_id, SYSTEM, self._keys)
        return {
            **{name: sealed.texts.get(name) for name in SECRET_NAMES},
            "dealership_id": dealership_id,
            "encryption_iv": sealed.encryption_iv,
            "data_key_encrypted": sealed.data_key_encrypted,
            "key_version": sealed.key_version,
        }

    def _open(self, row: _StoredRow) -> dict[str, SecretStr]:
        return open_fields(row.sealed, row.record.dealership_id, SYSTEM, self._keys)

    def _read(self, dealership_id: int) -> _StoredRow | None:
        cursor = self._database.connection().cursor(row_factory=dict_row)
        row = cursor.execute(_OF_DEALERSHIP, (dealership_id,)).fetchone()
        if row is None:
            return None
        texts = {name: row[f"{name}_encrypted"] for name in SECRET_NAMES}
        sealed = SealedFields(
            texts={name: text for name, text in texts.items() if text is not None},
            encryption_iv=row["encryption_iv"],
            data_key_encrypted=row["data_key_encrypted"],
            key_version=row["key_version"],
        )
        return _StoredRow(_record(row), sealed, row["metadata"])


_REQUIRED = ("environment_url", "tenant_id", "client_id")


def _columns(values: DynamicsValues) -> dict[str, Any]:
    mapping = {
        "optionSets": dict(values.option_sets),
        "columns": dict(values.columns),
        "duplicateDetection": values.duplicate_detection,
    }
    return {
        **asdict(values),
        "field_mapping": Jsonb(mapping),
        "budget_scope": budget_scope_of(values.environment_url, values.client_id),
    }


def _record(row: Mapping[str, Any]) -> DynamicsRecord:
    return DynamicsRecord(**{part.name: row[part.name] for part in fields(DynamicsRecord)})


def _entry(
    action: str, connection_id: int, dealership_id: int, detail: dict[str, Any]
) -> AuditEntry:
    return AuditEntry(
        action=action,
        subject_type="dynamics_connection",
        subject_id=connection_id,
        dealership_id=dealership_id,
        detail=detail,
    )
