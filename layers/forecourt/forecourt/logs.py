"""JSON logs of every function, with secrets and personal data cut out of each line.

The logger is Powertools' own: about 5 % of what importing boto3 and Pydantic costs, which even the
intake function can pay. Messages are constant sentences, facts are keyword arguments::

    log = get_logger("lead_delivery")
    log.info("Lead delivered", lead_id=lead_id, latency_ms=812)
"""

import logging
import sys
from typing import Any, TextIO

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.logging.types import PowertoolsLogRecord

from forecourt.security.redaction import redact_mapping

__all__ = ["Logger", "get_logger"]

# These log request addresses at INFO or DEBUG, and an address may carry EasyCars' client secret.
_LOGS_ADDRESSES = ("httpx", "httpcore", "urllib3", "botocore", "boto3", "s3transfer", "msal")


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON line, redacted after every field and traceback has been put into it."""

    def serialize(self, log: PowertoolsLogRecord | dict[str, Any]) -> str:
        """Render one log record as JSON without secrets or personal data."""
        return super().serialize(redact_mapping(log, keep_personal=True))


class _StdoutHandler(logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stdout`` is now, not to what it was when the logger was made."""

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """Ignore the stream the parent class wants to keep."""


def get_logger(service: str) -> Logger:
    """Give the JSON logger of one function; asking again gives the same one.

    The level comes from ``LOG_LEVEL`` (INFO by default).

    Parameters
    ----------
    service
        The function's name in snake case, shown as ``service``.
    """
    for name in _LOGS_ADDRESSES:
        logging.getLogger(name).setLevel(logging.WARNING)
    return Logger(
        service=service,
        logger_formatter=RedactingFormatter(use_rfc3339=True),
        logger_handler=_StdoutHandler(),
    )
