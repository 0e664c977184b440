"""The OpenAPI document says what the validators do, and names every route."""

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.leads.intake import MAX_BODY_BYTES
from forecourt.leads.submission import LeadSubmission, read_submission
from forecourt.openapi.admin_operations import ADMIN_OPERATIONS
from forecourt.openapi.document import openapi_answer, openapi_document
from forecourt.openapi.lead_operations import LEAD_OPERATIONS
from forecourt.openapi.shapes import or_null, record, schema_of
from forecourt.problem import Problem

DOCUMENT = openapi_document()
POST = DOCUMENT["paths"]["/api/leads"]["post"]
LEAD_SCHEMA = POST["requestBody"]["content"]["application/json"]["schema"]
VALID = jsonschema_rs.Draft202012Validator(LEAD_SCHEMA)


def documented(body: dict[str, Any]) -> bool:
    return bool(VALID.is_valid(body))


def accepted(body: dict[str, Any]) -> bool:
    try:
        read_submission(body)
    except Problem:
        return False
    return True


def text(limit: int) -> st.SearchStrategy[Any]:
    """Texts about a limit, and what is no text; blanks at the ends would be cut before."""
    lengths = st.sampled_from([1, limit - 1, limit, limit + 1])
    return lengths.map(lambda length: "x" * length) | st.sampled_from([None, 5, True, [], {}])


MAYBE = st.sampled_from([True, False, None, "yes", 1])
LEADS = st.fixed_dictionaries(
    {
        "name": text(255),
        "email": st.sampled_from(["a@b.co", "a" * 64 + "@" + "b" * 31 + ".com", None, 3]),
    },
    optional={
        "phone": text(20),
        "message": text(10_000),
        "vehicleId": st.sampled_from([0, 1, 2**31 - 1, 2**31, "1", None]),
        "vehicleInterest": st.sampled_from(
            ["Buy", "Lease", "Sell", "TestDrive", "Service", "Rent", "buy", None, 1]
        ),
        "financeStatus": st.sampled_from(["Yes", "No", "Maybe", "maybe", None, True]),
        "rating": st.sampled_from(["Cold", "Warm", "Hot", "Tepid", None]),
        "sourcePageUrl": st.sampled_from(
            ["https://a.example/x", "HTTP://a", "ftp://a", "https://a b", "https:///x",
             "https://a/" + "x" * 1990, "https://a/" + "x" * 1991, None]
        ),
        "address": st.none() | st.fixed_dictionaries(
            {}, optional={"line": text(200), "city": text(50), "state": text(50),
                          "postCode": text(10), "country": text(2)}),
        "consent": st.none() | st.fixed_dictionaries(
            {}, optional={"marketing": MAYBE, "text": text(2000), "version": text(50)}),
        "company": st.none() | st.dictionaries(
            st.sampled_from(["name", "a_1", "1a", "a b", "x" * 50, "x" * 51, "readinessScore",
                             "readiness_score", "canonicalName", "priority_category",
                             "contact_emails", "confidence", "is_reenriched", "nameservers"]),
            st.sampled_from(["x" * 500, "x" * 501, 1, 0.5, 2**53, 2**53 + 2, True, None, [], {},
                             "x" * 10, "x" * 255, 100, 100.0, 101, -1, ["x" * 255], ["x" * 256],
                             [{"email": "a@b.co"}], [{"value": 1}], [{}], ["x"] * 20, ["x"] * 21]),
            max_size=4).filter(lambda one: not {"readinessScore", "readiness_score"} <= set(one)),
        "website": text(2000),
        "colour": st.just("red"),
    },
)  # fmt: skip


@given(LEADS)
def test_the_document_takes_exactly_the_leads_intake_takes(lead: dict[str, Any]) -> None:
    assert documented(lead) == accepted(lead)


@pytest.mark.parametrize("size", [60, 61])
def test_a_company_has_as_many_members_as_the_document_says(size: int) -> None:
    lead = {"name": "A", "email": "a@b.co", "company": {f"n{i}": 1 for i in range(size)}}

    assert documented(lead) == accepted(lead) == (size == 60)


def test_the_example_is_a_lead() -> None:
    example = POST["requestBody"]["content"]["application/json"]["example"]

    assert documented(example)
    assert accepted(example)


def test_every_field_of_a_lead_and_the_size_of_a_body_are_in_the_document() -> None:
    aliases = {field.alias for field in LeadSubmission.model_fields.values()}

    assert LEAD_SCHEMA["properties"].keys() == aliases
    assert set(LEAD_SCHEMA["required"]) == {"name", "email"}
    assert str(MAX_BODY_BYTES) in POST["description"]


def test_every_body_the_document_shows_is_a_json_schema() -> None:
    bodies = [model for one in (*LEAD_OPERATIONS, *ADMIN_OPERATIONS) for model in one.body]

    for schema in map(schema_of, bodies):
        assert "$ref" not in json.dumps(schema)
        assert jsonschema_rs.meta.is_valid(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )


def test_operations_have_names_of_their_own_and_say_who_may_ask() -> None:
    operations = [*LEAD_OPERATIONS, *ADMIN_OPERATIONS]
    names = [one.to_document()["operationId"] for one in operations]

    assert len(set(names)) == len(names)
    assert {str(one.security) for one in ADMIN_OPERATIONS} == {"({'token': []},)"}
    assert POST["security"] == [{"siteKey": []}]


@pytest.mark.parametrize("status", ["429", "503"])
def test_whoever_is_to_wait_is_told_how_long(status: str) -> None:
    answer = POST["responses"][status]

    assert answer["headers"].keys() >= {"Retry-After", "Access-Control-Allow-Origin", "Vary"}
    assert "application/problem+json" in answer["content"]


def test_the_document_is_small_enough_to_be_answered_and_is_json() -> None:
    assert len(openapi_answer().body.encode()) < 1_000_000
    assert json.loads(openapi_answer().body) == DOCUMENT


def test_a_record_names_all_its_members() -> None:
    schema = record("id:int label:text? anything:any?", part=record("at:time"))

    assert schema["required"] == ["id", "label", "anything", "part"]
    assert schema["properties"]["label"] == {"type": ["string", "null"]}
    assert schema["properties"]["anything"] == {}
    assert or_null({"enum": ["a"]}) == {"anyOf": [{"enum": ["a"]}, {"type": "null"}]}
