"""Commands print as they would on a terminal of one width, whatever runs the tests."""

import pytest

from local.commands.output import console


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", 160)
