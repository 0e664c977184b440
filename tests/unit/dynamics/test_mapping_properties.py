"""Whatever intake accepts, what goes out is what the tenant takes, and it is sent once."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.dynamics.metadata import Column, TenantMetadata
from forecourt.dynamics.push import prepare_push
from forecourt.errors import PermanentError
from forecourt.leads.dynamics.sink import DynamicsPush, Standing
from forecourt.leads.lead import Lead
from forecourt.security.dynamics_connections import DynamicsConnection
from tests.support.dynamics_leads import accepted_leads, older_leads
from tests.support.dynamics_tenants import (
    CONNECTION,
    FIRST_TRY,
    FULL_TENANT,
    KEY,
    RECORD,
    STOCK_TENANT,
    connection_to,
)

NOW = datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC)
NAMES = sorted(FULL_TENANT.columns)
TYPES = (
    "String", "Memo", "Integer", "BigInt", "Decimal", "Double", "Money", "Picklist", "Boolean",
    "DateTime", "Lookup", "Uniqueidentifier", "Hologram",
)  # fmt: skip
LABELS = (
    "Web", "web", "Hot", "Small (1-50)", "small", "Manual", "Partner Center", "Completed",
    "Synced", "Co-sell", "Migration", "P1", "GREENFIELD", "HIGH", "x",
)  # fmt: skip

odd_columns = st.builds(
    Column,
    type=st.sampled_from(TYPES),
    max_length=st.none() | st.integers(0, 300),
    minimum=st.none() | st.integers(-5, 50),
    maximum=st.none() | st.integers(0, 100),
    options=st.none() | st.dictionaries(st.sampled_from(LABELS), st.integers(1, 9), max_size=5),
    on_create=st.booleans(),
    on_update=st.booleans(),
)
odd_connections = st.builds(
    replace,
    st.just(CONNECTION),
    metadata=st.dictionaries(st.sampled_from(NAMES), odd_columns, min_size=1).map(
        lambda columns: TenantMetadata(columns=columns, keys=(KEY,)).to_json()
    ),
    columns=st.dictionaries(st.sampled_from(NAMES), st.booleans(), max_size=4),
    option_sets=st.dictionaries(
        st.sampled_from(NAMES),
        st.dictionaries(st.sampled_from(LABELS), st.integers(1, 9), max_size=3),
        max_size=4,
    ),
)
connections = st.sampled_from([connection_to(FULL_TENANT), connection_to(STOCK_TENANT)])


def is_text(value: Any, longest: int) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value.encode("utf-16-le")) // 2 <= longest
        and not any(
            (letter < " " and letter not in "\t\n\r") or letter in "\ufffe\uffff"
            for letter in value
        )
    )


def is_number(value: Any, column: Column) -> bool:
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def takes(column: Column, value: Any) -> bool:
    """Whether Dataverse would take a value for a column (reference, 1.7)."""
    length = {"String": 100, "Memo": 2000}.get(column.type)
    if length is not None:
        return is_text(value, length if column.max_length is None else column.max_length)
    if column.type in {"Integer", "BigInt"}:
        return is_number(value, column) and isinstance(value, int) and abs(value) < 2**31
    if column.type in {"Decimal", "Double", "Money"}:
        return is_number(value, column) and math.isfinite(value)
    if column.type == "Picklist":
        allowed = (column.options or {}).values()
        return isinstance(value, int) and (not allowed or value in allowed)
    kind = {"Boolean": bool, "DateTime": str}.get(column.type)
    return kind is not None and isinstance(value, kind)


def assert_taken(push: DynamicsPush, connection: DynamicsConnection) -> None:
    metadata = TenantMetadata.from_json(connection.metadata)
    assert json.loads(json.dumps(push.fields, allow_nan=False)) == push.fields
    assert connection.key_column not in push.fields
    assert not {"statecode", "statuscode", "ownerid"} & push.fields.keys()
    for name, value in push.fields.items():
        column = metadata.columns[name]
        assert column.on_create if push.remote_id is None else column.on_update
        assert connection.columns.get(name, True)
        assert value is None or takes(column, value), (name, column)


def confirmed(push: DynamicsPush) -> Standing:
    return Standing(
        remote_id=RECORD,
        delivered_fields=json.loads(json.dumps(dict(push.confirmed))),
        payload_hash=push.payload_hash,
        attempts=1,
    )


@settings(deadline=None)
@given(accepted_leads, connections)
def test_any_lead_intake_accepts_is_taken_by_a_tenant(
    lead: Lead, connection: DynamicsConnection
) -> None:
    push = prepare_push(lead, connection, FIRST_TRY, NOW)

    assert_taken(push, connection)
    assert None not in push.fields.values()
    assert push.fields.keys() >= {"subject", "lastname", "emailaddress1", "leadsourcecode"}
    assert push.fields["emailaddress1"] == lead.email
    if not lead.company:
        assert not any(name.startswith("hnt_") for name in push.fields)


def prepared(lead: Lead, connection: DynamicsConnection, standing: Standing) -> DynamicsPush | None:
    """A push, or None where the tenant has no column for anything of the lead."""
    try:
        return prepare_push(lead, connection, standing, NOW)
    except PermanentError as error:
        if error.code != "NO_COLUMNS":
            raise
    return None


@settings(deadline=None)
@given(accepted_leads | older_leads, odd_connections)
def test_no_lead_makes_a_request_that_the_oddest_tenant_refuses(
    lead: Lead, connection: DynamicsConnection
) -> None:
    unknown = Standing(remote_id=RECORD, delivered_fields=None, payload_hash=None, attempts=2)
    push = prepared(lead, connection, FIRST_TRY)
    standings = [FIRST_TRY, unknown, *([] if push is None else [confirmed(push)])]

    for standing in standings:
        sent = prepared(lead, connection, standing)
        if sent is not None:
            assert_taken(sent, connection)


@settings(deadline=None)
@given(accepted_leads | older_leads, connections)
def test_what_was_confirmed_is_not_sent_again(lead: Lead, connection: DynamicsConnection) -> None:
    standing = FIRST_TRY
    pushes = []
    for hour in range(3):
        push = prepare_push(lead, connection, standing, NOW + timedelta(hours=hour))
        pushes.append(push)
        standing = replace(confirmed(push), attempts=hour + 2)

    assert pushes[2].fields == {}
    assert pushes[2].complete
    assert bool(pushes[1].fields) == (not pushes[0].complete)
    assert pushes[2].payload_hash == pushes[0].payload_hash


@settings(deadline=None)
@given(accepted_leads, accepted_leads, connections)
def test_an_edit_leaves_there_what_a_fresh_create_would(
    before: Lead, after: Lead, connection: DynamicsConnection
) -> None:
    first = prepare_push(before, connection, FIRST_TRY, NOW)
    edited = replace(after, version=2)

    update = prepare_push(edited, connection, confirmed(first), NOW)
    there = dict(first.confirmed) | dict(update.fields)

    fresh = prepare_push(after, connection, FIRST_TRY, NOW)
    lasting = {name: value for name, value in there.items() if value is not None}
    told = {"hnt_d365leadid", *(name for name in lasting if name.startswith("hnt_"))}
    if after.company or not before.company:
        told = {"hnt_d365leadid"}
    assert {n: v for n, v in lasting.items() if n not in told} == {
        n: v for n, v in fresh.fields.items() if n not in told
    }
    assert update.payload_hash == fresh.payload_hash
    assert {n: v for n, v in update.confirmed.items() if n not in told} == {
        n: v for n, v in lasting.items() if n not in told
    }


@settings(deadline=None)
@given(accepted_leads)
def test_nothing_of_a_lead_shows_in_what_is_told_of_it(lead: Lead) -> None:
    push = prepare_push(lead, CONNECTION, FIRST_TRY, NOW)
    words = {
        word
        for text in (lead.name, lead.email, lead.phone, lead.address.line or "")
        for word in text.split()
        if len(word) > 5
    }

    assert not any(word in note for note in push.left_out for word in words)


@settings(deadline=None)
@given(accepted_leads)
def test_every_word_of_a_lead_arrives_or_is_told_to_be_cut(lead: Lead) -> None:
    push = prepare_push(lead, connection_to(FULL_TENANT), FIRST_TRY, NOW)
    if any(note.startswith("description") for note in push.left_out):
        return
    arrived = " ".join(str(value) for value in push.fields.values())
    visible = "".join(letter for letter in arrived if letter.isprintable() or letter == " ")

    for text in (lead.name, lead.email, lead.phone, lead.message, lead.address.line or ""):
        for word in text.replace(",", " ").split():
            shown = "".join(letter for letter in word if letter.isprintable())
            assert shown in visible
