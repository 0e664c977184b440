"""Tokens of one service: JWT, HS256, with the vendor's four claims (Stock API, RequestToken)."""

import hashlib
import json
import threading
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

TOKEN_LIFE = 600.0
"""Seconds from ``nbf`` to ``exp`` in the vendor's sample."""


class TokenRefusedError(Exception):
    """The token is missing, malformed, expired, revoked or was issued elsewhere."""


class TokenIssuer:
    """Issues and reads tokens.

    Parameters
    ----------
    name
        Two issuers of different names (or seeds) refuse each other's tokens.
    now
        Seconds since 1970 UTC.
    life
        Seconds a token is valid.
    """

    def __init__(self, name: str, *, now: Callable[[], float], life: float = TOKEN_LIFE) -> None:
        self._name = name
        self._now = now
        self._life = life
        self._lock = threading.Lock()
        self._generations: Counter[str] = Counter()

    def issue(self, client_id: str) -> str:
        """Make a token for a client."""
        now = int(self._now())
        claims = {"ClientID": client_id, "nbf": now, "exp": now + int(self._life), "iat": now}
        return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, self._key(client_id))

    def client_of(self, token: str) -> str:
        """Read which client a token belongs to.

        Raises
        ------
        TokenRefusedError
            With the reason, which the vendor does not tell its caller.
        """
        client_id = _claimed_client(token)
        try:
            claims = jwt.decode(token, self._key(client_id), algorithms=["HS256"]).claims
        except (JoseError, ValueError) as error:
            message = "not issued by this service, or revoked"
            raise TokenRefusedError(message) from error
        now = self._now()
        if not int(claims["nbf"]) - 1 <= now < int(claims["exp"]):
            message = "expired"
            raise TokenRefusedError(message)
        return client_id

    def revoke(self, client_id: str) -> None:
        """Make every token issued to a client so far invalid."""
        with self._lock:
            self._generations[client_id] += 1

    def _key(self, client_id: str) -> OctKey:
        with self._lock:
            generation = self._generations[client_id]
        secret = f"{self._name}/{client_id}/{generation}".encode()
        return OctKey.import_key(hashlib.sha256(secret).digest())


def _claimed_client(token: str) -> str:
    parts = token.split(".")
    try:
        payload = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return str(payload["ClientID"])
    except (IndexError, ValueError, KeyError, TypeError) as error:
        message = "malformed"
        raise TokenRefusedError(message) from error
