"""A worker process that dies where it is told: the real function, ended by SIGKILL at a step.

``python -m tests.support.mortal_worker EVENT [STEP NTH]`` delivers the event in the file EVENT and
prints the handler's answer, unless it gets to the NTH time of STEP.
"""

import json
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

from forecourt.leads.steps import OnStep, Step, unwatched
from tests.support.handlers import new_sandbox


class Invocation:
    """What Lambda hands a handler besides the event."""

    aws_request_id = "request-1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 120_000


def die_at(step: Step, nth: int) -> OnStep:
    """End this process the way the kernel does, the nth time a step is reached."""
    seen: Counter[Step] = Counter()
    lock = threading.Lock()

    def watch(reached: Step) -> None:
        with lock:
            seen[reached] += 1
            if reached is step and seen[reached] == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    return watch


def main(event: Path, step: str | None = None, nth: str = "1") -> None:
    sandbox = new_sandbox("lead_delivery")
    worker = sandbox.wire(unwatched if step is None else die_at(Step(step), int(nth)))
    answer = sandbox.deliver(worker, json.loads(event.read_text()), Invocation())
    print(json.dumps(answer))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
