"""Which requests are the same lead, and what is kept of a consent."""

import base64
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from forecourt.http_request import HttpRequest
from forecourt.leads.intake import MAX_BODY_BYTES
from tests.support.website import KEY, LEAD, ORIGIN, RING, Website, bad_fields


def test_whoever_fills_the_hidden_field_is_a_robot(website: Website) -> None:
    result = website.send(LEAD | {"website": "https://spam.example"})

    assert (result.answer.status, result.outcome) == (202, "spam")
    assert website.queue.leads[0].spam is True


def test_the_same_key_and_body_is_the_same_lead(website: Website) -> None:
    website.send(LEAD | {"phone": "1", "rating": "Hot"}, idempotency_key="form-1")
    website.send({"rating": "Hot", "phone": " 1 "} | LEAD, idempotency_key="form-1")
    website.send(LEAD, idempotency_key="form-1")
    website.send(LEAD, idempotency_key="form-2")

    ids = [message.lead_id for message in website.queue.leads]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert ids[0].version == 5


def test_another_dealership_with_the_same_key_has_another_lead(website: Website) -> None:
    website.send(idempotency_key="form-1")
    website.send(idempotency_key="form-1", x_site_key=RING.make(8, "k1"))

    assert len({message.lead_id for message in website.queue.leads}) == 2


def test_without_an_idempotency_key_each_post_is_a_lead(website: Website) -> None:
    ids = {json.loads(website.send().answer.body)["leadId"] for _ in range(20)}

    assert len(ids) == 20
    assert {uuid.UUID(one).version for one in ids} == {4}


@pytest.mark.parametrize("key", [" ", "a b", "ä", "x" * 201])
def test_a_bad_idempotency_key_is_named(website: Website, key: str) -> None:
    status, problem = website.refused(idempotency_key=key)

    assert status == 422
    assert set(bad_fields(problem)) == {"Idempotency-Key"}


def test_a_body_in_base64_is_read(website: Website) -> None:
    def send(raw_body: str) -> int:
        headers = {"x-site-key": KEY, "content-type": "application/json"}
        return website.intake.answer(
            HttpRequest(
                method="POST", path="/api/leads", headers=headers, raw_body=raw_body, is_base64=True
            )
        ).answer.status

    assert send(base64.b64encode(json.dumps(LEAD).encode()).decode()) == 202
    assert send("not base64!") == 400
    assert send(base64.b64encode(b"\xff\xfe").decode()) == 400
    assert send(base64.b64encode(b" " * (MAX_BODY_BYTES + 1)).decode()) == 413


def consent_of(website: Website) -> dict[str, Any] | None:
    return website.queue.leads[-1].lead.consent


def test_the_text_of_a_consent_stays_as_it_was_sent(website: Website) -> None:
    text = "  I agree\u00a0to\r\n\tcalls — and e-mail. \n"
    website.send(LEAD | {"consent": {"marketing": True, "text": text, "version": " 3 "}})

    assert consent_of(website) == {
        "marketing": True,
        "text": text,
        "version": "3",
        "recordedAt": "2026-11-21T01:02:03.456Z",
    }


def test_two_texts_of_consent_are_two_leads(website: Website) -> None:
    for text in ("I agree.", "I agree. "):
        consent = {"marketing": True, "text": text}
        website.send(LEAD | {"consent": consent}, idempotency_key="form-1")

    assert len({message.lead_id for message in website.queue.leads}) == 2


@pytest.mark.parametrize(
    ("source", "origin", "page"),
    [
        ("https://www.dealer.example/a?b", ORIGIN, "https://www.dealer.example/a?b"),
        (None, "HTTPS://WWW.dealer.example:443", ORIGIN),
        (None, "null", None),
        (None, "", None),
    ],
)
def test_a_consent_says_on_which_page_it_was_given(
    website: Website, source: str | None, origin: str, page: str | None
) -> None:
    website.send(LEAD | {"consent": {"marketing": True}, "sourcePageUrl": source}, origin=origin)

    consent = consent_of(website)
    assert consent is not None
    assert consent.get("pageUrl") == page


@pytest.mark.parametrize("consent", [None, ""])
def test_consent_that_was_not_given_stays_unknown(website: Website, consent: Any) -> None:
    website.send(LEAD | {"consent": consent, "sourcePageUrl": "https://www.dealer.example/"})
    website.send(LEAD)

    assert [message.lead.consent for message in website.queue.leads] == [None, None]


@pytest.mark.parametrize("consent", [{}, {"text": "I agree."}, {"marketing": None}, True])
def test_consent_without_a_yes_or_no_is_refused(website: Website, consent: Any) -> None:
    status, problem = website.refused(LEAD | {"consent": consent})

    assert status == 422
    assert set(bad_fields(problem)) <= {"consent", "consent.marketing"}


def test_a_consent_cannot_say_itself_when_and_where_it_was_given(website: Website) -> None:
    status, problem = website.refused(
        LEAD | {"consent": {"marketing": True, "recordedAt": "2020-01-01T00:00:00Z"}}
    )

    assert (status, set(bad_fields(problem))) == (422, {"consent.recordedAt"})


def test_a_repeat_keeps_its_lead_though_time_has_passed(website: Website) -> None:
    body = LEAD | {"consent": {"marketing": True}}
    first = website.send(body, idempotency_key="form-1").lead_id
    website.intake._now = lambda: datetime(2027, 1, 1, tzinfo=UTC)

    assert website.send(body, idempotency_key="form-1").lead_id == first
