"""The checker sees what it is there to see: each planted defect is reported, a clean end is not."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.accepted_leads import AcceptedLead
from tests.chaos.checker import Remains, judge

ACCOUNT = "EC900001"


def lead(name: str = "a", **changes: Any) -> AcceptedLead:
    accepted = AcceptedLead(
        external_id=name, dealership_id=1, account=ACCOUNT, email=f"{name}@mail.example", version=2
    )
    for attribute, value in changes.items():
        setattr(accepted, attribute, value)
    return accepted


def row(accepted: AcceptedLead, **changes: Any) -> dict[str, Any]:
    return {
        "external_id": accepted.external_id,
        "version": accepted.version,
        "wanted_version": accepted.version,
        "delivered_version": accepted.version,
        "remote": "000001",
        "state": "delivered",
        "attempts": 1,
        "last_error_code": None,
        "last_error": None,
        **changes,
    }


def copy(accepted: AcceptedLead, number: str = "000001", **changes: Any) -> dict[str, Any]:
    return {
        "account": accepted.account,
        "leadNumber": number,
        "ours": True,
        "status": accepted.status_code,
        "fields": {
            "ExternalID": accepted.external_id,
            "Notes": accepted.message,
            "Rating": accepted.rating_code,
        },
        **changes,
    }


def remains(accepted: AcceptedLead, **changes: Any) -> Remains:
    clean = Remains(
        accepted={accepted.external_id: accepted}, rows=[row(accepted)], book=[copy(accepted)]
    )
    return replace(clean, **changes)


def kinds(left: Remains) -> list[str]:
    return [finding.kind for finding in judge(left)]


def test_a_clean_end_has_no_finding() -> None:
    assert kinds(remains(lead())) == []


def test_a_lead_that_is_there_twice_is_doubled() -> None:
    twice = remains(lead(), book=[copy(lead()), copy(lead(), "000002")])
    (finding,) = judge(twice)
    assert finding.kind == "doubled"
    assert "EC900001/000001, EC900001/000002" in finding.text


def test_a_lead_in_two_accounts_is_doubled() -> None:
    elsewhere = copy(lead()) | {"account": "EC900002"}
    assert kinds(remains(lead(), book=[copy(lead()), elsewhere])) == ["doubled"]


@pytest.mark.parametrize(
    "changes",
    [
        {"book": []},
        {"rows": [], "book": []},
        {"rows": [row(lead(), state="pending")], "book": []},
        {"rows": [row(lead(), state="failed", last_error="It was refused.")], "book": []},
    ],
)
def test_a_lead_that_is_nowhere_is_lost(changes: dict[str, Any]) -> None:
    assert kinds(remains(lead(), **changes)) == ["lost"]


@pytest.mark.parametrize("state", ["pending", "in_progress", "unconfirmed", "failed"])
def test_a_lead_that_has_not_ended_is_found_though_it_is_there(state: str) -> None:
    assert kinds(remains(lead(), rows=[row(lead(), state=state)])) == ["other"]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"fields": {"Notes": "[a v1]", "Rating": 1, "ExternalID": "a"}},
        {"fields": {"Notes": lead().message, "Rating": 3, "ExternalID": "a"}},
        {"status": 50},
    ],
)
def test_an_older_version_is_stale(spoilt: dict[str, Any]) -> None:
    assert kinds(remains(lead(), book=[copy(lead(), **spoilt)])) == ["stale"]


def test_versions_that_differ_are_stale() -> None:
    assert kinds(remains(lead(), rows=[row(lead(), delivered_version=1)])) == ["stale"]


def test_an_invalid_request_is_found() -> None:
    assert kinds(remains(lead(), invalid=["CreateLead: Name is required."])) == ["invalid"]


def test_another_number_than_the_vendors_is_found() -> None:
    assert kinds(remains(lead(), rows=[row(lead(), remote="000009")])) == ["other"]


def test_spam_is_not_delivered() -> None:
    spam = lead(spam=True)
    assert kinds(remains(spam)) == ["other"]
    assert kinds(remains(spam, rows=[row(spam, state=None)], book=[])) == []


def test_a_parked_lead_needs_a_reason_and_a_cause() -> None:
    parked = row(
        lead(),
        state="failed",
        last_error_code="VENDOR_REFUSED",
        last_error="EasyCars refused the lead: The data is invalid.",
    )
    caused = remains(
        lead(), rows=[parked], book=[], faults=frozenset({(ACCOUNT, "code")}), may_be_parked=True
    )
    assert kinds(caused) == []
    assert kinds(replace(caused, may_be_parked=False)) == ["lost"]
    assert kinds(replace(caused, faults=frozenset())) == ["other"]
    assert kinds(replace(caused, rows=[parked | {"last_error": None}])) == ["other"]
    tired = parked | {"last_error_code": "HTTP_500", "attempts": 8}
    assert kinds(replace(caused, rows=[tired])) == []
    assert kinds(replace(caused, rows=[tired | {"attempts": 7}])) == ["other"]


@pytest.mark.parametrize(
    "changes",
    [
        {"open_attempts": 1},
        {"messages_left": 1},
        {"buried": ["{}"]},
        {"poison": ["{}"]},
        {"errors": ["KeyError"]},
        {"announced": frozenset()},
        {"book": [copy(lead()), copy(lead("stranger"), "000002")]},
        {"rows": [row(lead()), row(lead("stranger"))]},
    ],
)
def test_what_else_must_not_be_is_found(changes: dict[str, Any]) -> None:
    assert kinds(remains(lead(), **changes)) == ["other"]


def test_poison_belongs_among_the_dead_letters_and_foreign_leads_are_nobodys() -> None:
    foreign = copy(lead("walk-in"), "000002", ours=False)
    left = remains(lead(), buried=["{}"], poison=["{}"], book=[copy(lead()), foreign])
    assert kinds(replace(left, announced=frozenset({"a"}))) == []
