"""Say what a push of a lead to Dynamics 365 is to send."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from forecourt.dynamics.company_columns import OWN_ID, VOLATILE, sync_wishes
from forecourt.dynamics.core_columns import DO_NOT_CONTACT
from forecourt.dynamics.fitting import Value, Wish
from forecourt.dynamics.mapping import map_lead
from forecourt.dynamics.metadata import TenantMetadata
from forecourt.dynamics.tenant_table import TenantTable
from forecourt.errors import PermanentError
from forecourt.leads.dynamics.reasons import DynamicsReason
from forecourt.leads.dynamics.sink import DynamicsPush, Standing
from forecourt.leads.lead import Lead
from forecourt.security.dynamics_connections import DynamicsConnection


def prepare_push(
    lead: Lead, connection: DynamicsConnection, standing: Standing, now: datetime
) -> DynamicsPush:
    """Say what to send so that Dynamics shows this version of the lead.

    An update carries what differs from what was last confirmed, with null for what is to be empty;
    where that is not known, everything. A first create leaves nulls out.

    Parameters
    ----------
    now
        When the push is made, with a zone.

    Raises
    ------
    PermanentError
        ``METADATA_UNKNOWN``, ``KEY_NOT_ACTIVE`` or ``NO_COLUMNS``: nothing can be sent before the
        connection or the tenant was seen to.
    """
    metadata = TenantMetadata.from_json(connection.metadata)
    if standing.remote_id is None:
        _require_active_key(connection, metadata)
    table = TenantTable(connection, metadata, updating=standing.remote_id is not None)
    mapped = map_lead(lead, table)
    wanted = dict(mapped.columns)
    if all(value is None for value in wanted.values()):
        raise PermanentError(
            DynamicsReason.NO_COLUMNS,
            "Of the tenant's columns none may be written that a lead has something for.",
            target="Dynamics",
        )
    telling, notes = _tell_of_push(lead, table, standing, now)
    base = standing.delivered_fields if standing.remote_id is not None else None
    payload_hash = hash_payload(wanted)
    if base is None:
        changed = _everything(lead, wanted, standing)
    elif payload_hash == standing.payload_hash:
        changed = {}
    else:
        changed = _difference(wanted, base, table)
    own_id = telling.get(OWN_ID)
    if changed or (own_id is not None and (base or {}).get(OWN_ID) != own_id):
        changed |= telling
        confirmed = dict(base or {}) | wanted | changed
    else:
        confirmed = dict(base or {})
    return DynamicsPush(
        external_id=lead.external_id,
        remote_id=standing.remote_id,
        fields=changed,
        confirmed={name: value for name, value in confirmed.items() if value is not None},
        payload_hash=payload_hash,
        complete=not _lacks_own_id(lead, connection, metadata, standing),
        left_out=(*mapped.left_out, *notes),
    )


def hash_payload(columns: Mapping[str, Value]) -> str:
    """Return a hash of what the columns hold; an empty one counts as one that is not there."""
    filled = {name: value for name, value in columns.items() if value is not None}
    text = json.dumps(filled, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _require_active_key(connection: DynamicsConnection, metadata: TenantMetadata) -> None:
    key = metadata.key_on(connection.key_column)
    if key is None or not key.is_active:
        state = "is missing" if key is None else f"is {key.status}, not Active"
        raise PermanentError(
            DynamicsReason.KEY_NOT_ACTIVE,
            f"The alternate key on {connection.key_column} {state}; without it a lead could be "
            "created twice. Run 'forecourt dynamics setup'.",
            target="Dynamics",
        )


def _tell_of_push(
    lead: Lead, table: TenantTable, standing: Standing, now: datetime
) -> tuple[dict[str, Value], list[str]]:
    """Return the columns that tell of the push itself, and what is to be said of them."""
    if not lead.company:
        return {}, []
    telling: dict[str, Value] = {}
    notes = []
    wishes = sync_wishes(attempts=standing.attempts, remote_id=standing.remote_id, now=now)
    for wish in wishes:
        fitted = table.fit(wish)
        if fitted is None:
            continue
        if fitted.note is not None:
            notes.append(f"{wish.column}: {fitted.note}")
        if fitted.value is not None or standing.remote_id is not None:
            telling[wish.column] = fitted.value
    return telling, notes


def _everything(lead: Lead, wanted: Mapping[str, Value], standing: Standing) -> dict[str, Value]:
    if standing.remote_id is None and lead.version == 1:
        return {name: value for name, value in wanted.items() if value is not None}
    if standing.remote_id is None:
        # An earlier version may have landed unseen: what has been emptied since must be emptied.
        return dict(wanted)
    # Whoever asked there not to be contacted stays so: our "may be" is older.
    return {
        name: value
        for name, value in wanted.items()
        if not (name in DO_NOT_CONTACT and value is False)
    }


def _difference(
    wanted: Mapping[str, Value], base: Mapping[str, Any], table: TenantTable
) -> dict[str, Value]:
    differing = {name: value for name, value in wanted.items() if value != base.get(name)}
    gone = {
        name: None
        for name, value in base.items()
        if value is not None
        and name not in wanted
        and name not in VOLATILE
        and table.column(name) is not None
    }
    return differing | gone


def _lacks_own_id(
    lead: Lead, connection: DynamicsConnection, metadata: TenantMetadata, standing: Standing
) -> bool:
    """Whether a further update is needed to write the record's own id, known only afterwards."""
    if not lead.company or standing.remote_id is not None:
        return False
    later = TenantTable(connection, metadata, updating=True)
    fitted = later.fit(Wish(column=OWN_ID, value=str(lead.external_id), is_whole=True))
    return fitted is not None and fitted.value is not None
