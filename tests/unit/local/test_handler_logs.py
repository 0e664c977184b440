import json
from pathlib import Path
from typing import Any

import pytest

from local.handler_logs import HandlerLogs


@pytest.fixture
def warned() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def logs(tmp_path: Path, warned: list[tuple[str, dict[str, Any]]]) -> HandlerLogs:
    return HandlerLogs(tmp_path, on_warning=lambda name, record: warned.append((name, record)))


def records(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "F.log").read_text().splitlines()]


def test_json_lines_are_kept_as_they_are_and_others_are_wrapped(
    logs: HandlerLogs, tmp_path: Path
) -> None:
    logs.write_line("F", "r-1", '{"level": "INFO", "message": "a"}')
    logs.write_line("F", "r-1", "plain ü")
    logs.write_line("F", "r-1", "42")

    first, second, third = records(tmp_path)
    assert first == {"level": "INFO", "message": "a"}
    assert (second["message"], second["requestId"], second["level"]) == ("plain ü", "r-1", "INFO")
    assert third["message"] == "42"


@pytest.mark.parametrize(
    ("level", "is_told"), [("INFO", False), ("warning", True), ("ERROR", True)]
)
def test_warnings_and_worse_are_told(
    logs: HandlerLogs, warned: list[Any], level: str, is_told: bool
) -> None:
    logs.write_line("F", "r-1", json.dumps({"level": level, "message": "m"}))

    assert bool(warned) is is_told


def test_a_failure_is_kept_with_its_trace_and_told(
    logs: HandlerLogs, warned: list[Any], tmp_path: Path
) -> None:
    logs.write_failure("F", "r-1", {"errorMessage": "m", "errorType": "E", "stackTrace": ["t"]})

    (record,) = records(tmp_path)
    assert (record["message"], record["errorType"], record["stackTrace"]) == ("m", "E", ["t"])
    assert [name for name, _ in warned] == ["F"]


def test_a_report_says_how_long_it_took(logs: HandlerLogs, tmp_path: Path) -> None:
    logs.write_report("F", "r-1", status="success", duration_ms=12.3456)

    (record,) = records(tmp_path)
    assert record["type"] == "platform.report"
    assert record["record"]["metrics"] == {"durationMs": 12.35}
