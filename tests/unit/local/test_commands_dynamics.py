"""What ``forecourt dynamics status`` prints."""

from typing import Any

import pytest

from forecourt.leads.dynamics.categories import Category
from local.commands.dynamics_pushes import print_status
from local.commands.output import console

STATES = {"pending": 0, "in_progress": 0, "delivered": 0, "failed": 0}


def status(**values: Any) -> dict[str, Any]:
    return {"enabled": True, "total": 0, "states": STATES, "errors": {}, "errorCodes": {}} | values


@pytest.mark.parametrize("kind", list(Category))
def test_every_kind_of_trouble_has_something_to_do(
    kind: Category, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 80)

    print_status(status(total=1, errors={str(kind): 1}, errorCodes={"X": 1}))

    out = capsys.readouterr().out
    [line] = [line for line in out.splitlines() if str(kind) in line.split()]
    assert out.splitlines()[0].strip() == "1 lead"
    assert len(line.split("│")[3].split()) > 1


def test_no_trouble_is_said_and_so_is_the_switch(capsys: pytest.CaptureFixture[str]) -> None:
    print_status(status(enabled=False))

    out = capsys.readouterr().out
    for words in ("switched off for the whole system", "0 leads", "None is in trouble."):
        assert words in out
