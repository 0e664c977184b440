import json

import pytest

from local.easycars_simulator.faults import VARIANTS, Fault
from local.easycars_simulator.malformed_items import spoil
from local.simulation.faults import FaultPlan, fault_as_json, fault_from_json


def strikes(plan: FaultPlan[Fault], count: int, operation: str = "CreateLead") -> list[bool]:
    return [
        plan.choose((operation, f"LeadService/{operation}"), ("EC1",)) is not None
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "explode"},
        {"kind": "http_200"},
        {"kind": "http_5000"},
        {"kind": "cut_after", "operation": "DeleteLead"},
        {"kind": "code"},
        {"kind": "slow"},
        {"kind": "drip"},
        {"kind": "late_commit"},
        {"kind": "slow", "seconds": -1},
        {"kind": "malformed_item", "variant": "purple"},
        {"kind": "empty", "probability": 1.1},
        {"kind": "empty", "times": 0},
        {"kind": "empty", "after": -1},
        {"kind": "empty", "per": "account"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\."):
        Fault(**wrong)  # type: ignore[arg-type]


def test_a_fault_strikes_so_many_times() -> None:
    plan = FaultPlan[Fault]()
    plan.add(Fault(kind="cut_after", times=2))
    assert strikes(plan, 4) == [True, True, False, False]
    assert plan.active() == []


def test_a_fault_without_times_stays_until_cleared() -> None:
    plan = FaultPlan[Fault]()
    plan.add(Fault(kind="cut_after", times=None))
    assert strikes(plan, 3) == [True] * 3
    plan.clear()
    assert strikes(plan, 1) == [False]


def test_a_fault_can_let_requests_through_first() -> None:
    plan = FaultPlan[Fault]()
    plan.add(Fault(kind="cut_after", after=2))
    assert strikes(plan, 4) == [False, False, True, False]


@pytest.mark.parametrize(
    ("operation", "account", "met"),
    [
        (None, None, True),
        ("CreateLead", None, True),
        ("UpdateLead", None, False),
        (None, "EC1", True),
        (None, "EC2", False),
    ],
)
def test_a_fault_meets_its_operation_and_account_only(
    operation: str | None, account: str | None, met: bool
) -> None:
    plan = FaultPlan[Fault]()
    plan.add(Fault(kind="empty", operation=operation, account=account))
    assert strikes(plan, 1) == [met]


def test_a_fault_can_meet_the_tokens_of_one_service() -> None:
    plan = FaultPlan[Fault]()
    plan.add(Fault(kind="empty", operation="StockService/RequestToken"))
    assert plan.choose(("RequestToken", "LeadService/RequestToken"), ()) is None
    assert plan.choose(("RequestToken", "StockService/RequestToken"), ()) is not None


def test_a_fault_per_lead_meets_each_lead_so_many_times() -> None:
    plan = FaultPlan[Fault]()
    plan.add(Fault(kind="cut_after", per="lead", times=1))
    asked = ["a", "b", "a", None, "c", "b"]
    chosen = [plan.choose(("CreateLead", "LeadService/CreateLead"), (), lead) for lead in asked]
    assert [fault is not None for fault in chosen] == [True, True, False, False, True, False]
    assert plan.active() == [(Fault(kind="cut_after", per="lead", times=1), None)]


def test_a_fault_per_lead_lets_each_lead_through_first() -> None:
    plan = FaultPlan[Fault]()
    plan.add(Fault(kind="cut_after", per="lead", after=1, times=None))
    chosen = [plan.choose(("CreateLead", "LeadService/CreateLead"), (), lead) for lead in "aabab"]
    assert [fault is not None for fault in chosen] == [False, True, False, True, True]


def test_the_first_added_strikes_first() -> None:
    plan = FaultPlan[Fault]()
    plan.add(Fault(kind="empty"))
    plan.add(Fault(kind="html"))
    chosen = [plan.choose(("CreateLead", "LeadService/CreateLead"), ()) for _ in range(2)]
    assert [fault and fault.kind for fault in chosen] == ["empty", "html"]


def test_chance_is_repeatable_by_its_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        plan = FaultPlan[Fault]()
        plan.add(Fault(kind="empty", times=None, probability=0.3, seed=seed))
        return strikes(plan, 200)

    assert drawn(1) == drawn(1) != drawn(2)
    assert 30 < sum(drawn(1)) < 90


def test_a_fault_survives_json() -> None:
    fault = Fault(
        kind="http_429", operation="CreateLead", account="EC1", times=3, retry_after=7, per="lead"
    )
    written = fault_as_json(fault, 2)
    assert written.pop("left") == 2
    assert fault_from_json(Fault, json.loads(json.dumps(written))) == fault


@pytest.mark.parametrize(
    "given",
    [{}, {"fault": "empty", "colour": 1}, {"fault": "slow", "seconds": "a"}, {"fault": 5}],
)
def test_a_posted_fault_that_cannot_be_read_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\."):
        fault_from_json(Fault, given)


@pytest.mark.parametrize(
    ("kind", "acts"),
    [("cut_before", False), ("cut_after", True), ("http_504", False), ("slow", True)],
)
def test_what_acts_can_be_told_otherwise(kind: str, acts: bool) -> None:
    assert Fault(kind=kind, seconds=1).does_act is acts
    assert Fault(kind=kind, seconds=1, acts=not acts).does_act is not acts


def test_a_warning_acts_and_other_codes_do_not() -> None:
    assert Fault(kind="code", code=5).does_act
    assert not Fault(kind="code", code=9).does_act


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_item_is_spoilt_and_the_others_keep_their_bytes(variant: str) -> None:
    raw = b'{"StockNumber":"1","YearGroup":2020,"Price":25990.1234,"AdvDescription":"d"}'
    spoilt = spoil([raw, raw, raw], variant, 4)
    assert [spoilt[0], spoilt[2]] == [raw, raw]
    assert json.loads(spoilt[1]) != json.loads(raw)


def test_an_empty_list_gets_a_spoilt_item() -> None:
    assert spoil([], "not_an_object", 0) == [b'"VOLVO V90"']
