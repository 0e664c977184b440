"""The delivery promise states the numbers in force: its table is built from code and template."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from forecourt.aws.clients import create_client
from forecourt.easycars import session
from forecourt.easycars.verdict import REQUEST_TOKEN_SECONDS
from forecourt.leads import breaker, calls, ledger, outcome, sweep, wake_ups
from forecourt.leads.batch import outage_wait
from forecourt.leads.dead_letters import KEPT_IN_QUEUE
from forecourt.leads.dynamics import budget, rounds
from forecourt.leads.dynamics import outcome as dynamics_outcome
from forecourt.leads.probe_findings import _VENDOR_AWAY_SECONDS, PROBE_AGAIN_SECONDS
from forecourt.leads.probe_rules import MOST_READS
from forecourt.leads.probing import LONGEST_PASS_SECONDS
from forecourt.leads.recording import _PAUSES
from forecourt.leads.retry import HOLD_MINUTES, HOUR, RetryPolicy
from forecourt.network import exchange
from forecourt.storage import sweeps
from tests.support.sam_template import ROOT, SamTemplate

DAY = 24 * HOUR
PAGE = (ROOT / "docs/delivery-promise.md").read_text("utf-8")


def span(seconds: float) -> str:
    """Say a time in the largest unit that leaves at most one decimal."""
    for unit, size in (("d", DAY), ("h", HOUR), ("min", 60.0)):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:g} s"


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def aws_client(_: SamTemplate) -> str:
    config = create_client("sqs").meta.config
    tries: int = config.retries["total_max_attempts"]
    each = config.connect_timeout + config.read_timeout
    pauses = sum(2**n for n in range(tries - 1))  # standard mode: at most 1 s, doubling
    return row(
        "AWS client (SQS, SNS, S3, KMS, secrets)",
        "no answer, throttled, HTTP 5xx",
        f"{tries} tries of at most {each:g} s",
        span(tries * each + pauses),
    )


def reading_in_place(_: SamTemplate) -> str:
    return row(
        "EasyCars client, asking for a token and reading",
        "quick failures: cannot connect, HTTP 429 and 5xx",
        f"{session._READ_TRIES} tries, a pause from {session._FIRST_PAUSE_SECONDS:g} s doubling,"
        " and what Retry-After asks",
        f"inside the {calls.VENDOR_SECONDS:g} s of the vendor path; a token"
        f" {REQUEST_TOKEN_SECONDS:g} s",
    )


def sending(_: SamTemplate) -> str:
    return row(
        "EasyCars client, CreateLead and UpdateLead",
        "Code 1 alone (the token was refused)",
        f"sent once; once more with a new token. Connecting {exchange.CONNECT_SECONDS:g} s,"
        f" silence {session._SILENCE_SECONDS:g} s",
        f"{calls.VENDOR_SECONDS:g} s; not written later than {calls.WRITE_WITHIN_SECONDS:g} s"
        " after its claim",
    )


def recording(_: SamTemplate) -> str:
    return row(
        "Writing an outcome down",
        "PostgreSQL away or busy",
        f"{len(_PAUSES) + 1} tries",
        f"pauses of {span(sum(_PAUSES))} in all; then the lease runs out",
    )


def lease(template: SamTemplate) -> str:
    function = template.functions["LeadDeliveryFunction"]["Timeout"]
    return row(
        "Lease of a claimed delivery",
        "the worker died",
        "an update is tried again, a create becomes unconfirmed",
        f"{span(function)} for the function, {span(ledger.LEASE_SECONDS)} for the lease",
    )


def visibility(template: SamTemplate) -> str:
    queue = template.resources["LeadsQueue"]["Properties"]
    most: int = queue["RedrivePolicy"]["maxReceiveCount"]
    waits = [outage_wait(count) for count in range(1, most + 1)]
    kept = queue["MessageRetentionPeriod"]
    return row(
        "Message on the leads queue",
        "PostgreSQL away, or the function died",
        f"{most} receipts; after {span(waits[0])}, doubling to {span(waits[-1])}"
        f" ({span(queue['VisibilityTimeout'])} where the function died)",
        f"{span(min(sum(waits), kept))} without PostgreSQL, then the dead-letter queue;"
        f" kept {span(kept)}",
    )


def retry_policy(_: SamTemplate) -> str:
    policy = RetryPolicy()
    shortest, longest = sum(policy.floors), sum(policy.floors) * policy.spread
    waits = ", ".join(f"{span(f)} to {span(f * policy.spread)}" for f in policy.floors)
    return row(
        "Delivery that failed for a passing reason",
        "cannot connect, HTTP 429; an update also: time-out, cut, HTTP 5xx, Code 9",
        f"{policy.tries} tries; waits {waits}",
        f"{span(shortest)} to {span(longest)}, then parked for a person",
    )


def retry_after(_: SamTemplate) -> str:
    policy = RetryPolicy(draw=lambda _low, high: high)
    longest = policy.wait_after(1, 365 * DAY)
    assert longest is not None
    return row(
        "The same, and EasyCars says Retry-After",
        "HTTP 429 and 503",
        "what it asks, and up to a tenth",
        f"{span(longest.total_seconds())} a try",
    )


def hold(_: SamTemplate) -> str:
    minutes = ", ".join(str(m) for m in HOLD_MINUTES)
    return row(
        "Dealership on hold",
        "its credentials are refused",
        f"one delivery tries after {minutes} min, then each {span(60 * HOLD_MINUTES[-1])};"
        " costs no tries",
        "until credentials work; nothing expires",
    )


def circuit_breaker(_: SamTemplate) -> str:
    return row(
        "Circuit breaker, per EasyCars environment",
        f"{breaker.OPENS_AFTER} failures in a row that say it is down",
        f"one call each {span(breaker.OPEN_SECONDS)}; costs no tries",
        "until EasyCars answers; nothing expires. A trial whose worker died ends after"
        f" {span(breaker.TRIAL_SECONDS)}",
    )


def probing(_: SamTemplate) -> str:
    return row(
        "Looking for a create of unknown outcome",
        "time-out, cut, HTTP 408 and 5xx, Code 9, no LeadNumber, expired lease",
        f"first {span(outcome.PROBE_AFTER_SECONDS)} after it was sent, then every"
        f" {span(PROBE_AGAIN_SECONDS)} and, twice a minute at most, at each later number of the"
        " account;"
        f" {span(_VENDOR_AWAY_SECONDS)} after an error of EasyCars'",
        f"{MOST_READS} reads and {span(LONGEST_PASS_SECONDS)} a pass; for ever, alarmed after an"
        " hour",
    )


def sweeping(template: SamTemplate) -> str:
    schedule = template.resources["DeliverySweepSchedule"]["Properties"]["ScheduleExpression"]
    assert schedule == "rate(1 minute)"
    return row(
        "Sweeper",
        "a due delivery that no message is on its way for",
        f"every minute, within it every {span(sweep.TOP_UP_SECONDS)};"
        f" {wake_ups.MOST_WOKEN} woken at once, {wake_ups.MOST_WOKEN_PER_DEALERSHIP} of a"
        f" dealership; {sweeps.MOST_PROBES} accounts searched at once, 1 while the breaker is not"
        " closed",
        f"a lost message costs {span(wake_ups.ON_ITS_WAY_SECONDS)} and a minute",
    )


def dead_letters(template: SamTemplate) -> str:
    bucket = template.resources["RunBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    [days] = [rule["ExpirationInDays"] for rule in bucket if rule.get("Prefix") == "dead-letters/"]
    kept = template.resources["LeadsDeadLetterQueue"]["Properties"]["MessageRetentionPeriod"]
    assert kept == KEPT_IN_QUEUE.total_seconds()
    schedule = template.resources["DeadLetterCopiesSchedule"]["Properties"]["ScheduleExpression"]
    assert schedule == "rate(1 hour)"
    return row(
        "Dead letter",
        "it cannot be read, or was received too often",
        "by a person: `forecourt dlq redrive`",
        f"{span(kept)} on the queue since it was first sent; copied to S3 within the hour, there"
        f" {days} d",
    )


def pushing(_: SamTemplate) -> str:
    return row(
        "Dynamics client, upsert and update",
        "a refused token, a lost race for the key",
        f"sent once; once more in place. Connecting {exchange.CONNECT_SECONDS:g} s",
        f"{span(rounds.CALL_SECONDS)}, after {span(rounds.METADATA_SECONDS)} at most for the"
        f" tenant's lead table; not begun later than {calls.WRITE_WITHIN_SECONDS:g} s after its"
        " claim",
    )


def pushing_again(_: SamTemplate) -> str:
    policy = RetryPolicy()
    shortest, longest = sum(policy.floors), sum(policy.floors) * policy.spread
    return row(
        "Push to Dynamics that failed for a passing reason",
        "cannot connect, time-out, cut, HTTP 5xx, SQL busy, a key race lost twice",
        f"the same {policy.tries} tries; after an unknown outcome not before"
        f" {span(dynamics_outcome.QUIET_SECONDS)}, and everything is sent again",
        f"{span(shortest)} to {span(longest)}, then parked for a person",
    )


def lease_of_a_push(template: SamTemplate) -> str:
    function = template.functions["DynamicsDeliveryFunction"]["Timeout"]
    return row(
        "Lease of a push to Dynamics",
        "the worker died",
        f"sent again whole, not before {span(dynamics_outcome.QUIET_SECONDS)}",
        f"{span(function)} for the function, {span(ledger.LEASE_SECONDS)} for the lease",
    )


def limits_of_dynamics(_: SamTemplate) -> str:
    share = 1 - budget.HEADROOM
    return row(
        "Dynamics' limits per application user",
        "429",
        "nobody calls for as long as it asks, then one does; costs no tries."
        f" {int(budget.MOST_REQUESTS * share)} requests,"
        f" {int(budget.MOST_EXECUTION_SECONDS * share)} s of execution and"
        f" {int(budget.MOST_AT_ONCE * share)} at once in {span(budget.WINDOW_SECONDS)} are kept",
        "until Dynamics answers; permits of a worker that died end after"
        f" {span(budget.PERMIT_SECONDS)}",
    )


def hold_of_a_connection(_: SamTemplate) -> str:
    return row(
        "Connection to Dynamics on hold",
        "its token, privilege or address is refused",
        "as a dealership on hold",
        "until it works; nothing expires",
    )


ROWS: list[Callable[[SamTemplate], str]] = [
    aws_client, reading_in_place, sending, recording, lease, visibility, retry_policy, retry_after,
    hold, circuit_breaker, probing, sweeping, dead_letters, pushing, pushing_again, lease_of_a_push,
    limits_of_dynamics, hold_of_a_connection,
]  # fmt: skip


@pytest.fixture(autouse=True)
def aws_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nowhere")


@pytest.mark.parametrize("build", ROWS, ids=lambda build: build.__name__)
def test_the_page_states_what_is_in_force(
    template: SamTemplate, build: Callable[[SamTemplate], str]
) -> None:
    assert build(template) in PAGE.splitlines()


def test_the_table_has_no_row_that_nobody_checks(template: SamTemplate) -> None:
    [table] = re.findall(r"^\| layer \|.*\n\|(?:---\|)+\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE)

    assert table.splitlines() == [build(template) for build in ROWS]


@pytest.mark.parametrize("name", ["operations.md", "adr"])
def test_what_the_page_points_to_is_there(name: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)", PAGE)

    assert any(target.startswith(name) for target in targets)
    for target in targets:
        assert (ROOT / "docs" / target).exists(), target


def test_the_words_of_the_ledger_are_all_explained(template: SamTemplate) -> None:
    states: list[Any] = [state.value for state in outcome.DeliveryState]

    assert [state for state in states if f"`{state}`" not in PAGE] == []
