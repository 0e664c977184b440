"""Tokens a vendor issues and reads: JWT, HS256, bound to a client and revocable."""

import hashlib
import json
import threading
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey


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
    client_claim
        The claim that says whose token it is.
    """

    def __init__(
        self, name: str, *, now: Callable[[], float], life: float, client_claim: str
    ) -> None:
        self.life = life
        self._name = name
        self._now = now
        self._client_claim = client_claim
        self._lock = threading.Lock()
        self._generations: Counter[str] = Counter()

    def issue(self, client_id: str, **claims: str) -> str:
        """Make a token for a client, with more claims if there are any."""
        now = int(self._now())
        whole = {
            self._client_claim: client_id,
            "nbf": now,
            "exp": now + int(self.life),
            "iat": now,
            **claims,
        }
        return jwt.encode({"alg": "HS256", "typ": "JWT"}, whole, self._key(client_id))

    def claims_of(self, token: str) -> Mapping[str, Any]:
        """Read the claims of a token that is good now.

        Raises
        ------
        TokenRefusedError
            With the reason, which the vendor does not tell its caller.
        """
        client_id = self._claimed_client(token)
        try:
            claims = jwt.decode(token, self._key(client_id), algorithms=["HS256"]).claims
        except (JoseError, ValueError) as error:
            message = "not issued by this service, or revoked"
            raise TokenRefusedError(message) from error
        now = self._now()
        if not int(claims["nbf"]) - 1 <= now < int(claims["exp"]):
            message = "expired"
            raise TokenRefusedError(message)
        return claims

    def client_of(self, token: str) -> str:
        """Read which client a token belongs to; raises as :meth:`claims_of` does."""
        return str(self.claims_of(token)[self._client_claim])

    def revoke(self, client_id: str) -> None:
        """Make every token issued to a client so far invalid."""
        with self._lock:
            self._generations[client_id] += 1

    def _key(self, client_id: str) -> OctKey:
        with self._lock:
            generation = self._generations[client_id]
        secret = f"{self._name}/{client_id}/{generation}".encode()
        return OctKey.import_key(hashlib.sha256(secret).digest())

    def _claimed_client(self, token: str) -> str:
        parts = token.split(".")
        try:
            payload = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            return str(payload[self._client_claim])
        except (IndexError, ValueError, KeyError, TypeError) as error:
            message = "malformed"
            raise TokenRefusedError(message) from error
