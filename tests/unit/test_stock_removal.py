from hypothesis import given
from hypothesis import strategies as st

from forecourt.stock.ports import KnownVehicle
from forecourt.stock.removal import Removals, plan_removals


def vehicle(
    *, from_easycars: bool = True, in_scope: bool = True, removed: bool = False
) -> KnownVehicle:
    return KnownVehicle(
        b"hash",
        from_easycars,
        created_by_job=False,
        written_by_job=False,
        in_scope=in_scope,
        removed=removed,
    )


def stock(count: int, *, in_scope: bool = True) -> dict[str, KnownVehicle]:
    return {f"{number:03d}": vehicle(in_scope=in_scope) for number in range(count)}


def gone(missing: int, standing: int) -> Removals:
    known = stock(standing)
    return plan_removals(known, set(list(known)[missing:]))


def test_nothing_missing_removes_nothing() -> None:
    assert gone(0, 50) == Removals()


def test_nineteen_of_fifty_go() -> None:
    assert len(gone(19, 50).now) == 19


def test_twenty_are_not_yet_too_many() -> None:
    assert len(gone(20, 50).now) == 20


def test_twenty_one_of_fifty_are_held() -> None:
    assert gone(21, 50).now == []
    assert len(gone(21, 50).held) == 21


def test_forty_of_fifty_are_held() -> None:
    assert len(gone(40, 50).held) == 40


def test_many_of_very_many_go() -> None:
    assert len(gone(30, 100).now) == 30
    assert len(gone(31, 100).held) == 31


def test_a_small_yard_may_sell_most_but_not_nearly_all() -> None:
    assert len(gone(7, 10).now) == 7
    assert len(gone(8, 10).held) == 8
    assert len(gone(4, 5).now) == 4
    assert len(gone(5, 5).held) == 5


def test_a_dealers_own_vehicle_and_one_gone_before_are_no_concern() -> None:
    known = {"1": vehicle(from_easycars=False), "2": vehicle(removed=True)}
    assert plan_removals(known, set()) == Removals()


def test_what_came_from_elsewhere_is_only_proposed_and_does_not_count_as_standing() -> None:
    known = stock(3, in_scope=False) | {"a": vehicle(), "b": vehicle()}
    removals = plan_removals(known, {"a"})
    assert removals == Removals(now=["b"], elsewhere=["000", "001", "002"])
    assert removals.proposed == ["000", "001", "002"]


def test_what_a_person_accepted_goes_and_the_guard_judges_the_rest() -> None:
    known = stock(50) | {"x": vehicle(in_scope=False)}
    accepted = {f"{number:03d}" for number in range(25)} | {"x"}
    removals = plan_removals(known, set(list(known)[30:50]), accepted=accepted)
    assert len(removals.now) == 25 + 1 + 5
    assert removals.proposed == []


def test_an_accepted_vehicle_that_came_back_stays() -> None:
    assert plan_removals(stock(2), {"000", "001"}, accepted={"000"}) == Removals()


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
def test_every_missing_vehicle_is_in_exactly_one_list(
    standing: set[int], seen: set[int], accepted: set[int]
) -> None:
    known = {str(number): vehicle(in_scope=number % 3 > 0) for number in standing}
    removals = plan_removals(known, set(map(str, seen)), accepted=set(map(str, accepted)))
    everything = removals.now + removals.held + removals.elsewhere
    assert sorted(everything) == sorted(map(str, standing - seen))
