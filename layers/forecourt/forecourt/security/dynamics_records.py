"""What is said about a stored connection to Dynamics 365 without saying its secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

from pydantic import SecretStr

from forecourt.security.dynamics_connections import DEFAULT_API_VERSION, DEFAULT_KEY_COLUMN

SECRET_NAMES = ("client_secret", "certificate")
"""What a connection signs in with, one of the two; only ever stored encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsRecord:
    """A stored row without its secret; what an admin may see.

    Parameters
    ----------
    secret_kind
        Which of the two the connection signs in with.
    last_check_detail
        The lines of the last check, as :mod:`forecourt.leads.dynamics.check` writes them.
    """

    id: int
    dealership_id: int
    environment_url: str
    tenant_id: str
    client_id: str
    secret_kind: Literal["clientSecret", "certificate"]
    secret_changed_at: datetime
    api_version: str
    key_column: str
    option_sets: Mapping[str, Mapping[str, int]]
    columns: Mapping[str, bool]
    duplicate_detection: bool
    app_id: str | None
    is_active: bool
    hold_reason: str | None
    hold_until: datetime | None
    metadata_read_at: datetime | None
    last_checked_at: datetime | None
    last_check_detail: Mapping[str, Any] | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsValues:
    """Everything about a connection that a person decides, but for its secret."""

    environment_url: str
    tenant_id: str
    client_id: str
    api_version: str = DEFAULT_API_VERSION
    key_column: str = DEFAULT_KEY_COLUMN
    option_sets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    columns: Mapping[str, bool] = field(default_factory=dict)
    duplicate_detection: bool = False
    app_id: str | None = None
    is_active: bool = True

    @classmethod
    def of(cls, record: DynamicsRecord) -> "DynamicsValues":
        """Take them from a stored row."""
        return cls(**{part.name: getattr(record, part.name) for part in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsChanges:
    """What a save says: ``values`` by field of :class:`DynamicsValues`, and a new secret.

    What is not named stays, or has its default where there was no connection.
    """

    values: Mapping[str, Any]
    client_secret: SecretStr | None = None
    certificate: SecretStr | None = None

    @property
    def secret(self) -> dict[str, SecretStr]:
        """The new secret under its name; empty where the stored one stays."""
        given = {name: getattr(self, name) for name in SECRET_NAMES}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def names(self) -> list[str]:
        """What is changed, by name, for the audit log."""
        return sorted([*self.values, *self.secret])
