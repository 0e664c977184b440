"""JSON from outside: what is named, and that no body costs more than its length."""

import json
import time
import tracemalloc

import pytest

from forecourt.leads.intake import MAX_BODY_BYTES
from forecourt.leads.submission import read_submission
from forecourt.problem import Problem
from forecourt.strict_json import parse_object


def test_a_doubled_key_is_named_wherever_it_stands() -> None:
    value, errors = parse_object(b'{"a": {"b": 1, "b": 2}, "c": 1, "c": 2}')

    assert value == {"a": {"b": 2}, "c": 2}
    assert [error.field for error in errors] == ["b", "c"]


@pytest.mark.parametrize(
    "body", [b"[1]", b"\xff", b"{", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_plain_object_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse_object(body)

    assert refused.value.status == 400


@pytest.mark.parametrize("members", [200, 201])
def test_an_object_has_at_most_two_hundred_members(members: int) -> None:
    body = json.dumps({"company": {f"m{number}": 1 for number in range(members)}}).encode()

    if members > 200:
        with pytest.raises(Problem, match="400 broken-json"):
            parse_object(body)
    else:
        assert parse_object(body)[1] == []


def many_doubled() -> str:
    return "{" + ",".join(f'"k{number:x}":0' for number in range(16_000)) + ',"k0":1}'


def many_bad_texts_under_a_long_name() -> str:
    return json.dumps({"n" * 80_000: ["\0"] * 8_000})


def many_bad_members_of_a_list() -> str:
    return json.dumps({"company": [{"a": "\0"}] * 8_000})


@pytest.mark.parametrize(
    "write",
    [
        many_doubled,
        many_bad_texts_under_a_long_name,
        many_bad_members_of_a_list,
        lambda: "[" * 150_000,
        lambda: '{"a":' + "[" * 15 + '"\\u0000",' * 9_000 + "1" + "]" * 15 + "}",
        lambda: json.dumps({"name": "a", "email": "a@" + "a-." * 50_000}),
    ],
)
def test_no_body_costs_much_more_than_its_length(write: object) -> None:
    assert callable(write)
    body = write().encode()
    assert len(body) <= MAX_BODY_BYTES
    tracemalloc.start()
    began = time.process_time()

    try:
        with pytest.raises(Problem) as refused:
            read_submission(*parse_object(body))
        answer = refused.value.to_answer("id")
        seconds = time.process_time() - began
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert seconds < 2.0
    assert peak_bytes < 40_000_000
    assert len(answer.body) < 50_000
