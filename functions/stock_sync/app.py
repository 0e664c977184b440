"""Sync one dealership's stock: one item of the sync state machine's Map."""

from functools import cache
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.typing import LambdaContext

from forecourt.aws.image_queue import SqsImageQueue
from forecourt.aws.kms import KmsDataKeys
from forecourt.defects import only_redacted_errors
from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.settings import StockSyncSettings
from forecourt.stock.state_machine_errors import only_state_machine_errors
from forecourt.stock.sync import StockSync
from forecourt.storage.credentials import CredentialVault
from forecourt.storage.database_settings import open_database
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresStockStore


@cache
def connections() -> tuple[Database, EasyCarsClient]:
    """Make what holds connections, one of each per sandbox; none is open yet."""
    settings = StockSyncSettings.from_environment()
    return open_database(settings), EasyCarsClient(settings.easycars_base_urls)


@cache
def sync() -> StockSync:
    """Wire the sync on the sandbox's first call."""
    settings = StockSyncSettings.from_environment()
    database, easycars = connections()
    return StockSync(
        source=easycars,
        credentials=CredentialVault(database, KmsDataKeys(settings.credentials_key_arn)),
        store=PostgresStockStore(database, pipeline=settings.database_pipeline),
        mapping=EasyCarsStockReading(),
        images=SqsImageQueue(settings.images_queue_url),
    )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one Map item with its counts, or fail with exactly one of three error classes."""
    with only_state_machine_errors(), only_redacted_errors("stock_sync"):
        result = sync().run(
            UUID(event["jobId"]),
            int(event["dealershipId"]),
            seconds_left=context.get_remaining_time_in_millis() / 1000,
            accept_removals=event.get("acceptRemovals") or None,
        )
        return result.to_payload()
