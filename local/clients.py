"""boto3 clients of the stack's own AWS endpoint."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable


def local_clients(endpoint_url: str, region: str) -> Callable[[str], Any]:
    """Return a function that gives the boto3 client of a service, made once per service.

    Nothing of the person's own AWS configuration is read: the credentials are dummies.
    """
    session = boto3.Session(
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the embedded stack checks no signature
        region_name=region,
    )
    config = Config(max_pool_connections=50, read_timeout=910, retries={"total_max_attempts": 1})
    made: dict[str, Any] = {}
    lock = threading.Lock()

    def client(service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        with lock:
            if service not in made:
                made[service] = session.client(service, endpoint_url=endpoint_url, config=config)  # type: ignore[call-overload]
            return made[service]

    return client
