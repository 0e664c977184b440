"""What a lead's company fills, by the tables of the Dataverse reference."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from forecourt.dynamics.company_columns import (
    infrastructure_summary,
    normal_domain,
    priority_score,
    sync_wishes,
)
from forecourt.dynamics.mapping import MappedLead, map_lead
from forecourt.dynamics.metadata import Column, TenantMetadata
from forecourt.dynamics.tenant_table import TenantTable
from forecourt.security.dynamics_connections import DynamicsConnection
from tests.support.dynamics_tenants import COMPANY, STOCK_TENANT, connection_to
from tests.support.easycars import LEAD

FIRST = 816_940_000


def mapped(company: Mapping[str, Any], connection: DynamicsConnection | None = None) -> MappedLead:
    connection = connection or connection_to()
    metadata = TenantMetadata.from_json(connection.metadata)
    table = TenantTable(connection, metadata, updating=False)
    return map_lead(replace(LEAD, company=dict(company)), table)


def columns(company: Mapping[str, Any], connection: DynamicsConnection | None = None) -> Any:
    return mapped(company, connection).columns


@pytest.mark.parametrize(
    ("segment", "score", "priority"),
    [
        ("Migration", 100, 1), ("Migration", 80, 1), ("Migration", 79, 2), ("Migration", 70, 2),
        ("Migration", 69, 3), ("Migration", 60, 3), ("Migration", 59, 4), ("Migration", 0, 4),
        ("Existing", 100, 3), ("Existing", 70, 3), ("Existing", 69, 4), ("Existing", 50, 4),
        ("Existing", 49, 5), ("Existing", 30, 5), ("Existing", 29, 6), ("Existing", 0, 6),
        ("Cold", 100, 5), ("Cold", 40, 5), ("Cold", 39, 6), ("Cold", 20, 6), ("Cold", 19, 7),
        ("Cold", 0, 7), ("Skip", 100, 7), ("migration", 100, 7), ("Other", 100, 7),
        (None, 100, 7), ("Migration", None, 7), (None, None, 7),
    ],
)  # fmt: skip
def test_the_priority_is_as_the_reference_says(
    segment: str | None, score: int | None, priority: int
) -> None:
    assert priority_score(segment, score) == priority
    company = {"x": 1, "segment": segment, "readiness_score": score}
    assert columns(company)["hnt_priorityscore"] == priority


@pytest.mark.parametrize(
    ("usage_type", "isp", "country", "summary"),
    [
        ("DCH", "Telstra", "AU", "hosted on DataCenter, Telstra, AU"),
        ("com", None, "AU", "hosted on Commercial, AU"),
        ("RES", "Telstra", None, "hosted on Residential, Telstra"),
        ("Mobile", None, None, "hosted on Mobile"),
        ("datacenter", None, None, "hosted on DataCenter"),
        ("XYZ", "Telstra", "AU", "Telstra, AU"),
        (None, None, "AU", "AU"),
        (None, None, None, None),
        ("XYZ", None, None, None),
    ],
)
def test_the_infrastructure_is_a_line(
    usage_type: str | None, isp: str | None, country: str | None, summary: str | None
) -> None:
    assert infrastructure_summary(usage_type, isp, country) == summary


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("acme.example", "acme.example"), ("WWW.Acme.Example.", "acme.example"),
        ("müller.example", "müller.example"), ("xn--mller-kva.example", "xn--mller-kva.example"),
        ("acme", None), ("https://acme.example", None), ("acme.example/x", None), ("", None),
        ("a b.example", None), ("acme.example?x=1", None), ("-a.example", None), (None, None),
        ("a..example", None), ("a" * 64 + ".example", None),
    ],
)  # fmt: skip
def test_a_domain_is_one_or_none(text: str | None, domain: str | None) -> None:
    assert normal_domain(text) == domain


def test_a_whole_company_fills_every_column_it_is_the_source_of() -> None:
    wide = Column(type="Memo", max_length=10_000)
    result = mapped(COMPANY, connection_to(hnt_intelligencejson=wide))
    held = dict(result.columns)

    assert json.loads(held.pop("hnt_intelligencejson")) == COMPANY  # type: ignore[arg-type]
    assert {name: value for name, value in held.items() if name.startswith("hnt_")} == {
        "hnt_finalscore": 100,
        "hnt_priorityscore": 1,
        "hnt_segment": None,
        "hnt_provider": "M365",
        "hnt_huntertenantsize": FIRST,
        "hnt_infrasummary": "hosted on DataCenter, Telstra, AU",
        "hnt_confidence": 0.75,
        "hnt_referralid": "r-1",
        "hnt_referraltype": FIRST,
        "hnt_tenantid": "72f988bf-86f1-41af-91ab-2d7cd011db47",
        "hnt_source": FIRST,
        "hnt_m365fitscore": 100,
        "hnt_m365matchtags": "exchange, teams",
        "hnt_hunterautoscoreversion": "3.1",
        "hnt_domain": "acme.example",
        "hnt_isreenriched": True,
        "hnt_huntermlweightjson": "{}",
        "hnt_prioritycategory": "P1",
        "hnt_prioritylabel": "P1 High Potential Greenfield",
        "hnt_technicalheat": FIRST,
        "hnt_commercialsegment": FIRST,
        "hnt_commercialheat": FIRST,
        "hnt_ispartnercenterreferral": True,
    }
    assert held["companyname"] == "Acme Pty Ltd"
    assert held["websiteurl"] == "https://acme.example"
    assert held["jobtitle"] == "Fleet manager"
    assert held["address1_country"] == "AU"
    assert held["emailaddress1"] == LEAD.email
    unmapped = 'left out, as there is no integer for "Migration" in the connection\'s optionSets.'
    assert result.left_out == (f"hnt_segment: {unmapped}",)


def test_a_tenant_without_custom_columns_gets_the_core_ones() -> None:
    held = columns(COMPANY, connection_to(STOCK_TENANT))

    assert not any(name.startswith("hnt_") for name in held)
    assert held["companyname"] == "Acme Pty Ltd"


def test_a_company_that_says_little_empties_the_rest() -> None:
    result = mapped({"domain": "acme.example", "provider": "Google"})
    held = {n: v for n, v in result.columns.items() if n.startswith("hnt_") and v is not None}

    assert held == {
        "hnt_priorityscore": 7,
        "hnt_provider": "Google",
        "hnt_source": FIRST + 1,
        "hnt_domain": "acme.example",
        "hnt_ispartnercenterreferral": False,
        "hnt_intelligencejson": '{"domain":"acme.example","provider":"Google"}',
    }
    assert result.columns["companyname"] == "acme.example"
    assert result.left_out == ()
    assert result.columns.keys() >= {"hnt_finalscore", "hnt_m365fitscore", "hnt_referralid"}


@pytest.mark.parametrize(
    ("company", "name"),
    [
        ({"canonical_name": "A", "company_name": "B", "name": "C"}, "A"),
        ({"companyName": "B", "name": "C"}, "B"),
        ({"name": " C ", "domain": "acme.example"}, "C"),
        ({"name": 5, "domain": "acme.example"}, "acme.example"),
        ({"name": "", "domain": "none"}, None),
    ],
)
def test_the_name_is_the_first_there_is(company: Mapping[str, Any], name: str | None) -> None:
    assert columns(company)["companyname"] == name


def test_a_name_of_255_characters_is_cut_to_the_column_and_stands_whole_below() -> None:
    name = "Acme " * 50 + "Ltd"
    result = mapped({"canonical_name": name})

    assert str(result.columns["companyname"]) == name[:99].rstrip() + "…"
    assert f"Company: {name}" in str(result.columns["description"])
    assert "companyname: cut to 100 characters. All of it stands in description." in (
        result.left_out
    )


def test_a_website_and_ids_are_never_cut() -> None:
    domain = ".".join(["d" * 63] * 3) + ".example"
    result = mapped({"domain": domain, "referral_id": "r" * 101, "azure_tenant_id": "t" * 101})

    for column in ("websiteurl", "hnt_domain", "hnt_referralid", "hnt_tenantid"):
        assert result.columns[column] is None
        assert any(note.startswith(f"{column}: left out") for note in result.left_out)
    assert f"Website: https://{domain}" in str(result.columns["description"])
    assert result.columns["hnt_source"] == FIRST


def test_a_domain_that_is_none_is_told_and_makes_no_address() -> None:
    result = mapped({"domain": "evil.example/?q=", "canonical_name": "A"})

    assert result.columns["websiteurl"] is result.columns["hnt_domain"] is None
    assert result.left_out == (
        "websiteurl, hnt_domain: left out, as the company's domain is no domain name.",
    )


@pytest.mark.parametrize(
    ("size", "integer"),
    [("small", 0), ("Medium", 1), ("LARGE", 2), ("enterprise", 3), ("Large (251-1000)", 2)],
)
def test_a_size_is_the_option_of_the_reference(size: str, integer: int) -> None:
    assert columns({"tenant_size": size})["hnt_huntertenantsize"] == FIRST + integer


def test_an_unknown_label_is_left_out_and_reported_never_guessed() -> None:
    company = {"tenant_size": "gigantic", "referral_type": "solution-provider"}
    result = mapped(company)

    assert result.columns["hnt_huntertenantsize"] is result.columns["hnt_referraltype"] is None
    neither = "in the connection's optionSets and no such option in the tenant."
    assert result.left_out == (
        f"hnt_huntertenantsize: left out, as there is no integer for the lead's value {neither}",
        f'hnt_referraltype: left out, as there is no integer for "solution-provider" {neither}',
    )


def test_words_that_are_not_ours_are_not_repeated() -> None:
    result = mapped({"referral_type": "Zoë's own words", "commercial_heat": "0412 345 678"})

    assert len(result.left_out) == 2
    assert all("for the lead's value in" in note for note in result.left_out)


def test_a_size_may_be_configured_by_the_word_of_the_source() -> None:
    sizes = Column(type="Picklist", options={"S": 1, "M": 2})
    connection = connection_to(
        hnt_huntertenantsize=sizes, options={"hnt_huntertenantsize": {"small": 1}}
    )

    assert columns({"tenant_size": "small"}, connection)["hnt_huntertenantsize"] == 1
    assert columns({"tenant_size": "medium"}, connection)["hnt_huntertenantsize"] is None


def test_segments_go_only_where_their_own_label_is_configured() -> None:
    segments = Column(type="Picklist", options={"Cold": FIRST, "Migration": FIRST + 1})
    named_alike = connection_to(hnt_segment=segments)
    configured = connection_to(hnt_segment=segments, options={"hnt_segment": {"Cold": FIRST}})

    assert columns({"segment": "Cold"}, named_alike)["hnt_segment"] is None
    assert columns({"segment": "Cold"}, configured)["hnt_segment"] == FIRST
    assert columns({"segment": "Migration"}, configured)["hnt_segment"] is None


def test_the_integers_of_another_publisher_come_from_its_metadata_or_configuration() -> None:
    theirs = Column(type="Picklist", options={"Partner center": 100, "By hand": 101})
    connection = connection_to(hnt_source=theirs, options={"hnt_source": {"Manual": 101}})

    assert columns({"referral_id": "r-1"}, connection)["hnt_source"] == 100
    assert columns({"x": 1}, connection)["hnt_source"] == 101


@pytest.mark.parametrize(
    ("provider", "fit"), [("M365", 85), ("m365", 85), ("Google", None), (None, None)]
)
def test_fit_for_m365_is_only_for_m365(provider: str | None, fit: int | None) -> None:
    company = {"provider": provider, "readiness_score": 85}

    assert columns(company)["hnt_m365fitscore"] == fit


def test_a_later_column_may_be_a_text_or_a_choice() -> None:
    choice = Column(type="Picklist", options={"P1": 1, "P2": 2})
    company = {"priority_category": "P2", "technical_heat": "Hot"}
    connection = connection_to(
        hnt_prioritycategory=choice, hnt_technicalheat=Column(type="String", max_length=10)
    )

    held = columns(company, connection)
    assert (held["hnt_prioritycategory"], held["hnt_technicalheat"]) == (2, "Hot")


def test_a_copy_of_the_company_is_whole_json_or_left_out() -> None:
    long = {"reason": "r" * 400, **{f"n{i}": "x" * 400 for i in range(3)}}
    narrow = mapped({**long, "n3": "x" * 400, "n4": "x" * 400})

    assert json.loads(columns(long)["hnt_intelligencejson"]) == long
    assert narrow.columns["hnt_intelligencejson"] is None
    assert narrow.left_out == (
        "hnt_intelligencejson: left out, as it has more than 2000 characters.",
    )


def test_odd_characters_leave_the_copy_json() -> None:
    company = {"reason": 'a\ufffe\x01"\n\u2028é\U0001f600'}

    assert json.loads(columns(company)["hnt_intelligencejson"]) == {
        "reason": 'a\x01"\n\u2028é\U0001f600'
    }


def test_what_tells_of_the_push_is_true_once_it_succeeded() -> None:
    now = datetime(2026, 11, 21, 9, 30, 15, 999_999, tzinfo=ZoneInfo("Australia/Sydney"))
    record = UUID("8b1a2c3d-58c6-4a6e-9a51-00000000d365")

    told = {w.column: w.value for w in sync_wishes(attempts=3, remote_id=record, now=now)}

    assert told == {
        "hnt_processingstatus": "Completed",
        "hnt_pushstatus": "Synced",
        "hnt_syncattemptcount": 3,
        "hnt_lastsynctime": "2026-11-20T22:30:15Z",
        "hnt_syncerrormessage": None,
        "hnt_d365leadid": "8b1a2c3d-58c6-4a6e-9a51-00000000d365",
    }
    first = sync_wishes(attempts=1, remote_id=None, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert {w.column: w.value for w in first}["hnt_d365leadid"] is None
