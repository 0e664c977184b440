"""Stay below Dynamics' service protection limits (Dataverse reference, 1.8).

Dynamics counts, for one application user on one web server, requests, their combined execution
time, and how many run at once, over a sliding window of 300 s. All workers that call as one user
share one budget: they take permits for a round of calls and give them back with what it cost.

The rules are :func:`decide`, a pure function of what stands on record; where that is kept is
behind the port :class:`Budget`. A permit counts from when it is taken until 300 s after it is given
back, so it is in the window whenever Dynamics may have it there.
"""

from dataclasses import dataclass
from math import floor
from typing import Protocol
from uuid import UUID

WINDOW_SECONDS = 300.0
MOST_REQUESTS = 6_000
MOST_EXECUTION_SECONDS = 1_200.0
MOST_AT_ONCE = 52

HEADROOM = 0.05
"""Share of each limit that is left to whoever else calls as the same application user."""

RESERVED_SECONDS = 5.0
"""What a call under way is taken to last at least; or as long as the slowest in the window."""

PERMIT_SECONDS = 150.0
"""After this permits of a worker that died are taken back; no worker lives longer."""

SHORT_WAIT_SECONDS = 1.0
"""When to ask again for what other calls' ending makes room for."""

WAITS_ITS_TURN_SECONDS = 30.0
"""For how long past its wait room is kept for a connection that was turned away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands on record for one scope.

    Parameters
    ----------
    requests
        Permits in the window, those under way among them.
    execution_seconds
        What the calls in the window that have ended took.
    unended
        Permits in the window that nobody gave back, whether their workers live or not.
    in_flight
        Permits of calls that may be under way.
    slowest_seconds
        The slowest call in the window.
    frees_in
        Seconds until the oldest permits leave the window; None where it is empty.
    closed_left
        Seconds until the scope may be tried again after a 429, not positive when that is now; None
        while it is open.
    has_probe
        Whether the one probe after that is under way.
    is_waiting
        Whether who asks was turned away the last time.
    others_waiting
        Other connections that were turned away and have not come back yet.
    """

    requests: int = 0
    execution_seconds: float = 0.0
    unended: int = 0
    in_flight: int = 0
    slowest_seconds: float = 0.0
    frees_in: float | None = None
    closed_left: float | None = None
    has_probe: bool = False
    is_waiting: bool = False
    others_waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How many calls may be made now; with none, in how many seconds to ask again."""

    permits: int
    wait: float = 0.0
    is_probe: bool = False


def decide(standing: Standing, wanted: int) -> Decision:
    """Say how many of the wanted calls may be made now.

    After a 429 nobody calls until Dynamics allows it, and then one call tries. Where connections
    that share the scope were turned away, the room there is is shared out, so that one with
    thousands of leads does not keep another's from being sent.

    Calls that suddenly take longer than any did in the last 300 s, and longer than 5 s, can exceed
    the limit of execution time; Dynamics answers 429 then.
    """
    if standing.closed_left is not None:
        if standing.closed_left > 0:
            return Decision(permits=0, wait=standing.closed_left)
        if standing.has_probe:
            return Decision(permits=0, wait=SHORT_WAIT_SECONDS)
        return Decision(permits=1, is_probe=True)
    reserved = max(RESERVED_SECONDS, standing.slowest_seconds)
    share = 1 - HEADROOM
    spent = standing.execution_seconds + standing.unended * reserved
    of_window = min(
        floor(MOST_REQUESTS * share) - standing.requests,
        floor((MOST_EXECUTION_SECONDS * share - spent) / reserved),
    )
    at_once = floor(MOST_AT_ONCE * share) - standing.in_flight
    room = max(min(of_window, at_once), 0)
    fair = room // (1 + standing.others_waiting)
    permits = min(wanted, max(fair, 1) if standing.is_waiting and room else fair)
    if permits > 0:
        return Decision(permits=permits)
    if of_window > 0 or standing.in_flight > 0:
        return Decision(permits=0, wait=SHORT_WAIT_SECONDS)
    return Decision(permits=0, wait=max(standing.frees_in or 0.0, SHORT_WAIT_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Permits for so many calls, until they are given back; without any, when to ask again."""

    permits: int
    grant_id: UUID | None = None
    wait: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the calls of a grant came to.

    Parameters
    ----------
    requests
        How many were made; may exceed the permits, where reading metadata came on top.
    execution_seconds, slowest_seconds
        How long all and the slowest of them took.
    refused_for
        Seconds a 429 asked for; None where there was none.
    """

    requests: int = 0
    execution_seconds: float = 0.0
    slowest_seconds: float = 0.0
    refused_for: float | None = None


class Budget(Protocol):
    """The budgets of all scopes, shared by all workers; each method is one short transaction.

    Raises
    ------
    RetryableError
        The database is away.
    """

    def take(self, scope: str, connection_id: int, wanted: int) -> Grant:
        """Take permits for at most so many calls."""
        ...

    def give_back(self, scope: str, grant: Grant, spent: Spent) -> None:
        """Give permits back with what came of them; a 429 closes the scope for all."""
        ...
