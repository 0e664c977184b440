"""What every Dynamics client can do: open and close its session, read the lead table."""

import time
from typing import TYPE_CHECKING, Self

from forecourt.dynamics.metadata import TenantMetadata
from forecourt.dynamics.session import DynamicsSession
from forecourt.dynamics.table_description import read_table
from forecourt.security.dynamics_connections import DynamicsConnection

if TYPE_CHECKING:
    import httpx


class DynamicsTableClient:
    """Reads the lead table of any connection; safe for threads.

    Every call has so many ``seconds`` and raises only the classes of :mod:`forecourt.errors`.

    Parameters
    ----------
    dynamics_url
        Takes the place of every connection's Dataverse (``…/api/data/v9.2/``) and of Entra
        (``…/{tenant}/oauth2/v2.0/token``); None calls the real ones.
    transport
        Takes the place of the network.
    """

    def __init__(
        self,
        dynamics_url: str | None = None,
        *,
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        self._session = DynamicsSession(dynamics_url, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def read_metadata(self, connection: DynamicsConnection, *, seconds: float) -> TenantMetadata:
        """Read the tenant's lead table: columns, limits, options and alternate keys."""
        return read_table(self._session, connection, time.monotonic() + seconds)
