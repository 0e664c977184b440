"""Whose request is taken, and how one that is not is answered."""

import json

import pytest
from pydantic import SecretStr

from forecourt.errors import PermanentError
from forecourt.leads.intake import MAX_BODY_BYTES
from forecourt.security.site_keys import SiteKeyRing
from tests.support.website import KEY, LEAD, ORIGIN, RING, Website


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
