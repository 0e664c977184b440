"""What the leads commands print."""

from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from local.commands.leads import app, print_lead, print_leads

NOW = datetime(2026, 11, 20, 22, 15, tzinfo=UTC)
LEAD: dict[str, Any] = {
    "leadId": "28d180b4-d757-4710-8d4a-e3aced10cef1",
    "dealershipId": 3,
    "receivedAt": "2026-11-20T19:15:00Z",
    "name": "Zoë O'Brien [red]",
    "email": "zoe@mail.example",
    "phone": "",
    "message": "Noch da?\nGrüße",
    "status": "in progress",
    "version": 4,
    "spam": False,
    "consent": None,
    "sameIdempotencyKey": [],
    "sharesIdempotencyKey": False,
    "easyCarsState": "pending",
    "deliveries": [],
}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "220")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ["Zoë O'Brien [red] · pending", "in progress", "3 h"]),
        ({"easyCarsLeadNumber": "000123"}, ["000123"]),
        ({"spam": True, "sharesIdempotencyKey": True}, ["· spam · same key as another"]),
    ],
)
def test_a_page_of_leads_is_a_table(
    capsys: pytest.CaptureFixture[str], change: dict[str, Any], said: list[str]
) -> None:
    page = {"currentPage": 1, "totalPages": 2, "pageSize": 50, "totalRecords": 51}

    print_leads({"leads": [LEAD | change], "pagination": page}, now=NOW)

    out = capsys.readouterr().out
    assert [words for words in [*said, "page 1 of 2"] if words not in out] == []


def test_no_lead_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    page = {"currentPage": 1, "totalPages": 0, "pageSize": 50, "totalRecords": 0}

    print_leads({"leads": [], "pagination": page}, now=NOW)

    assert capsys.readouterr().out.strip() == "No lead."


@pytest.mark.parametrize(
    ("consent", "said"),
    [
        (None, "unknown"),
        ({}, "marketing no"),
        ({"marketing": False}, "marketing no"),
        ({"marketing": True, "text": "Yes [please]"}, "marketing yes: Yes [please]"),
    ],
)
def test_a_lead_is_shown_whole_and_absent_consent_is_no_yes(
    capsys: pytest.CaptureFixture[str], consent: dict[str, Any] | None, said: str
) -> None:
    print_lead(LEAD | {"consent": consent, "sameIdempotencyKey": ["other-lead"]}, now=NOW)

    out = capsys.readouterr().out
    for words in (said, "in progress (version 4)", "Grüße", "other-lead", "delivered nowhere"):
        assert words in out


def test_company_and_page_in_dynamics_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    company = {"canonical_name": "Söhne [bold]", "readiness_score": 82, "nameservers": ["a", "b"]}
    page = f"https://org.crm6.dynamics.com/main.aspx?{'x' * 200}"

    print_lead(LEAD | {"consent": None, "company": company, "d365LeadUrl": page}, now=NOW)

    out = capsys.readouterr().out
    for words in ("canonical_name: Söhne [bold]", "readiness_score: 82", "nameservers: a, b", page):
        assert words in out


@pytest.mark.parametrize(
    "arguments", [["set-status", "x"], ["set-status", "x", "done"], ["list", "--status", "done"]]
)
def test_a_wrong_call_is_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2
