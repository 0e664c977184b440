"""Rules of the search by number: never "not there" of a lead that is, whatever the interleaving."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.leads.probe_ports import FoundLead
from forecourt.leads.probe_rules import (
    NumberSearch,
    Sought,
    Trail,
    number_value,
    trail_of,
    write_number,
)

START = datetime(2026, 4, 4, 15, 0, tzinfo=UTC)
ACTS_WITHIN = 180


@dataclass
class Create:
    """A create of ours: ``number`` is what the vendor gave it, if it acted by now."""

    key: int
    sent: int
    is_lost: bool
    acts_at: int | None
    number: int | None = None
    recorded: bool = False
    trail: Trail = field(default_factory=Trail)


class World:
    """A vendor that counts leads up, and what we know of it. Times are seconds."""

    def __init__(self, before: int) -> None:
        self.now = 0
        self.book: list[tuple[int, int | None]] = []
        self.creates: list[Create] = []
        self.frontier = 0
        self.resolved: dict[int, str] = {}
        for _ in range(before):
            self.foreign()
        self.now = 3600

    def foreign(self) -> None:
        self.book.append((self.now, None))

    def create(self, *, is_lost: bool, acts_after: int | None) -> None:
        acts_at = None if acts_after is None else self.now + acts_after
        create = Create(len(self.creates), self.now, is_lost, acts_at)
        create.trail = Trail(self.frontier or None, None)
        self.creates.append(create)
        self.advance(0)

    def advance(self, seconds: int) -> None:
        for _ in range(max(seconds, 1)):
            for create in self.creates:
                if create.number is None and create.acts_at == self.now:
                    self.book.append((self.now, create.key))
                    create.number = len(self.book)
                    if not create.is_lost:
                        create.recorded = True
                        self.frontier = max(self.frontier, create.number)
            self.now += min(seconds, 1)

    def read(self, number: int) -> FoundLead | None:
        if number > len(self.book):
            return None
        created, key = self.book[number - 1]
        if key is None:
            return None
        return FoundLead(
            number=f"{number:06d}",
            external_id=str(key),
            created_at=START + timedelta(seconds=created),
            customer_no=None,
            confirmed={},
        )

    def waiting(self) -> list[Create]:
        return [each for each in self.creates if each.is_lost and each.key not in self.resolved]

    def ours(self) -> set[int]:
        return {each.number for each in self.creates if each.recorded and each.number}

    def look(self, reads: int) -> None:
        """Do a pass as the prober does, with so many reads."""
        ripe = [each for each in self.waiting() if self.now >= each.sent + ACTS_WITHIN]
        ours, known = self.ours(), self.frontier
        sought = {each.key: self.sought(each) for each in ripe}
        search = NumberSearch(sought, highest=known, first=min(ours, default=None))

        def upward() -> list[int]:
            assert search.start is not None
            return [n for n in range(search.start + 1, known + 1) if n not in ours]

        numbers = chain(
            search.beginning(),
            search.downward(),
            (
                number
                for start in [search.start]
                if start is not None
                for number in search.upward(upward()[: reads + 1], complete=len(upward()) <= reads)
            ),
        )
        for number in numbers:
            if not reads:
                break
            reads -= 1
            found = self.read(number)
            search.saw(number, found)
            if found is not None and found.external_id is not None:
                self.adopt(search, int(found.external_id), number)
        for key, each in search.sought.items():
            create = self.creates[key]
            texts = [
                None if n is None else write_number(n, like=None)
                for n in (each.trail.base, each.trail.upto)
            ]
            kept = trail_of(*texts)
            assert kept is not None
            create.trail = kept
            if each.is_absent:
                self.resolved[key] = "absent"
                assert create.number is None, f"{create} was declared absent"
                assert create.acts_at is None or create.acts_at < self.now

    def adopt(self, search: NumberSearch, key: int, number: int) -> None:
        create = self.creates[key]
        if create in self.waiting():
            self.resolved[key] = "adopted"
            create.recorded = True
            self.frontier = max(self.frontier, number)
            search.found(key)

    def sought(self, create: Create) -> Sought:
        later = [
            each.number
            for each in self.creates
            if not each.is_lost and each.number and each.sent >= create.sent + ACTS_WITHIN
        ]
        return Sought(
            trail=create.trail,
            sent_by=START + timedelta(seconds=create.sent),
            later=min(later, default=None),
        )


delays = st.none() | st.integers(0, ACTS_WITHIN - 1)
acts = st.one_of(
    st.tuples(st.just("foreign"), st.integers(1, 25)),
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 40, 100, 181, 700])),
    st.tuples(st.just("lost"), delays),
    st.tuples(st.just("sent"), st.integers(0, 30)),
    st.tuples(st.just("look"), st.integers(0, 50)),
)


def play(world: World, steps: list[tuple[str, int | None]]) -> World:
    for name, value in steps:
        if name == "foreign":
            for _ in range(value or 0):
                world.foreign()
        elif name == "wait":
            world.advance(value or 0)
        elif name == "look":
            world.look(value or 0)
        else:
            world.create(is_lost=name == "lost", acts_after=value)
    return world


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 70), st.lists(acts, max_size=30))
def test_a_lead_that_is_there_or_may_still_come_is_never_declared_absent(
    before: int, steps: list[tuple[str, int | None]]
) -> None:
    world = play(World(before), steps)

    for _ in range(4):
        world.advance(200)
        world.create(is_lost=False, acts_after=0)
        world.look(50)
    assert all(
        world.creates[key].number is None
        for key, verdict in world.resolved.items()
        if verdict == "absent"
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 70), st.lists(acts, max_size=20))
def test_once_numbers_come_every_lead_is_found_or_proven_absent(
    before: int, steps: list[tuple[str, int | None]]
) -> None:
    world = World(before)
    world.create(is_lost=False, acts_after=0)
    play(world, steps)

    for _ in range(20):
        world.advance(200)
        world.create(is_lost=False, acts_after=0)
        world.advance(1)
        world.look(50)

    assert world.waiting() == []


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("000017", 17),
            (" 17 ", 17),
            ("0", 0),
            ("1000000", 1_000_000),
            (None, None),
            ("", None),
            ("A17", None),
            ("-17", None),
            ("17.0", None),
            ("٣", None),
            ("9" * 19, None),
        ],
    )
    def test_only_plain_digits_count(self, text: str | None, value: int | None) -> None:
        assert number_value(text) == value

    def test_zeros_are_kept_and_a_number_may_outgrow_them(self) -> None:
        assert write_number(18, like="000017") == "000018"
        assert write_number(18, like="0017") == "0018"
        assert write_number(1_000_000, like="999999") == "1000000"
        assert write_number(1, like=None) == "000001"

    def test_a_trail_of_texts_nobody_can_count_is_none(self) -> None:
        assert trail_of("000017", None) == Trail(17, None)
        assert trail_of(None, None) == Trail()
        assert trail_of("A17", None) is None
        assert trail_of("000017", "A18") is None


class TestAbsence:
    sought = Sought(trail=Trail(10, 14), sent_by=START, later=15)

    def test_every_number_below_a_later_one_is_accounted_for(self) -> None:
        assert self.sought.is_absent

    @pytest.mark.parametrize(
        "changes",
        [
            {"later": None},
            {"later": 16},
            {"later": 10},
            {"later": 9},
            {"trail": Trail(10, 13)},
            {"trail": Trail(10, None)},
            {"trail": Trail(None, 14)},
        ],
    )
    def test_anything_less_proves_nothing(self, changes: dict[str, object]) -> None:
        assert not replace(self.sought, **changes).is_absent  # type: ignore[arg-type]

    def test_the_next_number_leaves_nothing_between(self) -> None:
        assert Sought(trail=Trail(10, None), sent_by=START, later=11).is_absent


class TestUpward:
    def test_of_a_list_that_was_cut_off_nothing_beyond_is_taken_for_ours(self) -> None:
        search = NumberSearch(
            {1: Sought(trail=Trail(10, None), sent_by=START, later=90)}, highest=90, first=10
        )
        for number in search.upward([12, 14], complete=False):
            search.saw(number, None)

        assert search.sought[1].trail == Trail(10, 14)

    def test_past_the_highest_known_number_ten_in_a_row_end_it(self) -> None:
        search = NumberSearch(
            {1: Sought(trail=Trail(10, None), sent_by=START, later=None)}, highest=10, first=10
        )
        read = []
        for number in search.upward([], complete=True):
            read.append(number)
            lead = FoundLead(
                number=str(number),
                external_id="another",
                created_at=None,
                customer_no=None,
                confirmed={},
            )
            search.saw(number, lead if number in {14, 24} else None)

        assert read == list(range(11, 35))
        assert search.sought[1].trail == Trail(10, 10)


class TestDownward:
    def search(self, created: datetime | None) -> NumberSearch:
        search = NumberSearch(
            {1: Sought(trail=Trail(None, 0), sent_by=START, later=None)}, highest=100, first=100
        )
        for number in search.downward():
            search.saw(
                number,
                FoundLead(
                    number=str(number),
                    external_id="another",
                    created_at=created,
                    customer_no=None,
                    confirmed={},
                ),
            )
        return search

    def test_it_ends_at_a_lead_made_over_five_minutes_before(self) -> None:
        search = self.search(START - timedelta(minutes=5, seconds=1))

        assert search.sought[1].trail == Trail(99, 100)

    @pytest.mark.parametrize("created", [None, START - timedelta(minutes=5), START])
    def test_it_ends_after_fifty_that_are_not(self, created: datetime | None) -> None:
        assert self.search(created).sought[1].trail == Trail(None, 50)

    def test_it_ends_at_the_first_number_there_is(self) -> None:
        search = NumberSearch(
            {1: Sought(trail=Trail(None, 0), sent_by=START, later=None)}, highest=12, first=12
        )
        for number in search.downward():
            search.saw(number, None)

        assert search.sought[1].trail == Trail(0, 12)
