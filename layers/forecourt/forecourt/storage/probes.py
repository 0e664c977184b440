"""The ledger's side of probing: what is unconfirmed, what is known, what was found out.

The account's row in ``vendor_frontier`` holds the lease that admits one probe at a time.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.leads.calls import WRITE_WITHIN_SECONDS
from forecourt.leads.outcome import PROBE_AFTER_SECONDS
from forecourt.leads.probe_ports import Finding, FoundLead, KnownNumbers, Unconfirmed
from forecourt.storage.adoptions import RAISE_FRONTIER, adopt_number
from forecourt.storage.leads import LEAD_COLUMNS, lead_of_row
from forecourt.storage.postgres import Database

_MOST_ROWS = 1000
_SOON_SECONDS = 60.0

_SCOPES = """
SELECT DISTINCT remote_scope FROM lead_delivery
WHERE id = ANY(%(ids)s) AND state = 'unconfirmed' AND next_attempt_at <= now()
  AND remote_scope IS NOT NULL
ORDER BY remote_scope
"""

_LEASE = """
INSERT INTO vendor_frontier AS f (account_scope, lease_token, lease_until)
VALUES (%(scope)s, gen_random_uuid(), now() + make_interval(secs => %(seconds)s))
ON CONFLICT (account_scope) DO UPDATE
SET lease_token = excluded.lease_token, lease_until = excluded.lease_until
WHERE f.lease_until IS NULL OR f.lease_until <= now()
RETURNING lease_token
"""

_RELEASE = """
UPDATE vendor_frontier SET lease_token = NULL, lease_until = NULL
WHERE account_scope = %(scope)s AND lease_token = %(token)s
"""

# A create is sent within 45 s of its claim, and before its outcome is recorded. A number given to
# one whose claim is 180 s younger than that was given out when this one had long acted, or never
# would.
_UNCONFIRMED = f"""
WITH waiting AS (
    SELECT d.*, least(d.claimed_at + make_interval(secs => %(write_within)s), a.finished_at)
                AS sent_by
    FROM lead_delivery d
    LEFT JOIN LATERAL (
        SELECT t.finished_at FROM lead_delivery_attempt t
        WHERE t.delivery_id = d.id AND t.operation = 'create'
        ORDER BY t.id DESC LIMIT 1) a ON true
    WHERE d.state = 'unconfirmed' AND d.remote_scope = %(scope)s AND d.target = 'EasyCars'
      AND d.claimed_at IS NOT NULL
    ORDER BY d.next_attempt_at, d.id
    LIMIT {_MOST_ROWS}
)
SELECT w.id AS delivery_id, w.attempts, w.claimed_at, w.sent_by, w.sent_version,
       extract(epoch FROM now() - w.sent_by)::float8 AS since_sent,
       w.next_attempt_at <= now()
           AND coalesce(w.lease_until, w.sent_by) + make_interval(secs => %(probe_after)s) <= now()
           AS ripe,
       w.probe_from, w.probe_upto, w.remote_source AS lead_source,
       later.remote_id AS later_number,
       c.encryption_iv AS credential_stamp,
       CASE WHEN c.hold_reason IS NOT NULL
            THEN coalesce(extract(epoch FROM c.hold_until - now()), 0)::float8
       END AS hold_left,
       {LEAD_COLUMNS}
FROM waiting w
JOIN lead l ON l.id = w.lead_id
LEFT JOIN vehicle v ON v.id = l.vehicle_id
LEFT JOIN dealership_easycars_credentials c ON c.dealership_id = w.dealership_id AND c.is_active
LEFT JOIN LATERAL (
    SELECT o.remote_id
    FROM lead_delivery_attempt t
    JOIN lead_delivery o ON o.id = t.delivery_id AND o.remote_id = t.remote_id
    WHERE t.operation = 'create' AND t.outcome = 'delivered'
      AND t.started_at >= w.sent_by + make_interval(secs => %(probe_after)s)
      AND o.remote_scope = w.remote_scope AND o.remote_source = w.remote_source
      AND o.remote_number > CASE WHEN w.probe_from ~ '^[0-9]{{1,18}}$'
                                 THEN w.probe_from::bigint ELSE 0 END
    ORDER BY t.started_at
    LIMIT 1) later ON true
ORDER BY w.next_attempt_at, w.id
"""  # noqa: S608 - the interpolated parts are constants

_KNOWN = """
SELECT now() AS as_of,
       (SELECT f.highest_lead_number FROM vendor_frontier f
        WHERE f.account_scope = %(scope)s) AS highest,
       (SELECT d.remote_id FROM lead_delivery d
        WHERE d.remote_scope = %(scope)s AND d.remote_number IS NOT NULL
        ORDER BY d.remote_number LIMIT 1) AS first,
       ARRAY(SELECT d.remote_id FROM lead_delivery d
             WHERE d.remote_scope = %(scope)s AND d.remote_number IS NOT NULL
               AND d.remote_source = %(lead_source)s
             ORDER BY d.remote_number DESC LIMIT 3) AS own
"""

# So many more than asked for as are ours hold as many as asked for. All up to a number that leapt
# ahead, as in an account that was renumbered, could be more than a disk holds.
_GAPS = """
SELECT n FROM generate_series(%(after)s::bigint + 1, least(
    %(upto)s::bigint,
    %(after)s::bigint + %(limit)s + (
        SELECT count(*) FROM lead_delivery d
        WHERE d.remote_scope = %(scope)s
          AND d.remote_number > %(after)s::bigint AND d.remote_number <= %(upto)s::bigint))) n
WHERE NOT EXISTS (SELECT FROM lead_delivery d
                  WHERE d.remote_scope = %(scope)s AND d.remote_number = n)
ORDER BY n
LIMIT %(limit)s
"""

_SETTLE = """
WITH o AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(findings)s) AS o(
        delivery_id bigint, claimed_at timestamptz, outcome text, state text, code text,
        detail text, wait float8, probe_from text, probe_upto text)
), settled AS (
    UPDATE lead_delivery d
    SET state = o.state,
        next_attempt_at = CASE
            WHEN o.state = 'failed' THEN NULL
            WHEN o.state = 'unconfirmed' AND EXISTS (
                SELECT FROM lead_delivery_attempt t JOIN lead_delivery n ON n.id = t.delivery_id
                WHERE t.started_at > %(since)s - interval '15 minutes' AND t.finished_at > %(since)s
                  AND t.operation = 'create' AND t.outcome = 'delivered'
                  AND n.remote_scope = %(scope)s)
            THEN now() + make_interval(secs => least(o.wait, %(soon)s))
            ELSE now() + make_interval(secs => o.wait) END,
        woken_until = NULL, lease_until = NULL,
        probe_from = o.probe_from, probe_upto = o.probe_upto,
        last_error_code = coalesce(o.code, d.last_error_code), last_error = o.detail,
        updated_at = now()
    FROM o
    WHERE d.id = o.delivery_id AND d.state = 'unconfirmed' AND d.claimed_at = o.claimed_at
    RETURNING d.id, d.sent_version
)
INSERT INTO lead_delivery_attempt (delivery_id, attempt_no, operation, finished_at, outcome, code,
                                   detail, sent_version)
SELECT s.id,
       1 + coalesce((SELECT max(a.attempt_no) FROM lead_delivery_attempt a
                     WHERE a.delivery_id = s.id), 0),
       'probe', now(), o.outcome, o.code, o.detail, s.sent_version
FROM settled s JOIN o ON o.delivery_id = s.id
"""

_WAIT_FOR_HOLD = """
UPDATE lead_delivery d
SET next_attempt_at = greatest(d.next_attempt_at, c.hold_until), woken_until = NULL,
    updated_at = now()
FROM dealership_easycars_credentials c
WHERE d.id = ANY(%(ids)s) AND d.state = 'unconfirmed' AND c.dealership_id = d.dealership_id
  AND c.hold_until > now()
"""


class PostgresProbes:
    """Adapter of :class:`forecourt.leads.probe_ports.ProbeLedger`; each method is one commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def scopes(self, delivery_ids: Collection[int]) -> Sequence[str]:
        """Name the accounts in which these are unconfirmed and due."""
        rows = self._database.connection().execute(_SCOPES, {"ids": list(delivery_ids)})
        return [scope for (scope,) in rows]

    def lease(self, scope: str, seconds: float) -> UUID | None:
        """Take the account's one probe; None where another worker has it."""
        values = {"scope": scope, "seconds": seconds}
        row = self._database.connection().execute(_LEASE, values).fetchone()
        return row[0] if row else None

    def release(self, scope: str, token: UUID) -> None:
        """Give the account's probe back."""
        self._database.connection().execute(_RELEASE, {"scope": scope, "token": token})

    def unconfirmed(self, scope: str) -> Sequence[Unconfirmed]:
        """List the account's creates of unknown outcome."""
        cursor = self._database.connection().cursor(row_factory=dict_row)
        rows = cursor.execute(
            _UNCONFIRMED,
            {
                "scope": scope,
                "write_within": WRITE_WITHIN_SECONDS,
                "probe_after": PROBE_AFTER_SECONDS,
            },
        )
        names = Unconfirmed.__dataclass_fields__.keys() - {"lead"}
        return [
            Unconfirmed(lead=lead_of_row(row), **{name: row[name] for name in names})
            for row in rows
        ]

    def known_numbers(self, scope: str, lead_source: str) -> KnownNumbers:
        """Say what is known of the account's numbers."""
        cursor = self._database.connection().cursor(row_factory=dict_row)
        values = {"scope": scope, "lead_source": lead_source}
        (row,) = cursor.execute(_KNOWN, values).fetchall()
        return KnownNumbers(**row)

    def gaps(self, scope: str, *, after: int, upto: int, limit: int) -> Sequence[int]:
        """List the first numbers in (after, upto] that no lead of ours has."""
        values = {"scope": scope, "after": after, "upto": upto, "limit": limit}
        return [number for (number,) in self._database.connection().execute(_GAPS, values)]

    def adopt(self, scope: str, row: Unconfirmed, found: FoundLead, detail: str) -> bool:
        """Give a lead the number it was found as."""
        return adopt_number(
            self._database,
            delivery_id=row.delivery_id,
            lead_number=found.number,
            customer_no=found.customer_no,
            confirmed=found.confirmed,
            account_scope=scope,
            detail=detail,
            claimed_at=row.claimed_at,
        )

    def note_number(self, scope: str, number: str) -> None:
        """Raise the account's highest known number."""
        values = {"account_scope": scope, "lead_number": number}
        self._database.connection().execute(RAISE_FRONTIER, values)

    def settle(self, scope: str, findings: Sequence[Finding], *, since: datetime) -> None:
        """Store what was found out, each with an attempt of its own."""
        rows = [
            {
                "delivery_id": finding.delivery_id,
                "claimed_at": finding.claimed_at.isoformat(),
                "outcome": finding.outcome,
                "state": finding.state,
                "code": finding.code,
                "detail": finding.detail,
                "wait": finding.wait,
                "probe_from": finding.probe_from,
                "probe_upto": finding.probe_upto,
            }
            for finding in findings
        ]
        values = {"findings": Jsonb(rows), "scope": scope, "since": since, "soon": _SOON_SECONDS}
        self._database.connection().execute(_SETTLE, values)

    def wait_for_hold(self, delivery_ids: Collection[int]) -> None:
        """Look again when the dealerships' holds have ended."""
        self._database.connection().execute(_WAIT_FOR_HOLD, {"ids": list(delivery_ids)})
