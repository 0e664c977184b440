"""What probing needs of the vendor and of the ledger (design 5.1.4)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from forecourt.leads.lead import Lead
from forecourt.security.credentials import EasyCarsCredentials

TWO_SEARCHES_SECONDS = 60.0
"""In which time later numbers of the account lead to two searches at most: one with a lead every
second is not searched all the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLead:
    """A lead as the CRM shows it.

    ``number`` is as the CRM writes it. ``created_at`` is UTC, of several moments its wall time can
    mean the latest, and None where it is unreadable. ``confirmed`` is the base of the next
    difference: the fields an update can carry, as they are now.
    """

    number: str
    external_id: str | None
    created_at: datetime | None
    customer_no: str | None
    confirmed: Mapping[str, Any]

    def is_lead(self, external_id: UUID) -> bool:
        """Tell whether it bears that id of ours, in whichever case it came back."""
        return (self.external_id or "").strip().lower() == str(external_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactKeys:
    """What a lead's customer can be searched by, as it was sent; ``phone`` where there was one."""

    emails: Sequence[str]
    phone: str | None


class LeadProbe(Protocol):
    """Reads at the CRM; nothing here changes anything there.

    Every method takes ``seconds`` for the whole call and raises ForecourtError where the answer
    does not say what was asked: RetryableError when the CRM is away.
    """

    def read_lead(
        self, credentials: EasyCarsCredentials, number: str, *, seconds: float = 30.0
    ) -> FoundLead | None:
        """Read one lead; None where the CRM clearly shows none of that number to this client."""
        ...

    def has_no_contact(
        self,
        credentials: EasyCarsCredentials,
        *,
        email: str | None = None,
        phone: str | None = None,
        seconds: float = 30.0,
    ) -> bool:
        """Tell whether the CRM clearly says that no customer has this e-mail or phone."""
        ...

    def contact_keys(self, lead: Lead) -> ContactKeys:
        """Say what a create of this version of a lead carries to find its customer by.

        Raises
        ------
        PermanentError
            This version cannot be sent, so it never was.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """A create of unknown outcome.

    Parameters
    ----------
    lead
        As it is now; ``sent_version`` is the version that was sent.
    claimed_at
        Names the create: a later one of the same lead has another.
    sent_by
        UTC; by when it was sent if it was sent at all, by the database's clock.
    since_sent
        Seconds from then to now.
    ripe
        It is due, and 180 s have passed since it was sent (of an expired lease: since its end), so
        what is not at the CRM will not get there any more.
    probe_from, probe_upto
        As in the ledger; see :class:`forecourt.leads.probe_rules.Trail`.
    lead_source
        Hash of the client it was sent as; None where that was not kept.
    later_number
        A number returned to a create of ours by that client, sent at least 180 s after this one;
        None where there is none yet.
    credential_stamp, hold_left
        As in :class:`forecourt.leads.ledger.DeliveryView`.
    """

    delivery_id: int
    lead: Lead
    attempts: int
    claimed_at: datetime
    sent_by: datetime
    since_sent: float
    sent_version: int
    ripe: bool
    probe_from: str | None
    probe_upto: str | None
    lead_source: str | None
    later_number: str | None
    credential_stamp: str | None
    hold_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNumbers:
    """What is known of an account's numbers without asking.

    ``highest`` is as the frontier has it, ``first`` the lowest of a lead of ours, and ``own`` the
    highest few of leads of ours that one client created. All as of ``as_of``.
    """

    as_of: datetime
    highest: str | None
    first: str | None
    own: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a probe came to for one create, to be stored.

    Parameters
    ----------
    outcome
        ``create_again``, ``inconclusive``, ``retryable`` or ``permanent``, as the attempt's row
        has it.
    state
        What the delivery becomes: ``pending``, ``unconfirmed`` or ``failed``.
    wait
        Seconds until it is tried or looked for again.
    probe_from, probe_upto
        How far it has been looked for.
    """

    delivery_id: int
    claimed_at: datetime
    outcome: str
    state: str
    detail: str
    code: str | None = None
    wait: float = 0.0
    probe_from: str | None = None
    probe_upto: str | None = None


class ProbeLedger(Protocol):
    """The ledger's side of probing; every method is one short transaction.

    All times are the database's. RetryableError when it is away.
    """

    def scopes(self, delivery_ids: Collection[int]) -> Sequence[str]:
        """Name the accounts in which these are unconfirmed and due."""
        ...

    def lease(self, scope: str, seconds: float) -> UUID | None:
        """Take the one probe an account admits at a time; None where another has it."""
        ...

    def release(self, scope: str, token: UUID) -> None:
        """Give it back; does nothing where it has run out and another has it."""
        ...

    def unconfirmed(self, scope: str) -> Sequence[Unconfirmed]:
        """List the account's creates of unknown outcome, those due longest first; at most 1000."""
        ...

    def known_numbers(self, scope: str, lead_source: str) -> KnownNumbers:
        """Say what is known of the account's numbers."""
        ...

    def gaps(self, scope: str, *, after: int, upto: int, limit: int) -> Sequence[int]:
        """List the first `limit` numbers in (after, upto] that no lead of ours has."""
        ...

    def adopt(self, scope: str, row: Unconfirmed, found: FoundLead, detail: str) -> bool:
        """Make a lead that was found a delivered one; False where it is waiting no more."""
        ...

    def note_number(self, scope: str, number: str) -> None:
        """Raise the account's highest known number."""
        ...

    def settle(self, scope: str, findings: Sequence[Finding], *, since: datetime) -> None:
        """Store findings about creates that are still the lead's last and unconfirmed.

        Where a create of ours in this account was given a number after `since`, what stays
        unconfirmed is looked for again within a minute: the number came too late for this look.
        """
        ...

    def wait_for_hold(self, delivery_ids: Collection[int]) -> None:
        """Look again when the dealerships' holds have ended."""
        ...
