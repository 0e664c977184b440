"""``python -m tests.chaos``: play many runs and report figures (`make chaos`)."""

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from forecourt.leads.wake_ups import DYNAMICS, EASYCARS
from tests.chaos.chaos_run import Plan, play
from tests.chaos.crm import Finding
from tests.chaos.figures import Figures
from tests.chaos.world import chaos_harness

LEADS, KILLS, RUNS = 2000, 500, 10
_MOST_SHOWN = 20
_TARGETS = {"easycars": EASYCARS, "dynamics": DYNAMICS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Play; 0 where nothing was lost, doubled, stale, invalid or otherwise wrong."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", default="", help="repeats a plan; drawn when it is left out")
    parser.add_argument(
        "--target", choices=sorted(_TARGETS), default="easycars", help="the CRM in trouble"
    )
    parser.add_argument("--leads", type=int, default=LEADS, help="at least, over all runs")
    parser.add_argument("--kills", type=int, default=KILLS, help="at least, over all runs")
    parser.add_argument("--runs", type=int, default=RUNS, help="each in a world of its own")
    parser.add_argument("--run", type=int, help="play this one run of the plan alone")
    options = parser.parse_args(arguments)
    seed = options.seed or secrets.token_hex(4)
    runs = range(options.runs) if options.run is None else [options.run]
    total, findings = Figures(), list[Finding]()
    with tempfile.TemporaryDirectory(prefix="forecourt-chaos-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may run as somebody else, deeper inside
        with chaos_harness(Path(folder)) as harness:
            for number in runs:
                plan = Plan(
                    seed=f"{seed}/{number}",
                    target=_TARGETS[options.target],
                    leads=-(-options.leads // options.runs),
                    kills=-(-options.kills // options.runs),
                )
                figures, found = play(harness, plan)
                total.add(figures)
                findings.extend(found)
                _say(f"run {number}: {_summary(figures)}")
                for finding in found[:_MOST_SHOWN]:
                    _say(f"  {finding.kind.upper()}: {finding.text}")
                if len(found) > _MOST_SHOWN:
                    _say(f"  … and {len(found) - _MOST_SHOWN} more")
    _say("")
    for line in total.lines():
        _say(line)
    _say(f"{'seed':>20}  {seed}")
    if not total.is_clean:
        again = f' ARGS="--target {options.target}"' if options.target != "easycars" else ""
        _say(f"NOT CLEAN. Play it again with: make chaos SEED={seed}{again}")
    return 0 if total.is_clean else 1


def _summary(figures: Figures) -> str:
    return (
        f"{figures.leads} leads, {figures.kills} kills ({figures.kills_amid_creates} amid creates),"
        f" {figures.vendor_faults} vendor faults, {figures.lost} lost, {figures.doubled} doubled,"
        f" {figures.invalid} invalid, {figures.seconds:.0f} s"
    )


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}" if text else "", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
