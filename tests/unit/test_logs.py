"""Log lines are JSON, say what they are told and hide what they must."""

import json
import logging

import pytest

from forecourt.logs import get_logger


@pytest.fixture
def service(request: pytest.FixtureRequest) -> str:
    return f"service_of_{request.node.name}"


def lines(captured: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in captured.readouterr().out.splitlines()]


def test_a_line_holds_message_service_and_fields(
    service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    get_logger(service).info("Lead delivered", lead_id=3, state="delivered")

    (line,) = lines(capsys)
    assert line["message"] == "Lead delivered"
    assert line["service"] == service
    assert (line["lead_id"], line["state"]) == (3, "delivered")
    assert str(line["timestamp"]).endswith("+00:00")


def test_a_traceback_is_redacted_too(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        int("sam@example.org, ClientSecret=abc123")
    except ValueError:
        get_logger(service).exception("It failed", url="https://x/?ClientSecret=abc123")

    out = capsys.readouterr().out
    assert "ValueError" in out
    assert "sam@example.org" not in out
    assert "abc123" not in out


def test_asking_again_gives_one_line_per_message(
    service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        get_logger(service)
    get_logger(service).info("Once")

    assert len(lines(capsys)) == 1


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "botocore.endpoint", "urllib3"])
def test_libraries_that_log_addresses_are_silent(name: str, service: str) -> None:
    get_logger(service)

    assert not logging.getLogger(name).isEnabledFor(logging.INFO)
