"""The JWT authorizer of an HTTP API: what API Gateway checks before it calls a function.

Source: API Gateway Developer Guide, "Control access to HTTP APIs with JWT authorizers".
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHMS = ["RS256", "RS384", "RS512"]
_KEYS_KEPT_SECONDS = 300.0
_CLOCK_SKEW_SECONDS = 5


class UnauthorizedError(Exception):
    """The request carries no token that the authorizer accepts."""


@dataclass(frozen=True)
class JwtAuthorizer:
    """What one route asks of a token.

    Attributes
    ----------
    issuer
        The issuer's URL; its keys are found by OpenID discovery.
    audiences
        One of these must be in ``aud``, or be ``client_id`` when there is no ``aud``.
    scopes
        One of these must be in ``scope`` or ``scp``; empty asks for none.
    """

    issuer: str
    audiences: tuple[str, ...]
    scopes: tuple[str, ...] = ()


class TokenChecker:
    """Checks tokens against issuers, whose keys it fetches and keeps for five minutes."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[float, KeySet]] = {}
        self._lock = threading.Lock()

    def check(self, authorizer: JwtAuthorizer, header: str | None) -> dict[str, Any]:
        """Return the claims of the token in an Authorization header.

        Raises
        ------
        UnauthorizedError
            When the header is missing, or the token's form, signature, issuer, audience, times
            or scopes are not right, or the issuer's keys cannot be had.
        """
        if not header:
            raise UnauthorizedError
        scheme, _, rest = header.partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else header.strip()
        try:
            claims = self._decode(authorizer.issuer, token)
        except (JoseError, ValueError, httpx.HTTPError) as error:
            raise UnauthorizedError from error
        if not (_issued_for(claims, authorizer) and _scoped(claims, authorizer)):
            raise UnauthorizedError
        return claims

    def _decode(self, issuer: str, token: str) -> dict[str, Any]:
        try:
            claims = jwt.decode(token, self._keys_of(issuer), algorithms=_ALGORITHMS).claims
        except (JoseError, ValueError):
            # The issuer may have changed its key since its keys were fetched.
            claims = jwt.decode(
                token, self._keys_of(issuer, afresh=True), algorithms=_ALGORITHMS
            ).claims
        registry = jwt.JWTClaimsRegistry(
            leeway=_CLOCK_SKEW_SECONDS, exp={"essential": True}, iss={"value": issuer}
        )
        registry.validate(claims)
        return dict(claims)

    def _keys_of(self, issuer: str, *, afresh: bool = False) -> KeySet:
        with self._lock:
            fetched, keys = self._keys.get(issuer, (float("-inf"), None))
            if keys is not None and not afresh and time.monotonic() - fetched < _KEYS_KEPT_SECONDS:
                return keys
        discovery = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        with httpx.Client(timeout=5.0, trust_env=False) as client:
            address = client.get(discovery).raise_for_status().json()["jwks_uri"]
            keys = KeySet.import_key_set(client.get(address).raise_for_status().json())
        with self._lock:
            self._keys[issuer] = (time.monotonic(), keys)
        return keys


def claims_as_gateway_text(claims: Mapping[str, Any]) -> dict[str, str]:
    """Return claims as the gateway hands them on: every value a string."""
    return {name: _text(value) for name, value in claims.items()}


def _text(value: Any) -> str:  # noqa: ANN401 - a claim is any JSON value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{' '.join(_text(item) for item in value)}]"
    return str(value)


def _issued_for(claims: Mapping[str, Any], authorizer: JwtAuthorizer) -> bool:
    if claims.get("iss") != authorizer.issuer:
        return False
    audience = claims.get("aud", claims.get("client_id"))
    named = audience if isinstance(audience, list) else [audience]
    return any(name in authorizer.audiences for name in named)


def _scoped(claims: Mapping[str, Any], authorizer: JwtAuthorizer) -> bool:
    granted = str(claims.get("scope", claims.get("scp", ""))).split()
    return not authorizer.scopes or any(scope in granted for scope in authorizer.scopes)
