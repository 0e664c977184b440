"""The chaos suite in short; `make chaos` plays it long."""

import pytest

from tests.chaos.chaos_run import Plan, play
from tests.chaos.figures import Figures
from tests.chaos.world import Harness

_SEEDS = ("short 1", "short 2")


@pytest.mark.timeout(420)
def test_no_lead_is_lost_or_doubled_whatever_happens(harness: Harness) -> None:
    total, found = Figures(), []
    for seed in _SEEDS:
        figures, findings = play(harness, Plan(seed=seed, leads=75, kills=30))
        total.add(figures)
        found.extend(findings)
    print("\n".join(total.lines()))  # noqa: T201 - pytest shows it where the test fails
    assert found == []
    assert total.is_clean
    assert total.leads >= 150
    assert total.kills_amid_creates >= 60
    assert total.freezes
    assert total.vendor_faults
    assert total.edits
    assert total.adopted
