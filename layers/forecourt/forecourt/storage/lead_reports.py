"""Leads, deliveries and attempts as the admin API shows them; nothing here writes."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from forecourt.admin.request import Page
from forecourt.storage.postgres import Database

_IN_SCOPE = "(%(scope)s::integer IS NULL OR {table}.dealership_id = %(scope)s)"

_LEAD_HEAD = """l.external_id AS lead_id, l.dealership_id, l.name, l.email, l.phone, l.status,
    l.vehicle_id, l.requested_stock_number, l.vehicle_interest_type AS vehicle_interest,
    l.finance_status, l.rating, l.spam, l.data_source, l.version, l.received_at, l.updated_at,
    l.easycars_lead_number AS easy_cars_lead_number,
    l.easycars_customer_no AS easy_cars_customer_no,
    l.last_synced_to_easycars AS last_synced_to_easy_cars,
    s.d365_sync_status, s.d365_lead_id, s.d365_sync_last_at, s.d365_sync_attempt_count,
    s.d365_sync_error, x.remote_scope AS d365_remote_scope, c.base_url AS d365_environment_url,
    c.app_id AS d365_app_id"""

_LEAD_TABLES = """lead l
JOIN lead_d365_sync s ON s.lead_id = l.id
LEFT JOIN lead_delivery x ON x.lead_id = l.id AND x.target = 'Dynamics'
LEFT JOIN dynamics_connection c ON c.dealership_id = l.dealership_id"""

# What an older system called done is won.
_WANTED_LEADS = f"""{_IN_SCOPE.format(table="l")}
  AND (%(spam)s::boolean IS NULL OR l.spam = %(spam)s)
  AND (%(status)s::text IS NULL OR l.status = %(status)s
       OR (%(status)s = 'won' AND l.status = 'done'))"""

_SHARES_KEY = """FROM lead o
               WHERE o.dealership_id = l.dealership_id AND o.id <> l.id
                 AND o.idempotency_key = l.idempotency_key"""

_LEADS = f"""
SELECT {_LEAD_HEAD}, EXISTS (SELECT {_SHARES_KEY}) AS shares_idempotency_key,
       (SELECT d.state FROM lead_delivery d
        WHERE d.lead_id = l.id AND d.target = 'EasyCars') AS easy_cars_state
FROM {_LEAD_TABLES}
WHERE {_WANTED_LEADS}
ORDER BY l.received_at DESC, l.id DESC
LIMIT %(size)s OFFSET %(offset)s
"""  # noqa: S608 - the parts are constants of this file

_COUNT_LEADS = f"""
SELECT count(*) AS total FROM lead l WHERE {_WANTED_LEADS}
"""  # noqa: S608 - the part is a constant of this file

_LEAD = f"""
SELECT {_LEAD_HEAD}, l.message, l.source_page_url, l.company, l.consent,
       l.delivery_notes, l.idempotency_key, l.site_key_id, l.correlation_id, l.erased_at,
       jsonb_build_object('line', l.address_line, 'city', l.address_city,
           'state', l.address_state, 'postCode', l.address_post_code) AS address,
       ARRAY(SELECT o.external_id {_SHARES_KEY} ORDER BY o.id) AS same_idempotency_key
FROM {_LEAD_TABLES}
WHERE l.external_id = %(lead_id)s AND {_IN_SCOPE.format(table="l")}
"""  # noqa: S608 - the parts are constants of this file

# A create that was sent and not answered stays in doubt until it was found, or somebody decided.
DELIVERY_STANDING = """d.target, d.state, d.last_error_code,
    l.easycars_lead_number AS lead_number,
    d.attempts = 0 AND d.next_attempt_at <= now() AS is_untried,
    l.easycars_lead_number IS NULL AND coalesce((
        SELECT coalesce(a.outcome, 'unknown') IN ('unknown', 'lease_expired')
        FROM lead_delivery_attempt a
        WHERE a.delivery_id = d.id
          AND (a.operation = 'create' OR a.outcome IN ('adopted', 'create_again'))
        ORDER BY a.id DESC LIMIT 1), false) AS is_unsure"""
"""What :mod:`forecourt.admin.delivery_acts` judges, from ``lead_delivery d`` and ``lead l``."""

_DELIVERY = f"""
SELECT d.id, l.external_id AS lead_id, d.dealership_id, p.name AS dealership_name, d.operation,
       d.attempts, d.next_attempt_at, d.lease_until, d.claimed_at, d.wanted_version,
       d.delivered_version, d.delivered_at, d.remote_id, d.remote_scope, d.last_error,
       d.created_at, d.updated_at,
       l.received_at, coalesce(c.hold_reason, y.hold_reason) AS hold_reason,
       coalesce(c.hold_until, y.hold_until) AS hold_until, b.open_until AS vendor_away_until,
       {DELIVERY_STANDING}
FROM lead_delivery d
JOIN lead l ON l.id = d.lead_id
JOIN dealership p ON p.id = d.dealership_id
LEFT JOIN dealership_easycars_credentials c ON c.dealership_id = d.dealership_id AND c.is_active
    AND d.target = 'EasyCars'
LEFT JOIN dynamics_connection y ON y.dealership_id = d.dealership_id AND y.is_active
    AND d.target = 'Dynamics'
LEFT JOIN circuit_breaker b ON b.target = d.target
    AND b.environment = coalesce(c.environment, y.base_url)
"""  # noqa: S608 - the part is a constant of this file

_DELIVERIES = f"""{_DELIVERY}
WHERE {_IN_SCOPE.format(table="d")} AND (%(state)s::text IS NULL OR d.state = %(state)s)
ORDER BY d.updated_at DESC, d.id DESC
LIMIT %(limit)s
"""

_ONE_DELIVERY = f"""{_DELIVERY}
WHERE d.id = %(delivery_id)s AND {_IN_SCOPE.format(table="d")}
"""

_DELIVERIES_OF_LEAD = f"""{_DELIVERY}
WHERE l.external_id = %(lead_id)s
ORDER BY d.id
"""

_ATTEMPTS = """
SELECT attempt_no, operation, started_at, finished_at, outcome, code, detail, http_status,
       latency_ms, remote_id, sent_version
FROM lead_delivery_attempt
WHERE delivery_id = %(delivery_id)s
ORDER BY id
"""

type _Row = Mapping[str, Any]


class PostgresLeadReports:
    """Adapter of :class:`forecourt.admin.lead_ports.LeadReports`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def leads(
        self, scope: int | None, page: Page, *, status: str | None = None, spam: bool | None = None
    ) -> tuple[Sequence[_Row], int]:
        """Return leads, newest first, and how many there are."""
        wanted = {"scope": scope, "status": status, "spam": spam}
        rows = self._rows(_LEADS, **wanted, size=page.size, offset=page.offset)
        return rows, int(self._rows(_COUNT_LEADS, **wanted)[0]["total"])

    def lead(self, lead_id: UUID, scope: int | None) -> _Row | None:
        """Return one lead by its external id."""
        return next(iter(self._rows(_LEAD, lead_id=lead_id, scope=scope)), None)

    def deliveries(self, scope: int | None, state: str | None, limit: int) -> Sequence[_Row]:
        """Return deliveries, last changed first."""
        return self._rows(_DELIVERIES, scope=scope, state=state, limit=limit)

    def delivery(self, delivery_id: int, scope: int | None) -> _Row | None:
        """Return one delivery."""
        return next(iter(self._rows(_ONE_DELIVERY, delivery_id=delivery_id, scope=scope)), None)

    def deliveries_of_lead(self, lead_id: UUID) -> Sequence[_Row]:
        """Return a lead's deliveries."""
        return self._rows(_DELIVERIES_OF_LEAD, lead_id=lead_id)

    def attempts(self, delivery_id: int) -> Sequence[_Row]:
        """Return every try of a delivery, oldest first."""
        return self._rows(_ATTEMPTS, delivery_id=delivery_id)

    def _rows(self, statement: str, **parameters: object) -> list[dict[str, Any]]:
        cursor = self._database.connection().cursor(row_factory=dict_row)
        return cursor.execute(statement, parameters).fetchall()
