"""What the admin API needs of the world; ``storage``, ``aws`` and ``easycars`` provide it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from forecourt.admin.audit import Actor
from forecourt.admin.request import Page
from forecourt.security.credential_records import CredentialChanges, CredentialRecord
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.security.envelope import CredentialSecrets

type Row = Mapping[str, Any]
type Rows = tuple[Sequence[Row], int]
"""A page of rows and how many there are in all."""


class Credentials(Protocol):
    """Stored credentials; see :class:`forecourt.storage.credentials.CredentialVault`."""

    def load(self, dealership_id: int) -> EasyCarsCredentials | None:
        """Read and decrypt the active credentials; None where there are none.

        Raises
        ------
        RetryableError, PermanentError
            The database or the key is away, or the row does not decrypt.
        """
        ...

    def describe(self, dealership_id: int) -> CredentialRecord | None:
        """Return a dealership's row without its secrets."""
        ...

    def save(
        self,
        dealership_id: int,
        values: CredentialSecrets,
        environment: Environment,
        yard_code: str | None,
        *,
        actor: Actor,
        is_active: bool = True,
    ) -> CredentialRecord:
        """Store the first credentials; PermanentError ``CREDENTIALS_EXIST`` if there are some."""
        ...

    def update(
        self, credential_id: int, dealership_id: int, changes: CredentialChanges, *, actor: Actor
    ) -> CredentialRecord | None:
        """Change some values; None where the dealership has no such credentials."""
        ...

    def delete(self, credential_id: int, dealership_id: int, *, actor: Actor) -> bool:
        """Remove them; say whether there were any."""
        ...


class ConnectionProbe(Protocol):
    """Asks EasyCars whether it takes credentials that are not stored."""

    def fetch_stock(
        self, credentials: EasyCarsCredentials, *, deadline: float | None = None
    ) -> object:
        """Fetch the stock; raises where the vendor refuses or is away."""
        ...


class Dealerships(Protocol):
    """The table of dealerships."""

    def next_id(self) -> int:
        """Take the id of a dealership that is about to be added."""
        ...

    def add(
        self,
        dealership_id: int,
        name: str,
        origins: Sequence[str],
        *,
        key_id: str,
        secret_version: int,
        actor: Actor,
    ) -> None:
        """Insert a dealership with its first site key."""
        ...

    def list(self, only: int | None) -> Sequence[Row]:
        """Return all dealerships, or the one."""
        ...

    def exists(self, dealership_id: int) -> bool:
        """Say whether there is such a dealership."""
        ...


class SiteKeys(Protocol):
    """A dealership's site keys and web origins, and the site file made of them."""

    def list(self, dealership_id: int) -> Sequence[Row]:
        """Return its keys, revoked ones too, oldest first."""
        ...

    def refusals(self, dealership_id: int) -> Sequence[Row]:
        """Return what was refused in the last 24 hours by key, reason and field."""
        ...

    def failing(self, dealership_id: int) -> Collection[str]:
        """Return the ids of keys whose website only fails."""
        ...

    def add(
        self,
        dealership_id: int,
        *,
        key_id: str,
        label: str | None,
        secret_version: int,
        actor: Actor,
    ) -> Row | None:
        """Insert a key; None where the dealership has as many active ones as it may have."""
        ...

    def change(
        self, dealership_id: int, key_id: str, changes: Mapping[str, Any], *, actor: Actor
    ) -> Row | None:
        """Change ``label``, ``rate_per_second``, ``burst``; None where there is no such key."""
        ...

    def revoke(self, dealership_id: int, key_id: str, *, actor: Actor) -> bool:
        """End a key, also one that is ended already; say whether there is such a key."""
        ...

    def origins(self, dealership_id: int) -> Sequence[str]:
        """Return the web origins whose pages may post."""
        ...

    def set_origins(self, dealership_id: int, origins: Sequence[str], *, actor: Actor) -> None:
        """Let pages of these origins post and no others."""
        ...

    def site_document(self, dealership_id: int) -> dict[str, Any]:
        """Return what the site file has to say."""
        ...


class Settings(Protocol):
    """``system_settings`` and ``dealership_settings``."""

    def system(self) -> Mapping[str, str | None]:
        """Return every system setting."""
        ...

    def change_system(self, values: Mapping[str, str], *, actor: Actor) -> None:
        """Write some system settings."""
        ...

    def dealership(self, dealership_id: int) -> Row:
        """Return a dealership's ``auto_sync_enabled``, ``sync_cron`` and ``sync_timezone``."""
        ...

    def change_dealership(
        self, dealership_id: int, values: Mapping[str, Any], *, actor: Actor
    ) -> None:
        """Write some settings of a dealership."""
        ...


class Documents(Protocol):
    """Where site files lie."""

    def put(self, key: str, document: Any) -> None:  # noqa: ANN401 - any JSON value
        """Write a document."""
        ...


class SyncReports(Protocol):
    """Sync logs, jobs and vehicles, read. ``scope`` is one dealership, None for all."""

    def logs(
        self,
        scope: int | None,
        sync_type: str | None,
        status: str | None,
        page: Page,
        *,
        direction: str | None = None,
    ) -> Rows:
        """Return log rows without payloads, newest first."""
        ...

    def log(self, log_id: int, scope: int | None) -> Row | None:
        """Return one log row with error details and payloads."""
        ...

    def proposed_removals(self, log_id: int) -> tuple[Sequence[Row], bool]:
        """Return the vehicles a run proposed to remove, and whether that can be accepted now."""
        ...

    def open_proposal(self, dealership_id: int) -> Row | None:
        """Return ``log_id`` and ``total`` of the removals that wait for a person; None for none."""
        ...

    def last_log(self, dealership_id: int, sync_type: str) -> Row | None:
        """Return the log row of a dealership's newest run of a kind."""
        ...

    def is_syncing(self, dealership_id: int) -> bool:
        """Say whether a run of a dealership is under way."""
        ...

    def job(self, job_id: UUID, scope: int | None) -> tuple[Row, Sequence[Row]] | None:
        """Return a job and its dealerships."""
        ...

    def vehicles(self, scope: int | None, status: str | None, page: Page) -> Rows:
        """Return vehicles by id."""
        ...
