"""Serve a simulator from the command line until Ctrl-C or SIGTERM."""

import signal
import sys
import threading

from local.simulation.faults import PlannedFault
from local.simulation.service import SimulatedVendor


def serve_until_told[Fault: PlannedFault](simulator: SimulatedVendor[Fault], port: int) -> int:
    """Start it, print its address when it is ready, and stop it; answers the exit status."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        simulator.start()
    except OSError as error:
        reason = f"Port {port} cannot be used ({error.strerror}); choose another with --port."
        sys.stderr.write(reason + "\n")
        return 1
    sys.stdout.write(f"{simulator.url}\n")
    sys.stdout.flush()
    stopping.wait()
    simulator.stop()
    return 0
