"""The vendor's access tokens: bought once per key, shared by every thread of a sandbox."""

import base64
import binascii
import hashlib
import math
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from pydantic import SecretStr

from forecourt.easycars.reasons import Reason
from forecourt.errors import ForecourtError, RetryableError
from forecourt.security.credentials import EasyCarsCredentials, Environment

_LIFETIME_SECONDS = 600.0
_EARLY_SECONDS = 60.0


class Service(StrEnum):
    """The vendor's two services; nobody says that one's token is good for the other (1.2)."""

    STOCK = "StockService"
    LEAD = "LeadService"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token; ``expires_at`` is seconds since the epoch."""

    value: SecretStr
    expires_at: float


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Whom a token was given to.

    The digest covers the ClientID and its secret, so a dealership that stored a wrong secret for
    somebody's ClientID cannot work with the token the right secret bought.
    """

    environment: Environment
    service: Service
    client: str = field(repr=False)

    @classmethod
    def of(cls, credentials: EasyCarsCredentials, service: Service) -> "TokenKey":
        """Name the token `credentials` need for `service`."""
        pair = f"{credentials.client_id.get_secret_value()}\n" + (
            credentials.client_secret.get_secret_value()
        )
        return cls(credentials.environment, service, hashlib.sha256(pair.encode()).hexdigest())


class _Flight:
    """One purchase under way, and what came of it."""

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.token: Token | None = None
        self.failure: ForecourtError | None = None


class TokenCache:
    """Keeps each token until 60 s before it expires.

    While one thread buys a token the others wait for it; they share its failure too, so a vendor
    that is down is asked once and not ten times in a row.
    """

    def __init__(self, *, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._tokens: dict[Hashable, Token] = {}
        self._flights: dict[Hashable, _Flight] = {}

    def get(self, key: TokenKey, *, buy: Callable[[], Token], deadline: float) -> Token:
        """Return a token good for a minute or more, buying one where there is none.

        Raises
        ------
        RetryableError
            Code ``NO_TIME_LEFT``: another thread was still buying at `deadline` (monotonic).
        ForecourtError
            Whatever `buy` raised, in the thread that bought and in those that waited for it.
        """
        with self._lock:
            token = self._tokens.get(key)
            if token is not None and self._clock() < token.expires_at - _EARLY_SECONDS:
                return token
            flight = self._flights.get(key)
            buying = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
        if buying:
            return self._fly(key, flight, buy)
        if not flight.landed.wait(max(0.0, deadline - self._monotonic())):
            detail = "another call was still waiting for the access token"
            raise RetryableError(Reason.NO_TIME_LEFT, detail, target="EasyCars")
        if flight.token is not None:
            return flight.token
        raise _copy(flight.failure)

    def discard(self, key: TokenKey, refused: Token) -> None:
        """Forget `refused`, and never a newer token another thread has bought meanwhile."""
        with self._lock:
            if self._tokens.get(key) is refused:
                del self._tokens[key]

    def _fly(self, key: TokenKey, flight: _Flight, buy: Callable[[], Token]) -> Token:
        try:
            flight.token = buy()
        except ForecourtError as failure:
            flight.failure = failure
            raise
        finally:
            with self._lock:
                del self._flights[key]
                if flight.token is not None:
                    self._tokens[key] = flight.token
            flight.landed.set()
        return flight.token


def _copy(failure: ForecourtError | None) -> ForecourtError:
    # Each thread raises its own: one exception raised twice mixes up the two tracebacks.
    if failure is None:
        detail = "the call that was getting the access token broke off"
        return RetryableError(Reason.CONNECTION_CUT, detail, target="EasyCars")
    return type(failure)(
        failure.code, failure.detail, target=failure.target, retry_after=failure.retry_after
    )


def token_expiry(token: str, *, now: float) -> float:
    """Read ``exp`` from a JWT's payload, unverified; 600 s from `now` where it has none.

    We are the token's bearer, not its judge: a wrong ``exp`` costs one refused call.
    """
    try:
        payload = token.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expiry = claims["exp"]
        expires_at = math.nan if isinstance(expiry, bool | str) else float(expiry)
    except (
        IndexError, KeyError, TypeError, ValueError, OverflowError, RecursionError,
        binascii.Error, msgspec.DecodeError,
    ):  # fmt: skip
        return now + _LIFETIME_SECONDS
    return expires_at if math.isfinite(expires_at) else now + _LIFETIME_SECONDS
