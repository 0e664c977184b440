"""The local sign-in issuer: OpenID discovery, its public key, and tokens for the command line.

One RSA key per data folder, made the first time and kept, so a token lives as long as it says
even when the stack is restarted.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.jwk import RSAKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.data_folder import DataFolder
    from local.queues import Environ

AUDIENCE = "forecourt"
ISSUER_PATH = "/sign-in"
TOKEN_SECONDS = 8 * 3600
_KEY_BITS = 2048
_KEY_NAME = "issuer"


class LocalIssuer:
    """Signs tokens and publishes the key that verifies them.

    Parameters
    ----------
    data
        The data folder that keeps the key.
    url
        The issuer's URL, the ``iss`` of its tokens.
    """

    def __init__(self, data: DataFolder, url: str) -> None:
        self.url = url
        kept = data.read_keys(_KEY_NAME)
        if not kept:
            made = RSAKey.generate_key(_KEY_BITS, {"kid": uuid.uuid4().hex, "use": "sig"})
            kept = dict(made.as_dict(private=True))
            data.write_keys(_KEY_NAME, kept)
        self._key = RSAKey.import_key(kept)

    def mint(self, *, dealership_id: int | None = None) -> str:
        """Return a token, good for eight hours.

        Parameters
        ----------
        dealership_id
            The dealership whose owner the token speaks for; None for an administrator.
        """
        now = int(time.time())
        who = "local-admin" if dealership_id is None else f"local-owner-{dealership_id}"
        claims: dict[str, Any] = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.url}/{who}")),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "username": who,
            "email": f"{who}@example.com",
            "usertype": "Admin" if dealership_id is None else "DealershipOwner",
        }
        if dealership_id is not None:
            claims["dealershipid"] = str(dealership_id)
        header = {"alg": "RS256", "kid": self._key.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self._key)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's callable
        """Answer discovery and the key set (OpenID Connect Discovery 1.0; RFC 7517)."""
        path = environ["PATH_INFO"].removeprefix(ISSUER_PATH)
        documents: dict[str, dict[str, Any]] = {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/.well-known/jwks.json",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
            },
            "/.well-known/jwks.json": {"keys": [self._key.as_dict(private=False)]},
        }
        found = documents.get(path)
        status = "404 Not Found" if found is None else "200 OK"
        body = json.dumps(found or {"message": "Not Found"}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]
