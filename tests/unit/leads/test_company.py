"""What a lead's company may say, and what of it is read."""

from typing import Any

import pytest

from forecourt.leads.company import MOST_MEMBERS, company_faults, company_values
from tests.support.dynamics_tenants import COMPANY


def camel_case(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(map(str.title, rest))


def test_every_member_may_be_written_as_the_reference_or_the_api_writes() -> None:
    camel = {camel_case(name): value for name, value in COMPANY.items()}

    assert company_faults(COMPANY) == company_faults(camel) == []
    assert company_values(COMPANY) == company_values(camel) == COMPANY


def test_a_whole_row_of_the_source_is_a_company() -> None:
    row = dict(COMPANY) | {
        "company_id": 12, "company_updated_at": "2026-03-01T02:00:00Z", "scanned_at": None,
        "score_updated_at": "2026-03-01T02:00:00Z", "signal_id": 4, "spf": True, "dkim": False,
        "dmarc_policy": "none", "dmarc_coverage": 50, "mx_root": "outlook.com",
        "local_provider": None, "registrar": "Acme", "expires_at": "2027-01-01",
        "scan_status": "completed", "score_id": 7, "reason": "MX at Microsoft",
        "d365_lead_id": None, "d365_sync_status": "pending", "d365_sync_last_at": None,
        "d365_sync_error": None,
    }  # fmt: skip

    assert company_faults(row) == []
    assert len(row) <= MOST_MEMBERS
    assert company_values(row) == COMPANY


def test_a_member_in_both_spellings_is_refused() -> None:
    assert company_faults({"readinessScore": 1, "readiness_score": 2}) == [
        ("readinessScore", "is also given as readiness_score; keep one")
    ]


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("readiness_score", -1, "must be a whole number from 0 to 100"),
        ("readiness_score", 101, "must be a whole number from 0 to 100"),
        ("readinessScore", 70.5, "must be a whole number from 0 to 100"),
        ("readiness_score", True, "must be a whole number from 0 to 100"),
        ("contact_quality_score", "70", "must be a whole number from 0 to 100"),
        ("canonical_name", "n" * 256, "must have at most 255 characters"),
        ("provider", 365, "must be a text"),
        ("country", ["AU"], "must be a text"),
        ("is_reenriched", 1, "must be true or false"),
        ("confidence", "high", "must be a number"),
        ("confidence", True, "must be a number"),
        ("confidence", 2**54, "must be a number between -2^53 and 2^53"),
        ("contact_emails", ["a@b.co"] * 21, "must have at most 20 members"),
        ("contact_emails", "x" * 256, "must have at most 255 characters"),
        ("registrars", ["Acme"], "must be a text, a number, true, false or null"),
        ("nameservers", ["ns"] * 21, "must have at most 20 members"),
        ("nameservers", ["ns", 1], "must be a list of texts, each of at most 255 characters"),
        (
            "nameservers",
            "ns1.acme.example",
            "must be a list of texts, each of at most 255 characters",
        ),
    ],
)
def test_a_value_that_is_none_is_named(name: str, value: Any, cure: str) -> None:
    assert company_faults({name: value}) == [(name, cure)]


@pytest.mark.parametrize("value", [[1], [{}], [{"email": 1}], [{"mail": "a@b.co"}], {}, 5, [None]])
def test_contact_emails_are_texts_or_objects_with_one(value: Any) -> None:
    ((name, cure),) = company_faults({"contact_emails": value})

    assert name == "contact_emails"
    assert cure.startswith("must be a list of e-mail addresses")


def test_what_says_nothing_or_cannot_be_used_is_not_read() -> None:
    assert company_values(
        {
            "canonical_name": " Acme ", "domain": " ", "country": None, "readiness_score": 85.0,
            "provider": 365, "contact_quality_score": 101, "contact_emails": [], "colour": "red",
            "is_reenriched": False,
        }
    ) == {"canonical_name": "Acme", "readiness_score": 85, "is_reenriched": False}  # fmt: skip


def test_a_score_is_a_whole_number_however_it_was_written() -> None:
    (score,) = company_values({"readiness_score": 85.0}).values()

    assert isinstance(score, int)


def test_all_faults_are_named_at_once() -> None:
    faults = company_faults({"a b": 1, "provider": 1, "n": {}, "segment": "Cold"})

    assert [name for name, _ in faults] == ["a b", "provider", "n"]
