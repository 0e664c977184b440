"""``python -m local.dataverse_simulator``: serve until Ctrl-C or SIGTERM."""

import argparse
import sys
from pathlib import Path

from local.dataverse_simulator.limits import Limits
from local.dataverse_simulator.organizations import Rules
from local.dataverse_simulator.simulator import DataverseSimulator
from local.simulation.command import serve_until_told


def main(arguments: list[str] | None = None) -> int:
    """Serve the simulator; answers the exit status."""
    given = _parser().parse_args(arguments)
    simulator = DataverseSimulator(
        given.port,
        latency=given.latency,
        rules=Rules(token_life=given.token_life),
        limits=Limits(servers=given.servers),
        state_path=given.state,
    )
    return serve_until_told(simulator, given.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.dataverse_simulator",
        description="Serve a strict Dataverse and Entra's token endpoint on this machine; prints "
        "its address when ready. The page at that address shows what it holds; "
        "/_control/accounts shows the credentials.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds each request takes")
    parser.add_argument("--token-life", type=float, default=3599.0, help="seconds a token is good")
    parser.add_argument("--servers", type=int, default=1, help="web servers of an environment")
    parser.add_argument("--state", type=Path, help="file that keeps leads over a restart")
    return parser


if __name__ == "__main__":
    sys.exit(main())
