"""The ``site_refusal`` table: refused requests of websites by key, reason, field and hour."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.leads.refusals import RefusedRequests
from forecourt.storage.durability import RELAXED
from forecourt.storage.postgres import Database

_KEPT_DAYS = 30
_MOST_ROWS_AN_HOUR = 200
_ONLY_FAILS_FROM = 5
_SITES_OWN = ("origin-not-allowed", "unsupported-content-type", "body-too-large", "broken-body",
              "broken-json", "invalid-fields")  # fmt: skip
"""What a form does wrong every time; posting too fast is no sign of a broken form."""

# A page's own field names are anybody's to make up: past 200 rows per key and hour, names that are
# not there yet go uncounted, while the sums over all fields go on.
_STORE = f"""
WITH {RELAXED}, incoming AS (
    SELECT i."dealershipId" AS dealership_id, i."keyId" AS key_id, i.reason, i.field, i.hour,
           sum(i.requests) AS requests
    FROM jsonb_to_recordset(%(refused)s) AS i(
        "dealershipId" integer, "keyId" text, reason text, field text, hour timestamptz,
        requests integer)
    GROUP BY 1, 2, 3, 4, 5
)
INSERT INTO site_refusal (dealership_id, key_id, reason, field, hour, requests)
SELECT i.dealership_id, i.key_id, i.reason, i.field, i.hour, i.requests
FROM relaxed JOIN incoming i ON true JOIN dealership d ON d.id = i.dealership_id
WHERE i.field = '' OR (
    SELECT count(*) FROM site_refusal r
    WHERE r.dealership_id = i.dealership_id AND r.key_id = i.key_id AND r.hour = i.hour
      AND (r.reason, r.field) <> (i.reason, i.field)) < {_MOST_ROWS_AN_HOUR}
ORDER BY i.dealership_id, i.key_id, i.hour, i.reason, i.field
ON CONFLICT (dealership_id, key_id, hour, reason, field)
DO UPDATE SET requests = site_refusal.requests + EXCLUDED.requests, last_at = now()
"""  # noqa: S608 - the parts are constants

_FORGET = f"""
DELETE FROM site_refusal
WHERE dealership_id = ANY (%s) AND hour < now() - interval '{_KEPT_DAYS} days'
"""  # noqa: S608 - the part is a constant

# Hours that began after the key's last accepted lead: what was refused before it in its own hour,
# a visitor's typing error put right, is no sign of a form that fails.
_FAILING = f"""
SELECT r.dealership_id, r.key_id
FROM site_refusal r
JOIN site_key k ON k.dealership_id = r.dealership_id AND k.key_id = r.key_id
LEFT JOIN LATERAL (
    SELECT max(l.received_at) AS received_at FROM lead l
    WHERE l.dealership_id = r.dealership_id AND l.site_key_id = r.key_id AND NOT l.spam
      AND l.received_at > now() - interval '25 hours') accepted ON true
WHERE r.last_at > now() - interval '24 hours' AND r.hour > now() - interval '24 hours'
  AND r.field = '' AND r.reason = ANY (%(reasons)s) AND k.revoked_at IS NULL
  AND (accepted.received_at IS NULL OR r.hour >= accepted.received_at)
  AND (%(dealership_id)s::integer IS NULL OR r.dealership_id = %(dealership_id)s)
GROUP BY r.dealership_id, r.key_id
HAVING sum(r.requests) >= {_ONLY_FAILS_FROM}
"""  # noqa: S608 - the part is a constant

_RECENT = """
SELECT key_id, reason, field, sum(requests)::integer AS requests, max(last_at) AS last_at
FROM site_refusal
WHERE dealership_id = %s AND hour > now() - interval '24 hours'
GROUP BY key_id, reason, field
ORDER BY key_id, requests DESC, reason, field
"""


def store_refused_requests(database: Database, refused: Sequence[RefusedRequests]) -> None:
    """Add sums; those of dealerships that are gone are dropped, old ones forgotten after 30 days.

    Does not wait for the disk.
    """
    with database.transaction() as connection:
        connection.execute(_STORE, {"refused": Jsonb([one.to_wire() for one in refused])})
        connection.execute(_FORGET, (sorted({one.dealership_id for one in refused}),))


def count_failing_sites(database: Database) -> int:
    """Count active site keys whose website only fails.

    That is: in the last 24 hours, and in hours after its last accepted lead, at least five of its
    requests were refused for what they were, and none was accepted. Spam is no accepted lead.
    """
    return len(_failing(database, None))


def failing_keys(database: Database, dealership_id: int) -> set[str]:
    """Return the ids of a dealership's active keys whose website only fails."""
    return {key_id for _, key_id in _failing(database, dealership_id)}


def recent_refusals(database: Database, dealership_id: int) -> Sequence[Mapping[str, Any]]:
    """Return a dealership's refusals of the last 24 hours, most frequent first within a key.

    Rows have ``key_id``, ``reason``, ``field`` (empty for the sum), ``requests``, ``last_at``.
    """
    cursor = database.connection().cursor(row_factory=dict_row)
    return cursor.execute(_RECENT, (dealership_id,)).fetchall()


def _failing(database: Database, dealership_id: int | None) -> list[tuple[int, str]]:
    wanted = {"reasons": list(_SITES_OWN), "dealership_id": dealership_id}
    return database.connection().execute(_FAILING, wanted).fetchall()
