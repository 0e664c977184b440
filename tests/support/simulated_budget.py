"""A budget of service protection limits on a simulated clock, by the rules in force."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from forecourt.leads.dynamics.budget import (
    PERMIT_SECONDS,
    WAITS_ITS_TURN_SECONDS,
    WINDOW_SECONDS,
    Grant,
    Spent,
    Standing,
    decide,
)


@dataclass
class _Kept:
    requests: int
    ends_at: float
    is_probe: bool
    is_returned: bool = False
    execution_seconds: float = 0.0
    slowest_seconds: float = 0.0


@dataclass
class _Scope:
    grants: dict[UUID, _Kept] = field(default_factory=dict)
    waiting: dict[int, float] = field(default_factory=dict)
    closed_until: float | None = None


class SimulatedBudget:
    """Port :class:`forecourt.leads.dynamics.budget.Budget` in memory; ``now`` gives seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._scopes: dict[str, _Scope] = {}
        self._names = iter(range(1, 1 << 62))

    def standing(self, scope: str, connection_id: int) -> Standing:
        """Sum up what stands on record, as the statement in PostgreSQL does."""
        of, now = self._scopes.setdefault(scope, _Scope()), self._now()
        kept = [g for g in of.grants.values() if g.ends_at > now - WINDOW_SECONDS]
        unended = [g for g in kept if not g.is_returned]
        in_flight = [g for g in unended if g.ends_at > now]
        waiting = {who for who, until in of.waiting.items() if until > now}
        return Standing(
            requests=sum(g.requests for g in kept),
            execution_seconds=sum(g.execution_seconds for g in kept),
            unended=sum(g.requests for g in unended),
            in_flight=sum(g.requests for g in in_flight),
            slowest_seconds=max((g.slowest_seconds for g in kept), default=0.0),
            frees_in=min((g.ends_at for g in kept), default=now) - now + WINDOW_SECONDS
            if kept
            else None,
            closed_left=None if of.closed_until is None else of.closed_until - now,
            has_probe=any(g.is_probe for g in in_flight),
            is_waiting=connection_id in waiting,
            others_waiting=len(waiting - {connection_id}),
        )

    def take(self, scope: str, connection_id: int, wanted: int) -> Grant:
        """Take permits, or be noted as waiting."""
        decision = decide(self.standing(scope, connection_id), wanted)
        of = self._scopes[scope]
        if not decision.permits:
            until = self._now() + decision.wait + WAITS_ITS_TURN_SECONDS
            of.waiting[connection_id] = until
            return Grant(permits=0, wait=decision.wait)
        of.waiting.pop(connection_id, None)
        name = UUID(int=next(self._names))
        of.grants[name] = _Kept(
            requests=decision.permits,
            ends_at=self._now() + PERMIT_SECONDS,
            is_probe=decision.is_probe,
        )
        of.grants = {
            key: kept
            for key, kept in of.grants.items()
            if kept.ends_at > self._now() - WINDOW_SECONDS
        }
        return Grant(permits=decision.permits, grant_id=name)

    def give_back(self, scope: str, grant: Grant, spent: Spent) -> None:
        """Give permits back with what came of them."""
        of = self._scopes.setdefault(scope, _Scope())
        kept = None if grant.grant_id is None else of.grants.get(grant.grant_id)
        was_probe = kept is not None and not kept.is_returned and kept.is_probe
        if kept is not None and not kept.is_returned:
            kept.is_returned = True
            kept.requests = spent.requests
            kept.execution_seconds = spent.execution_seconds
            kept.slowest_seconds = spent.slowest_seconds
            kept.ends_at = self._now()
        if spent.refused_for is not None:
            until = self._now() + spent.refused_for
            of.closed_until = max(of.closed_until or until, until)
        elif was_probe and spent.requests:
            of.closed_until = None
