"""The tables ``site_key`` and ``dealership_origin``, and the site file made of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg.rows import dict_row

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.leads.sites import Rate, site_document
from forecourt.storage.audit_log import write_audit
from forecourt.storage.postgres import Connection, Database
from forecourt.storage.refusals import failing_keys, recent_refusals

_MOST_ACTIVE_KEYS = 50

_COLUMNS = "key_id, label, secret_version, rate_per_second, burst, created_at, revoked_at"

_LIST = f"""
SELECT {_COLUMNS}, (
    SELECT max(l.received_at) FROM lead l
    WHERE l.dealership_id = k.dealership_id AND l.site_key_id = k.key_id AND NOT l.spam
      AND l.received_at > now() - interval '30 days') AS last_lead_at
FROM site_key k WHERE k.dealership_id = %s ORDER BY k.id
"""  # noqa: S608 - the part is a constant of this file

_ADD = f"""
INSERT INTO site_key (dealership_id, key_id, label, secret_version)
SELECT %(dealership_id)s, %(key_id)s, %(label)s, %(secret_version)s
WHERE (SELECT count(*) FROM site_key
       WHERE dealership_id = %(dealership_id)s AND revoked_at IS NULL) < {_MOST_ACTIVE_KEYS}
RETURNING {_COLUMNS}
"""  # noqa: S608 - the parts are constants of this file

_CHANGE = f"""
UPDATE site_key
SET label = coalesce(%(label)s, label),
    rate_per_second = coalesce(%(rate_per_second)s, rate_per_second),
    burst = coalesce(%(burst)s, burst)
WHERE dealership_id = %(dealership_id)s AND key_id = %(key_id)s
RETURNING {_COLUMNS}
"""  # noqa: S608 - the part is a constant of this file

# The first revocation's time stays; a repeat only writes the site file once more.
_REVOKE = """
UPDATE site_key k SET revoked_at = coalesce(k.revoked_at, now())
FROM (SELECT id, revoked_at FROM site_key
      WHERE dealership_id = %s AND key_id = %s FOR UPDATE) before
WHERE k.id = before.id
RETURNING before.revoked_at IS NOT NULL
"""

_ACTIVE_KEYS = """
SELECT key_id, rate_per_second, burst FROM site_key
WHERE dealership_id = %s AND revoked_at IS NULL ORDER BY id
"""

_ADD_ORIGIN = """
INSERT INTO dealership_origin (dealership_id, origin) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""

_REMOVE_OTHER_ORIGINS = """
DELETE FROM dealership_origin WHERE dealership_id = %s AND NOT origin = ANY (%s::text[])
"""

_ORIGINS = "SELECT origin FROM dealership_origin WHERE dealership_id = %s ORDER BY id"


def add_site_key(
    connection: Connection,
    dealership_id: int,
    *,
    key_id: str,
    label: str | None,
    secret_version: int,
    actor: Actor,
) -> Mapping[str, Any] | None:
    """Insert a key with the default rate, 20 a second and bursts of 200.

    None where the dealership has 50 active keys already.
    """
    cursor = connection.cursor(row_factory=dict_row)
    row = cursor.execute(
        _ADD,
        {
            "dealership_id": dealership_id,
            "key_id": key_id,
            "label": label,
            "secret_version": secret_version,
        },
    ).fetchone()
    if row is not None:
        detail = {"secretVersion": secret_version, "label": label}
        _audit(connection, actor, "site_key.created", (dealership_id, key_id), detail)
    return row


def add_origins(connection: Connection, dealership_id: int, origins: Sequence[str]) -> None:
    """Allow more web origins; they come as ``normal_origin`` writes them."""
    for origin in origins:
        connection.execute(_ADD_ORIGIN, (dealership_id, origin))


class PostgresSiteKeys:
    """Adapter of :class:`forecourt.admin.ports.SiteKeys`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, dealership_id: int) -> Sequence[Mapping[str, Any]]:
        """Return a dealership's keys, revoked ones too, oldest first.

        ``last_lead_at`` is the last accepted lead of the last 30 days, spam apart.
        """
        cursor = self._database.connection().cursor(row_factory=dict_row)
        return cursor.execute(_LIST, (dealership_id,)).fetchall()

    def refusals(self, dealership_id: int) -> Sequence[Mapping[str, Any]]:
        """Return what was refused in the last 24 hours by key, reason and field."""
        return recent_refusals(self._database, dealership_id)

    def failing(self, dealership_id: int) -> Collection[str]:
        """Return the ids of keys whose website only fails."""
        return failing_keys(self._database, dealership_id)

    def add(
        self,
        dealership_id: int,
        *,
        key_id: str,
        label: str | None,
        secret_version: int,
        actor: Actor,
    ) -> Mapping[str, Any] | None:
        """Insert a key; None where the dealership has as many active ones as it may have."""
        with self._database.transaction() as connection:
            return add_site_key(
                connection,
                dealership_id,
                key_id=key_id,
                label=label,
                secret_version=secret_version,
                actor=actor,
            )

    def change(
        self, dealership_id: int, key_id: str, changes: Mapping[str, Any], *, actor: Actor
    ) -> Mapping[str, Any] | None:
        """Change ``label``, ``rate_per_second``, ``burst``; None where there is no such key."""
        values = {"label": None, "rate_per_second": None, "burst": None, **changes}
        with self._database.transaction() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            row = cursor.execute(
                _CHANGE, {**values, "dealership_id": dealership_id, "key_id": key_id}
            ).fetchone()
            if row is not None:
                _audit(
                    connection, actor, "site_key.changed", (dealership_id, key_id), dict(changes)
                )
        return row

    def revoke(self, dealership_id: int, key_id: str, *, actor: Actor) -> bool:
        """End a key for good, also one that is ended already; say whether there is such a key."""
        with self._database.transaction() as connection:
            row = connection.execute(_REVOKE, (dealership_id, key_id)).fetchone()
            if row is not None and not row[0]:
                _audit(connection, actor, "site_key.revoked", (dealership_id, key_id), {})
        return row is not None

    def origins(self, dealership_id: int) -> Sequence[str]:
        """Return the web origins whose pages may post, oldest first."""
        return _origins(self._database.connection(), dealership_id)

    def set_origins(self, dealership_id: int, origins: Sequence[str], *, actor: Actor) -> None:
        """Let pages of these origins post and no others."""
        with self._database.transaction() as connection:
            connection.execute(_REMOVE_OTHER_ORIGINS, (dealership_id, list(origins)))
            add_origins(connection, dealership_id, origins)
            entry = AuditEntry(
                action="dealership.origins_changed",
                subject_type="dealership",
                subject_id=dealership_id,
                dealership_id=dealership_id,
                detail={"origins": list(origins)},
            )
            write_audit(connection, actor, entry)

    def site_document(self, dealership_id: int) -> dict[str, Any]:
        """Return what ``sites/{dealershipId}.json`` has to say: active keys, allowed origins."""
        with self._database.transaction() as connection:
            keys = connection.execute(_ACTIVE_KEYS, (dealership_id,)).fetchall()
            origins = _origins(connection, dealership_id)
        rates = {key_id: Rate(per_second=rate, burst=burst) for key_id, rate, burst in keys}
        return site_document(dealership_id, rates, origins)


def _origins(connection: Connection, dealership_id: int) -> Sequence[str]:
    rows = connection.execute(_ORIGINS, (dealership_id,)).fetchall()
    return [origin for (origin,) in rows]


def _audit(
    connection: Connection,
    actor: Actor,
    action: str,
    key: tuple[int, str],
    detail: dict[str, Any],
) -> None:
    dealership_id, key_id = key
    entry = AuditEntry(
        action=action,
        subject_type="site_key",
        subject_id=key_id,
        dealership_id=dealership_id,
        detail=detail,
    )
    write_audit(connection, actor, entry)
