"""Adapter of :class:`forecourt.leads.dynamics.tenant.Tenant` over the client of check and setup."""

from collections.abc import Collection, Mapping
from uuid import UUID

from forecourt.dynamics.column_drafts import ColumnDraft, ColumnKind
from forecourt.dynamics.metadata import TenantMetadata
from forecourt.dynamics.our_columns import CREATED_BY_HAND, DRAFTS, LABELS_SENT
from forecourt.dynamics.setup_client import DynamicsSetupClient, WhoAmI
from forecourt.security.dynamics_connections import DynamicsConnection

_KEY_LABEL = "Forecourt lead id"
_KINDS = {
    ColumnKind.STRING: "a line of text",
    ColumnKind.MEMO: "text of many lines",
    ColumnKind.INTEGER: "a whole number",
    ColumnKind.DECIMAL: "a decimal number",
    ColumnKind.BOOLEAN: "yes or no",
    ColumnKind.DATE_TIME: "date and time",
    ColumnKind.PICKLIST: "a choice",
}


class DynamicsTenant:
    """Examines and prepares tenants; safe for threads."""

    def __init__(self, client: DynamicsSetupClient) -> None:
        self._client = client

    @property
    def our_columns(self) -> Mapping[str, str]:
        """The columns of ours a tenant may have, and what kind each is, for a person."""
        drafted = {name: _KINDS[draft.kind] for name, draft in DRAFTS.items()}
        return drafted | dict.fromkeys(CREATED_BY_HAND, "a choice of the tenant's own options")

    @property
    def created_by_hand(self) -> Collection[str]:
        """Those of them that only the tenant's administrator can create."""
        return CREATED_BY_HAND

    @property
    def our_labels(self) -> Mapping[str, Collection[str]]:
        """The labels a lead of ours may have in each choice column of ours."""
        return LABELS_SENT

    def fetch_token(self, connection: DynamicsConnection, *, seconds: float) -> None:
        """Get a token."""
        self._client.fetch_token(connection, seconds=seconds)

    def who_am_i(self, connection: DynamicsConnection, *, seconds: float) -> WhoAmI:
        """Ask who we are."""
        return self._client.who_am_i(connection, seconds=seconds)

    def can_read_leads(self, connection: DynamicsConnection, *, seconds: float) -> bool:
        """Read one lead's ids; say whether there was one."""
        return self._client.can_read_leads(connection, seconds=seconds)

    def has_privilege(
        self, connection: DynamicsConnection, user_id: UUID, privilege: str, *, seconds: float
    ) -> bool:
        """Tell whether a user has a privilege, through any role."""
        return self._client.has_privilege(connection, user_id, privilege, seconds=seconds)

    def read_metadata(self, connection: DynamicsConnection, *, seconds: float) -> TenantMetadata:
        """Read the tenant's description of its lead table."""
        return self._client.read_metadata(connection, seconds=seconds)

    def create_key_column(self, connection: DynamicsConnection, *, seconds: float) -> None:
        """Create the text column that our lead id goes to."""
        draft = ColumnDraft(name=connection.key_column, kind=ColumnKind.STRING, label=_KEY_LABEL)
        self._client.create_column(connection, draft, seconds=seconds)

    def create_key(self, connection: DynamicsConnection, *, seconds: float) -> None:
        """Create the alternate key on that column; its index is built afterwards."""
        self._client.create_key(
            connection,
            name=f"{connection.key_column}key",
            label=_KEY_LABEL,
            column=connection.key_column,
            seconds=seconds,
        )

    def create_column(self, connection: DynamicsConnection, name: str, *, seconds: float) -> None:
        """Create one of :attr:`our_columns`."""
        self._client.create_column(connection, DRAFTS[name], seconds=seconds)
