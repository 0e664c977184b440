"""Which LeadNumbers to read for creates of unknown outcome, and what that proves (design 5.1.4).

EasyCars counts its leads up, per account and for all lead sources together, and shows a lead to
the source that created it only. So a number that is not shown may be anybody's, or nobody's yet;
that a lead is *not* there follows only from a number given out later, when every number between
is accounted for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from forecourt.leads.probe_ports import FoundLead

NOT_FOUND_IN_A_ROW = 10
FIRST_NUMBERS = 10
MOST_READS = 50
"""Reads of one pass, and how far down from an account's first known number."""

_BEFORE_SENDING = timedelta(minutes=5)
_LONGEST = 18
_USUAL_WIDTH = 6


def number_value(number: str | None) -> int | None:
    """Say what a LeadNumber counts as; None where it is no number one could count from."""
    text = (number or "").strip()
    countable = text.isascii() and text.isdecimal() and len(text) <= _LONGEST
    return int(text) if countable else None


def write_number(value: int, *, like: str | None) -> str:
    """Write a LeadNumber with the zeros of another, six digits where there is none.

    Past its width a number grows: after 999999 comes 1000000.
    """
    return f"{value:0{_USUAL_WIDTH if like is None else len(like.strip())}d}"


@dataclass(frozen=True, slots=True)
class Trail:
    """How far one create has been looked for.

    Parameters
    ----------
    base
        A number given out before the create was sent; None where none is known yet.
    upto
        With a base, every number above it up to this one is another lead's, or was read when it
        had been given out, and is not this lead. Without a base, 0 once the first ten numbers
        were read, later the number down to which those below the first known one were read.
    """

    base: int | None = None
    upto: int | None = None

    @property
    def reached(self) -> int:
        """Where reading upward goes on after."""
        return max(self.base or 0, self.upto or 0)


def trail_of(probe_from: str | None, probe_upto: str | None) -> Trail | None:
    """Read a trail as the ledger keeps it; None where its numbers cannot be counted."""
    base, upto = number_value(probe_from), number_value(probe_upto)
    if (probe_from is not None and base is None) or (probe_upto is not None and upto is None):
        return None
    return Trail(base, upto)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A create that is looked for; ``later`` as in ``Unconfirmed.later_number``."""

    trail: Trail
    sent_by: datetime
    later: int | None

    @property
    def is_absent(self) -> bool:
        """Tell whether it is proven that the lead is not at the vendor."""
        base, upto = self.trail.base, self.trail.upto
        if self.later is None or base is None or self.later <= base:
            return False
        return max(base, upto or 0) >= self.later - 1


class NumberSearch:
    """Names the numbers to read, one at a time, and keeps what was seen.

    Ask :meth:`beginning`, :meth:`downward` and :meth:`upward` in this order, report each number
    by :meth:`saw` before asking for the next, and stop asking whenever reading has to stop.

    Parameters
    ----------
    sought
        The creates, by any key.
    highest
        The highest number known to be given out before the first read; 0 where none is.
    first
        The lowest number of a lead of ours; None where there is none.
    """

    def __init__(self, sought: Mapping[int, Sought], *, highest: int, first: int | None) -> None:
        self._sought = dict(sought)
        self._known = highest
        self._highest = highest
        self._first = first
        self._seen: dict[int, FoundLead | None] = {}
        self._gaps: frozenset[int] = frozenset()
        self._accounted = range(0)

    @property
    def sought(self) -> Mapping[int, Sought]:
        """What is still looked for, with how far that has come."""
        return self._sought

    @property
    def open(self) -> Mapping[int, Sought]:
        """What neither was found nor is proven to be absent."""
        return {key: each for key, each in self._sought.items() if not each.is_absent}

    @property
    def start(self) -> int | None:
        """Above which number :meth:`upward` will look; None where it need not."""
        reached = [each.trail.reached for each in self.open.values() if _has_base(each)]
        return min(reached, default=None)

    def found(self, key: int) -> None:
        """Look for that create no more."""
        self._sought.pop(key, None)

    def saw(self, number: int, lead: FoundLead | None) -> None:
        """Note what a read of a number showed."""
        self._seen[number] = lead
        if lead is not None:
            self._highest = max(self._highest, number)

    def beginning(self) -> Iterator[int]:
        """Name the first ten numbers, once, and those after them while they are found.

        Where one is found, the account's numbers begin there and all can be accounted for.
        """
        if self._first is not None and self._first <= FIRST_NUMBERS:
            self._begin_at_zero()
        number = 1
        while self._unread() and (number <= FIRST_NUMBERS or self._seen.get(number - 1)):
            if number not in self._seen:
                yield number
            number += 1
        if not self._unread():
            return
        if any(self._seen.get(each) for each in range(1, FIRST_NUMBERS + 1)):
            self._begin_at_zero()
        else:
            self._move({key: Trail(None, 0) for key in self._unread()})

    def downward(self) -> Iterator[int]:
        """Name at most 50 numbers below the first known one, down to one old enough to begin at."""
        first = self._first
        if first is None:
            return
        while wanting := self._wanting_base(first):
            number = max((each.trail.upto or first) - 1 for each in wanting.values())
            if number > 0 and number not in self._seen:
                yield number
            lead = self._seen.get(number)
            moved = {}
            for key, each in wanting.items():
                if key not in self._sought or number != (each.trail.upto or first) - 1:
                    continue
                is_base = number == 0 or _is_older(lead, each.sent_by)
                moved[key] = Trail(number, first) if is_base else Trail(None, number)
            self._move(moved)

    def upward(self, gaps: Sequence[int], *, complete: bool) -> Iterator[int]:
        """Name the numbers that are not ours, past the highest known, until ten are not found.

        Parameters
        ----------
        gaps
            The numbers above :attr:`start` that no lead of ours has, up to the highest known.
        complete
            Whether these are all of them; else only the first.
        """
        start = self.start
        if start is None:
            return
        end = self._known if complete or not gaps else gaps[-1]
        self._gaps = frozenset(gaps)
        self._accounted = range(start + 1, end + 1)
        self._advance()
        for number in gaps:
            if number not in self._seen:
                if not self._is_wanted():
                    return
                yield number
                self._advance()
        number = self._known + 1
        while complete and self._is_wanted() and number <= self._highest + NOT_FOUND_IN_A_ROW:
            if number not in self._seen:
                yield number
            number += 1

    def _is_wanted(self) -> bool:
        return any(_has_base(each) for each in self.open.values())

    def _unread(self) -> list[int]:
        return [key for key, each in self._sought.items() if each.trail == Trail()]

    def _begin_at_zero(self) -> None:
        self._move({key: Trail(0, 0) for key in self._unread()})

    def _wanting_base(self, first: int) -> dict[int, Sought]:
        """Those that still may be read downward for."""
        lowest = max(first - MOST_READS, 0)
        return {
            key: each
            for key, each in self._sought.items()
            if each.trail.base is None
            and each.trail.upto is not None
            and (each.trail.upto or first) > lowest
        }

    def _advance(self) -> None:
        """Move trails on over numbers that had been given out before the first read."""
        moved = {}
        for key, each in self._sought.items():
            if not _has_base(each):
                continue
            reached = each.trail.reached
            while reached < self._known and self._is_accounted(reached + 1):
                reached += 1
            moved[key] = replace(each.trail, upto=reached)
        self._move(moved)

    def _is_accounted(self, number: int) -> bool:
        return number in self._seen or (number in self._accounted and number not in self._gaps)

    def _move(self, trails: Mapping[int, Trail]) -> None:
        for key, trail in trails.items():
            self._sought[key] = replace(self._sought[key], trail=trail)


def _has_base(sought: Sought) -> bool:
    return sought.trail.base is not None


def _is_older(lead: FoundLead | None, sent_by: datetime) -> bool:
    """Tell whether a lead was there well before another was sent, by the vendor's wall clock."""
    return (
        lead is not None
        and lead.created_at is not None
        and lead.created_at < sent_by - _BEFORE_SENDING
    )
