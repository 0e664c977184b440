"""Tell requests that came through CloudFront, where WAF counts them, from those that went past it.

The distribution adds a header whose value only it and the functions know (design section 9).
"""

import hmac
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from pydantic import SecretStr

from forecourt.errors import ForecourtError
from forecourt.http_request import HttpRequest
from forecourt.problem import Problem
from forecourt.security.remembered import Remembered

EDGE_HEADER = "x-forecourt-edge"

_PAUSE_SECONDS = 10.0
"""How long after a reading an unknown value makes it read again: a new version works at once, and
made-up ones cost little."""


class Edge:
    """Refuses requests that did not come through the distribution.

    Parameters
    ----------
    read
        Reads the secret, version to value; any of them lets a request through, so that a new one
        can reach the distribution before the old one goes.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, SecretStr]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret = Remembered(read, clock=clock)

    def check(self, request: HttpRequest) -> None:
        """Return for a request from the distribution, and for an operator's command.

        Raises
        ------
        Problem
            403 for any other; 503 where the secret was never read and cannot be read now.
        """
        if request.is_command:
            return
        sent = request.headers.get(EDGE_HEADER, "").encode()
        try:
            known = _holds(self._secret.get(), sent) or (
                bool(sent) and _holds(self._secret.get(at_most_old=_PAUSE_SECONDS), sent)
            )
        except ForecourtError:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "try-again",
                "Requests cannot be checked just now; send it again.",
                headers={"Retry-After": "5"},
            ) from None
        if not known:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "past-the-edge",
                "This address takes no requests of its own. Use the public address: the output "
                "ApiUrl of the stack, or the domain name that was set up for it.",
            )


def _holds(versions: Mapping[str, SecretStr], sent: bytes) -> bool:
    """Compare with every version, each in constant time."""
    matches = [
        hmac.compare_digest(value.get_secret_value().encode(), sent) for value in versions.values()
    ]
    return bool(sent) and any(matches)
