"""The Dynamics client of ``check`` and ``setup``: who we are, what we may do, what is missing."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from forecourt.dynamics.answers import guid_of, parse_guid, rows_of
from forecourt.dynamics.column_drafts import ColumnDraft, column_body, key_body
from forecourt.dynamics.metadata import AlternateKey
from forecourt.dynamics.odata import equals
from forecourt.dynamics.session import Request
from forecourt.dynamics.table_client import DynamicsTableClient
from forecourt.dynamics.table_description import TABLE, read_keys
from forecourt.dynamics.verdict import Operation
from forecourt.security.dynamics_connections import DynamicsConnection

_WHO_AM_I = Operation(name="WhoAmI")
_READ_LEADS = Operation(name="Reading leads")
_READ_PRIVILEGES = Operation(name="Reading privileges", answer_bytes=16_000_000)
_CREATE_COLUMN = Operation(name="Creating a column", repeatable=False, answer_seconds=100.0)
_CREATE_KEY = replace(_CREATE_COLUMN, name="Creating the alternate key")


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAmI:
    """Who a connection is to Dynamics; ``parallelism`` is how many calls at once it recommends."""

    user_id: UUID
    business_unit_id: UUID
    organization_id: UUID
    parallelism: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLead:
    """A lead that has the e-mail looked for; ``is_open`` says that it can be written."""

    lead_id: UUID
    is_open: bool


class DynamicsSetupClient(DynamicsTableClient):
    """Examines and prepares a connection's tenant.

    Parameters are those of :class:`~forecourt.dynamics.table_client.DynamicsTableClient`.
    """

    def fetch_token(self, connection: DynamicsConnection, *, seconds: float) -> None:
        """Ask Entra for a token: proves that tenant, client and secret belong together."""
        self._session.fetch_token(connection, time.monotonic() + seconds)

    def who_am_i(self, connection: DynamicsConnection, *, seconds: float) -> WhoAmI:
        """Ask who we are: proves that the application user exists (reference, 1.2)."""
        success = self._session.get(connection, _WHO_AM_I, "WhoAmI", time.monotonic() + seconds)
        hint = success.headers.get("x-ms-dop-hint", "")
        return WhoAmI(
            user_id=guid_of(success, _WHO_AM_I, "UserId"),
            business_unit_id=guid_of(success, _WHO_AM_I, "BusinessUnitId"),
            organization_id=guid_of(success, _WHO_AM_I, "OrganizationId"),
            parallelism=int(hint) if hint.isascii() and hint.isdecimal() else None,
        )

    def can_read_leads(self, connection: DynamicsConnection, *, seconds: float) -> bool:
        """Read one lead's ids; True where there was one. Raises where leads are not readable."""
        path = "leads?$top=1&$select=leadid,subject"
        success = self._session.get(connection, _READ_LEADS, path, time.monotonic() + seconds)
        return bool(rows_of(success, _READ_LEADS))

    def find_leads_by_email(
        self, connection: DynamicsConnection, email: str, *, seconds: float
    ) -> list[FoundLead]:
        """Find at most ten leads with an e-mail, the oldest first: for people, never as identity.

        Reading and then writing guarantees nothing (reference, 1.5).
        """
        path = (
            f"leads?$select=leadid,statecode&$filter={equals('emailaddress1', email)}"
            "&$orderby=createdon%20asc&$top=10"
        )
        success = self._session.get(connection, _READ_LEADS, path, time.monotonic() + seconds)
        return [
            FoundLead(lead_id=lead_id, is_open=row.get("statecode") == 0)
            for row in rows_of(success, _READ_LEADS)
            if (lead_id := parse_guid(row.get("leadid"))) is not None
        ]

    def has_privilege(
        self, connection: DynamicsConnection, user_id: UUID, privilege: str, *, seconds: float
    ) -> bool:
        """Tell whether a user has a privilege such as ``prvCreateLead`` through a role of its own.

        Roles of its teams do not count.
        """
        path = f"systemusers({user_id})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
        success = self._session.get(connection, _READ_PRIVILEGES, path, time.monotonic() + seconds)
        rows = rows_of(success, _READ_PRIVILEGES, "RolePrivileges")
        return any(row.get("PrivilegeName") == privilege for row in rows)

    def read_keys(
        self, connection: DynamicsConnection, *, seconds: float
    ) -> tuple[AlternateKey, ...]:
        """Read the lead table's alternate keys and how far their indexes are (reference, 1.4)."""
        return read_keys(self._session, connection, time.monotonic() + seconds)

    def create_column(
        self, connection: DynamicsConnection, draft: ColumnDraft, *, seconds: float
    ) -> None:
        """Create a column of the lead table.

        Raises
        ------
        OutcomeUnknownError
            It may have been created: read the metadata.
        """
        self._create(connection, _CREATE_COLUMN, "Attributes", column_body(draft), seconds)

    def create_key(
        self,
        connection: DynamicsConnection,
        *,
        name: str,
        label: str,
        column: str,
        seconds: float,
    ) -> None:
        """Create an alternate key on one column; its index is built afterwards."""
        self._create(connection, _CREATE_KEY, "Keys", key_body(name, label, column), seconds)

    def _create(
        self,
        connection: DynamicsConnection,
        operation: Operation,
        collection: str,
        body: Mapping[str, Any],
        seconds: float,
    ) -> None:
        path = f"{TABLE}/{collection}"
        request = Request(operation=operation, method="POST", path=path, fields=body)
        self._session.send(connection, request, time.monotonic() + seconds)
