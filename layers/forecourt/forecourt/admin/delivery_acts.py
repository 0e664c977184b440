"""What a person may do about a delivery, and why not (design 5.1.4).

A create of unknown outcome is never simply tried again: either somebody says which number it has
(resolve), or takes it on themselves that it is not there (resend).
"""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from forecourt.problem import Problem

SCOPE_CHANGED = "SCOPE_CHANGED"

_LOOK = "If EasyCars has the lead, say its number (resolve); if it has not, send it again (resend)."


class Act(StrEnum):
    """What the routes below ``/api/admin/deliveries/{deliveryId}`` are called."""

    RETRY = "retry"
    RESOLVE = "resolve"
    RESEND = "resend"


def possible_acts(delivery: Mapping[str, Any]) -> list[Act]:
    """List what may be done about a delivery as it stands."""
    return [act for act in Act if refusal(act, delivery) is None]


def require_possible(act: Act, delivery: Mapping[str, Any]) -> None:
    """Let an act pass that makes sense for the delivery as it stands.

    Parameters
    ----------
    delivery
        ``target``, ``state``, ``last_error_code``, ``lead_number``, ``is_unsure``: the last create
        was sent and nobody knows what became of it, and ``is_untried``: it was released and has
        not been tried since.

    Raises
    ------
    Problem
        409 saying what to do instead.
    """
    problem = refusal(act, delivery)
    if problem is not None:
        raise problem


def refusal(act: Act, delivery: Mapping[str, Any]) -> Problem | None:
    """Return why an act makes no sense; None where it does."""
    if delivery["target"] != "EasyCars" and act is not Act.RETRY:
        return _conflict(
            "not-easycars",
            detail="This can be done for deliveries to EasyCars only: whether Dynamics has a lead "
            "is never in doubt. Mend what lastError says, then try again (retry).",
        )
    match delivery["state"]:
        case "delivered":
            return _conflict(
                "already-delivered",
                detail=f"There is nothing to do: {delivery['target']} has the lead"
                f"{_as_number(delivery)}.",
            )
        case "in_progress":
            return _conflict(
                "in-progress",
                detail="A worker is sending the lead right now; its time ends within 150 seconds. "
                "Wait and look again.",
            )
        case "pending":
            return _of_pending(act, delivery)
        case "unconfirmed":
            return _of_unsure(act)
        case _:
            return _of_failed(act, delivery) if delivery["target"] == "EasyCars" else None


def _of_pending(act: Act, delivery: Mapping[str, Any]) -> Problem | None:
    if act is Act.RETRY and delivery["is_untried"]:
        return None  # the wake-up of the last time may be lost
    return _conflict(
        "on-its-way",
        detail="The delivery waits for its next try and needs nobody; nextAttemptAt says when.",
    )


def _of_unsure(act: Act) -> Problem | None:
    if act is not Act.RETRY:
        return None
    return _conflict(
        "outcome-unknown",
        detail=f"Whether EasyCars took the lead is not known, so a retry could double it. {_LOOK}",
    )


def _of_failed(act: Act, delivery: Mapping[str, Any]) -> Problem | None:
    if delivery["last_error_code"] == SCOPE_CHANGED:
        if act is not Act.RETRY:
            return None
        return _conflict(
            "account-changed",
            detail="The lead went to another EasyCars account than the present one. Save the "
            "former credentials, or send it again to the new account (resend); if the new "
            "account has it already, say its number (resolve).",
        )
    if delivery["is_unsure"]:
        return _of_unsure(act)
    if act is Act.RETRY:
        return None
    if delivery["lead_number"]:
        detail = f"EasyCars has the lead{_as_number(delivery)}; only a change of it failed."
    else:
        detail = "EasyCars certainly has no lead of this delivery."
    return _conflict(
        "nothing-in-doubt", detail=f"{detail} Mend what lastError says, then try again (retry)."
    )


def _as_number(delivery: Mapping[str, Any]) -> str:
    number = delivery["lead_number"] if delivery["target"] == "EasyCars" else None
    return f" as number {number}" if number else ""


def _conflict(kind: str, *, detail: str) -> Problem:
    return Problem(HTTPStatus.CONFLICT, kind, detail)
