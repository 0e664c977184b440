"""What every call to EasyCars shares: address, account fields, token, tries in place, deadline."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import SecretStr

from forecourt.easycars.personal_texts import personal_texts
from forecourt.easycars.reasons import Reason
from forecourt.easycars.tokens import Service, Token, TokenCache, TokenKey, token_expiry
from forecourt.easycars.verdict import (
    REQUEST_TOKEN_SECONDS,
    Judge,
    Operation,
    Success,
    request_token_operation,
)
from forecourt.errors import AuthenticationError, RetryableError
from forecourt.network.address import checked_address
from forecourt.network.exchange import Call, Exchanger
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.security.redaction import redact
from forecourt.text_limits import utf16_length

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

_CALL_SECONDS = 100.0
_SILENCE_SECONDS = 30.0
_READ_TRIES = 3
_FIRST_PAUSE_SECONDS = 0.5
_TIME_FOR_A_TRY_SECONDS = 1.0
_ACCOUNT_LIMITS = {"AccountNumber": 20, "AccountSecret": 50}
_NOT_REPEATED = frozenset({Reason.TIMEOUT, Reason.NO_TIME_LEFT})
_JWT_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=")

_encode = msgspec.json.Encoder(decimal_format="number").encode
_random = SystemRandom()


@dataclass(slots=True)
class _AuthorizedCall:
    """One call with a token; ``renewed`` says that it has had its one new token."""

    operation: Operation
    credentials: EasyCarsCredentials
    fields: dict[str, Any]
    deadline: float
    renewed: bool = False


class EasyCarsSession:
    """Sends the calls of :class:`~forecourt.easycars.client.EasyCarsClient`; safe for threads."""

    def __init__(
        self,
        base_urls: Mapping[Environment, str],
        *,
        transport: "httpx.BaseTransport | None",
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._base_urls = {
            environment: checked_address(url, f"EasyCars {environment}")
            for environment, url in base_urls.items()
        }
        self._exchanger = Exchanger(transport)
        self._clock = clock
        self._sleep = sleep
        self._tokens = TokenCache(clock=clock, monotonic=time.monotonic)

    def close(self) -> None:
        """Close the kept connections."""
        self._exchanger.close()

    def read(
        self,
        operation: Operation,
        credentials: EasyCarsCredentials,
        fields: dict[str, Any],
        deadline: float | None,
    ) -> Success:
        """Call an operation that changes nothing, up to three times where that may help."""
        call = _authorized_call(operation, credentials, fields, deadline)
        return self._persist(lambda: self._call(call, self._token), call.deadline)

    def change(
        self,
        operation: Operation,
        credentials: EasyCarsCredentials,
        fields: dict[str, Any],
        deadline: float | None,
    ) -> Success:
        """Call an operation that changes something: sent once, and once more on Code 1."""
        call = _authorized_call(operation, credentials, fields, deadline)

        def token_with_patience(call: _AuthorizedCall) -> Token:
            return self._persist(lambda: self._token(call), call.deadline)

        return self._call(call, token_with_patience)

    def buy_token(
        self, credentials: EasyCarsCredentials, service: Service, deadline: float | None
    ) -> Token:
        """Ask the vendor for a token, once, whatever the cache holds."""
        operation = request_token_operation(service)
        judge = Judge(operation, _redactor(credentials, tuple))
        outcome = self._exchanger.exchange(
            Call(
                url=self._url(credentials.environment, operation),
                headers={"Accept-Encoding": "identity"},
                query={
                    "ClientID": credentials.client_id.get_secret_value(),
                    "ClientSecret": credentials.client_secret.get_secret_value(),
                },
                answer_by=min(_or_default(deadline), time.monotonic() + REQUEST_TOKEN_SECONDS),
                silence_seconds=REQUEST_TOKEN_SECONDS,
                answer_bytes=operation.answer_bytes,
            )
        )
        value = judge.judge(outcome).fields["Token"]
        if not (isinstance(value, str) and _JWT_LETTERS.issuperset(value)):
            detail = "RequestToken: a Token that cannot stand in a header"
            raise RetryableError(Reason.UNREADABLE_ANSWER, detail, target="EasyCars")
        return Token(value=SecretStr(value), expires_at=token_expiry(value, now=self._clock()))

    def _token(self, call: _AuthorizedCall) -> Token:
        service = call.operation.service
        return self._tokens.get(
            TokenKey.of(call.credentials, service),
            buy=lambda: self.buy_token(call.credentials, service, call.deadline),
            deadline=call.deadline,
        )

    def _call(
        self, call: _AuthorizedCall, get_token: Callable[[_AuthorizedCall], Token]
    ) -> Success:
        token = get_token(call)
        try:
            return self._send(call, token)
        except AuthenticationError:
            if call.renewed:
                raise
        call.renewed = True
        self._tokens.discard(TokenKey.of(call.credentials, call.operation.service), token)
        return self._send(call, get_token(call))

    def _send(self, call: _AuthorizedCall, token: Token) -> Success:
        operation, bearer = call.operation, token.value.get_secret_value()
        patience = operation.answer_seconds
        outcome = self._exchanger.exchange(
            Call(
                url=self._url(call.credentials.environment, operation),
                headers={
                    "Authorization": f"Bearer {bearer}",
                    "Content-Type": "application/json",
                    "Accept-Encoding": operation.encodings,
                },
                content=_encode(call.fields),
                answer_by=(
                    call.deadline
                    if patience is None
                    else min(call.deadline, time.monotonic() + patience)
                ),
                silence_seconds=_SILENCE_SECONDS,
                answer_bytes=operation.answer_bytes,
            )
        )
        redactor = _redactor(call.credentials, lambda: (bearer, *personal_texts(call.fields)))
        return Judge(operation, redactor).judge(outcome)

    def _url(self, environment: Environment, operation: Operation) -> str:
        return f"{self._base_urls[environment]}/{operation.service}/{operation.name}"

    def _persist[T](self, action: Callable[[], T], deadline: float) -> T:
        """Repeat `action` where it fails quickly and `deadline` leaves time for another try."""
        from tenacity import (  # noqa: PLC0415 - slow to import, and not before the first call
            Retrying,
            retry_if_exception,
        )

        def enough(state: "RetryCallState") -> bool:
            next_try = time.monotonic() + state.upcoming_sleep
            return (
                state.attempt_number >= _READ_TRIES or next_try + _TIME_FOR_A_TRY_SECONDS > deadline
            )

        retrying = Retrying(
            sleep=self._sleep,
            retry=retry_if_exception(_may_be_repeated),
            wait=_pause,
            stop=enough,
            reraise=True,
        )
        return retrying(action)


def _may_be_repeated(error: BaseException) -> bool:
    return isinstance(error, RetryableError) and error.code not in _NOT_REPEATED


def _pause(state: "RetryCallState") -> float:
    """Wait what the vendor asked for, and at least a random share of a growing pause."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after if isinstance(error, RetryableError) else None
    longest = _FIRST_PAUSE_SECONDS * 2.0 ** (state.attempt_number - 1)
    return (asked or 0.0) + _random.uniform(longest / 2, longest)


def _authorized_call(
    operation: Operation,
    credentials: EasyCarsCredentials,
    fields: dict[str, Any],
    deadline: float | None,
) -> _AuthorizedCall:
    return _AuthorizedCall(
        operation, credentials, _account_fields(credentials) | fields, _or_default(deadline)
    )


def _or_default(deadline: float | None) -> float:
    return time.monotonic() + _CALL_SECONDS if deadline is None else deadline


def _account_fields(credentials: EasyCarsCredentials) -> dict[str, str]:
    fields = {
        "AccountNumber": credentials.account_number.get_secret_value(),
        "AccountSecret": credentials.account_secret.get_secret_value(),
    }
    for field, value in fields.items():
        if not value.strip() or utf16_length(value) > _ACCOUNT_LIMITS[field]:
            detail = f"{field} must have 1 to {_ACCOUNT_LIMITS[field]} characters"
            raise AuthenticationError(Reason.INVALID_CREDENTIALS, detail, target="EasyCars")
    return fields


def _redactor(
    credentials: EasyCarsCredentials, texts: Callable[[], tuple[str, ...]]
) -> Callable[[str], str]:
    """Make what cuts secrets and `texts` out of the vendor's words; most answers have none."""

    def cut_out(text: str) -> str:
        secrets: tuple[str | SecretStr, ...] = (
            credentials.client_id,
            credentials.client_secret,
            credentials.account_number,
            credentials.account_secret,
            *texts(),
        )
        return redact(text, secrets)

    return cut_out
