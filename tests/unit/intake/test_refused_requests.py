"""What is counted of refused requests, and that it names nobody."""

from typing import Any

import pytest

from forecourt.leads.intake import MAX_BODY_BYTES
from tests.support.website import KEY, LEAD, ORIGIN, RING, Website


def counted(website: Website) -> dict[tuple[str, str], int]:
    return {(one["reason"], one["field"]): one["requests"] for one in website.queue.refusals}


@pytest.mark.parametrize(
    ("more", "headers", "expected"),
    [
        ({"email": "x", "colour": "red"}, {},
         {("invalid-fields", ""), ("invalid-fields", "email"), ("invalid-fields", "colour")}),
        ({"consent": {}}, {}, {("invalid-fields", ""), ("invalid-fields", "consent.marketing")}),
        ({"0412 345 678": "x"}, {}, {("invalid-fields", ""), ("invalid-fields", "(unnamed)")}),
        ({}, {"idempotency_key": "a b"},
         {("invalid-fields", ""), ("invalid-fields", "Idempotency-Key")}),
        ({}, {"content_type": "text/plain"}, {("unsupported-content-type", "")}),
        ({}, {"origin": "https://evil.example"}, {("origin-not-allowed", "")}),
    ],
)  # fmt: skip
def test_a_refusal_is_counted_by_reason_and_field(
    more: dict[str, Any], headers: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    website = Website(origins=(ORIGIN,))
    website.refused(LEAD | more, **headers)

    assert counted(website) == dict.fromkeys(expected, 1)
    assert website.queue.groups == ["refusals-7"]
    assert {(one["dealershipId"], one["keyId"], one["hour"]) for one in website.queue.refusals} == {
        (7, "k1", "2026-11-21T01:00:00Z")
    }


@pytest.mark.parametrize("body", ["{", "[]", "x" * (MAX_BODY_BYTES + 1)])
def test_a_body_nobody_can_read_is_counted(website: Website, body: str) -> None:
    website.refused(body)

    assert set(counted(website)) <= {("broken-json", ""), ("body-too-large", "")}
    assert len(counted(website)) == 1


def test_further_refusals_are_added_up_and_sent_with_any_request_a_minute_later(
    website: Website,
) -> None:
    for _ in range(10):
        website.send(LEAD | {"email": "x"})
    assert len(website.queue.bodies) == 1

    website.seconds = 61
    website.send()

    assert len(website.queue.bodies) == 3
    assert counted(website) == {("invalid-fields", ""): 9, ("invalid-fields", "email"): 9}


@pytest.mark.parametrize("key", ["", KEY[:-1], RING.make(7, "revoked")])
def test_whoever_has_no_valid_key_is_not_counted(website: Website, key: str) -> None:
    website.send(LEAD | {"email": "x"}, x_site_key=key)

    assert website.queue.bodies == []


def test_our_own_failures_are_no_refusals(website: Website) -> None:
    website.queue.away = True
    website.send()
    website.queue.away = False
    website.queue.failure = RuntimeError("a defect")
    website.send()
    website.queue.failure = None
    website.send()

    assert website.queue.refusals == []


def test_a_refusal_is_answered_though_its_count_cannot_be_sent(website: Website) -> None:
    website.queue.away = True
    assert website.send(LEAD | {"email": "x"}).answer.status == 422

    website.queue.away = False
    website.seconds = 60
    website.send()
    assert counted(website)["invalid-fields", "email"] == 1


def test_a_count_holds_nothing_of_the_visitor(website: Website) -> None:
    website.send({
        "name": "a\0Siobhán", "email": "siobhan at example", "phone": "0412 345 678 9999 9999",
        "siobhan@example.org": 1, "company": {"Siobhán O'Connor": 1}, "vehicleId": "0412345678",
    })  # fmt: skip

    told = "".join(website.queue.bodies)
    assert "phone" in told
    assert not [word for word in ("Siobh", "siobhan", "0412", "example") if word in told]


def test_what_is_logged_names_nobody(website: Website) -> None:
    facts = str(website.send(LEAD | {"phone": "0412 345 678"}).facts())

    assert "0412" not in facts
    assert "siobhan" not in facts.lower()
    assert KEY not in facts
