"""What is sent depends on what is known to be in Dynamics."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forecourt.dynamics.metadata import AlternateKey, Column, TenantMetadata
from forecourt.dynamics.push import prepare_push
from forecourt.errors import PermanentError
from forecourt.leads.dynamics.sink import DynamicsPush, Standing
from forecourt.leads.lead import Lead, LeadStatus, Rating
from forecourt.security.dynamics_connections import DynamicsConnection
from tests.support.dynamics_tenants import (
    COMPANY,
    CONNECTION,
    CORE_COLUMNS,
    FIRST_TRY,
    FULL_TENANT,
    RECORD,
    STOCK_TENANT,
    connection_to,
)
from tests.support.easycars import LEAD

NOW = datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC)
WITH_COMPANY = replace(LEAD, company=dict(COMPANY))
STOCK = connection_to(STOCK_TENANT)
TELLING = {
    "hnt_processingstatus", "hnt_pushstatus", "hnt_syncattemptcount", "hnt_lastsynctime",
    "hnt_syncerrormessage", "hnt_d365leadid",
}  # fmt: skip


def prepare(
    lead: Lead,
    connection: DynamicsConnection = CONNECTION,
    standing: Standing = FIRST_TRY,
    now: datetime = NOW,
) -> DynamicsPush:
    return prepare_push(lead, connection, standing, now)


def after(push: DynamicsPush, attempts: int = 1) -> Standing:
    """Where a lead stands once a push was confirmed, as the ledger's jsonb gives it back."""
    return Standing(
        remote_id=RECORD,
        delivered_fields=json.loads(json.dumps(dict(push.confirmed))),
        payload_hash=push.payload_hash,
        attempts=attempts,
    )


def with_key(status: str | None, column: str = "hnt_forecourtid") -> DynamicsConnection:
    keys = () if status is None else (AlternateKey(name="k", columns=(column,), status=status),)
    metadata = TenantMetadata(columns=CORE_COLUMNS, keys=keys)
    return replace(CONNECTION, metadata=metadata.to_json())


def test_a_first_create_carries_all_there_is_and_no_null() -> None:
    push = prepare(LEAD, STOCK)

    assert push.external_id == LEAD.external_id
    assert push.remote_id is None
    assert push.fields == push.confirmed
    assert None not in push.fields.values()
    assert push.fields["lastname"] == "Nguyen"
    assert push.complete
    assert "hnt_forecourtid" not in push.fields


def test_a_company_is_created_with_what_tells_of_the_push_but_its_own_id() -> None:
    push = prepare(WITH_COMPANY)

    assert push.fields.keys() & TELLING == TELLING - {"hnt_d365leadid", "hnt_syncerrormessage"}
    assert push.fields["hnt_syncattemptcount"] == 1
    assert push.fields["hnt_lastsynctime"] == "2026-11-21T01:02:03Z"
    assert push.fields["hnt_processingstatus"] == 816_940_002
    assert not push.complete


def test_the_second_update_writes_the_records_own_id_and_is_the_last() -> None:
    second = prepare(WITH_COMPANY, standing=after(prepare(WITH_COMPANY)))

    assert second.remote_id == RECORD
    assert second.fields.keys() == TELLING
    assert second.fields["hnt_d365leadid"] == str(RECORD)
    assert second.fields["hnt_syncerrormessage"] is None
    assert second.complete
    third = prepare(WITH_COMPANY, standing=after(second, attempts=2))
    assert (third.fields, third.complete) == ({}, True)


@pytest.mark.parametrize(
    "connection",
    [
        connection_to(without=("hnt_d365leadid",)),
        connection_to(columns={"hnt_d365leadid": False}),
        connection_to(hnt_d365leadid=Column(type="String", max_length=100, on_update=False)),
        connection_to(hnt_d365leadid=Column(type="String", max_length=35)),
        connection_to(hnt_d365leadid=Column(type="Lookup")),
    ],
    ids=["absent", "forbidden", "not-updatable", "too-short", "another-type"],
)
def test_one_push_is_enough_where_the_own_id_cannot_be_written(
    connection: DynamicsConnection,
) -> None:
    first = prepare(WITH_COMPANY, connection)

    assert first.complete
    assert prepare(WITH_COMPANY, connection, after(first)).fields == {}


def test_a_push_equal_to_the_last_confirmed_sends_nothing_however_late() -> None:
    confirmed = after(prepare(WITH_COMPANY, standing=after(prepare(WITH_COMPANY))))
    later = replace(confirmed, attempts=7)

    push = prepare(WITH_COMPANY, standing=later, now=NOW + timedelta(days=3))

    assert push.fields == {}
    assert push.confirmed == confirmed.delivered_fields
    assert push.payload_hash == confirmed.payload_hash


def test_only_what_differs_is_sent_and_null_empties_a_column() -> None:
    first = after(prepare(replace(LEAD, rating=Rating.HOT), STOCK))
    edited = replace(LEAD, version=2, phone="", name="Zoë Tran", status=LeadStatus.WON)

    push = prepare(edited, STOCK, first)

    assert push.fields == {
        "lastname": "Tran",
        "telephone1": None,
        "mobilephone": None,
        "leadqualitycode": None,
    }
    assert push.confirmed.keys() == first_keys(first) - {
        "telephone1", "mobilephone", "leadqualitycode"
    }  # fmt: skip
    assert push.confirmed["lastname"] == "Tran"
    assert prepare(edited, STOCK, after(push)).fields == {}


def first_keys(standing: Standing) -> set[str]:
    return set(standing.delivered_fields or {})


def test_an_update_of_a_company_tells_of_itself() -> None:
    confirmed = after(prepare(WITH_COMPANY, standing=after(prepare(WITH_COMPANY))), attempts=2)
    edited = replace(WITH_COMPANY, version=2, company={**COMPANY, "readiness_score": 65})

    push = prepare(edited, standing=confirmed)

    assert push.fields.keys() == TELLING | {
        "hnt_finalscore", "hnt_priorityscore", "hnt_m365fitscore", "hnt_intelligencejson"
    }  # fmt: skip
    assert push.fields["hnt_priorityscore"] == 3
    assert push.fields["hnt_syncattemptcount"] == 2


def test_an_equal_hash_alone_needs_no_update() -> None:
    push = prepare(LEAD, STOCK)
    standing = replace(after(push), delivered_fields={"subject": "as it was stored once"})

    assert prepare(LEAD, STOCK, standing).fields == {}


def test_what_was_delivered_alone_tells_that_nothing_differs() -> None:
    confirmed = after(prepare(WITH_COMPANY, standing=after(prepare(WITH_COMPANY))), attempts=2)

    assert prepare(WITH_COMPANY, standing=replace(confirmed, payload_hash=None)).fields == {}


def test_an_update_of_unknown_standing_carries_everything_and_nulls() -> None:
    unknown = Standing(remote_id=RECORD, delivered_fields=None, payload_hash=None, attempts=2)

    push = prepare(replace(LEAD, phone=""), STOCK, unknown)

    assert push.remote_id == RECORD
    assert push.fields["telephone1"] is None
    assert push.fields["leadqualitycode"] is None
    assert push.fields.keys() > {"subject", "lastname", "description", "donotbulkemail"}
    assert None not in push.confirmed.values()
    assert "companyname" not in push.fields


def test_an_upsert_of_a_later_version_empties_what_an_unseen_create_may_have_filled() -> None:
    push = prepare(replace(LEAD, phone="", version=2), STOCK)

    assert push.remote_id is None
    assert push.fields["telephone1"] is None
    assert "telephone1" not in prepare(replace(LEAD, phone=""), STOCK).fields


def test_a_record_that_was_deleted_is_created_with_everything() -> None:
    gone = replace(after(prepare(LEAD, STOCK)), remote_id=None)

    assert prepare(LEAD, STOCK, gone).fields == prepare(LEAD, STOCK).fields


def test_whoever_said_no_in_dynamics_is_not_overruled_by_an_older_yes() -> None:
    agreed = replace(LEAD, consent={"marketing": True})
    unknown = Standing(remote_id=RECORD, delivered_fields=None, payload_hash=None, attempts=2)

    push = prepare(agreed, STOCK, unknown)
    next_push = prepare(replace(agreed, version=2, name="Zoë Tran"), STOCK, after(push))

    assert not {"donotbulkemail", "donotsendmm"} & push.fields.keys()
    assert next_push.fields == {"lastname": "Tran"}
    refused = prepare(replace(LEAD, consent=None), STOCK, unknown).fields
    assert refused["donotbulkemail"] is refused["donotsendmm"] is True
    assert prepare(agreed, STOCK).fields["donotbulkemail"] is False


def test_a_column_that_was_forbidden_since_is_left_alone() -> None:
    first = after(prepare(LEAD, STOCK))
    forbidding = connection_to(STOCK_TENANT, columns={"description": False})

    push = prepare(replace(LEAD, message="Changed"), forbidding, first)

    assert push.fields == {}
    assert push.confirmed["description"] == (first.delivered_fields or {})["description"]


def test_what_the_mapping_no_longer_fills_is_emptied() -> None:
    first = after(prepare(WITH_COMPANY, STOCK))

    push = prepare(replace(LEAD, version=2), STOCK, first)

    assert push.fields == {
        "companyname": None, "websiteurl": None, "jobtitle": None, "address1_country": None
    }  # fmt: skip


def test_a_column_that_only_takes_a_value_at_creation_is_not_updated() -> None:
    once = connection_to(STOCK_TENANT, subject=Column(type="String", on_update=False))
    first = prepare(LEAD, once)
    assert "subject" in first.fields

    push = prepare(replace(LEAD, vehicle=None, version=2), once, after(first))

    assert push.fields.keys() == {"description"}
    assert push.confirmed["subject"] == first.fields["subject"]


def test_the_hash_tells_payloads_apart_and_forgets_the_push() -> None:
    first, later = prepare(WITH_COMPANY), prepare(WITH_COMPANY, now=NOW + timedelta(hours=1))

    assert first.payload_hash == later.payload_hash
    assert first.fields != later.fields
    assert prepare(replace(WITH_COMPANY, name="Zoë Tran")).payload_hash != first.payload_hash
    assert len(first.payload_hash) == 64


def test_what_could_not_be_put_is_told_with_the_push() -> None:
    connection = connection_to(hnt_pushstatus=Column(type="Picklist", options={"Failed": 1}))

    notes = prepare(replace(WITH_COMPANY, name="x" * 60), connection).left_out

    assert [note.partition(":")[0] for note in notes] == [
        "lastname", "hnt_segment", "hnt_pushstatus"
    ]  # fmt: skip


@pytest.mark.parametrize("metadata", [None, {}, {"columns": {}}])
def test_nothing_goes_to_a_tenant_nobody_has_read(metadata: Mapping[str, Any] | None) -> None:
    with pytest.raises(PermanentError) as caught:
        prepare(LEAD, replace(CONNECTION, metadata=metadata))

    assert (caught.value.code, caught.value.target) == ("METADATA_UNKNOWN", "Dynamics")


@pytest.mark.parametrize(
    ("connection", "state"),
    [
        (with_key(None), "is missing"),
        (with_key("Pending"), "is Pending, not Active"),
        (with_key("InProgress"), "is InProgress, not Active"),
        (with_key("Failed"), "is Failed, not Active"),
        (with_key("Active", "emailaddress1"), "is missing"),
    ],
    ids=["missing", "pending", "in-progress", "failed", "on-another-column"],
)
def test_nothing_is_created_without_an_active_key(
    connection: DynamicsConnection, state: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        prepare(LEAD, connection)

    assert caught.value.code == "KEY_NOT_ACTIVE"
    assert f"on hnt_forecourtid {state}" in caught.value.detail
    assert prepare(LEAD, connection, after(prepare(LEAD, with_key("Active")))).fields == {}


def test_nothing_goes_where_no_column_may_be_written() -> None:
    barren = connection_to(
        TenantMetadata(
            columns={"statecode": FULL_TENANT.columns["statecode"]}, keys=FULL_TENANT.keys
        )
    )

    with pytest.raises(PermanentError) as caught:
        prepare(LEAD, barren)

    assert caught.value.code == "NO_COLUMNS"


def test_a_push_shows_nothing_of_the_lead_when_it_is_logged() -> None:
    shown = repr(prepare(replace(LEAD, name="x" * 60)))

    assert "Zoë" not in shown
    assert "zoe@" not in shown
    assert "xxx" not in shown
