"""The ``lead`` table: leads as they come in, with the delivery rows they are born with."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.errors import SkippableError
from forecourt.leads.lead import (
    FinanceStatus,
    Lead,
    LeadAddress,
    LeadStatus,
    LeadVehicle,
    Rating,
    VehicleInterest,
)
from forecourt.leads.ledger import LEASE_SECONDS, Accepted, DeliveryView
from forecourt.leads.message import AddressPart, LeadMessage
from forecourt.leads.outcome import DeliveryState
from forecourt.leads.wake_ups import DYNAMICS, EASYCARS, ON_ITS_WAY_SECONDS, WakeUp
from forecourt.security.credentials import Environment
from forecourt.storage.durability import RELAXED
from forecourt.storage.postgres import Connection, Database

if TYPE_CHECKING:
    from uuid import UUID

# A delivery is born woken: the batch that stores it is working on it, or sends a message to who
# works on the other one. A lead goes to each CRM its dealership is connected to; with no connection
# at all it waits for EasyCars credentials.
# In order of external_id, so that two batches with the same leads wait instead of deadlocking.
_ACCEPT = f"""
WITH {RELAXED}, incoming AS (
    SELECT * FROM jsonb_to_recordset(%(leads)s) AS i(
        external_id uuid, dealership_id integer, name text, email text, phone text, message text,
        vehicle_id integer, stock_number text, vehicle_interest text, finance_status text,
        rating text, source_page_url text, address_line text, address_city text,
        address_state text, address_post_code text, consent jsonb, company jsonb, spam boolean,
        idempotency_key text, site_key_id text, correlation_id text, received_at timestamptz)
), known AS (
    SELECT i.*,
           coalesce(by_id.id, by_number.id) AS own_vehicle_id,
           CASE WHEN i.vehicle_id IS NOT NULL AND by_id.id IS NULL THEN jsonb_build_array(
               format('The website named vehicle %%s, which is not one of this dealership.',
                      i.vehicle_id))
           ELSE '[]' END AS notes
    FROM incoming i
    JOIN dealership d ON d.id = i.dealership_id
    LEFT JOIN vehicle by_id
        ON by_id.id = i.vehicle_id AND by_id.dealership_id = i.dealership_id
    LEFT JOIN vehicle by_number
        ON i.vehicle_id IS NULL AND by_number.dealership_id = i.dealership_id
        AND by_number.easycars_stock_number = i.stock_number
), stored AS (
    INSERT INTO lead (
        external_id, dealership_id, vehicle_id, requested_stock_number, name, email, phone,
        message, vehicle_interest_type, finance_status, finance_interested, rating,
        source_page_url, address_line, address_city, address_state, address_post_code, consent,
        company, spam, idempotency_key, site_key_id, correlation_id, received_at, delivery_notes,
        data_source)
    SELECT external_id, dealership_id, own_vehicle_id,
           CASE WHEN own_vehicle_id IS NULL THEN stock_number END, name, email, phone,
           message, vehicle_interest, finance_status, coalesce(finance_status = 'Yes', false),
           rating, source_page_url, address_line, address_city, address_state, address_post_code,
           consent, company, spam, idempotency_key, site_key_id, correlation_id, received_at,
           notes, 'WebForm'
    FROM known ORDER BY external_id
    ON CONFLICT (external_id) DO NOTHING
    RETURNING id, external_id, dealership_id, spam
), connected AS (
    SELECT s.id, s.dealership_id,
           EXISTS (SELECT FROM dynamics_connection x
                   WHERE x.dealership_id = s.dealership_id AND x.is_active) AS to_dynamics,
           EXISTS (SELECT FROM dealership_easycars_credentials c
                   WHERE c.dealership_id = s.dealership_id AND c.is_active) AS to_easycars
    FROM stored s
    WHERE NOT s.spam
), born AS (
    INSERT INTO lead_delivery (
        lead_id, dealership_id, target, state, next_attempt_at, woken_until)
    SELECT id, dealership_id, 'EasyCars', 'pending', now(),
           now() + make_interval(secs => %(woken)s)
    FROM connected WHERE to_easycars OR NOT to_dynamics
    UNION ALL
    SELECT id, dealership_id, 'Dynamics', 'pending', now(),
           now() + make_interval(secs => %(on_its_way)s)
    FROM connected WHERE to_dynamics
    RETURNING id, lead_id, target, state
)
SELECT i.external_id, i.dealership_id, k.external_id IS NOT NULL AS is_known,
       s.id IS NOT NULL AS is_new, b.id AS delivery_id, b.target, b.state,
       c.encryption_iv AS credential_stamp,
       CASE WHEN c.hold_reason IS NOT NULL
            THEN coalesce(extract(epoch FROM c.hold_until - now()), 0)::float8
       END AS hold_left,
       c.environment,
       extract(epoch FROM v.open_until - now())::float8 AS breaker_left
FROM relaxed
JOIN incoming i ON true
LEFT JOIN known k ON k.external_id = i.external_id
LEFT JOIN stored s ON s.external_id = i.external_id
LEFT JOIN born b ON b.lead_id = s.id
LEFT JOIN dealership_easycars_credentials c ON c.dealership_id = i.dealership_id AND c.is_active
LEFT JOIN circuit_breaker v ON v.target = 'EasyCars' AND v.environment = c.environment
"""  # noqa: S608 - the interpolated part is a constant

LEAD_COLUMNS = """
    l.id AS lead_id, l.external_id, l.dealership_id, l.name, l.email, l.phone, l.message,
    l.received_at, l.version, l.status, l.requested_stock_number, l.vehicle_interest_type,
    l.finance_status, l.rating, l.source_page_url, l.address_line, l.address_city,
    l.address_state, l.address_post_code, l.company, l.consent, l.delivery_notes,
    l.easycars_lead_number, l.easycars_customer_no,
    v.id AS vehicle_id, v.easycars_stock_number AS vehicle_stock_number, v.make, v.model, v.year,
    v.price, v.condition, v.easycars_raw_data ->> 'StockType' AS stock_type
"""
"""What :func:`lead_of_row` reads, from ``lead l`` and, where there is one, ``vehicle v``."""


def accept_leads(database: Database, leads: Sequence[LeadMessage]) -> Accepted:
    """Store new leads, each with its delivery rows; those there already stay as they are.

    A vehicle is kept only if it is the dealership's. A value the table refuses (SQLSTATE class 22
    or 23) sends the batch through row by row, so that one bad row sinks no other. Refusals are
    ``UNKNOWN_DEALERSHIP`` and ``LEAD_REFUSED``.
    """
    try:
        return _accept(database.connection(), leads)
    except (psycopg.DataError, psycopg.IntegrityError):
        return _accept_one_by_one(database, leads)


def _accept_one_by_one(database: Database, leads: Sequence[LeadMessage]) -> Accepted:
    new: dict[UUID, DeliveryView | None] = {}
    refused: dict[UUID, SkippableError] = {}
    elsewhere: list[WakeUp] = []
    with database.transaction() as connection:
        for lead in leads:
            try:
                with connection.transaction():
                    accepted = _accept(connection, [lead])
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                where = error.diag.constraint_name or error.diag.column_name or "a value"
                refused[lead.lead_id] = SkippableError(
                    code="LEAD_REFUSED",
                    detail=f"The database refuses {where} (SQLSTATE {error.sqlstate}).",
                    target="PostgreSQL",
                )
            else:
                new |= accepted.new
                refused |= accepted.refused
                elsewhere.extend(accepted.elsewhere)
    return Accepted(new=new, refused=refused, elsewhere=elsewhere)


def _accept(connection: Connection, leads: Sequence[LeadMessage]) -> Accepted:
    cursor = connection.cursor(row_factory=dict_row)
    rows = cursor.execute(
        _ACCEPT,
        {
            "leads": Jsonb([_row(lead) for lead in leads]),
            "woken": LEASE_SECONDS,
            "on_its_way": ON_ITS_WAY_SECONDS,
        },
    ).fetchall()
    return Accepted(
        new=dict.fromkeys(row["external_id"] for row in rows if row["is_new"])
        | {row["external_id"]: _view(row) for row in rows if row["target"] == EASYCARS},
        refused={
            row["external_id"]: SkippableError(
                code="UNKNOWN_DEALERSHIP",
                detail=f"There is no dealership {row['dealership_id']}.",
                target="PostgreSQL",
            )
            for row in rows
            if not row["is_known"]
        },
        elsewhere=[
            WakeUp(
                delivery_id=row["delivery_id"],
                external_id=row["external_id"],
                dealership_id=row["dealership_id"],
                target=DYNAMICS,
            )
            for row in rows
            if row["target"] == DYNAMICS
        ],
    )


def _view(row: Mapping[str, Any]) -> DeliveryView:
    return DeliveryView(
        external_id=row["external_id"],
        dealership_id=row["dealership_id"],
        delivery_id=row["delivery_id"],
        state=DeliveryState(row["state"]),
        due_in=0.0,
        lease_left=0.0,
        credential_stamp=row["credential_stamp"],
        hold_left=row["hold_left"],
        environment=None if row["environment"] is None else Environment(row["environment"]),
        breaker_left=row["breaker_left"],
    )


def _row(message: LeadMessage) -> dict[str, Any]:
    lead = message.lead
    address = lead.address or AddressPart()
    return {
        "external_id": str(message.lead_id),
        "dealership_id": message.dealership_id,
        "name": lead.name,
        "email": lead.email,
        "phone": lead.phone or "",
        "message": lead.message or "",
        "vehicle_id": lead.vehicle_id,
        "stock_number": lead.stock_number,
        "vehicle_interest": lead.vehicle_interest,
        "finance_status": lead.finance_status,
        "rating": lead.rating,
        "source_page_url": lead.source_page_url,
        "address_line": address.line,
        "address_city": address.city,
        "address_state": address.state,
        "address_post_code": address.post_code,
        "consent": lead.consent,
        "company": lead.company,
        "spam": message.spam,
        "idempotency_key": message.idempotency_key,
        "site_key_id": message.site_key_id,
        "correlation_id": message.correlation_id,
        "received_at": message.received_at.isoformat(),
    }


def lead_of_row(row: Mapping[str, Any]) -> Lead:
    """Build a lead from a row of :data:`LEAD_COLUMNS`."""
    return Lead(
        lead_id=row["lead_id"],
        external_id=row["external_id"],
        dealership_id=row["dealership_id"],
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        message=row["message"],
        received_at=row["received_at"],
        version=row["version"],
        status=LeadStatus(row["status"]),
        vehicle=_vehicle(row),
        stock_number=row["requested_stock_number"],
        vehicle_interest=_member(VehicleInterest, row["vehicle_interest_type"]),
        finance_status=_member(FinanceStatus, row["finance_status"]),
        rating=_member(Rating, row["rating"]),
        source_page_url=row["source_page_url"],
        address=LeadAddress(
            line=row["address_line"],
            city=row["address_city"],
            state=row["address_state"],
            post_code=row["address_post_code"],
        ),
        company=row["company"],
        consent=row["consent"],
        delivery_notes=tuple(row["delivery_notes"]),
        easycars_lead_number=row["easycars_lead_number"],
        easycars_customer_no=row["easycars_customer_no"],
    )


def _vehicle(row: Mapping[str, Any]) -> LeadVehicle | None:
    if row["vehicle_id"] is None:
        return None
    return LeadVehicle(
        vehicle_id=row["vehicle_id"],
        stock_number=row["vehicle_stock_number"],
        make=row["make"],
        model=row["model"],
        year=row["year"],
        price=row["price"],
        is_new=row["condition"] == "new",
        stock_type=row["stock_type"],
    )


def _member[E: StrEnum](kind: type[E], text: str | None) -> E | None:
    """Read a column an older system may have filled with words that are not ours."""
    return kind(text) if text in set(kind) else None
