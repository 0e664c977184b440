"""What comes of one round of pushes: its cost, and whether the connection goes on."""

from collections.abc import Sequence
from dataclasses import dataclass

from forecourt.leads.breaker import Turn
from forecourt.leads.dynamics.budget import Grant, Spent
from forecourt.leads.dynamics.connections import METADATA_REQUESTS
from forecourt.leads.dynamics.gate import Work
from forecourt.leads.dynamics.ledger import DynamicsReport
from forecourt.leads.dynamics.outcome import DynamicsOutcome
from forecourt.leads.dynamics.recording import Consequences
from forecourt.leads.outcome import DeliveryState, OutcomeKind
from forecourt.leads.slots import SLOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEnd:
    """How a round ended: whether more may be due, and in how many seconds to ask again."""

    more: bool = False
    wait: float = 0.0


class RoundNotes:
    """What has come of one round so far."""

    def __init__(self, work: Work, grant: Grant) -> None:
        self.work = work
        self.renews = False
        self._grant = grant
        self._outcomes: dict[int, DynamicsOutcome] = {}
        self._turns: set[Turn | None] = set()
        self._due_again = False
        self._metadata_seconds: float | None = None

    def note(self, reports: Sequence[DynamicsReport]) -> None:
        """Take in outcomes, once each, whether they could be recorded or not."""
        self._outcomes |= {report.claim.delivery_id: report.outcome for report in reports}
        self.renews |= any(report.outcome.renews for report in reports)

    def follow(self, consequences: Consequences) -> None:
        """Take in what followed from recording."""
        self._turns.add(consequences.turn)
        self._due_again |= consequences.due_again

    def note_metadata(self, seconds: float) -> None:
        """Note that metadata was read, and for how long."""
        self._metadata_seconds = seconds

    def spent(self) -> Spent:
        """Sum up what the calls cost, for the budget."""
        called = [outcome for outcome in self._outcomes.values() if outcome.latency_ms is not None]
        seconds = [_execution_seconds(outcome) for outcome in called]
        refusals = [o.retry_after for o in self._outcomes.values() if o.retry_after is not None]
        requests = len(called)
        if self._metadata_seconds is not None:
            requests += METADATA_REQUESTS
            seconds.append(self._metadata_seconds)
        return Spent(
            requests=requests,
            execution_seconds=sum(seconds),
            slowest_seconds=max(seconds, default=0.0),
            refused_for=max(refusals, default=None),
        )

    def end(self) -> RoundEnd:
        """Say whether the connection goes on, and when."""
        kinds = {outcome.kind for outcome in self._outcomes.values()}
        if OutcomeKind.AUTH in kinds or self._turns & {Turn.OPENED, Turn.STAYS_OPEN}:
            return RoundEnd()
        refused_for = self.spent().refused_for
        if refused_for is not None:
            return RoundEnd(wait=refused_for)
        due_again = self._due_again or any(
            o.state is DeliveryState.PENDING and o.wait == 0.0 for o in self._outcomes.values()
        )
        if self.work.limit == 1:
            is_proven = any(
                o.kind is OutcomeKind.DELIVERED and o.called for o in self._outcomes.values()
            )
            self.work.limit = SLOTS if is_proven else 1
            return RoundEnd(more=is_proven or self._has_tried_nothing())
        self.work.has_backlog = len(self._outcomes) >= self._grant.permits
        return RoundEnd(more=due_again or self.work.has_backlog)

    def _has_tried_nothing(self) -> bool:
        """Whether the trial is still to be made: what it took was done with without a call.

        A breaker takes its trial back then.
        """
        return (
            bool(self._outcomes)
            and Turn.TRIAL_FREED not in self._turns
            and all(
                not outcome.called and outcome.state is not DeliveryState.PENDING
                for outcome in self._outcomes.values()
            )
        )


def _execution_seconds(outcome: DynamicsOutcome) -> float:
    if outcome.receipt is not None:
        return outcome.receipt.execution_ms / 1000
    return (outcome.latency_ms or 0) / 1000
