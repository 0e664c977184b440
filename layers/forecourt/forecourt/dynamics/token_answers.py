"""Judge what the token authority answers (Dataverse reference, 1.1).

Nothing was done at Dynamics yet, so whatever may pass is retryable. Of the authority's words only
its own codes are repeated: the description names tenant and client.
"""

import re
from http import HTTPStatus
from typing import Any

import msgspec

from forecourt.errors import AuthenticationError, RetryableError
from forecourt.leads.dynamics.reasons import DynamicsReason
from forecourt.network.exchange import Answer, NoAnswer

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")
_OAUTH_ERROR = re.compile(r"[a-z_]{1,60}")
_AADSTS = re.compile(r"\bAADSTS(\d{4,8})\b")
_AWAY = frozenset({408, 502, 503, 504})
_PASSING = frozenset({"temporarily_unavailable", "server_error"})
_LONGEST_LIFE_SECONDS = 86_400 * 7

_CURES = {
    "7000215": "the client secret is wrong: save its value (not its id) again",
    "7000222": "the client secret has expired: make a new one and save it",
    "700016": "the tenant has no such app registration: check client id and tenant id",
    "700027": "the certificate is not the one registered with the app",
    "7000229": "the app registration has no service principal in the tenant: consent to it there",
    "7000112": "the app registration is disabled in the tenant",
    "90002": "there is no such tenant: check the tenant id",
    "900023": "there is no such tenant: check the tenant id",
    "500011": "the tenant knows no such environment: check the environment URL",
    "53003": "a Conditional Access policy of the tenant forbids it",
}
_ANY_CURE = "check tenant id, client id and client secret (or certificate)"


def judge_token(outcome: Answer | NoAnswer) -> dict[str, Any]:
    """Return the token's fields that matter, or raise what the answer is instead.

    Raises
    ------
    AuthenticationError
        ``TOKEN_DENIED``: the authority knows the client not, or not with this secret.
    RetryableError
        The authority is away, busy or unreadable.
    """
    if isinstance(outcome, NoAnswer):
        raise _passing(outcome.reason, outcome.detail)
    status, fields = outcome.status, _read(outcome.body)
    if status == HTTPStatus.OK:
        return _token(fields)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise _passing(DynamicsReason.RATE_LIMITED, "asked us to slow down", outcome.retry_after)
    if status in _AWAY:
        detail = f"HTTP status {status}"
        raise _passing(DynamicsReason.VENDOR_AWAY_HTTP, detail, outcome.retry_after)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or fields.get("error") in _PASSING:
        raise _passing(DynamicsReason.SERVER_ERROR, f"HTTP status {status}", outcome.retry_after)
    if status < HTTPStatus.BAD_REQUEST:
        detail = f"HTTP status {status}, which is not followed"
        raise _passing(DynamicsReason.UNREADABLE_ANSWER, detail)
    raise _denied(status, fields)


def _token(fields: dict[str, Any]) -> dict[str, Any]:
    token = fields.get("access_token")
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        detail = "a success without a token that can stand in a header"
        raise _passing(DynamicsReason.UNREADABLE_ANSWER, detail)
    answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
    for name in ("expires_in", "refresh_in"):
        seconds = _seconds(fields.get(name))
        if seconds is not None:
            answer[name] = seconds
    return answer


def _denied(status: int, fields: dict[str, Any]) -> AuthenticationError:
    error, said = fields.get("error"), [f"HTTP status {status}"]
    if isinstance(error, str) and _OAUTH_ERROR.fullmatch(error):
        said.append(error)
    number = _AADSTS.search(str(fields.get("error_description", ""))[:2000])
    if number is not None:
        said.append(number.group())
    cure = _CURES.get(number.group(1), _ANY_CURE) if number else _ANY_CURE
    return AuthenticationError(
        DynamicsReason.TOKEN_DENIED,
        f"Entra gives no token ({', '.join(said)}); {cure}.",
        target="Dynamics",
    )


def _passing(reason: str, detail: str, retry_after: float | None = None) -> RetryableError:
    return RetryableError(
        str(reason), f"Token: {detail}.", target="Dynamics", retry_after=retry_after
    )


def _read(body: bytearray) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _seconds(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:9])
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return min(value, _LONGEST_LIFE_SECONDS)
