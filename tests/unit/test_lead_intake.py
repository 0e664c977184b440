"""What intake accepts, what it refuses and how it says so; ports in memory."""

import base64
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from forecourt.errors import PermanentError, RetryableError
from forecourt.http_request import HttpRequest
from forecourt.leads.intake import MAX_BODY_BYTES, IntakeResult, LeadIntake
from forecourt.leads.message import LeadMessage, parse_message
from forecourt.leads.rate_limit import RateLimit
from forecourt.leads.refusals import RefusalTally
from forecourt.leads.sites import SiteDirectory
from forecourt.security.site_keys import SiteKey, SiteKeyRing

RING = SiteKeyRing({1: SecretStr("a secret of the site keys")})
KEY = RING.make(7, "k1")
ORIGIN = "https://www.dealer.example"
LEAD: dict[str, Any] = {"name": "Siobhán O'Connor", "email": "siobhan@example.org"}


@dataclass
class MemoryQueue:
    """Port ``IntakeQueue``; ``away`` makes it refuse, ``failure`` makes it raise that."""

    away: bool = False
    failure: Exception | None = None
    bodies: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def send(self, body: str, *, group: str) -> None:
        if self.away:
            raise RetryableError(code="AWS_AWAY", detail="Away.", target="SQS")
        if self.failure is not None:
            raise self.failure
        self.bodies.append(body)
        self.groups.append(group)

    @property
    def leads(self) -> list[LeadMessage]:
        messages = [parse_message(body) for body in self.bodies]
        return [message for message in messages if isinstance(message, LeadMessage)]

    @property
    def refusals(self) -> list[dict[str, Any]]:
        messages = [json.loads(body) for body in self.bodies]
        return [one for message in messages for one in message.get("refusals", [])]


@dataclass
class MemoryDocuments:
    """Port ``Documents`` with one site file."""

    site: Any = None
    away: bool = False
    reads: int = 0

    def get(self, key: str) -> Any:
        self.reads += 1
        if self.away:
            raise RetryableError(code="AWS_AWAY", detail="Away.", target="S3")
        return self.site if key == "sites/7.json" else None


class Website:
    """A website of dealership 7 and the intake it posts to."""

    def __init__(self, *, origins: tuple[str, ...] = (), burst: int = 1000) -> None:
        self.queue = MemoryQueue()
        self.documents = MemoryDocuments(
            {
                "dealershipId": 7,
                "keys": [{"keyId": "k1", "ratePerSecond": 10, "burst": burst}],
                "origins": list(origins),
            }
        )
        self.seconds = 0.0
        clock = lambda: self.seconds  # noqa: E731 - a clock the test moves
        self.ring_away = False
        self.intake = LeadIntake(
            verify_key=self.verify_key,
            sites=SiteDirectory(self.documents, clock=clock),
            rate_limit=RateLimit(clock=clock),
            queue=self.queue,
            refusals=RefusalTally(clock=clock),
            now=lambda: datetime(2026, 11, 21, 1, 2, 3, 456000, tzinfo=UTC),
        )

    def verify_key(self, text: str) -> SiteKey | None:
        if self.ring_away:
            raise RetryableError(code="AWS_AWAY", detail="Away.", target="SecretsManager")
        return RING.verify(text)

    def send(
        self, body: object = LEAD, *, method: str = "POST", path: str = "/api/leads", **more: str
    ) -> IntakeResult:
        """Send a request; ``more`` are headers, an empty one is left out."""
        headers = {"x_site_key": KEY, "content_type": "application/json"} | more
        return self.intake.answer(
            HttpRequest(
                method=method,
                path=path,
                headers={name.replace("_", "-"): text for name, text in headers.items() if text},
                raw_body=body if isinstance(body, str) else json.dumps(body),
                request_id="request-1",
            )
        )

    def refused(self, body: object = LEAD, **more: str) -> tuple[int, dict[str, Any]]:
        """Send what must be refused; nothing may be on the queue afterwards."""
        result = self.send(body, **more)
        assert self.queue.leads == []
        assert result.answer.headers["Content-Type"] == "application/problem+json"
        problem = json.loads(result.answer.body)
        assert problem["status"] == result.answer.status
        assert problem["correlationId"] == "request-1"
        return result.answer.status, problem


@pytest.fixture
def website() -> Website:
    return Website()


def bad_fields(problem: dict[str, Any]) -> dict[str, str]:
    return {error["field"]: error["message"] for error in problem["errors"]}


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
        ({"company": {f"n{i}": 1 for i in range(31)}}, "company", "must have at most 30 members"),
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


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"],
)
def test_another_content_type_is_415(website: Website, content_type: str) -> None:
    assert website.refused(content_type=content_type)[0] == 415


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
def test_json_may_name_its_charset(website: Website, content_type: str) -> None:
    assert website.send(content_type=content_type).answer.status == 202


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 1_000_000])
def test_a_large_body_is_413(website: Website, size: int) -> None:
    frame = len(json.dumps(LEAD | {"message": ""}))

    assert website.refused(LEAD | {"message": "m" * (size - frame)})[0] == 413


def test_the_largest_body_is_judged_by_its_fields(website: Website) -> None:
    padding = " " * (MAX_BODY_BYTES - len(json.dumps(LEAD)))

    assert website.send(json.dumps(LEAD) + padding).answer.status == 202


@pytest.mark.parametrize(
    "key",
    ["", "fk1", KEY[:-1], KEY[:-1] + ("A" if KEY[-1] != "A" else "B"), KEY.replace(".7.", ".8."),
     KEY.replace("k1.1", "k1.2"), KEY.upper(), KEY + " x", SiteKeyRing({1: SecretStr("x" * 20)})
     .make(7, "k1"), RING.make(7, "revoked")],
)  # fmt: skip
def test_a_wrong_or_revoked_key_is_401(website: Website, key: str) -> None:
    status, problem = website.refused(x_site_key=key)

    assert status == 401
    assert problem["type"] == "urn:forecourt:problem:site-key-refused"


def test_a_server_posts_without_an_origin() -> None:
    assert Website(origins=(ORIGIN,)).send().answer.status == 202


@pytest.mark.parametrize("origin", [ORIGIN, "HTTPS://WWW.DEALER.EXAMPLE:443"])
def test_a_page_of_a_listed_origin_may_post_and_read(origin: str) -> None:
    answer = Website(origins=(ORIGIN,)).send(origin=origin).answer

    assert answer.status == 202
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://www.dealer.example.evil.example"]
)
def test_a_page_of_another_origin_is_403_and_may_read_why(origin: str) -> None:
    website = Website(origins=(ORIGIN,))
    status, problem = website.refused(origin=origin)

    assert status == 403
    assert problem["type"] == "urn:forecourt:problem:origin-not-allowed"
    headers = website.send(origin=origin).answer.headers
    assert headers["Access-Control-Allow-Origin"] == origin


def test_without_listed_origins_every_page_may_post(website: Website) -> None:
    assert website.send(origin="https://any.example").answer.status == 202


def test_a_preflight_of_any_origin_is_answered_without_a_key(website: Website) -> None:
    answer = website.send("", method="OPTIONS", origin=ORIGIN, x_site_key="").answer

    assert (answer.status, answer.body) == (204, "")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"content-type", "x-site-key", "idempotency-key"} <= set(allowed)


def test_another_path_or_method_is_refused(website: Website) -> None:
    assert website.refused(path="/api/lead")[0] == 404
    assert website.refused(method="GET")[0] == 405
    assert website.send(method="PUT").answer.headers["Allow"] == "POST, OPTIONS"


def test_a_key_that_posts_too_fast_waits() -> None:
    website = Website(burst=3)
    statuses = [website.send().answer.status for _ in range(4)]
    waiting = website.send().answer
    website.seconds += 0.1
    again = website.send().answer.status

    assert statuses == [202, 202, 202, 429]
    assert waiting.headers["Retry-After"] == "1"
    assert again == 202


def test_a_queue_that_refuses_for_good_means_try_again_too(website: Website) -> None:
    website.queue.failure = PermanentError(code="AWS_REFUSED", detail="No.", target="SQS")

    answer = website.send().answer

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"


def test_a_defect_is_answered_and_the_log_holds_no_lead(
    website: Website, capsys: pytest.CaptureFixture[str]
) -> None:
    website.queue.failure = RuntimeError(f"cannot send {LEAD['email']}")

    result = website.send()

    assert (result.answer.status, result.outcome) == (500, "defect")
    logged = capsys.readouterr().out
    assert "Lead request met a defect" in logged
    assert LEAD["email"] not in logged


def test_a_queue_that_is_away_means_try_again(website: Website) -> None:
    website.queue.away = True
    result = website.send()

    assert result.answer.status == 503
    assert int(result.answer.headers["Retry-After"]) > 0


def test_without_the_site_key_secret_it_is_try_again(website: Website) -> None:
    website.ring_away = True

    assert website.refused()[0] == 503


def test_the_site_file_is_read_once_a_minute(website: Website) -> None:
    for second in (0, 30, 59, 61):
        website.seconds = second
        website.send()

    assert website.documents.reads == 2


def key_file(*key_ids: str, origins: tuple[str, ...] = ()) -> dict[str, Any]:
    keys = [{"keyId": key_id, "ratePerSecond": 10, "burst": 9} for key_id in key_ids]
    return {"dealershipId": 7, "keys": keys, "origins": list(origins)}


def test_a_revoked_key_is_refused_within_a_minute(website: Website) -> None:
    website.send()
    website.documents.site = key_file("k2")

    website.seconds = 59.9
    assert website.send().answer.status == 202
    website.seconds = 60
    assert website.send().answer.status == 401


def test_a_new_key_works_after_five_seconds(website: Website) -> None:
    new = RING.make(7, "k2")
    website.send()
    website.documents.site = key_file("k1", "k2")

    assert website.send(x_site_key=new).answer.status == 401
    website.seconds = 5
    assert website.send(x_site_key=new).answer.status == 202


def test_a_newly_listed_origin_works_after_five_seconds() -> None:
    website = Website(origins=(ORIGIN,))
    website.send()
    website.documents.site = key_file("k1", origins=(ORIGIN, "https://new.example"))

    assert website.send(origin="https://new.example").answer.status == 403
    website.seconds = 5
    assert website.send(origin="https://new.example").answer.status == 202


def test_refused_keys_make_the_site_file_read_every_five_seconds_at_most(website: Website) -> None:
    for tenth in range(100):
        website.seconds = tenth / 10
        website.send(x_site_key=RING.make(7, "made up"))
        website.send(x_site_key=RING.make(7, "revoked"))

    assert website.documents.reads == 2


def test_with_s3_away_the_last_copy_goes_on_serving() -> None:
    website = Website(origins=(ORIGIN,))
    website.send()
    website.documents.away = True
    website.seconds = 3600

    assert website.send(origin="https://evil.example").answer.status == 403
    assert website.send(origin=ORIGIN).answer.status == 202
    assert website.documents.reads == 2


def test_with_s3_away_from_the_start_the_signature_decides(website: Website) -> None:
    website.documents.away = True

    assert website.send(origin="https://any.example").answer.status == 202
    assert website.send(x_site_key=KEY[:-1]).answer.status == 401


@pytest.mark.parametrize("site", [None, {}, {"keys": [{}], "origins": []}, [], {"keys": 1}])
def test_a_missing_or_broken_site_file_leaves_the_signature(website: Website, site: Any) -> None:
    website.documents.site = site

    assert website.send().answer.status == 202


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
