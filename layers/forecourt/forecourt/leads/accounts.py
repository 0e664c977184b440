"""The credentials a sandbox has at hand, read again only when they were written again."""

from dataclasses import dataclass
from typing import Protocol

from forecourt.security.credentials import EasyCarsCredentials

_MOST_KEPT = 500


class CredentialVault(Protocol):
    """Where credentials are kept under lock."""

    def load(self, dealership_id: int) -> EasyCarsCredentials | None:
        """Read and decrypt a dealership's active credentials; None where it has none.

        Raises
        ------
        RetryableError, PermanentError
            The database or the key is away, or the row does not decrypt.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Credentials and the stamp of the row they were read from."""

    stamp: str
    credentials: EasyCarsCredentials


class Accounts:
    """Keeps decrypted credentials by dealership for as long as their row is unchanged."""

    def __init__(self, vault: CredentialVault) -> None:
        self._vault = vault
        self._kept: dict[int, Account] = {}

    def get(self, dealership_id: int, stamp: str) -> Account | None:
        """Give the credentials whose row bears `stamp`; reads them when they are not at hand."""
        kept = self._kept.get(dealership_id)
        if kept is not None and kept.stamp == stamp:
            return kept
        self._kept.pop(dealership_id, None)
        credentials = self._vault.load(dealership_id)
        if credentials is None:
            return None
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        account = Account(stamp=stamp, credentials=credentials)
        self._kept[dealership_id] = account
        return account
