"""What the sync commands say of dealerships the run had no row for."""

import json
from typing import Any

import pytest

from local.commands.sync import print_report

ROW: dict[str, Any] = {
    "dealershipId": 1, "name": "O'Brien Motors", "status": "Success", "created": 2, "error": None,
}  # fmt: skip
JOB: dict[str, Any] = {
    "jobId": "5f0d6d1a", "planned": 2, "succeeded": 1, "failed": 1, "dealerships": [ROW],
}  # fmt: skip


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_a_dealership_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(JOB, "stock", [1, 99], as_json=False)

    said = capsys.readouterr().out
    assert "There is no dealership 99" in said
    assert "dealership list" in said
    assert "2 planned, 1 succeeded, 1 failed" in said


def test_alone_it_is_not_said_to_want_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    job = JOB | {"planned": 1, "succeeded": 0, "dealerships": []}

    print_report(job, "stock", [99], as_json=False)

    said = capsys.readouterr().out
    assert "There is no dealership 99" in said
    assert "credentials" not in said


def test_json_names_it_among_the_failures(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(JOB, "stock", [1, 99], as_json=True)

    failures = json.loads(capsys.readouterr().out)["failures"]
    assert failures == [{"dealershipId": 99, "name": None, "error": "There is no dealership 99."}]


@pytest.mark.parametrize("asked", [[], [1]])
def test_a_run_that_had_nothing_to_do_says_what_is_needed(
    capsys: pytest.CaptureFixture[str], asked: list[int]
) -> None:
    job = JOB | {"planned": 0, "succeeded": 0, "failed": 0, "dealerships": []}

    print_report(job, "stock", asked, as_json=False)

    said = capsys.readouterr().out
    assert "No dealership was due" in said
    assert "There is no dealership" not in said
