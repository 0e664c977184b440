"""A tenant's lead table as one connection may write to it."""

from forecourt.dynamics.fitting import Fitted, Wish, fit
from forecourt.dynamics.metadata import Column, TenantMetadata
from forecourt.security.dynamics_connections import DynamicsConnection


class TenantTable:
    """Says which columns may be written, and what they will hold.

    Parameters
    ----------
    updating
        Whether the record is known to exist; columns may take values at creation only, or never
        then.
    """

    def __init__(
        self, connection: DynamicsConnection, metadata: TenantMetadata, *, updating: bool
    ) -> None:
        self._connection = connection
        self._metadata = metadata
        self._updating = updating

    def column(self, name: str) -> Column | None:
        """Return a column that may be written; None where it may not be or is not there.

        The column of the alternate key travels in the address alone: in the body of an upsert it
        would win over the address (reference, 1.3).
        """
        column = self._metadata.columns.get(name)
        if column is None or name == self._connection.key_column:
            return None
        if self._connection.columns.get(name) is False:
            return None
        return column if (column.on_update if self._updating else column.on_create) else None

    def fit(self, wish: Wish) -> Fitted | None:
        """Fit a wish to its column; None where the column may not be written."""
        column = self.column(wish.column)
        if column is None:
            return None
        return fit(wish, column, self._connection.option_sets.get(wish.column, {}))
