"""A night over many dealerships, some of which fail in different ways, on a stack of its own."""

import pytest

from benchmarks.night import measure_troubled
from benchmarks.night_stack import Trouble

TROUBLES: tuple[Trouble, ...] = (
    ("AUTHENTICATION_FAILED", {}),
    ("VENDOR_REFUSED", {"fault": "code", "code": 7}),
    ("HTTP_404", {"fault": "http_404"}),
)


@pytest.mark.timeout(400)
def test_the_healthy_are_synced_the_failed_named_and_repaired_alone() -> None:
    night = measure_troubled(
        dealerships=30, failing=3, concurrency=4, vehicles=5, troubles=TROUBLES
    )

    assert (night.healthy, night.synced) == (27, 27)
    assert night.reasons == {code: 1 for code, _ in TROUBLES}
    assert night.unnamed == 0
    assert night.statuses == ("FAILED", "SUCCEEDED")
    assert night.repaired == 3
    assert night.peak_bytes > 0
