"""What the deliveries commands say of a delivery, and when they refuse before asking anybody."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from local.commands import delivery_story
from local.commands.deliveries import app, print_deliveries, print_delivery
from local.commands.output import console
from local.failures import StackError

NOW = datetime(2026, 11, 20, 22, 15, tzinfo=UTC)
LEAD = "28d180b4-d757-4710-8d4a-e3aced10cef1"


def at(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def delivery(state: str, **values: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "leadId": LEAD,
        "dealershipId": 3,
        "dealershipName": "O'Brien & Söhne [bold]",
        "target": "EasyCars",
        "state": state,
        "operation": "create",
        "attempts": 1,
        "nextAttemptAt": None,
        "leaseUntil": None,
        "claimedAt": at(-600),
        "wantedVersion": 2,
        "deliveredVersion": None,
        "deliveredAt": None,
        "remoteId": None,
        "lastErrorCode": None,
        "lastError": None,
        "receivedAt": at(-3 * 3600),
        "holdReason": None,
        "holdUntil": None,
        "vendorAwayUntil": None,
        "acts": [],
        "attemptHistory": [],
    } | values


@pytest.fixture(autouse=True)
def in_sydney() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", "Australia/Sydney")
        environment.setenv("COLUMNS", "200")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (59, "59 s"), (60, "1 min"), (119, "1 min"), (7199, "119 min"),
        (7200, "2 h"), (2 * 86_400 - 1, "47 h"), (2 * 86_400, "2 d"), (-40, "40 s"),
    ],
)  # fmt: skip
def test_a_span_is_said_in_one_unit(seconds: float, said: str) -> None:
    assert delivery_story.span(seconds) == said


def test_a_moment_is_in_this_machines_zone() -> None:
    assert delivery_story.moment(at(240), NOW) == "2026-11-21 09:19:00 AEDT (in 4 min)"
    assert delivery_story.moment(at(-90), NOW) == "2026-11-21 09:13:30 AEDT (1 min ago)"
    assert delivery_story.moment(None, NOW) == "–"


@pytest.mark.parametrize(
    ("shown", "step"),
    [
        (delivery("delivered"), "–"),
        (delivery("in_progress"), "being sent"),
        (delivery("failed"), "a person"),
        (delivery("unconfirmed", nextAttemptAt=at(150)), "searched in 2 min"),
        (delivery("unconfirmed", nextAttemptAt=at(-5)), "searched now"),
        (delivery("pending", nextAttemptAt=at(5 * 3600)), "tried in 5 h"),
        (delivery("pending", nextAttemptAt=at(-1)), "tried now"),
        (delivery("pending", vendorAwayUntil=at(30), nextAttemptAt=at(-1)), "EasyCars is away"),
        (delivery("pending", vendorAwayUntil=at(-1), nextAttemptAt=at(-1)), "tried now"),
        (delivery("pending", holdReason="Refused.", nextAttemptAt=at(60)), "on hold"),
    ],
)
def test_the_list_says_what_is_next(shown: dict[str, Any], step: str) -> None:
    assert delivery_story.next_step(shown, NOW) == step


@pytest.mark.parametrize(
    ("shown", "happened", "following"),
    [
        (
            delivery("delivered", remoteId="000123", deliveredAt=at(-120)),
            "as number 000123",
            "Nothing; it is done.",
        ),
        (
            delivery("in_progress", leaseUntil=at(90)),
            "A worker claimed it 2026-11-21 09:05:00 AEDT (10 min ago)",
            "freed 2026-11-21 09:16:30 AEDT (in 1 min)",
        ),
        (
            delivery(
                "unconfirmed", nextAttemptAt=at(150), lastErrorCode="TIMEOUT", lastError="Silence."
            ),
            "nobody knows whether it arrived. TIMEOUT: Silence.",
            "looked for in EasyCars 2026-11-21 09:17:30 AEDT (in 2 min), then hourly",
        ),
        (
            delivery("pending", nextAttemptAt=at(240), lastErrorCode="HTTP_503", attempts=3),
            "has not reached EasyCars yet after 3 tries. HTTP_503.",
            "tried by itself 2026-11-21 09:19:00 AEDT (in 4 min). Nobody is needed.",
        ),
        (
            delivery("pending", nextAttemptAt=at(-4), attempts=0),
            "has not reached EasyCars yet, untried.",
            "tried by itself now, within a minute",
        ),
        (
            delivery("pending", remoteId="000123", nextAttemptAt=at(240)),
            "EasyCars has the lead as number 000123; a change of it is still to go.",
            "tried by itself",
        ),
        (
            delivery("pending", vendorAwayUntil=at(30), nextAttemptAt=at(-4)),
            "not reached",
            "EasyCars is away. One delivery tries again 2026-11-21 09:15:30 AEDT (in 30 s)",
        ),
        (
            delivery("pending", holdReason="Refused twice.", holdUntil=at(60)),
            "not reached",
            "on hold: Refused twice. One delivery tries again 2026-11-21 09:16:00 AEDT (in 1 min)",
        ),
        (
            delivery("failed", lastErrorCode="INVALID_EMAIL", lastError="No e-mail."),
            "given up after one try. INVALID_EMAIL: No e-mail.",
            "A correction of the lead sends it",
        ),
        (
            delivery("failed", lastErrorCode="NO_CONNECTION", attempts=0),
            "given up, untried. NO_CONNECTION.",
            "once active credentials are saved",
        ),
        (
            delivery("failed", lastErrorCode="SCOPE_CHANGED"),
            "SCOPE_CHANGED.",
            "once the former credentials are saved",
        ),
    ],
)
def test_it_is_said_what_happened_and_what_is_next(
    shown: dict[str, Any], happened: str, following: str
) -> None:
    assert happened in delivery_story.what_happened(shown, NOW)
    assert following in delivery_story.what_next(shown, NOW)


@pytest.mark.parametrize(
    ("shown", "typed"),
    [
        (delivery("delivered"), []),
        (delivery("pending", acts=["retry"]), []),
        (delivery("pending", holdReason="Refused."), ["credentials set 3"]),
        (
            delivery("unconfirmed", acts=["resolve", "resend"]),
            ["deliveries resolve 7 --number N", "deliveries resend 7"],
        ),
        (delivery("failed", lastErrorCode="HTTP_400", acts=["retry"]), ["deliveries retry 7"]),
        (
            delivery("failed", lastErrorCode="NO_CONNECTION", acts=["retry"]),
            ["credentials set 3", "deliveries retry 7"],
        ),
        (
            delivery("failed", lastErrorCode="SCOPE_CHANGED", acts=["resolve", "resend"]),
            ["credentials set 3", "deliveries resolve 7 --number N", "deliveries resend 7"],
        ),
    ],
)
def test_only_commands_that_make_sense_are_named(shown: dict[str, Any], typed: list[str]) -> None:
    lines = delivery_story.commands(shown)

    assert [
        line.partition("   ")[0].removeprefix("forecourt ").removesuffix(" …") for line in lines
    ] == typed
    assert all(LEAD in line for line in lines if "resolve" in line)


def test_the_list_shows_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    shown = delivery("unconfirmed", nextAttemptAt=at(150), lastErrorCode="TIMEOUT")

    print_deliveries([shown], None, now=NOW)

    out = capsys.readouterr().out
    for words in ("3 O'Brien & Söhne [bold]", "3 h", "searched in 2 min", "TIMEOUT", "show ID"):
        assert words in out


def test_a_narrow_terminal_breaks_no_word_one_looks_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 80)
    parked = delivery(
        "failed", target="Dynamics", lastErrorCode="LEAD_CLOSED_IN_DYNAMICS", remoteId=LEAD
    )
    waiting = delivery("unconfirmed", id=12345, nextAttemptAt=at(150), lastErrorCode="TIMEOUT")

    print_deliveries([parked, waiting], None, now=NOW)

    words = capsys.readouterr().out.split()
    for word in ("12345", "Dynamics", "28d180b4…", "EasyCars", "unconfirmed", "searched", "person"):
        assert word in words
    for word in ("LEAD_CLOSED_IN_DYNAMICS", "TIMEOUT", "O'Brien"):
        assert word in words


@pytest.mark.parametrize(
    ("state", "said"), [(None, "No delivery yet"), ("failed", "No delivery is failed.")]
)
def test_an_empty_list_says_so(
    capsys: pytest.CaptureFixture[str], state: str | None, said: str
) -> None:
    print_deliveries([], state, now=NOW)

    out = capsys.readouterr().out
    assert said in out
    assert "show ID" not in out


def test_one_delivery_is_shown_with_its_tries(capsys: pytest.CaptureFixture[str]) -> None:
    tried = {
        "attemptNo": 1, "startedAt": at(-600), "operation": "create", "outcome": "unknown",
        "code": "TIMEOUT", "latencyMs": 30_000, "detail": "No answer [in 30 s].",
    }  # fmt: skip
    running = tried | {"attemptNo": 2, "outcome": None, "code": None, "detail": None}
    shown = delivery(
        "unconfirmed", acts=["resolve", "resend"], attemptHistory=[tried, running],
        nextAttemptAt=at(150),
    )  # fmt: skip

    print_delivery(shown, now=NOW)

    out = capsys.readouterr().out
    for words in (
        "O'Brien & Söhne [bold]", "none delivered, 2 wanted", "arrived 3 h ago",
        "forecourt deliveries resolve 7 --number N", "No answer [in 30 s].", "under way",
        "2026-11-21 09:05:00 AEDT",
    ):  # fmt: skip
        assert words in out


def test_tries_are_whole_on_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 80)
    tried = {
        "attemptNo": 1, "startedAt": at(-600), "operation": "update", "outcome": "permanent",
        "code": "LEAD_CLOSED_IN_DYNAMICS", "latencyMs": 30_000, "detail": "Update: " + "x " * 80,
    }  # fmt: skip

    print_delivery(delivery("failed", target="Dynamics", attemptHistory=[tried]), now=NOW)

    out = capsys.readouterr().out
    for words in ("2026-11-21 09:05:00 AEDT", "update", "30000", "LEAD_CLOSED_IN_DYNAMICS"):
        assert words in out


@pytest.mark.parametrize("arguments", [["resend", "7"], ["resend", "7", "--json"]])
def test_nothing_is_sent_again_by_a_script_without_yes(arguments: list[str]) -> None:
    finished = CliRunner().invoke(app, arguments)

    assert isinstance(finished.exception, StackError)
    assert finished.exception.exit_code == 2
    assert "a second one there" in str(finished.exception)
    assert "--yes" in str(finished.exception)


@pytest.mark.parametrize(
    "arguments",
    [["show", "x"], ["show", "0"], ["resolve", "7"], ["list", "--state", "lost"], ["resend"]],
)
def test_a_wrong_call_is_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("values", "typed"),
    [
        ({"state": "failed"}, ["dynamics check 3", "deliveries retry 7"]),
        ({"state": "failed", "lastErrorCode": "NO_CONNECTION"}, ["dynamics connect 3 …"]),
        ({"state": "failed", "lastErrorCode": "DUPLICATE_FOUND"}, ["deliveries retry 7"]),
        ({"state": "failed", "lastErrorCode": "DELETED_IN_DYNAMICS"}, ["deliveries retry 7"]),
        ({"state": "pending", "holdReason": "No role."}, ["dynamics check 3"]),
        ({"state": "pending"}, []),
        ({"state": "delivered"}, []),
    ],
    ids=["parked", "unconnected", "doubled", "gone", "on hold", "on its way", "delivered"],
)
def test_for_dynamics_there_are_commands_of_its_own(
    values: dict[str, Any], typed: list[str]
) -> None:
    told = delivery_story.commands(delivery(**values, target="Dynamics"))

    assert [line.split("   #")[0].removeprefix("forecourt ") for line in told] == typed


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lastErrorCode": "NO_CONNECTION"}, "once a connection that works is saved"),
        ({"lastErrorCode": "OPTION_REFUSED"}, "once a connection that works is saved"),
        ({"lastErrorCode": "DELETED_IN_DYNAMICS"}, "only a retry creates it"),
        ({"lastErrorCode": "DUPLICATE_FOUND"}, "waits for a person"),
        ({"state": "pending", "holdReason": "No role."}, "saving a connection that works"),
    ],
)
def test_what_is_next_at_dynamics_is_said_in_its_words(values: dict[str, Any], said: str) -> None:
    shown = delivery("failed", target="Dynamics") | values

    assert said in delivery_story.what_next(shown, NOW)
    assert "credentials" not in delivery_story.what_next(shown, NOW)


def test_a_crm_that_is_away_is_named() -> None:
    away = {"vendorAwayUntil": at(30), "nextAttemptAt": at(0)}

    assert delivery_story.next_step(delivery("pending", target="Dynamics", **away), NOW) == (
        "Dynamics is away"
    )


def test_a_record_of_dynamics_is_no_number() -> None:
    found = delivery("delivered", target="Dynamics", remoteId=LEAD, deliveredAt=at(-60))

    assert f"as record {LEAD}" in delivery_story.what_happened(found, NOW)


@pytest.mark.parametrize(
    ("target", "label"), [("EasyCars", "number there"), ("Dynamics", "record there")]
)
def test_what_the_crm_calls_a_lead_has_the_crms_word(
    capsys: pytest.CaptureFixture[str], target: str, label: str
) -> None:
    print_delivery(delivery("delivered", target=target, remoteId=LEAD), now=NOW)

    assert label in capsys.readouterr().out
