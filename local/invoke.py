"""``make invoke``: one built function, one event, no container.

Where a stack is running (``forecourt up``), the function gets the variables it has there, and so
works on that stack's queue, database and vendor. Without one it gets none, and says what it lacks.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from local.built_functions import built_functions
from local.emulator import Emulator, Invocation
from local.failures import StackError


def main() -> int:
    """Invoke a function; the log goes to standard error, the answer as JSON to standard output."""
    parser = argparse.ArgumentParser(prog="make invoke", description=__doc__)
    parser.add_argument("function", help="its name in template.yaml, e.g. LeadIntakeFunction")
    parser.add_argument("event", type=Path, help="a JSON file, e.g. events/lead_intake/valid.json")
    parser.add_argument("--data", type=Path, default=Path(".forecourt"), help="a stack's folder")
    asked = parser.parse_args()
    try:
        done = invoke(asked.function, asked.event, data=asked.data)
    except StackError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command's complaint
        return error.exit_code
    print(done.log.strip(), file=sys.stderr)  # noqa: T201 - the command's answer
    print(json.dumps(done.payload, indent=2, ensure_ascii=False))  # noqa: T201 - the command's answer
    return 0


def invoke(logical_id: str, event_file: Path, *, data: Path) -> Invocation:
    """Run a built function on the event in a file.

    Raises
    ------
    StackError
        When there is no such function or event, or this machine cannot run built functions.
    """
    functions = built_functions()
    if logical_id not in functions:
        message = f"There is no function {logical_id!r}."
        raise StackError(message, cure=f"Choose FUNCTION from: {', '.join(functions)}.")
    try:
        event = json.loads(event_file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        message = f"{str(event_file)!r} is no event: {error}."
        raise StackError(message, cure="Give EVENT=events/…/….json.") from None
    with Emulator(functions[logical_id], _environment(logical_id, data)) as emulator:
        return emulator.invoke(event)


def _environment(logical_id: str, data: Path) -> dict[str, str]:
    state = data / "stack.json"
    if not state.is_file():
        return {}
    running: dict[str, Any] = json.loads(state.read_text("utf-8"))
    variables: dict[str, str] = running["environments"][logical_id]
    return variables


if __name__ == "__main__":
    sys.exit(main())
