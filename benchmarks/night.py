"""Whole nightly runs on a stack of this machine: planner, state machine, functions, summary.

python -m benchmarks.night [--dealerships 100] [--latency 0.3] [--concurrency 40] [--troubled]
"""

import argparse
import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.night_stack import MemoryWatch, Trouble, night_stack

CALLS_OF_A_SYNC = 2
"""A token and the feed: what EasyCars is asked in a dealership's run."""

TROUBLES: Sequence[Trouble] = (
    ("AUTHENTICATION_FAILED", {}),
    ("HTTP_500", {"fault": "http_500"}),
    ("VENDOR_REFUSED", {"fault": "code", "code": 7}),
    ("UNREADABLE_ANSWER", {"fault": "html"}),
    ("UNREADABLE_ANSWER", {"fault": "truncated"}),
    ("TIMEOUT", {"fault": "hang"}),
)
"""Ways to fail. Half of them are tried three times by the state machine, a silent vendor for 90 s
each time, so a night with these takes six minutes at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """A night without trouble: seconds it took, and what the vendor alone would take."""

    seconds: float
    bound: float


def measure_quiet(*, dealerships: int, latency: float, concurrency: int) -> Quiet:
    """Play two nights and measure the first, in which every vehicle is new; sandboxes are warm."""
    with night_stack(dealerships, latency=latency, concurrency=concurrency) as night:
        enrolled = night.enrol()
        warm = [f"--dealership={dealer.dealership_id}" for dealer in enrolled[:concurrency]]
        assert night.sync(*warm).exit_code == 0
        night.rows("DELETE FROM vehicle RETURNING id")
        ran = night.sync()
        assert ran.report["succeeded"] == dealerships, ran.report
    calls = dealerships * CALLS_OF_A_SYNC
    return Quiet(seconds=ran.seconds, bound=calls * latency / concurrency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubled:
    """A night in which some dealerships fail, and its repair.

    Parameters
    ----------
    reasons
        How many failed with each code.
    unnamed
        Dealerships that failed without the code that was to be expected, or that did not fail.
    repaired
        How many ``--failed-of`` made good.
    milliseconds
        Of each healthy dealership's run.
    """

    dealerships: int
    healthy: int
    synced: int
    reasons: Mapping[str, int]
    unnamed: int
    repaired: int
    statuses: tuple[str, str]
    seconds: float
    milliseconds: Sequence[float]
    peak_bytes: int


def _code_in(message: str) -> str:
    """Find the code in an error's words: "EasyCars VENDOR_REFUSED: …"."""
    return message.partition(":")[0].rpartition(" ")[2]


_LOG_ROWS = """
SELECT dealership_id, status, error_message,
       extract(epoch FROM completed_at - started_at) * 1000
FROM easycars_sync_logs WHERE job_id = %s
"""


def measure_troubled(
    *,
    dealerships: int,
    failing: int,
    concurrency: int,
    vehicles: int = 50,
    troubles: Sequence[Trouble] = TROUBLES,
) -> Troubled:
    """Play a night in which some dealerships fail in different ways, then repair those alone."""
    with night_stack(dealerships, vehicles=vehicles, concurrency=concurrency) as night:
        enrolled = night.enrol()
        step = dealerships // failing
        ill = enrolled[step // 2 :: step][:failing]
        expected = night.trouble(ill, troubles)
        with MemoryWatch(night) as watch:
            ran = night.sync()
        rows = night.rows(_LOG_ROWS, ran.report["jobId"])
        failed = {row[0]: _code_in(row[2]) for row in rows if row[1] == "Failed"}
        stored = dict(night.rows("SELECT dealership_id, count(*) FROM vehicle GROUP BY 1"))
        well = [row for row in rows if row[0] not in expected]
        night.cure(ill)
        repair = night.sync("--failed-of", ran.report["jobId"])
        assert repair.report["planned"] == len(failed), repair.report
    named = {one["dealershipId"] for one in ran.report["failures"] if one["error"]}
    return Troubled(
        dealerships=dealerships,
        healthy=dealerships - failing,
        synced=sum(row[1] == "Success" and stored.get(row[0]) == vehicles for row in well),
        reasons={code: list(failed.values()).count(code) for code in sorted(set(failed.values()))},
        unnamed=len(expected.items() ^ failed.items()) + len(expected.keys() ^ named),
        repaired=repair.report["succeeded"],
        statuses=(ran.status, repair.status),
        seconds=ran.seconds,
        milliseconds=[float(row[3]) for row in well],
        peak_bytes=watch.peak,
    )


def main() -> None:
    """Print how one night went."""
    logging.disable()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dealerships", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.3, help="seconds of every answer")
    parser.add_argument("--concurrency", type=int, default=40)
    parser.add_argument("--troubled", action="store_true", help="let 3 %% fail; without latency")
    given = parser.parse_args()
    if not given.troubled:
        quiet = measure_quiet(
            dealerships=given.dealerships, latency=given.latency, concurrency=given.concurrency
        )
        print(f"{quiet.seconds:.1f} s; the vendor alone {quiet.bound:.1f} s")
        return
    troubled = measure_troubled(
        dealerships=given.dealerships,
        failing=max(1, round(given.dealerships * 0.03)),
        concurrency=given.concurrency,
    )
    print(
        f"{troubled.synced} of {troubled.healthy} healthy synced in {troubled.seconds:.0f} s,"
        f" {statistics.median(troubled.milliseconds):.0f} ms each,"
        f" {troubled.peak_bytes / 1_000_000:.0f} MB; failed: {troubled.reasons},"
        f" {troubled.unnamed} not as expected; executions {troubled.statuses};"
        f" {troubled.repaired} repaired"
    )


if __name__ == "__main__":
    main()
