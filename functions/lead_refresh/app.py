"""Refresh one dealership's open leads: one item of the sync state machine's Map."""

from functools import cache
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.typing import LambdaContext

from forecourt.aws.kms import KmsDataKeys
from forecourt.defects import only_redacted_errors
from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_source import EasyCarsLeadSource
from forecourt.leads.refresh import LeadRefresh
from forecourt.settings import LeadRefreshSettings
from forecourt.stock.state_machine_errors import only_state_machine_errors
from forecourt.storage.credentials import CredentialVault
from forecourt.storage.database_settings import open_database
from forecourt.storage.lead_refresh import PostgresLeadRefresh
from forecourt.storage.postgres import Database


@cache
def connections() -> tuple[Database, EasyCarsClient]:
    """Make what holds connections, one of each per sandbox; none is open yet."""
    settings = LeadRefreshSettings.from_environment()
    return open_database(settings), EasyCarsClient(settings.easycars_base_urls)


@cache
def refresh() -> LeadRefresh:
    """Wire the refresh on the sandbox's first call."""
    settings = LeadRefreshSettings.from_environment()
    database, easycars = connections()
    return LeadRefresh(
        source=EasyCarsLeadSource(easycars),
        credentials=CredentialVault(database, KmsDataKeys(settings.credentials_key_arn)),
        store=PostgresLeadRefresh(database),
        calls_per_second=settings.lead_refresh_calls_per_second,
        leads_per_run=settings.lead_refresh_leads_per_run,
    )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one Map item with its counts, or fail with exactly one of three error classes."""
    with only_state_machine_errors(), only_redacted_errors("lead_refresh"):
        result = refresh().run(
            UUID(event["jobId"]),
            int(event["dealershipId"]),
            seconds_left=context.get_remaining_time_in_millis() / 1000,
        )
        return result.to_payload()
