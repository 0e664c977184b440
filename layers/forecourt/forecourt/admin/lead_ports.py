"""What the admin API needs of the world for leads; ``storage`` and ``aws`` provide it."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol
from uuid import UUID

from forecourt.admin.audit import Actor
from forecourt.admin.lead_changes import FindVehicle, LeadChange
from forecourt.admin.ports import Row, Rows
from forecourt.admin.request import Page
from forecourt.admin.status_resolution import Settled
from forecourt.leads.probe_ports import FoundLead
from forecourt.leads.wake_ups import WakeUp
from forecourt.security.credentials import EasyCarsCredentials


class LeadReports(Protocol):
    """Leads and their deliveries, read. ``scope`` is one dealership, None for all."""

    def leads(
        self, scope: int | None, page: Page, *, status: str | None = None, spam: bool | None = None
    ) -> Rows:
        """Return leads, newest first: all, or those of a status, or only (no) spam."""
        ...

    def lead(self, lead_id: UUID, scope: int | None) -> Row | None:
        """Return one lead by its external id."""
        ...

    def deliveries(self, scope: int | None, state: str | None, limit: int) -> Sequence[Row]:
        """Return deliveries, last changed first."""
        ...

    def delivery(self, delivery_id: int, scope: int | None) -> Row | None:
        """Return one delivery."""
        ...

    def deliveries_of_lead(self, lead_id: UUID) -> Sequence[Row]:
        """Return a lead's deliveries."""
        ...

    def attempts(self, delivery_id: int) -> Sequence[Row]:
        """Return every try of a delivery, oldest first."""
        ...


class LeadEdits(Protocol):
    """Leads, changed. A new version is wanted by every delivery of its lead."""

    def change(
        self,
        lead_id: UUID,
        scope: int | None,
        plan: Callable[[Row, FindVehicle], LeadChange],
        *,
        actor: Actor,
    ) -> tuple[LeadChange, Sequence[WakeUp]] | None:
        """Change a lead as `plan` says of the locked row; None where there is no such lead.

        A change of nothing is no new version. What `plan` raises undoes everything.
        """
        ...


class StatusConflicts(Protocol):
    """Leads whose status changed here and at EasyCars."""

    def list(self, scope: int | None, page: Page, *, resolved: bool) -> Rows:
        """Return conflicts, newest first."""
        ...

    def resolve(
        self,
        conflict_id: int,
        scope: int | None,
        decide: Callable[[Row], Settled],
        *,
        actor: Actor,
    ) -> tuple[Row, Sequence[WakeUp]] | None:
        """Settle a conflict as `decide` says of its row; None where there is no such conflict.

        Both ways are a new version of the lead. What `decide` raises undoes everything.
        """
        ...


class Replays(Protocol):
    """Deliveries that people, or saved credentials, set in motion again.

    What makes no sense for a delivery as it stands raises the 409 that
    :func:`forecourt.admin.delivery_acts.require_possible` makes of it.
    """

    def release(self, delivery_id: int, scope: int | None, *, actor: Actor) -> WakeUp | None:
        """Make a failed delivery due; None where there is no such delivery."""
        ...

    def send_again(
        self, delivery_id: int, scope: int | None, *, actor: Actor
    ) -> Sequence[WakeUp] | None:
        """Let a lead be created again, and forget a number in another account.

        None where there is no such delivery; no wake-up where it is due later: what may still be
        on its way to the vendor has 180 seconds to arrive.
        """
        ...

    def adopt(
        self,
        delivery_id: int,
        scope: int | None,
        found: FoundLead,
        credentials: EasyCarsCredentials,
        *,
        actor: Actor,
    ) -> Sequence[WakeUp] | None:
        """Give a lead the number a person said; a newer version is due at once.

        None, and nothing is changed, where another lead has the number by now.
        """
        ...

    def holder(self, number: str, account_scope: str, delivery_id: int) -> Row | None:
        """Return ``external_id`` and ``dealership_id`` of another lead that has a number."""
        ...

    def release_waiting(
        self, dealership_id: int, account_scope: str | None = None
    ) -> Sequence[WakeUp]:
        """Make due what waited for credentials of a dealership, or for those of an account."""
        ...


class WakeUps(Protocol):
    """The leads queue."""

    def send_wake_ups(self, wake_ups: Sequence[WakeUp]) -> Collection[WakeUp]:
        """Send them; gives back those the queue did not take."""
        ...
