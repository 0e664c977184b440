"""Answers with what it was given and what it sees."""

import os
import sys
from typing import Any

import shared_layer  # type: ignore[import-not-found]  # on the path in the sandbox only


def handler(event: Any, context: Any) -> Any:
    print("echo was called")  # noqa: T201 - the log line is what a test looks for
    return {
        "event": event,
        "environment": dict(os.environ),
        "requestId": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
        "layer": shared_layer.WORD,
        "pid": os.getpid(),
        "path": sys.path,
    }
