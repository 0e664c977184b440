"""What settling a status conflict comes to; a deleted lead is final on both sides."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from forecourt.leads.lead import LeadStatus
from forecourt.leads.status import DELETED, STATUS_OF_NUMBER
from forecourt.problem import Problem


class Resolution(StrEnum):
    """Whose status holds."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The lead's status from now on, and whose it was."""

    resolution: Resolution
    status: str


def settle(conflict: Mapping[str, Any], resolution: Resolution) -> Settled:
    """Decide a conflict as a person says.

    Parameters
    ----------
    conflict
        ``is_resolved``, ``resolution``, ``local_status`` as it is now, and ``remote_status``.

    Raises
    ------
    Problem
        409: it is settled, somebody deleted the lead, or EasyCars' number has no meaning here.
    """
    if conflict["is_resolved"]:
        raise Problem(
            HTTPStatus.CONFLICT,
            "already-resolved",
            f"The conflict is settled already ({conflict['resolution']}).",
        )
    local, remote = conflict["local_status"], conflict["remote_status"]
    if resolution is Resolution.LOCAL:
        if remote == DELETED and local != LeadStatus.DELETED:
            raise _deleted(where="at EasyCars", instead=Resolution.REMOTE)
        return Settled(resolution=resolution, status=local)
    if remote not in STATUS_OF_NUMBER:
        raise Problem(
            HTTPStatus.CONFLICT,
            "unknown-status",
            f"Nobody knows what EasyCars means by status {remote}; it cannot be taken. "
            "Settle it with local.",
        )
    if local == LeadStatus.DELETED and remote != DELETED:
        raise _deleted(where="here", instead=Resolution.LOCAL)
    return Settled(resolution=resolution, status=STATUS_OF_NUMBER[remote].value)


def _deleted(*, where: str, instead: Resolution) -> Problem:
    return Problem(
        HTTPStatus.CONFLICT,
        "deleted-is-final",
        f"The lead is deleted {where}, which is final. Settle it with {instead}.",
    )
