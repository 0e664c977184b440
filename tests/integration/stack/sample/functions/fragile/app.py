"""Fails in every way a handler can."""

import os
import signal
import sys
import time
from typing import Any


class RetryableError(Exception):
    """Stands for an error of the application."""


def handler(event: Any, context: Any) -> Any:
    match event["way"]:
        case "raise":
            message = "the vendor is away"
            raise RetryableError(message)
        case "hang":
            time.sleep(60)
        case "exit":
            sys.exit(3)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "unmarshalable":
            return object()
        case "sleep":
            time.sleep(0.5)
    return os.getpid()
