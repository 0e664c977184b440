"""Give a lead whose create was of unknown outcome the number it turned out to have."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from forecourt.storage.postgres import Connection, Database

_CUSTOMER_NO_LIMIT = 100
"""Of the column; the vendor's own is 20."""

# The lead before its delivery, as recording does, so that the two do not wait for each other.
_LOCK_LEAD = """
SELECT l.id, l.easycars_lead_number
FROM lead l
WHERE l.id = (SELECT d.lead_id FROM lead_delivery d
              WHERE d.id = %(delivery_id)s AND d.target = 'EasyCars')
FOR UPDATE
"""

# A failed delivery waits for a person only where its lead has no number in this account.
_LOCK_DELIVERY = """
SELECT d.state = 'failed' AND d.last_error_code = 'SCOPE_CHANGED' AS has_moved
FROM lead_delivery d
WHERE d.id = %(delivery_id)s
  AND (%(claimed_at)s::timestamptz IS NULL OR d.claimed_at = %(claimed_at)s)
  AND (d.state = 'unconfirmed'
       OR (d.state = 'failed' AND (d.remote_id IS NULL OR d.last_error_code = 'SCOPE_CHANGED')))
FOR UPDATE
"""

# Its row is locked until the end, so that no two leads are given one number.
RAISE_FRONTIER = """
INSERT INTO vendor_frontier AS f (account_scope, highest_lead_number)
VALUES (%(account_scope)s, %(lead_number)s)
ON CONFLICT (account_scope) DO UPDATE
SET highest_lead_number = CASE
        WHEN f.highest_lead_number IS NULL
          OR (length(ltrim(f.highest_lead_number, '0')),
              ltrim(f.highest_lead_number, '0') COLLATE "C")
           < (length(ltrim(excluded.highest_lead_number, '0')),
              ltrim(excluded.highest_lead_number, '0') COLLATE "C")
        THEN excluded.highest_lead_number ELSE f.highest_lead_number END,
    updated_at = now()
"""

_IS_TAKEN = """
SELECT FROM lead_delivery
WHERE target = 'EasyCars' AND remote_id = %(lead_number)s AND remote_scope = %(account_scope)s
  AND id <> %(delivery_id)s
"""

_NUMBER = """
UPDATE lead
SET easycars_lead_number = %(lead_number)s,
    easycars_customer_no = coalesce(%(customer_no)s, easycars_customer_no),
    last_known_easycars_status =
        coalesce((%(confirmed)s::jsonb ->> 'LeadStatus')::integer, last_known_easycars_status),
    last_synced_to_easycars = now()
WHERE id = %(lead_id)s
"""

# A create carries no status: a lead that has another one than a new lead's is due at once. So is a
# change that was not sent, because its lead was in another account: this one never had it.
_ADOPT = """
WITH adopted AS (
    UPDATE lead_delivery d
    SET state = CASE WHEN due.now THEN 'pending' ELSE 'delivered' END,
        attempts = CASE WHEN due.now THEN 0 ELSE d.attempts END,
        next_attempt_at = CASE WHEN due.now THEN now() END,
        woken_until = NULL, lease_token = NULL, lease_until = NULL,
        remote_id = %(lead_number)s, remote_scope = %(account_scope)s,
        delivered_fields = %(confirmed)s,
        delivered_version = CASE WHEN NOT due.unsent
                                 THEN coalesce(d.sent_version, d.wanted_version) END,
        delivered_at = CASE WHEN NOT due.unsent THEN now() END,
        last_error_code = NULL, last_error = NULL, updated_at = now()
    FROM (SELECT q.id, u.unsent,
                 u.unsent OR l.status <> 'received'
                     OR q.wanted_version > coalesce(q.sent_version, q.wanted_version) AS now
          FROM lead_delivery q
          JOIN lead l ON l.id = q.lead_id
          CROSS JOIN LATERAL (SELECT q.state = 'failed'
                                     AND coalesce(q.operation = 'update', false)) u (unsent)
          WHERE q.id = %(delivery_id)s) due
    WHERE d.id = due.id
    RETURNING d.id, d.sent_version
)
INSERT INTO lead_delivery_attempt (delivery_id, attempt_no, operation, finished_at, outcome,
                                   detail, remote_id, sent_version)
SELECT id,
       1 + coalesce((SELECT max(attempt_no) FROM lead_delivery_attempt
                     WHERE delivery_id = adopted.id), 0),
       'probe', now(), 'adopted', %(detail)s, %(lead_number)s, sent_version
FROM adopted
"""


def adopt_number(
    database: Database,
    *,
    delivery_id: int,
    lead_number: str,
    customer_no: str | None,
    confirmed: Mapping[str, Any],
    account_scope: str,
    detail: str,
    claimed_at: datetime | None = None,
) -> bool:
    """Make an unconfirmed delivery, or one that failed without a number, a delivered one.

    Where a newer version is wanted, or the lead has a status a create cannot carry, the delivery
    is due at once for an update with what differs from `confirmed`. A delivery that failed as
    SCOPE_CHANGED exchanges the number of the account it was in for this one.

    Parameters
    ----------
    lead_number, customer_no
        As the vendor writes them.
    confirmed
        What the vendor holds of the lead, by UpdateLead's names.
    account_scope
        The account `lead_number` is valid in.
    detail
        One sentence for the attempt's row.
    claimed_at
        The claim of the create that was looked for; None takes whichever there is.

    Returns
    -------
    bool
        False, and nothing is changed, where the delivery waits no more, its lead has another
        number, or another lead has this one.
    """
    values = {
        "delivery_id": delivery_id,
        "lead_number": lead_number,
        "customer_no": None if len(customer_no or "") > _CUSTOMER_NO_LIMIT else customer_no,
        "confirmed": Jsonb(dict(confirmed)),
        "account_scope": account_scope,
        "detail": detail,
        "claimed_at": claimed_at,
    }
    with database.transaction() as connection:
        lead_id = _lock(connection, values)
        if lead_id is None:
            return False
        connection.execute(RAISE_FRONTIER, values)
        if connection.execute(_IS_TAKEN, values).fetchone() is not None:
            return False
        connection.execute(_NUMBER, values | {"lead_id": lead_id})
        connection.execute(_ADOPT, values)
    return True


def _lock(connection: Connection, values: Mapping[str, Any]) -> int | None:
    """Lock lead and delivery; gives the lead's id where it may be given the number."""
    lead = connection.execute(_LOCK_LEAD, values).fetchone()
    delivery = connection.execute(_LOCK_DELIVERY, values).fetchone()
    if lead is None or delivery is None:
        return None
    lead_id, number = lead
    (has_moved,) = delivery
    is_free = number is None or has_moved
    return lead_id if is_free or number.lstrip("0") == values["lead_number"].lstrip("0") else None
