"""How a run's counts are told."""

import pytest

from local.commands.sync import record_counts


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"created": 120, "updated": 0, "unchanged": 0, "failed": 0}, "120 created"),
        ({"created": 1, "updated": 2, "unchanged": 409, "failed": 3},
         "1 created, 2 updated, 409 unchanged, 3 failed"),
        ({"created": 0, "updated": 0, "unchanged": 412, "failed": 0}, "nothing new: 412 unchanged"),
        ({"created": 0, "updated": 0, "removed": 40, "unchanged": 10, "failed": 0},
         "40 removed, 10 unchanged"),
        ({"created": 0, "updated": 0, "unchanged": 0, "failed": 0}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_only_what_happened_is_said(counts: dict[str, int], said: str) -> None:
    assert record_counts(counts) == said
