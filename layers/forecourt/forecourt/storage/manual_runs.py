"""What has to be known of a dealership's runs before a person starts one."""

from forecourt.admin.sync_starts import Proposal
from forecourt.storage.postgres import Database

_PROPOSAL = """
SELECT id, error_details -> 'proposedRemovals' -> 'stockNumbers'
FROM easycars_sync_logs
WHERE dealership_id = %s AND sync_type = 'Stock'
  AND sync_direction = 'Inbound' AND status IN ('Success', 'Warning')
ORDER BY started_at DESC
LIMIT 1
"""


class PostgresManualRuns:
    """Adapter of :class:`forecourt.admin.sync_starts.ManualRuns`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def proposal(self, dealership_id: int) -> Proposal | None:
        """Return what the dealership's last stock run that ended well would have removed."""
        row = self._database.connection().execute(_PROPOSAL, (dealership_id,)).fetchone()
        if row is None or not row[1]:
            return None
        return Proposal(log_id=row[0], stock_numbers=row[1])
