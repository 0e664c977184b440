"""Counting refused requests of websites."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.errors import SkippableError
from forecourt.leads.message import RefusalsMessage, parse_message
from forecourt.leads.refusals import RefusalTally, RefusedRequests, field_names
from forecourt.problem import FieldError

AT = datetime(2026, 11, 21, 1, 59, 59, tzinfo=UTC)
HOUR = datetime(2026, 11, 21, 1, tzinfo=UTC)


class Sandbox:
    """A tally and its clock."""

    def __init__(self, capacity: int = 2000) -> None:
        self.seconds = 0.0
        self.tally = RefusalTally(clock=lambda: self.seconds, capacity=capacity)

    def refuse(self, dealership: int = 7, *fields: str, key: str = "k1") -> None:
        self.tally.count(dealership, key, "invalid-fields", fields, AT)

    def taken(self) -> dict[tuple[int, str], int]:
        return {(one.dealership_id, one.field): one.requests for one in self.tally.take_due()}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("email", "email"),
        ("consent.marketing", "consent.marketing"),
        ("Idempotency-Key", "Idempotency-Key"),
        ("(body)", "(body)"),
        ("origins.3", "origins"),
        ("company.employeeCount", "company.employeeCount"),
        ("utm_source", "utm_source"),
        ("x" * 80, "x" * 50),
        ("siobhan@example.org", "(unnamed)"),
        ("0412 345 678", "(unnamed)"),
        ("0412345678", "(unnamed)"),
        ("Siobhán", "(unnamed)"),
        ("company.+61 412", "(unnamed)"),
        ("", "(unnamed)"),
    ],
)
def test_a_field_is_named_only_where_its_name_is_one(place: str, name: str) -> None:
    assert field_names([FieldError(place, "")]) == [name]


def test_at_most_twenty_fields_of_a_request_are_named_each_once() -> None:
    errors = [FieldError(f"f{number}", "") for number in range(40)]

    assert field_names([errors[0], *errors]) == [f"f{number}" for number in range(20)]


def test_the_first_refusal_is_due_at_once_and_later_ones_a_minute_after_it() -> None:
    sandbox = Sandbox()
    sandbox.refuse(7, "email")
    assert sandbox.taken() == {(7, ""): 1, (7, "email"): 1}

    for second in range(1, 60):
        sandbox.seconds = second
        sandbox.refuse(7, "email", "phone") if second % 2 else sandbox.refuse(7, "email")
        assert sandbox.taken() == {}
    sandbox.seconds = 60

    assert sandbox.taken() == {(7, ""): 59, (7, "email"): 59, (7, "phone"): 30}
    assert sandbox.taken() == {}


def test_dealerships_wait_each_for_themselves() -> None:
    sandbox = Sandbox()
    sandbox.refuse(7)
    assert sandbox.taken() == {(7, ""): 1}
    sandbox.refuse(7)
    sandbox.refuse(8)

    assert sandbox.taken() == {(8, ""): 1}
    sandbox.seconds = 60
    assert sandbox.taken() == {(7, ""): 1}


def test_what_could_not_be_sent_is_sent_a_minute_later_with_what_came_meanwhile() -> None:
    sandbox = Sandbox()
    sandbox.refuse(7, "email")
    sandbox.tally.give_back(sandbox.tally.take_due())
    sandbox.refuse(7)

    assert sandbox.taken() == {}
    sandbox.seconds = 60
    assert sandbox.taken() == {(7, ""): 2, (7, "email"): 1}


def test_made_up_names_and_dealerships_fill_no_memory() -> None:
    sandbox = Sandbox(capacity=3)
    for number in range(1000):
        sandbox.refuse(7, f"f{number}")
    assert len(sandbox.tally.take_due()) == 200

    for dealership in range(1, 10):
        sandbox.refuse(dealership)
    sandbox.seconds = 60
    kept = {one for _ in range(10) for one, _ in sandbox.taken()}
    assert kept == {7, 8, 9}


def test_made_up_names_hide_no_other_websites_refusals() -> None:
    sandbox = Sandbox()
    for number in range(1000):
        sandbox.refuse(7, f"f{number}", key="flooded")
    for key in ("flooded", "broken"):
        sandbox.tally.count(7, key, "origin-not-allowed", (), AT)

    sums = {
        (one.key_id, one.reason): one.requests for one in sandbox.tally.take_due() if not one.field
    }
    assert sums == {
        ("flooded", "invalid-fields"): 1000,
        ("flooded", "origin-not-allowed"): 1,
        ("broken", "origin-not-allowed"): 1,
    }


def test_what_many_keys_are_refused_for_fits_one_message() -> None:
    sandbox = Sandbox()
    for number in range(3000):
        sandbox.refuse(7, f"f{number}", key=f"k{number}")

    sums = [one.to_wire() for one in sandbox.tally.take_due()]
    assert parse_message(json.dumps({"schema": 1, "refusals": sums}))


def test_hours_are_counted_apart() -> None:
    sandbox = Sandbox()
    sandbox.refuse()
    sandbox.tally.count(7, "k1", "invalid-fields", (), AT + timedelta(seconds=1))

    assert {one.hour for one in sandbox.tally.take_due()} == {HOUR, HOUR + timedelta(hours=1)}


@given(
    st.builds(
        RefusedRequests,
        dealership_id=st.integers(1, 2**31 - 1),
        key_id=st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True),
        reason=st.just("invalid-fields"),
        field=st.text(max_size=80).map(lambda text: field_names([FieldError(text, "")])[0]),
        hour=st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0)),
        requests=st.integers(1, 1_000_000),
    )
)
def test_what_intake_writes_delivery_reads(refused: RefusedRequests) -> None:
    body = RefusalsMessage.model_validate({"schema": 1, "refusals": [refused.to_wire()]})

    message = parse_message(body.model_dump_json(by_alias=True))

    assert isinstance(message, RefusalsMessage)
    assert message.sums() == [refused]


def test_a_time_of_another_zone_is_the_same_hour() -> None:
    perth = timezone(timedelta(hours=8))
    refused = RefusedRequests(
        dealership_id=7, key_id="k", reason="broken-json", field="",
        hour=HOUR.astimezone(perth), requests=1,
    )  # fmt: skip

    assert refused.to_wire()["hour"] == "2026-11-21T01:00:00Z"


@pytest.mark.parametrize(
    "body",
    [
        '{"schema": 1, "refusals": []}',
        '{"schema": 2, "refusals": [{}]}',
        '{"schema": 1, "refusals": [{"dealershipId": 1}]}',
        (
            '{"schema": 1, "refusals": [{"dealershipId": 1, "keyId": "k",'
            ' "reason": "invalid-fields", "field": "a b",'
            ' "hour": "2026-11-21T01:00:00Z", "requests": 1}]}'
        ),
    ],
)
def test_a_refusals_message_nobody_can_read_is_poison(body: str) -> None:
    with pytest.raises(SkippableError, match="MALFORMED_MESSAGE"):
        parse_message(body)
