"""Each fault of the Dataverse simulator: what the caller sees, and whether it was done."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from local.dataverse_simulator import DataverseSimulator
from local.dataverse_simulator.faults import KINDS, Fault
from tests.support.dynamics import ECHO, LEAD, DataverseCaller, code_of

LEADID = {"$select": "leadid"}


@pytest.fixture
def simulator() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as running:
        yield running


@pytest.fixture
def caller(simulator: DataverseSimulator) -> Iterator[DataverseCaller]:
    with DataverseCaller(simulator) as made:
        made.call("GET", "WhoAmI")
        yield made


def push(caller: DataverseCaller, key: str = "a") -> httpx.Response:
    return caller.upsert(key, LEAD, ECHO, **LEADID)


def leads(simulator: DataverseSimulator) -> int:
    return len(simulator.leads())


def wait_until(holds: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(250):
        if holds():
            return
        waiting.wait(0.02)
    pytest.fail("it did not come to pass within 5 seconds")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("acts", [False, True])
def test_an_http_status_may_hide_that_it_was_done(
    caller: DataverseCaller, simulator: DataverseSimulator, status: int, acts: bool
) -> None:
    simulator.add_fault(f"http_{status}", operation="UpsertLead", acts=acts)
    answer = push(caller)
    assert answer.status_code == status
    is_page = answer.headers["Content-Type"].startswith("text/html")
    assert is_page == (status not in (429, 500))
    assert leads(simulator) == acts
    assert push(caller).status_code == (200 if acts else 201)


@pytest.mark.parametrize(
    ("kind", "code", "told"),
    [
        ("http_500", "0x80044150", (500, "0x80044150")),
        ("http_500", "0x80044151", (500, "0x80044151")),
        ("http_500", None, (500, "")),
        ("http_500", "0x80040333", (500, "0x80040333")),
        ("http_412", "0x80060892", (412, "0x80060892")),
        ("http_429", None, (429, "0x80072322")),
        ("http_403", None, (403, "0x80040220")),
        ("http_403", "0x80048306", (403, "0x80048306")),
        ("http_503", "0x0", (503, "0x0")),
    ],
)
def test_a_status_can_carry_a_code(
    caller: DataverseCaller,
    simulator: DataverseSimulator,
    kind: str,
    code: str | None,
    told: tuple[int, str],
) -> None:
    simulator.add_fault(kind, operation="UpsertLead", code=code)
    assert code_of(push(caller)) == told
    assert leads(simulator) == 0
    assert simulator.requests("UpsertLead")[-1].code == told[1]


@pytest.mark.parametrize("retry_after", [7, "Wed, 21 Oct 2026 07:28:00 GMT"])
@pytest.mark.parametrize("kind", ["http_429", "http_503"])
def test_retry_after_is_sent(
    caller: DataverseCaller, simulator: DataverseSimulator, kind: str, retry_after: int | str
) -> None:
    simulator.add_fault(kind, retry_after=retry_after)
    assert push(caller).headers["Retry-After"] == str(retry_after)


def test_a_401_on_demand_has_no_body(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("http_401", operation="UpsertLead")
    refused = push(caller)
    assert (refused.status_code, refused.content) == (401, b"")
    assert push(caller).status_code == 201


def test_a_token_can_expire_mid_run(caller: DataverseCaller, simulator: DataverseSimulator) -> None:
    simulator.add_fault("expired_token", operation="UpsertLead")
    assert push(caller).status_code == 401
    assert push(caller).status_code == 401, "the token stays revoked"
    caller.bearer = None
    assert push(caller).status_code == 201
    assert simulator.invalid_requests() == []


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_cut_says_nothing(
    caller: DataverseCaller, simulator: DataverseSimulator, kind: str
) -> None:
    simulator.add_fault(kind, operation="UpsertLead")
    with pytest.raises(httpx.RemoteProtocolError):
        push(caller)
    assert leads(simulator) == (kind == "cut_after")
    assert simulator.requests()[-1].fault == kind
    assert push(caller).status_code == (200 if kind == "cut_after" else 201)


def test_a_cut_midway_leaves_half_of_the_answer(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("cut_midway", operation="UpsertLead")
    with pytest.raises(httpx.RemoteProtocolError):
        push(caller)
    assert leads(simulator) == 1


def test_a_late_commit_is_cut_now_and_done_later_by_the_vendors_clock(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("late_commit", operation="UpsertLead", seconds=60)
    with pytest.raises(httpx.RemoteProtocolError):
        push(caller)
    assert (leads(simulator), simulator.waiting_commits()) == (0, 1)
    simulator.advance_clock(61)
    wait_until(lambda: leads(simulator) == 1)
    assert push(caller).status_code == 200


def test_a_late_commit_that_lost_the_race_changes_nothing(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("late_commit", operation="UpsertLead", seconds=60)
    with pytest.raises(httpx.RemoteProtocolError):
        push(caller)
    assert push(caller).status_code == 201
    simulator.advance_clock(61)
    wait_until(lambda: simulator.waiting_commits() == 0)
    assert [lead["writes"] for lead in simulator.leads()] == [1]


def test_slow_is_done_at_once_and_answered_late(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("slow", operation="UpsertLead", seconds=30)
    caller.http.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        push(caller)
    assert leads(simulator) == 1


def test_an_answer_can_drip(caller: DataverseCaller, simulator: DataverseSimulator) -> None:
    simulator.add_fault("drip", operation="UpsertLead", seconds=0.4)
    started = time.monotonic()
    assert push(caller).status_code == 201
    assert time.monotonic() - started >= 0.3


def test_a_hang_can_end_by_itself(caller: DataverseCaller, simulator: DataverseSimulator) -> None:
    simulator.add_fault("hang", operation="UpsertLead", seconds=0.2)
    with pytest.raises(httpx.RemoteProtocolError):
        push(caller)
    assert leads(simulator) == 0


def test_html_comes_as_a_success(caller: DataverseCaller, simulator: DataverseSimulator) -> None:
    simulator.add_fault("html", operation="WhoAmI")
    answer = caller.call("GET", "WhoAmI")
    assert (answer.status_code, answer.text[:15]) == (200, "<!DOCTYPE html>")


def test_an_answer_can_be_empty(caller: DataverseCaller, simulator: DataverseSimulator) -> None:
    simulator.add_fault("empty", operation="UpsertLead", acts=True)
    answer = push(caller)
    assert (answer.status_code, answer.content, leads(simulator)) == (200, b"", 1)


def test_json_can_stop_in_the_middle(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("truncated", operation="UpsertLead")
    answer = push(caller)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        answer.json()
    assert leads(simulator) == 1


def test_a_content_type_can_be_wrong(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("wrong_content_type", operation="UpsertLead")
    answer = push(caller)
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        201,
        "text/plain; charset=utf-8",
    )
    assert leads(simulator) == 1


def test_a_success_can_lack_the_id(caller: DataverseCaller, simulator: DataverseSimulator) -> None:
    simulator.add_fault("without_id", operation="WriteLead", times=2)
    answer = push(caller)
    assert (answer.status_code, answer.json()) == (201, {})
    plain = caller.upsert("b")
    assert plain.status_code == 204
    assert "OData-EntityId" not in plain.headers
    assert leads(simulator) == 2


def test_another_upsert_can_win_the_race(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("key_race", operation="UpsertLead")
    assert code_of(push(caller)) == (412, "0x80060892")
    assert push(caller).status_code == 200
    assert leads(simulator) == 1


def test_two_upserts_that_both_find_nothing_race(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.latency = 0.3
    together = threading.Barrier(2)

    def arrive(_: int) -> int:
        together.wait()
        return push(caller).status_code

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(arrive, range(2))) == [201, 412]
    assert leads(simulator) == 1


def test_a_fault_per_lead_meets_the_first_request_of_each(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("http_504", operation="WriteLead", per="lead", acts=True)
    assert [push(caller, key).status_code for key in "abab"] == [504, 504, 200, 200]
    lead_id = simulator.leads()[0]["leadId"]
    changed = caller.call("PATCH", f"leads({lead_id})", {"subject": "x"}, {"If-Match": "*"})
    assert changed.status_code == 204, "the same lead by its GUID is the same lead"
    assert caller.call("POST", "leads", LEAD).status_code == 204, "a lead without a key has none"


def test_a_fault_meets_its_operation_and_environment_only(simulator: DataverseSimulator) -> None:
    hit, spared = simulator.accounts()
    simulator.add_fault("http_503", operation="Data", account=hit.environment_url, times=None)
    with DataverseCaller(simulator, hit) as one, DataverseCaller(simulator, spared) as other:
        assert one.ask_token().status_code == 200
        assert one.call("GET", "WhoAmI").status_code == 503
        assert other.call("GET", "WhoAmI").status_code == 200


def test_a_fault_by_chance_does_only_what_it_says(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("cut_before", operation="UpsertLead", times=None, probability=0.5, seed=3)
    confirmed = 0
    for number in range(40):
        try:
            push(caller, f"k{number}")
        except httpx.RemoteProtocolError:
            continue
        confirmed += 1
    assert 8 < confirmed < 32
    assert leads(simulator) == confirmed


def test_a_request_against_the_documents_is_refused_even_under_a_fault(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.add_fault("cut_after", operation="UpsertLead")
    with pytest.raises(httpx.RemoteProtocolError):
        caller.upsert("a", {"nothing": 1})
    simulator.add_fault("without_id", operation="UpsertLead")
    assert code_of(caller.upsert("a", {"nothing": 1})) == (400, "0x80048d19")
    assert leads(simulator) == 0
    assert len(simulator.invalid_requests()) == 2


@pytest.mark.parametrize(
    ("kind", "code", "seen"),
    [
        ("http_503", None, (503, None)),
        ("http_500", "server_error", (500, "server_error")),
        ("http_429", "temporarily_unavailable", (429, "temporarily_unavailable")),
        ("http_401", "invalid_client", (401, "invalid_client")),
        ("http_400", "invalid_grant", (400, "invalid_grant")),
        ("empty", None, (200, None)),
        ("html", None, (200, None)),
    ],
)
def test_the_token_endpoint_can_fail(
    caller: DataverseCaller,
    simulator: DataverseSimulator,
    kind: str,
    code: str | None,
    seen: tuple[int, str | None],
) -> None:
    retry_after = 9 if kind == "http_429" else None
    simulator.add_fault(kind, operation="Token", code=code, retry_after=retry_after)
    answer = caller.ask_token()
    told = answer.json()["error"] if code else None
    assert (answer.status_code, told) == seen
    assert answer.headers.get("Retry-After") == (retry_after and str(retry_after))
    assert caller.ask_token().status_code == 200


def test_the_token_endpoint_can_be_cut_off_for_one_environment(
    simulator: DataverseSimulator,
) -> None:
    hit, spared = simulator.accounts()
    simulator.add_fault("cut_before", operation="Token", account=hit.environment_url)
    with DataverseCaller(simulator, hit) as one, DataverseCaller(simulator, spared) as other:
        assert other.ask_token().status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            one.ask_token()


def test_discovery_can_fail(caller: DataverseCaller, simulator: DataverseSimulator) -> None:
    simulator.add_fault("http_503", operation="Discovery")
    path = f"/{caller.account.tenant_id}/v2.0/.well-known/openid-configuration"
    assert [caller.http.get(path).status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "explode"},
        {"kind": "code"},
        {"kind": "empty", "operation": "CreateQuotation"},
        {"kind": "http_500", "code": 5},
        {"kind": "slow"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\."):
        Fault(**wrong)  # type: ignore[arg-type]


def test_every_kind_is_played_in_this_file() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []
