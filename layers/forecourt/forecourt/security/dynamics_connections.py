"""A dealership's connection to Dynamics 365 in the clear, for as long as one run needs it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

DEFAULT_KEY_COLUMN = "hnt_forecourtid"
"""Text column of the lead table that our own lead id is kept in and an alternate key is on."""

DEFAULT_API_VERSION = "v9.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsConnection:
    """Which organisation takes a dealership's leads, and as whom; secrets never show in a repr.

    Parameters
    ----------
    environment_url
        ``https://org.crm6.dynamics.com``: scheme and host in lower case, no path.
    tenant_id, client_id
        The Entra tenant and app registration; an application user is bound to the latter.
    client_secret, certificate
        One of the two; the certificate is a PEM text with its private key.
    key_column
        Logical name of the column with the alternate key on our lead id.
    option_sets
        Per choice column the tenant's integer of each label; they win over its metadata.
    columns
        Which columns may be sent, by logical name; False never, True if the metadata has it.
    duplicate_detection
        Whether the tenant's duplicate detection rules may refuse a lead of ours.
    app_id
        The model-driven app that deep links open; None leaves it to Dynamics.
    metadata
        What the tenant's own description of its lead table said last, as JSON; None before it
        was read.
    stamp
        Changes with every write of the row.
    """

    connection_id: int
    dealership_id: int
    environment_url: str
    tenant_id: str
    client_id: str
    client_secret: SecretStr | None = None
    certificate: SecretStr | None = None
    api_version: str = DEFAULT_API_VERSION
    key_column: str = DEFAULT_KEY_COLUMN
    option_sets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    columns: Mapping[str, bool] = field(default_factory=dict)
    duplicate_detection: bool = False
    app_id: str | None = None
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)
    stamp: str = ""

    @property
    def budget_scope(self) -> str:
        """Name the (environment, application user) that service protection limits count for."""
        return budget_scope_of(self.environment_url, self.client_id)

    @property
    def remote_scope(self) -> str:
        """Name the organisation a lead's id is valid in."""
        return remote_scope_of(self.environment_url)


def budget_scope_of(environment_url: str, client_id: str) -> str:
    """Name the (environment, application user) that service protection limits count for."""
    text = f"{environment_url.lower()}\n{client_id.lower()}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def remote_scope_of(environment_url: str) -> str:
    """Name the organisation a lead's id is valid in."""
    digest = hashlib.sha256(environment_url.lower().encode()).hexdigest()
    return f"Dynamics:{digest[:32]}"
