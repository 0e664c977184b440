"""What is said about stored credentials without saying the credentials."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from forecourt.security.credentials import Environment

SECRET_FIELDS = ("client_id", "client_secret", "account_number", "account_secret")
"""The four values that are only ever stored encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRecord:
    """A stored row without its secrets; what an admin may see."""

    id: int
    dealership_id: int
    environment: Environment
    is_active: bool
    yard_code: str | None
    hold_reason: str | None
    hold_until: datetime | None
    last_synced_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialChanges:
    """A partial update: what is None stays, except ``yard_code`` where ``clear_yard`` is set."""

    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    account_number: SecretStr | None = None
    account_secret: SecretStr | None = None
    environment: Environment | None = None
    is_active: bool | None = None
    yard_code: str | None = None
    clear_yard: bool = False

    @property
    def secrets(self) -> dict[str, SecretStr]:
        """The secret values that are given."""
        values = {name: getattr(self, name) for name in SECRET_FIELDS}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def names(self) -> list[str]:
        """What is changed, by name, for the audit log."""
        plain = [
            name
            for name in ("environment", "is_active", "yard_code")
            if getattr(self, name) is not None
        ]
        return [*self.secrets, *plain, *(["yard_code"] if self.clear_yard else [])]
