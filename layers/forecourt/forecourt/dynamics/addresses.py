"""Where a connection's Dataverse and its token authority are (Dataverse reference, 1.1 and 1.2)."""

import re

from forecourt.errors import AuthenticationError
from forecourt.leads.dynamics.reasons import DynamicsReason
from forecourt.network.address import checked_address
from forecourt.security.dynamics_connections import DynamicsConnection

AUTHORITY = "https://login.microsoftonline.com"

_TENANT = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z.-]{0,251}[0-9A-Za-z])?")
_NO_CONCRETE_TENANT = frozenset({"common", "organizations", "consumers"})
_API_VERSION = re.compile(r"v[1-9][0-9]?\.[0-9]{1,2}")


class Addresses:
    """Makes the addresses of any connection.

    Parameters
    ----------
    dynamics_url
        Takes the place of every connection's Dataverse and of the token authority; None calls the
        real ones. Must be https, except on this machine.
    """

    def __init__(self, dynamics_url: str | None = None) -> None:
        self._instead = checked_address(dynamics_url, "Dynamics") if dynamics_url else None

    def data(self, connection: DynamicsConnection) -> str:
        """Return the address that resource paths are put behind, with its last slash.

        Raises
        ------
        AuthenticationError
            ``CONNECTION_INVALID``: nothing can be sent to what is stored.
        """
        if _API_VERSION.fullmatch(connection.api_version) is None:
            problem = "the API version must be written like v9.2"
            raise invalid_connection(problem)
        base = self._instead or _checked_environment(connection.environment_url)
        return f"{base}/api/data/{connection.api_version}/"

    def token(self, tenant_id: str) -> str:
        """Return the address tokens of a tenant are asked from.

        Raises
        ------
        AuthenticationError
            ``CONNECTION_INVALID``: the tenant is no id, or none in particular.
        """
        if _TENANT.fullmatch(tenant_id) is None or tenant_id.lower() in _NO_CONCRETE_TENANT:
            problem = "the tenant must be the id of one Entra tenant"
            raise invalid_connection(problem)
        return f"{self._instead or AUTHORITY}/{tenant_id}/oauth2/v2.0/token"


def _checked_environment(url: str) -> str:
    if not url.startswith("https://"):
        problem = "the environment URL must begin with https://"
        raise invalid_connection(problem)
    try:
        return checked_address(url, "environment")
    except ValueError as error:
        problem = str(error)
    raise invalid_connection(problem)


def scope_of(connection: DynamicsConnection) -> str:
    """Name what a token is asked for; it stays the environment's own wherever that is served."""
    return f"{connection.environment_url.rstrip('/')}/.default"


def invalid_connection(problem: str) -> AuthenticationError:
    """Say that nothing can be sent to what is stored; the connection waits for a person."""
    return AuthenticationError(
        DynamicsReason.CONNECTION_INVALID,
        f"Nothing was sent: {problem}. Save the connection again.",
        target="Dynamics",
    )
