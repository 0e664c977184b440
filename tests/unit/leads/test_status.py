"""The three-way comparison of a lead's status, by rule and by property."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.leads.lead import LeadStatus
from forecourt.leads.status import (
    DELETED,
    EASYCARS_NUMBERS,
    STATUS_OF_NUMBER,
    ConflictStrategy,
    StatusDecision,
    StatusVerdict,
    compare_status,
)

LOCAL, REMOTE, MANUAL = (
    ConflictStrategy.LOCAL_WINS,
    ConflictStrategy.REMOTE_WINS,
    ConflictStrategy.MANUAL_REVIEW,
)
AGREED, KEEP, TAKE, CONFLICT = (
    StatusVerdict.AGREED,
    StatusVerdict.KEEP_LOCAL,
    StatusVerdict.TAKE_REMOTE,
    StatusVerdict.CONFLICT,
)
RECEIVED, IN_PROGRESS, WON, LOST, GONE = (
    LeadStatus.RECEIVED,
    LeadStatus.IN_PROGRESS,
    LeadStatus.WON,
    LeadStatus.LOST,
    LeadStatus.DELETED,
)

statuses = st.sampled_from(LeadStatus)
numbers = st.sampled_from(sorted(STATUS_OF_NUMBER))
strategies = st.sampled_from(ConflictStrategy)


@pytest.mark.parametrize(
    ("local", "base", "remote", "by_strategy"),
    [
        # Only one side changed: that is nobody's conflict.
        (RECEIVED, 10, 30, {LOCAL: TAKE, REMOTE: TAKE, MANUAL: TAKE}),
        (RECEIVED, 10, 90, {LOCAL: TAKE, REMOTE: TAKE, MANUAL: TAKE}),
        (WON, 10, 10, {LOCAL: KEEP, REMOTE: KEEP, MANUAL: KEEP}),
        (GONE, 10, 10, {LOCAL: KEEP, REMOTE: KEEP, MANUAL: KEEP}),
        # Both changed.
        (WON, 10, 60, {LOCAL: KEEP, REMOTE: TAKE, MANUAL: CONFLICT}),
        (WON, None, 60, {LOCAL: KEEP, REMOTE: TAKE, MANUAL: CONFLICT}),
        # Deleted is final on both sides.
        (GONE, 10, 30, {LOCAL: KEEP, REMOTE: CONFLICT, MANUAL: CONFLICT}),
        (GONE, 90, 30, {LOCAL: KEEP, REMOTE: CONFLICT, MANUAL: CONFLICT}),
        (WON, 10, 90, {LOCAL: CONFLICT, REMOTE: TAKE, MANUAL: CONFLICT}),
        (WON, 90, 90, {LOCAL: CONFLICT, REMOTE: TAKE, MANUAL: CONFLICT}),
    ],
)
def test_who_changed_and_the_strategy_decide(
    local: LeadStatus,
    base: int | None,
    remote: int,
    by_strategy: dict[ConflictStrategy, StatusVerdict],
) -> None:
    assert {
        strategy: compare_status(local, base, remote, strategy).verdict
        for strategy in ConflictStrategy
    } == by_strategy


def test_what_is_taken_and_what_is_the_base_next_time() -> None:
    assert compare_status(RECEIVED, 10, 30, REMOTE) == StatusDecision(TAKE, IN_PROGRESS, 30)
    assert compare_status(WON, 10, 60, LOCAL) == StatusDecision(KEEP, WON, 60)
    assert compare_status(WON, 10, 60, MANUAL) == StatusDecision(CONFLICT, WON, 10)
    assert compare_status(WON, 10, 50, MANUAL) == StatusDecision(AGREED, WON, 50)


def test_done_is_won_and_stays_as_it_is_written() -> None:
    decision = compare_status(LeadStatus.DONE, 10, 50, REMOTE)

    assert decision == StatusDecision(AGREED, LeadStatus.DONE, 50)


@given(statuses, st.none() | numbers, strategies)
def test_a_status_that_is_not_told_changes_nothing(
    local: LeadStatus, base: int | None, strategy: ConflictStrategy
) -> None:
    decision = compare_status(local, base, None, strategy)

    assert decision == StatusDecision(StatusVerdict.NOT_TOLD, local, base)


@given(
    statuses,
    st.none() | numbers,
    st.integers().filter(lambda number: number not in STATUS_OF_NUMBER),
    strategies,
)
def test_a_status_without_a_meaning_is_flagged_and_resets_nothing(
    local: LeadStatus, base: int | None, remote: int, strategy: ConflictStrategy
) -> None:
    decision = compare_status(local, base, remote, strategy)

    assert decision == StatusDecision(StatusVerdict.UNKNOWN, local, base)


@dataclass(frozen=True)
class TwoSides:
    """A lead here and at EasyCars, which refuses to change a deleted one."""

    local: LeadStatus
    base: int | None
    remote: int
    pushes: int = 0
    conflict: tuple[LeadStatus, int] | None = None

    def refreshed(self, strategy: ConflictStrategy) -> "TwoSides":
        decision = compare_status(self.local, self.base, self.remote, strategy)
        after = replace(self, local=decision.status, base=decision.base)
        if decision.verdict is CONFLICT:
            return replace(after, conflict=(self.local, self.remote))
        after = replace(after, conflict=None)
        if decision.verdict is not KEEP:
            return after
        pushed = EASYCARS_NUMBERS[decision.status]
        assert self.remote != DELETED, "EasyCars would refuse this push for good"
        return replace(after, remote=pushed, base=pushed, pushes=self.pushes + 1)

    @property
    def agree(self) -> bool:
        return EASYCARS_NUMBERS[self.local] == self.remote


sides = st.builds(TwoSides, local=statuses, base=st.none() | numbers, remote=numbers)


@given(sides, strategies)
def test_one_refresh_and_its_push_end_in_agreement_or_in_a_person_s_hands(
    before: TwoSides, strategy: ConflictStrategy
) -> None:
    after = before.refreshed(strategy)

    assert after.agree != (after.conflict is not None)
    assert after.pushes <= 1


@given(sides, strategies)
def test_a_second_refresh_changes_nothing_and_pushes_nothing(
    before: TwoSides, strategy: ConflictStrategy
) -> None:
    once = before.refreshed(strategy)

    assert once.refreshed(strategy) == once


@given(sides, strategies)
def test_no_refresh_brings_a_deleted_lead_back_on_either_side(
    before: TwoSides, strategy: ConflictStrategy
) -> None:
    after = before.refreshed(strategy)

    if before.local is GONE:
        assert after.local is GONE
    if before.remote == DELETED:
        assert after.remote == DELETED


@given(sides, strategies)
def test_what_is_taken_from_easycars_is_not_sent_back(
    before: TwoSides, strategy: ConflictStrategy
) -> None:
    after = before.refreshed(strategy)

    if after.local is not before.local:
        assert (after.pushes, after.remote) == (before.pushes, before.remote)


@given(sides, st.sampled_from([LOCAL, REMOTE]))
def test_only_a_deleted_lead_needs_a_person_where_one_side_wins(
    before: TwoSides, strategy: ConflictStrategy
) -> None:
    if before.refreshed(strategy).conflict:
        assert GONE in {before.local, STATUS_OF_NUMBER[before.remote]}


@given(sides, strategies, numbers)
def test_a_change_on_one_side_alone_reaches_the_other_whatever_the_strategy(
    start: TwoSides, strategy: ConflictStrategy, changed: int
) -> None:
    agreed = replace(start, remote=EASYCARS_NUMBERS[start.local], base=None).refreshed(strategy)
    if agreed.remote == DELETED:
        return

    theirs = replace(agreed, remote=changed).refreshed(strategy)
    ours = replace(agreed, local=STATUS_OF_NUMBER[changed]).refreshed(strategy)

    assert EASYCARS_NUMBERS[theirs.local] == changed
    assert ours.remote == changed
