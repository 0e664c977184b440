"""The token authority as msal's HTTP client: one POST over our own exchange, nothing else."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from forecourt.dynamics.addresses import AUTHORITY
from forecourt.dynamics.token_answers import judge_token
from forecourt.errors import ForecourtError, RetryableError
from forecourt.network.deadline import clip
from forecourt.network.exchange import Answer, Call, Exchanger, NoAnswer

TOKEN_SECONDS = 10.0
"""For the whole answer of the authority."""

REST_SECONDS = 5.0
"""How long an authority that is away is left alone."""

LONGEST_REST_SECONDS = 60.0
"""However long it asks for; msal would wait an hour."""

_LARGEST_ANSWER = 100_000


@dataclass(frozen=True, slots=True)
class MsalResponse:
    """What msal reads of an answer; no failure ever becomes one."""

    text: str = field(repr=False)
    status_code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def raise_for_status(self) -> None:
        """Do nothing: it is a success."""


class TokenAuthority:
    """Asks one tenant's authority for tokens; used by one thread at a time.

    A failure is given to whoever was waiting while it happened, and to whoever comes while the
    authority that is away is left alone.

    Parameters
    ----------
    tenant_id
        The tenant whose addresses msal asks for first; that question is answered from here.
    address
        Where the request goes, whatever address msal was told.
    """

    def __init__(
        self, tenant_id: str, address: str, exchanger: Exchanger, *, monotonic: Callable[[], float]
    ) -> None:
        self._tenant_id = tenant_id
        self._address = address
        self._exchanger = exchanger
        self._monotonic = monotonic
        self._failure: ForecourtError | None = None
        self._shared_until = float("-inf")

    def shares_its_failure_with(self, waits_since: float) -> None:
        """Say since when (monotonic seconds) the caller of the next request has waited for it."""
        if waits_since > self._shared_until:
            self._failure = None

    def get(self, _url: str, **_: object) -> MsalResponse:
        """Tell msal the tenant's addresses, which follow from its id (reference, 1.1)."""
        base = f"{AUTHORITY}/{self._tenant_id}"
        addresses = {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
        }
        return MsalResponse(json.dumps(addresses))

    def post(
        self, _url: str, *, headers: Mapping[str, str], data: Mapping[str, str], **_: object
    ) -> MsalResponse:
        """Send msal's request for a token.

        Raises
        ------
        ForecourtError
            There is no token, and why.
        """
        if self._failure is not None:
            raise _copy(self._failure)
        try:
            return MsalResponse(json.dumps(judge_token(self._send(headers, data))))
        except ForecourtError as failure:
            self._failure = failure
            self._shared_until = self._monotonic() + _rest_after(failure)
            raise

    def close(self) -> None:
        """Leave the connections open: the client that made them closes them."""

    def _send(self, headers: Mapping[str, str], data: Mapping[str, str]) -> Answer | NoAnswer:
        return self._exchanger.exchange(
            Call(
                url=self._address,
                headers={
                    **headers,
                    "Content-Type": "application/x-www-form-urlencoded",
                    "Accept-Encoding": "identity",
                },
                content=urlencode(data).encode(),
                answer_by=time.monotonic() + (clip(TOKEN_SECONDS) or 0.0),
                silence_seconds=TOKEN_SECONDS,
                answer_bytes=_LARGEST_ANSWER,
            )
        )


def _rest_after(failure: ForecourtError) -> float:
    if not isinstance(failure, RetryableError):
        return 0.0  # a person may be mending it right now
    return min(max(failure.retry_after or 0.0, REST_SECONDS), LONGEST_REST_SECONDS)


def _copy(failure: ForecourtError) -> ForecourtError:
    # Each thread raises its own: one exception raised twice mixes up the two tracebacks.
    return type(failure)(
        failure.code, failure.detail, target=failure.target, retry_after=failure.retry_after
    )
