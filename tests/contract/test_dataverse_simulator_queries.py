"""Queries for leads: the filter's grammar, what an injection comes to, order and pages."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from local.dataverse_simulator import DataverseSimulator
from tests.support.dynamics import DataverseCaller, code_of

LEADS: list[dict[str, Any]] = [
    {"subject": "One", "emailaddress1": "o'brien@x.au", "hnt_finalscore": 70},
    {"subject": "Two", "emailaddress1": "a&b=c@x.au", "hnt_finalscore": 30, "donotsendmm": True},
    {"subject": "three", "companyname": "100% Autos", "hnt_lastsynctime": "2026-01-02T03:04:05Z"},
]


@pytest.fixture(scope="module")
def caller() -> Iterator[DataverseCaller]:
    with DataverseSimulator() as simulator, DataverseCaller(simulator) as made:
        for lead in LEADS:
            made.create(lead)
        yield made


def subjects(caller: DataverseCaller, **options: str) -> list[str]:
    params = {f"${name}": value for name, value in {"select": "subject", **options}.items()}
    answer = caller.call("GET", "leads", None, None, **params)
    assert answer.status_code == 200, answer.text
    return [lead["subject"] for lead in answer.json()["value"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("emailaddress1 eq 'o''brien@x.au'", ["One"]),
        ("emailaddress1 eq 'O''BRIEN@X.AU'", ["One"]),
        ("emailaddress1 eq 'a&b=c@x.au'", ["Two"]),
        ("companyname eq '100% Autos'", ["three"]),
        ("companyname eq null", ["One", "Two"]),
        ("companyname ne null", ["three"]),
        ("hnt_finalscore ge 30 and hnt_finalscore lt 70", ["Two"]),
        ("hnt_finalscore gt 30", ["One"]),
        ("hnt_finalscore le 30 or subject eq 'three'", ["Two", "three"]),
        ("not (subject eq 'one')", ["Two", "three"]),
        ("subject eq 'one' or subject eq 'two' and hnt_finalscore eq 1", ["One"]),
        ("(subject eq 'one' or subject eq 'two') and hnt_finalscore eq 30", ["Two"]),
        ("contains(subject,'E')", ["One", "three"]),
        ("startswith(emailaddress1,'O''B')", ["One"]),
        ("endswith(companyname,'autos')", ["three"]),
        ("donotsendmm eq true", ["Two"]),
        ("hnt_lastsynctime eq 2026-01-02T03:04:05Z", ["three"]),
        ("hnt_lastsynctime lt 2026-01-02T14:04:06+11:00", ["three"]),
        ("leadid eq 00000000-0000-0000-0000-000000000000", []),
        ("_ownerid_value ne null", ["One", "Two", "three"]),
        ("hnt_finalscore gt null", []),
        ("emailaddress1 eq 'x'' or 1 eq 1 or '''", []),
    ],
)
def test_a_filter_finds_what_it_says(caller: DataverseCaller, text: str, found: list[str]) -> None:
    assert subjects(caller, filter=text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "emailaddress1",
        "emailaddress1 eq",
        "emailaddress1 eq 'o'brien@x.au'",
        "emailaddress1 eq 'x' or 1 eq 1",
        "emailaddress1 = 'x'",
        "emailaddress1 eq x",
        "emailaddress1 eq 5",
        "EmailAddress1 eq 'x'",
        "nothing eq 'x'",
        "hnt_finalscore eq '30'",
        "leadid eq 'x'",
        "hnt_lastsynctime eq 'x'",
        "hnt_lastsynctime eq 2026-13-40T00:00:00Z",
        "donotsendmm eq 1",
        "(subject eq 'x'",
        "subject eq 'x')",
        "subject eq 'x' subject eq 'y'",
        "subject eq 'x' and",
        "contains(subject)",
        "contains(hnt_finalscore,5)",
        "length(subject) eq 3",
        "subject eq 'x'; drop",
        "subject eq 'x" + "y" * 40_000 + "'",
    ],
)
def test_a_filter_that_breaks_the_grammar_is_400(caller: DataverseCaller, text: str) -> None:
    # In the path, so that no client adds or mends anything.
    refused = caller.call("GET", f"leads?$filter={quote(text, safe='')}")
    assert code_of(refused) == (400, "0x80060888")


def test_an_ampersand_left_as_it_is_splits_the_query(caller: DataverseCaller) -> None:
    for rest in ("&b=c@x.au'", "&$top=1&$select=subject'", "&x"):
        refused = caller.call("GET", f"leads?$filter=emailaddress1%20eq%20'a{rest}")
        assert code_of(refused) == (400, "0x80060888")


@pytest.mark.parametrize(
    "query",
    [
        "$filter=subject%20eq%20'x'&$filter=subject%20eq%20'y'",
        "$top=x",
        "$top=-1",
        "$select=nothing",
        "$select=subject,Emailaddress1",
        "$select=",
        "$orderby=subject%20upwards",
        "$orderby=nothing",
        "$skip=1",
        "$expand=owner",
        "$count=maybe",
        "select=subject",
        "$select",
        "$filter=%ff",
    ],
)
def test_an_option_that_cannot_be_read_is_400(caller: DataverseCaller, query: str) -> None:
    assert code_of(caller.call("GET", f"leads?{query}")) == (400, "0x80060888")


def test_a_read_of_one_lead_takes_only_select(caller: DataverseCaller) -> None:
    lead_id = caller.simulator.leads()[0]["leadId"]
    assert caller.call("GET", f"leads({lead_id})?$select=subject").status_code == 200
    refused = caller.call("GET", f"leads({lead_id})?$filter=subject%20eq%20'x'")
    assert code_of(refused) == (400, "0x80060888")


def test_order_and_top(caller: DataverseCaller) -> None:
    assert subjects(caller, orderby="subject asc") == ["One", "three", "Two"]
    assert subjects(caller, orderby="subject desc", top="2") == ["Two", "three"]
    assert subjects(caller, orderby="hnt_finalscore,subject desc") == ["three", "Two", "One"]
    assert subjects(caller, top="0") == []


def test_top_does_not_go_with_a_page_size(caller: DataverseCaller) -> None:
    headers = {"Prefer": "odata.maxpagesize=2"}
    refused = caller.call("GET", "leads?$top=1", None, headers)
    assert code_of(refused) == (400, "0x80060888")


def test_pages_are_linked(caller: DataverseCaller) -> None:
    headers = {"Prefer": "odata.maxpagesize=2"}
    first = caller.call("GET", "leads?$select=subject&$count=true", None, headers).json()
    assert (len(first["value"]), first["@odata.count"]) == (2, 3)
    rest = first["@odata.nextLink"].partition("/api/data/v9.2/")[2]
    second = caller.call("GET", rest, None, headers).json()
    assert [lead["subject"] for lead in second["value"]] == ["three"]
    assert "@odata.nextLink" not in second


def test_labels_of_choices_come_when_asked_for(caller: DataverseCaller) -> None:
    headers = {"Prefer": 'odata.include-annotations="*"'}
    answer = caller.call("GET", "leads?$select=statuscode&$top=1", None, headers).json()
    [lead] = answer["value"]
    assert lead["statuscode@OData.Community.Display.V1.FormattedValue"] == "New"
