"""What a lead may hold, and how a field that may not be taken is named."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.website import LEAD, Website, bad_fields


def test_a_lead_is_queued_whole_and_then_accepted(website: Website) -> None:
    body = LEAD | {
        "phone": "+61 412 345 678",
        "message": "Is it still there?",
        "stockNumber": "EC1",
        "vehicleInterest": "TestDrive",
        "financeStatus": "Maybe",
        "rating": "Hot",
        "sourcePageUrl": "https://www.dealer.example/stock/EC1?x=1",
        "address": {"line": "1 Road", "city": "Perth", "state": "WA", "postCode": "6000"},
        "consent": {"marketing": False, "text": "No offers.", "version": "2"},
        "company": {"name": "Acme", "employees": 12, "score": 0.5, "listed": True, "abn": None},
    }

    result = website.send(body, idempotency_key="form-1")

    assert result.answer.status == 202
    answered = json.loads(result.answer.body)
    assert answered == {"leadId": answered["leadId"], "status": "queued"}
    message = json.loads(website.queue.bodies[0])
    assert message == {
        "schema": 1,
        "leadId": answered["leadId"],
        "dealershipId": 7,
        "receivedAt": "2026-11-21T01:02:03.456Z",
        "idempotencyKey": "form-1",
        "siteKeyId": "k1",
        "spam": False,
        "correlationId": "request-1",
        "lead": body
        | {
            "company": body["company"] | {"abn": None},
            "consent": {
                "marketing": False,
                "text": "No offers.",
                "version": "2",
                "recordedAt": "2026-11-21T01:02:03.456Z",
                "pageUrl": "https://www.dealer.example/stock/EC1?x=1",
            },
        },
    }
    assert website.queue.groups == ["7"]


def test_delivery_can_read_what_intake_writes(website: Website) -> None:
    website.send(LEAD | {"vehicleId": 3, "phone": "0412 345 678"})

    (message,) = website.queue.leads
    assert message.lead.vehicle_id == 3
    assert message.lead.name == "Siobhán O'Connor"


@pytest.mark.parametrize(
    "more",
    [
        {"name": "李" * 150},
        {"name": "Zoë " + "x" * 251},
        {"message": "m" * 10_000},
        {"message": "🚗" * 10_000},
        {"message": "first\nsecond\ttab \ufffe\uffff\x01"},
        {"phone": "+61 412 345 678"},
        {"phone": "0412345678"},
        {"email": "o'brien+test@mail.example.com.au"},
        {"email": "jörg@müller.example"},
        {"email": "a" * 64 + "@" + "b" * 31 + ".com"},
        {"stockNumber": "never heard of"},
        {"phone": "", "message": None, "rating": " ", "address": {}, "company": {}},
        {"vehicleId": 2**31 - 1},
        {"company": {"canonicalName": "Acme", "contact_emails": [{"email": "a@acme.example"}]}},
    ],
)
def test_a_lead_within_the_limits_is_accepted(website: Website, more: dict[str, Any]) -> None:
    assert website.send(LEAD | more).answer.status == 202

    (message,) = website.queue.leads
    for name in ("name", "message", "phone", "email"):
        if more.get(name):
            assert getattr(message.lead, name) == more[name]
    assert len(website.queue.bodies[0].encode()) < 256 * 1024


@pytest.mark.parametrize(
    ("more", "field", "cure"),
    [
        ({"name": None}, "name", "is required"),
        ({"name": "  "}, "name", "is required"),
        ({"name": 5}, "name", "must be a text"),
        ({"name": "n" * 256}, "name", "must have at most 255 characters"),
        ({"email": "no address"}, "email", "must be an e-mail address like sam@example.org"),
        ({"email": "a@b"}, "email", "must be an e-mail address like sam@example.org"),
        ({"email": "a@b.co, c@d.co"}, "email", "must be an e-mail address like sam@example.org"),
        ({"email": "a@" + "b" * 60 + "." + "c" * 40 + ".co"}, "email",
         "must have at most 100 characters"),
        ({"phone": "1" * 21}, "phone", "must have at most 20 characters"),
        ({"message": "m" * 10_001}, "message", "must have at most 10000 characters"),
        ({"vehicleId": "3"}, "vehicleId", "must be a whole number"),
        ({"vehicleId": True}, "vehicleId", "must be a whole number"),
        ({"vehicleId": 0}, "vehicleId", "must be 1 or more"),
        ({"vehicleId": 2**31}, "vehicleId", "must be 2147483647 or less"),
        ({"stockNumber": "s" * 101}, "stockNumber", "must have at most 100 characters"),
        ({"vehicleInterest": "Rent"}, "vehicleInterest",
         "must be one of 'Buy', 'Lease', 'Sell', 'TestDrive' or 'Service'"),
        ({"financeStatus": True}, "financeStatus", "must be one of 'Yes', 'No' or 'Maybe'"),
        ({"rating": "hot"}, "rating", "must be one of 'Cold', 'Warm' or 'Hot'"),
        ({"sourcePageUrl": "javascript:alert(1)"}, "sourcePageUrl",
         "must start with http:// or https:// and hold no blank"),
        ({"address": "here"}, "address", "must be an object"),
        ({"address": {"postCode": "12345678901"}}, "address.postCode",
         "must have at most 10 characters"),
        ({"address": {"country": "AU"}}, "address.country", "is not a known field; remove it"),
        ({"consent": {"text": "yes"}}, "consent.marketing", "is required"),
        ({"consent": {"marketing": "yes"}}, "consent.marketing", "must be true or false"),
        ({"company": {"deep": {}}}, "company.deep",
         "must be a text, a number, true, false or null"),
        ({"company": {"a b": 1}}, "company.a b",
         "must have a name of letters, digits and _, at most 50 long"),
        ({"company": {"n": 10**30}}, "company.n", "must be a number between -2^53 and 2^53"),
        ({"company": {"n": "x" * 501}}, "company.n", "must have at most 500 characters"),
        ({"company": {"readiness_score": 101}}, "company.readiness_score",
         "must be a whole number from 0 to 100"),
        ({"company": {"domain": "a.example", "readinessScore": 1, "readiness_score": 1}},
         "company.readinessScore", "is also given as readiness_score; keep one"),
        ({"company": {f"n{i}": 1 for i in range(61)}}, "company", "must have at most 60 members"),
        ({"colour": "red"}, "colour", "is not a known field; remove it"),
        ({"name": "a\0b"}, "name", "contains the character U+0000; remove it"),
        ({"message": "\ud800"}, "message",
         "contains half of a surrogate pair; send whole characters"),
        ({"company": {"x": "\udfff"}}, "company.x",
         "contains half of a surrogate pair; send whole characters"),
    ],
)  # fmt: skip
def test_a_bad_field_is_named_with_its_cure(
    website: Website, more: dict[str, Any], field: str, cure: str
) -> None:
    status, problem = website.refused(LEAD | more)

    assert status == 422
    assert bad_fields(problem) == {field: cure}


def test_all_bad_fields_are_named_at_once_and_no_value_is_echoed(website: Website) -> None:
    status, problem = website.refused(
        {
            "name": "a\0secret",
            "phone": "1" * 21,
            "colour": "secret",
            "vehicleId": 1,
            "stockNumber": "2",
        }
    )

    assert status == 422
    assert set(bad_fields(problem)) == {"name", "email", "phone", "colour", "stockNumber"}
    assert "secret" not in json.dumps(problem)


@pytest.mark.parametrize(
    "body",
    ["", "{", "[1]", '"text"', "null", '{"a": NaN}', '{"a": Infinity}', '{"a": 1e999}',
     "[" * 100_000, '{"a":' * 30 + "1" + "}" * 30, '{"a": ' + "9" * 5000 + "}"],
)  # fmt: skip
def test_what_is_no_json_object_is_400(website: Website, body: str) -> None:
    assert website.refused(body)[0] == 400


def test_a_key_given_twice_is_named(website: Website) -> None:
    status, problem = website.refused('{"name": "a", "email": "a@b.co", "name": "b"}')

    assert (status, bad_fields(problem)) == (422, {"name": "is given twice; keep one"})


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_refused_or_arrives_unchanged(text: str) -> None:
    website = Website()
    result = website.send(LEAD | {"message": text})

    if "\0" in text:
        assert result.answer.status == 422
    else:
        assert result.answer.status == 202
        assert website.queue.leads[0].lead.message == (text.strip() or None)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
))  # fmt: skip
def test_any_json_is_answered_not_raised(value: Any) -> None:
    website = Website()
    for body in (value, LEAD | {"company": value}, LEAD | {"name": value}):
        assert website.send(body).answer.status in {202, 400, 422}
