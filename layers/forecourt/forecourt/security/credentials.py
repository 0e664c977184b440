"""A dealership's EasyCars credentials in the clear, for as long as one run needs them."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr


class Environment(StrEnum):
    """Which of the vendor's two systems a dealership talks to (EasyCars spec, section 1.1)."""

    TEST = "Test"
    PRODUCTION = "Production"


@dataclass(frozen=True, slots=True, kw_only=True)
class EasyCarsCredentials:
    """The two credential pairs of one dealership; the secrets never show in a repr.

    ``client_id``/``client_secret`` buy a token; ``account_number`` (at most 20 characters) and
    ``account_secret`` (at most 50) travel in every request body. ``yard_code`` narrows the stock
    feed to one yard; None means all yards.
    """

    credential_id: int
    dealership_id: int
    environment: Environment
    client_id: SecretStr
    client_secret: SecretStr
    account_number: SecretStr
    account_secret: SecretStr
    yard_code: str | None = None

    @property
    def account_scope(self) -> str:
        """Name the (environment, account) a LeadNumber is valid in, without revealing it."""
        account = self.account_number.get_secret_value().strip().upper()
        digest = hashlib.sha256(f"{self.environment}\n{account}".encode()).hexdigest()
        return f"{self.environment}:{digest[:32]}"

    @property
    def lead_source(self) -> str:
        """Name the client EasyCars knows a lead's creator by, without revealing it.

        GetLeadDetail shows a lead to the source that created it only (Lead API, 1.7).
        """
        client = self.client_id.get_secret_value().strip().upper()
        return hashlib.sha256(f"client\n{client}".encode()).hexdigest()[:32]

    @property
    def stock_scope(self) -> str:
        """Name the (environment, account, yard) a stock feed is complete for."""
        digest = hashlib.sha256((self.yard_code or "").encode()).hexdigest()
        return f"{self.account_scope}:{digest[:8] if self.yard_code else 'all'}"
