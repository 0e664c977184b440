"""Clients of AWS services, made on first use, and their errors in our words.

The endpoint follows ``AWS_ENDPOINT_URL``, which botocore reads itself. No client exists before
the first request: a SnapStart copy must not share a connection or a credential.
"""

import threading
from dataclasses import dataclass
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from forecourt.errors import ForecourtError, PermanentError, RetryableError

type Service = Literal["kms", "s3", "secretsmanager", "sqs", "scheduler", "stepfunctions", "sns"]

# The default session of boto3 is not made for two threads at once.
_CREATION = threading.Lock()

_AWAY = frozenset({
    "InternalError", "InternalFailure", "InternalServiceError", "KMSInternalException",
    "DependencyTimeoutException", "KeyUnavailableException", "RequestTimeout", "RequestThrottled",
    "ServiceUnavailable", "ServiceUnavailableException", "SlowDown", "Throttling",
    "ThrottlingException", "TooManyRequestsException", "OverLimit", "RequestLimitExceeded",
})  # fmt: skip

_SERVER_ERROR = 500

AwsError = (BotoCoreError, ClientError)
"""What a client may raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one call may take: so many tries, each with so many seconds."""

    connect_seconds: float = 2.0
    read_seconds: float = 5.0
    tries: int = 3

    @property
    def worst_seconds(self) -> float:
        """Longest time before the last try has failed, with botocore's waits between them.

        Standard mode waits up to 1, 2, 4 … seconds (botocore guide, "Retries").
        """
        waits = float(sum(2**n for n in range(self.tries - 1)))
        return self.tries * (self.connect_seconds + self.read_seconds) + waits


USUAL = Patience()
WHILE_A_WEBSITE_WAITS = Patience(connect_seconds=1.0, read_seconds=2.0, tries=2)


def create_client(service: Service, patience: Patience = USUAL) -> Any:  # noqa: ANN401 - boto3 makes its client classes at run time
    """Make a client that gives up when its patience ends."""
    config = Config(
        connect_timeout=patience.connect_seconds,
        read_timeout=patience.read_seconds,
        retries={"total_max_attempts": patience.tries, "mode": "standard"},
    )
    with _CREATION:
        return boto3.client(service, config=config)


def error_code(error: Exception) -> str:
    """Name AWS' error code, or the class of an error that came from no service."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def translate(error: Exception, target: str) -> ForecourtError:
    """Turn a client's error into one of ours.

    Away (no answer, throttled, HTTP 5xx) is a RetryableError ``AWS_AWAY``; a refusal a
    PermanentError ``AWS_REFUSED``. The text holds AWS' error code and nothing of the request.
    """
    code = error_code(error)
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code not in _AWAY and status < _SERVER_ERROR:
            return PermanentError(
                code="AWS_REFUSED", detail=f"The request was refused ({code}).", target=target
            )
    return RetryableError(
        code="AWS_AWAY", detail=f"The service did not answer ({code}).", target=target
    )
