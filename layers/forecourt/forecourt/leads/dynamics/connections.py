"""The connections a sandbox has at hand, read again only when they or their metadata changed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from forecourt.errors import RetryableError
from forecourt.leads.dynamics.ledger import ConnectionView
from forecourt.leads.dynamics.sink import DynamicsSink
from forecourt.logs import get_logger
from forecourt.security.dynamics_connections import DynamicsConnection

_log = get_logger("dynamics_delivery")

METADATA_LAST_SECONDS = 24 * 3600.0
"""For so long a tenant's description of its lead table is believed without asking again."""

METADATA_FRESH_SECONDS = 300.0
"""Metadata that were read this lately are what the tenant has; asking again would say the same."""

METADATA_REQUESTS = 10
"""How many requests a reading of metadata is taken for in the budget, at most what it makes."""

_MOST_KEPT = 200


class ConnectionVault(Protocol):
    """Where connections are kept under lock."""

    def load(self, dealership_id: int) -> DynamicsConnection | None:
        """Read and decrypt a dealership's active connection; None where it has none.

        Raises
        ------
        RetryableError, PermanentError
            The database or the key is away, or the row does not decrypt.
        """
        ...

    def store_metadata(
        self, connection: DynamicsConnection, metadata: Mapping[str, Any] | None
    ) -> None:
        """Keep what a tenant says of its lead table; None lets it be read anew.

        Raises
        ------
        RetryableError
            The database is away.
        """
        ...


@dataclass(slots=True)
class Ready:
    """A connection in the clear; ``metadata_read_at`` is clock seconds, None without metadata."""

    connection: DynamicsConnection
    loaded_at: float
    metadata_read_at: float | None


class Connections:
    """Keeps decrypted connections by dealership for as long as their row is unchanged.

    Parameters
    ----------
    clock
        Wall-clock seconds.
    """

    def __init__(
        self, vault: ConnectionVault, sink: DynamicsSink, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._vault = vault
        self._sink = sink
        self._clock = clock
        self._kept: dict[int, Ready] = {}

    def get(self, view: ConnectionView) -> Ready | None:
        """Give the connection as the view shows it; None where it is gone or switched off.

        Raises
        ------
        RetryableError, PermanentError
            As :meth:`ConnectionVault.load`.
        """
        kept = self._kept.get(view.dealership_id)
        if kept is not None and kept.connection.stamp == view.stamp:
            age = self._clock() - kept.loaded_at
            if view.metadata_age is not None and view.metadata_age >= age:
                return kept
        self._kept.pop(view.dealership_id, None)
        loaded_at = self._clock()
        connection = self._vault.load(view.dealership_id)
        if connection is None:
            return None
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        has_metadata = connection.metadata is not None and view.metadata_age is not None
        ready = Ready(
            connection,
            loaded_at,
            loaded_at - (view.metadata_age or 0.0) if has_metadata else None,
        )
        self._kept[view.dealership_id] = ready
        return ready

    def lacks_metadata(self, ready: Ready) -> bool:
        """Tell whether the tenant has to be asked for its lead table before a push."""
        read_at = ready.metadata_read_at
        return read_at is None or self._clock() - read_at > METADATA_LAST_SECONDS

    def has_fresh_metadata(self, ready: Ready) -> bool:
        """Tell whether asking the tenant again could say nothing new."""
        read_at = ready.metadata_read_at
        return read_at is not None and self._clock() - read_at <= METADATA_FRESH_SECONDS

    def read_metadata(self, ready: Ready, *, seconds: float) -> None:
        """Ask the tenant for its lead table; where that fails for now, old metadata go on.

        Raises
        ------
        ForecourtError
            It could not be asked, and nothing is known of its table; or it refuses.
        """
        try:
            metadata = self._sink.read_metadata(ready.connection, seconds=seconds)
        except RetryableError as error:
            if ready.connection.metadata is None:
                raise
            _log.warning(
                "Metadata could not be read, the old ones go on",
                dealership_id=ready.connection.dealership_id,
                code=error.code,
            )
            return
        self._vault.store_metadata(ready.connection, metadata)
        ready.connection = replace(ready.connection, metadata=metadata)
        ready.loaded_at = ready.metadata_read_at = self._clock()

    def forget_metadata(self, ready: Ready) -> None:
        """Let the tenant be asked anew before the next push."""
        self._vault.store_metadata(ready.connection, None)
        ready.connection = replace(ready.connection, metadata=None)
        ready.metadata_read_at = None
