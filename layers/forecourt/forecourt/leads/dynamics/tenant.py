"""The port to a tenant's own set-up: who we are there, what we may do, what its lead table has."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol
from uuid import UUID

from forecourt.security.dynamics_connections import DynamicsConnection


class Identity(Protocol):
    """Who a connection is to Dynamics (``WhoAmI``)."""

    @property
    def user_id(self) -> UUID:
        """The application user."""

    @property
    def business_unit_id(self) -> UUID:
        """Where its leads belong."""

    @property
    def organization_id(self) -> UUID:
        """The organisation it is a user of."""


class Described(Protocol):
    """What the tenant says of its lead table."""

    def to_json(self) -> dict[str, Any]:
        """Return it as the connection's row keeps it."""
        ...


class Tenant(Protocol):
    """Examines and prepares a connection's tenant; every call has so many ``seconds``.

    Every method raises a :class:`forecourt.errors.ForecourtError` where Dynamics or the token
    authority refuses, or is away.
    """

    @property
    def our_columns(self) -> Mapping[str, str]:
        """The columns of ours a tenant may have, and what kind each is, for a person."""

    @property
    def created_by_hand(self) -> Collection[str]:
        """Those of them that only the tenant's administrator can create."""

    @property
    def our_labels(self) -> Mapping[str, Collection[str]]:
        """The labels a lead of ours may have in each choice column of ours."""

    def fetch_token(self, connection: DynamicsConnection, *, seconds: float) -> None:
        """Get a token."""
        ...

    def who_am_i(self, connection: DynamicsConnection, *, seconds: float) -> Identity:
        """Ask who we are."""
        ...

    def can_read_leads(self, connection: DynamicsConnection, *, seconds: float) -> bool:
        """Read one lead's ids; say whether there was one."""
        ...

    def has_privilege(
        self, connection: DynamicsConnection, user_id: UUID, privilege: str, *, seconds: float
    ) -> bool:
        """Tell whether a user has a privilege such as ``prvCreateLead``, through any role."""
        ...

    def read_metadata(self, connection: DynamicsConnection, *, seconds: float) -> Described:
        """Read the tenant's description of its lead table."""
        ...

    def create_key_column(self, connection: DynamicsConnection, *, seconds: float) -> None:
        """Create the text column that our lead id goes to."""
        ...

    def create_key(self, connection: DynamicsConnection, *, seconds: float) -> None:
        """Create the alternate key on that column; its index is built afterwards."""
        ...

    def create_column(self, connection: DynamicsConnection, name: str, *, seconds: float) -> None:
        """Create one of :attr:`our_columns`."""
        ...
