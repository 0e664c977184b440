"""The function in a sandbox that has just begun."""

import os

import pytest

from tests.support.handlers import new_sandbox


def test_nothing_is_read_or_connected_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("DATABASE", "LEADS", "AWS"))]:
        monkeypatch.delenv(name)

    assert callable(new_sandbox("lead_delivery").handler)
