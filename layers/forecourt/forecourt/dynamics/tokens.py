"""Access tokens from Entra: msal asks for them and keeps them, one app per client and sandbox.

msal keeps each token in memory until 5 minutes before it expires (Dataverse reference, 1.1). Two
things it would do besides are left out: it looks no address up, since the one it needs is known,
and its throttling, which repeats a failure for up to an hour, never sees one, because a failure is
raised through it as what it is.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from forecourt.dynamics.addresses import AUTHORITY, Addresses, scope_of
from forecourt.dynamics.client_credentials import credential_of
from forecourt.dynamics.token_authority import TokenAuthority
from forecourt.errors import ForecourtError, RetryableError
from forecourt.leads.dynamics.reasons import DynamicsReason
from forecourt.network.deadline import answer_by
from forecourt.network.exchange import Exchanger
from forecourt.network.silence import Silence
from forecourt.security.dynamics_connections import DynamicsConnection

if TYPE_CHECKING:
    import msal


class EntraTokens:
    """Gives the access token of any connection; safe for threads.

    Connections of the same client, secret and environment share one token. While one thread asks,
    the others wait for it, and share its failure too.

    Parameters
    ----------
    monotonic
        Seconds.
    most_kept
        Of so many clients a token is kept; who saves ever new secrets must not fill the memory.
    """

    def __init__(
        self,
        addresses: Addresses,
        exchanger: Exchanger,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        most_kept: int = 1_000,
    ) -> None:
        self._addresses = addresses
        self._exchanger = exchanger
        self._monotonic = monotonic
        self._most_kept = most_kept
        self._lock = threading.Lock()
        self._apps: dict[str, _App] = {}  # the one used last stands last

    def get(
        self, connection: DynamicsConnection, deadline: float, *, fresh: bool = False
    ) -> SecretStr:
        """Return a token with more than 5 minutes left, asking for one where there is none.

        Parameters
        ----------
        fresh
            Ask even where there is one, so that an answer proves the stored secret.

        Raises
        ------
        AuthenticationError
            ``TOKEN_DENIED`` or ``CONNECTION_INVALID``.
        RetryableError
            The authority gave no answer, or none by `deadline` (monotonic seconds).
        """
        return self._app_of(connection).token(deadline, fresh=fresh)

    def renew(
        self, connection: DynamicsConnection, refused: SecretStr, deadline: float
    ) -> SecretStr:
        """Return another token than `refused`, and keep a newer one that a thread has by now."""
        return self._app_of(connection).token(deadline, other_than=refused)

    def _app_of(self, connection: DynamicsConnection) -> "_App":
        key = _key_of(connection)
        with self._lock:
            app = self._apps.pop(key, None)
            if app is None:
                authority = TokenAuthority(
                    connection.tenant_id,
                    self._addresses.token(connection.tenant_id),
                    self._exchanger,
                    monotonic=self._monotonic,
                )
                alone = replace(connection, metadata=None)  # kept for as long as the sandbox lives
                app = _App(alone, authority, self._monotonic)
            self._apps[key] = app
            if len(self._apps) > self._most_kept:
                del self._apps[next(iter(self._apps))]
            return app


class _App:
    """msal's application of one client, made when its first token is asked for."""

    def __init__(
        self,
        connection: DynamicsConnection,
        authority: TokenAuthority,
        monotonic: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._authority = authority
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._app: msal.ConfidentialClientApplication | None = None

    def token(
        self, deadline: float, *, other_than: SecretStr | None = None, fresh: bool = False
    ) -> SecretStr:
        waits_since = self._monotonic()
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            detail = "Token: another call was still waiting for it."
            raise RetryableError(Silence.NO_TIME_LEFT, detail, target="Dynamics")
        try:
            self._authority.shares_its_failure_with(waits_since)
            with answer_by(deadline):
                if fresh:
                    self._application().remove_tokens_for_client()
                token = self._acquire()
                if token == other_than:
                    self._application().remove_tokens_for_client()
                    token = self._acquire()
                return token
        finally:
            self._lock.release()

    def _acquire(self) -> SecretStr:
        # A token that is merely getting old stays good while the authority is away.
        answer = self._application().acquire_token_for_client(
            [scope_of(self._connection)], http_exceptions=(ForecourtError,)
        )
        token = answer.get("access_token")
        if not isinstance(token, str):
            detail = "Token: msal has none and says not why."
            raise RetryableError(DynamicsReason.UNREADABLE_ANSWER, detail, target="Dynamics")
        return SecretStr(token)

    def _application(self) -> "msal.ConfidentialClientApplication":
        if self._app is None:
            import msal  # noqa: PLC0415 - a fifth of a second, for those who call Dynamics only

            self._app = msal.ConfidentialClientApplication(
                self._connection.client_id,
                client_credential=credential_of(self._connection),
                authority=f"{AUTHORITY}/{self._connection.tenant_id}",
                instance_discovery=False,
                azure_region=False,
                http_client=self._authority,
            )
        return self._app


def _key_of(connection: DynamicsConnection) -> str:
    """Name whom a token is given to.

    The digest covers the secret, so that a dealership which stored a wrong one for somebody's
    client cannot work with the token the right secret bought.
    """
    secrets = (connection.client_secret, connection.certificate)
    parts = (
        connection.environment_url.rstrip("/").lower(),
        connection.tenant_id.lower(),
        connection.client_id.lower(),
        *("" if secret is None else secret.get_secret_value() for secret in secrets),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
