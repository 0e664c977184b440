"""Forecourt's connection to an environment of the Dataverse simulator."""

from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from forecourt.security.dynamics_connections import DynamicsConnection
from local.dataverse_simulator import Account


def connection_to(account: Account, **changes: Any) -> DynamicsConnection:
    """Connect dealership 1 by an account's client and secret, with changes."""
    made = DynamicsConnection(
        connection_id=1,
        dealership_id=1,
        environment_url=account.environment_url,
        tenant_id=account.tenant_id,
        client_id=account.client_id,
        client_secret=SecretStr(account.client_secret),
    )
    return replace(made, **changes)
