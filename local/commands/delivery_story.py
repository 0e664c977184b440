"""What to tell on-call engineers of a delivery: what happened, what is next, what to type."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from forecourt.leads.dynamics.categories import MENDED_BY_A_SAVE, Category, category_of
from forecourt.leads.dynamics.reasons import DynamicsReason

if TYPE_CHECKING:
    from collections.abc import Mapping

type Delivery = Mapping[str, Any]

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

_WAITS_FOR = {
    "NO_CONNECTION": "It goes by itself once active credentials are saved for the dealership.",
    "CREDENTIALS_UNREADABLE": "It goes by itself once the credentials are saved anew.",
    "SCOPE_CHANGED": "It goes by itself once the former credentials are saved; in the present "
    "account nothing happens until a person decides.",
}


def span(seconds: float) -> str:
    """Say how long in one unit, rounded down: 40 s, 12 min, 5 h, 3 d."""
    seconds = abs(seconds)
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size or (size == _MINUTE and seconds >= size):
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def age(delivery: Delivery, now: datetime) -> str:
    """Say how long ago the lead arrived."""
    return span((now - datetime.fromisoformat(delivery["receivedAt"])).total_seconds())


def moment(value: str | None, now: datetime) -> str:
    """Say a time in this machine's zone and how far off it is; a dash where there is none."""
    if not value:
        return "–"
    then = datetime.fromisoformat(value)
    seconds = (then - now).total_seconds()
    distance = f"in {span(seconds)}" if seconds > 0 else f"{span(seconds)} ago"
    return f"{then.astimezone():%Y-%m-%d %H:%M:%S %Z} ({distance})"


def next_step(delivery: Delivery, now: datetime) -> str:
    """Say in a few words what happens next and when, for a list."""
    due = delivery.get("nextAttemptAt")
    match delivery["state"]:
        case "pending":
            if _is_away(delivery, now):
                return f"{delivery['target']} is away"
            return "on hold" if delivery.get("holdReason") else _due_words("tried", due, now)
        case "unconfirmed":
            return _due_words("searched", due, now)
        case state:
            return {"in_progress": "being sent", "failed": "a person"}.get(state, "–")


def name_of_id(delivery: Delivery) -> str:
    """Return what the CRM calls what it knows a lead by."""
    return "number" if delivery["target"] == "EasyCars" else "record"


def what_happened(delivery: Delivery, now: datetime) -> str:
    """Say where the delivery stands and how it came to that."""
    target = delivery["target"]
    remote_id = delivery.get("remoteId")
    number = f" as {name_of_id(delivery)} {remote_id}" if remote_id else ""
    claimed = moment(delivery.get("claimedAt"), now)
    match delivery["state"]:
        case "delivered":
            since = moment(delivery.get("deliveredAt"), now)
            return f"{target} has the lead{number}; last sent {since}."
        case "in_progress":
            return f"A worker claimed it {claimed} and is sending it."
        case "unconfirmed":
            said = f"It was sent to {target} {claimed}, and nobody knows whether it arrived."
        case "failed":
            said = f"It was given up{_tries(delivery)}."
        case _ if number:
            said = f"{target} has the lead{number}; a change of it is still to go."
        case _:
            said = f"It has not reached {target} yet{_tries(delivery)}."
    return f"{said}{_cause(delivery)}"


def what_next(delivery: Delivery, now: datetime) -> str:
    """Say what happens by itself and when, and whether anybody is needed."""
    due = delivery.get("nextAttemptAt")
    match delivery["state"]:
        case "pending":
            return _next_of_pending(delivery, now)
        case "delivered":
            return "Nothing; it is done."
        case "in_progress":
            until = moment(delivery.get("leaseUntil"), now)
            return f"Its outcome is recorded; if the worker died, it is freed {until}."
        case "unconfirmed":
            return (
                f"It is looked for in {delivery['target']} {_when_due(due, now)}, then hourly and "
                "whenever another lead of the account gets a number. Nobody is needed unless it "
                "stays like this for over an hour."
            )
        case _:
            waits_for = _dynamics_waits_for if delivery["target"] == "Dynamics" else _WAITS_FOR.get
            return waits_for(str(delivery.get("lastErrorCode"))) or (
                "Nothing by itself: it waits for a person. A correction of the lead sends it, too."
            )


def _dynamics_waits_for(code: str) -> str | None:
    if code in MENDED_BY_A_SAVE:
        return "It goes by itself once a connection that works is saved for the dealership."
    if code == DynamicsReason.DELETED_IN_DYNAMICS:
        return "Nothing by itself: it waits for a person; only a retry creates it there again."
    return None


def _next_of_pending(delivery: Delivery, now: datetime) -> str:
    hold = delivery.get("holdReason")
    if _is_away(delivery, now):
        until = moment(delivery["vendorAwayUntil"], now)
        return (
            f"{delivery['target']} is away. One delivery tries again {until}; when it succeeds, "
            "all go. No try is used up, and nobody is needed here."
        )
    if hold:
        is_dynamics = delivery["target"] == "Dynamics"
        mended = "a connection that works" if is_dynamics else "working credentials"
        return (
            f"The dealership is on hold: {hold} One delivery tries again "
            f"{moment(delivery.get('holdUntil'), now)}; saving {mended} frees all."
        )
    return (
        f"It is tried by itself {_when_due(delivery.get('nextAttemptAt'), now)}. Nobody is needed."
    )


def commands(delivery: Delivery) -> list[str]:
    """List what to type, the likeliest first; empty where there is nothing to do."""
    name, acts = delivery["id"], delivery.get("acts", [])
    code = delivery.get("lastErrorCode")
    lines = []
    on_hold = delivery["state"] == "pending" and delivery.get("holdReason")
    if delivery["target"] == "Dynamics":
        return _dynamics_commands(delivery, is_parked=delivery["state"] == "failed" or on_hold)
    if on_hold or (delivery["state"] == "failed" and code in _WAITS_FOR):
        lines.append(f"forecourt credentials set {delivery['dealershipId']} …")
    if "resolve" in acts:
        lines.append(
            f"forecourt deliveries resolve {name} --number N   # EasyCars shows a lead with "
            f"ExternalID {delivery['leadId']}"
        )
    if "resend" in acts:
        lines.append(f"forecourt deliveries resend {name}   # EasyCars certainly has no such lead")
    if "retry" in acts and delivery["state"] == "failed":
        lines.append(f"forecourt deliveries retry {name}   # after the cause is mended")
    return lines


def _dynamics_commands(delivery: Delivery, *, is_parked: object) -> list[str]:
    if not is_parked:
        return []
    dealership, code = delivery["dealershipId"], delivery.get("lastErrorCode")
    check = f"forecourt dynamics check {dealership}   # says what to mend"
    if delivery["state"] != "failed":
        return [check]
    if code == "NO_CONNECTION":
        return [f"forecourt dynamics connect {dealership} …"]
    retry = f"forecourt deliveries retry {delivery['id']}"
    if code == DynamicsReason.DELETED_IN_DYNAMICS:
        return [f"{retry}   # creates it there again"]
    if category_of(code) in {Category.DUPLICATE, Category.GONE}:
        return [f"{retry}   # after a look at the record there"]
    return [check, f"{retry}   # after that"]


def _cause(delivery: Delivery) -> str:
    code, words = delivery.get("lastErrorCode"), str(delivery.get("lastError") or "").rstrip()
    if not code:
        return ""
    return f" {code}: {words}" if words else f" {code}."


def _tries(delivery: Delivery) -> str:
    count = delivery["attempts"]
    return {0: ", untried", 1: " after one try"}.get(count, f" after {count} tries")


def _when_due(due: str | None, now: datetime) -> str:
    return moment(due, now) if _is_later(due, now) else "now, within a minute"


def _due_words(verb: str, due: str | None, now: datetime) -> str:
    if not _is_later(due, now):
        return f"{verb} now"
    seconds = (datetime.fromisoformat(str(due)) - now).total_seconds()
    return f"{verb} in {span(seconds)}"


def _is_away(delivery: Delivery, now: datetime) -> bool:
    return _is_later(delivery.get("vendorAwayUntil"), now)


def _is_later(value: str | None, now: datetime) -> bool:
    return bool(value) and datetime.fromisoformat(str(value)) > now
