"""``python -m local.easycars_simulator``: serve until Ctrl-C or SIGTERM."""

import argparse
import sys
from pathlib import Path

from local.easycars_simulator.accounts import default_accounts
from local.easycars_simulator.simulator import DEFAULT_SEED, EasyCarsSimulator
from local.easycars_simulator.vendor import Rules
from local.simulation.command import serve_until_told


def main(arguments: list[str] | None = None) -> int:
    """Serve the simulator; answers the exit status."""
    given = _parser().parse_args(arguments)
    simulator = EasyCarsSimulator(
        given.port,
        default_accounts(given.accounts, vehicles=given.vehicles),
        seed=given.seed,
        latency=given.latency,
        state_path=given.state,
        rules=Rules(lead_status_in_detail=given.lead_status),
    )
    return serve_until_told(simulator, given.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.easycars_simulator",
        description="Serve a strict EasyCars on this machine; prints its address when ready. "
        "The page at that address shows what it holds; /_control/accounts shows the credentials.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="decides the stock")
    parser.add_argument("--accounts", type=int, default=4, help="how many dealers (default 4)")
    parser.add_argument("--vehicles", type=int, default=120, help="of each dealer (default 120)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds each answer takes")
    parser.add_argument("--state", type=Path, help="file that keeps leads over a restart")
    parser.add_argument(
        "--lead-status", action="store_true", help="let GetLeadDetail say LeadStatus"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
