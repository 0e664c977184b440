"""Compare a lead's status here and at EasyCars with the last one both sides knew (design 5.1.8).

EasyCars' numbers stand here because the comparison is about them: our ``won`` and the legacy
``done`` are one number there. GetLeadDetail of v1.05 tells no status; then nothing happens.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum

from forecourt.leads.lead import LeadStatus

EASYCARS_NUMBERS = {
    LeadStatus.RECEIVED: 10,
    LeadStatus.IN_PROGRESS: 30,
    LeadStatus.WON: 50,
    LeadStatus.DONE: 50,
    LeadStatus.LOST: 60,
    LeadStatus.DELETED: 90,
}
"""What each of our statuses is at EasyCars (Lead API v1.05, UpdateLead)."""

STATUS_OF_NUMBER = {
    number: status for status, number in EASYCARS_NUMBERS.items() if status is not LeadStatus.DONE
}
"""What each of EasyCars' numbers is here; ``done`` is never produced."""

NEW = EASYCARS_NUMBERS[LeadStatus.RECEIVED]
DELETED = EASYCARS_NUMBERS[LeadStatus.DELETED]

STRATEGY_KEY = "easycar_lead_status_conflict_strategy"


class ConflictStrategy(StrEnum):
    """Who is right when a status changed on both sides (``system_settings``)."""

    LOCAL_WINS = "LocalWins"
    REMOTE_WINS = "RemoteWins"
    MANUAL_REVIEW = "ManualReview"


DEFAULT_STRATEGY = ConflictStrategy.REMOTE_WINS


class StatusVerdict(Enum):
    """What the comparison of three statuses comes to."""

    NOT_TOLD = "not told"
    """EasyCars says no status."""
    UNKNOWN = "unknown"
    """EasyCars says a number without a meaning: flagged, and nothing changes."""
    AGREED = "agreed"
    """Both sides have the same."""
    KEEP_LOCAL = "keep local"
    """Ours stays, and EasyCars has to be told it."""
    TAKE_REMOTE = "take remote"
    """Theirs becomes ours, and they need not be told."""
    CONFLICT = "conflict"
    """A person has to decide; both sides stay."""


@dataclass(frozen=True, slots=True)
class StatusDecision:
    """What the comparison changes.

    ``status`` is ours from now on. ``base`` is EasyCars' number to compare with next time, None
    where none is known.
    """

    verdict: StatusVerdict
    status: LeadStatus
    base: int | None


def compare_status(
    local: LeadStatus, base: int | None, remote: int | None, strategy: ConflictStrategy
) -> StatusDecision:
    """Decide what becomes of a lead's status.

    Only a change on both sides since `base` is for the strategy to decide; one side's change
    simply travels to the other. A deleted lead is final: one that EasyCars deleted can never be
    changed there again, and one deleted here comes back by no refresh.

    Parameters
    ----------
    base
        The number both sides last knew, None where there never was one; then two different
        statuses count as changed on both sides.
    remote
        What EasyCars tells now, None where it tells nothing.
    """
    ours = EASYCARS_NUMBERS[local]
    if remote is None:
        return StatusDecision(StatusVerdict.NOT_TOLD, local, base)
    if remote not in STATUS_OF_NUMBER:
        return StatusDecision(StatusVerdict.UNKNOWN, local, base)
    if remote == ours:
        return StatusDecision(StatusVerdict.AGREED, local, remote)
    verdict = _settle(ours, base, remote, strategy)
    if verdict is StatusVerdict.TAKE_REMOTE:
        return StatusDecision(verdict, STATUS_OF_NUMBER[remote], remote)
    # A conflict keeps its base, or the next comparison would take it for a change of ours alone.
    return StatusDecision(verdict, local, base if verdict is StatusVerdict.CONFLICT else remote)


def _settle(ours: int, base: int | None, remote: int, strategy: ConflictStrategy) -> StatusVerdict:
    if remote != DELETED and remote == base:
        return StatusVerdict.KEEP_LOCAL
    if ours == base and ours != DELETED:
        return StatusVerdict.TAKE_REMOTE
    if strategy is ConflictStrategy.LOCAL_WINS and remote != DELETED:
        return StatusVerdict.KEEP_LOCAL
    if strategy is ConflictStrategy.REMOTE_WINS and ours != DELETED:
        return StatusVerdict.TAKE_REMOTE
    return StatusVerdict.CONFLICT
