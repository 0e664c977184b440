"""The leads a run has accepted, as their senders know them: the oracle of the last version."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from forecourt.admin.lead_changes import LeadPatch, plan_change
from forecourt.easycars.codes import STATUS_CODES
from forecourt.errors import RetryableError
from forecourt.leads.lead import LeadStatus
from forecourt.storage.lead_edits import PostgresLeadEdits
from tests.support.lead_delivery import ACTOR, lead_body

_STATUSES = ("in progress", "won", "lost")
_RATINGS = {"Cold": 1, "Warm": 2, "Hot": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Homes:
    """Where a dealership's leads go: EasyCars' account, Dynamics' environment, or both."""

    account: str | None = None
    environment: str | None = None


@dataclass
class AcceptedLead:
    """One lead that was answered with 202, and what its last version says."""

    external_id: str
    dealership_id: int
    account: str | None
    email: str
    environment: str | None = None
    company: Mapping[str, Any] | None = None
    spam: bool = False
    version: int = 1
    rating: str = "Cold"
    status: str = "received"

    @property
    def message(self) -> str:
        """Text of the last version, told from all others."""
        return f"Is it still for sale? [{self.external_id} v{self.version}]"

    @property
    def rating_code(self) -> int:
        return _RATINGS[self.rating]

    @property
    def status_code(self) -> int:
        return int(STATUS_CODES[LeadStatus(self.status)])


@dataclass
class AcceptedLeads:
    """Makes leads up and changes them; everything is drawn from one seed.

    ``spam`` is the share of what is spam.
    """

    chance: random.Random
    dealerships: dict[int, Homes]
    spam: float = 0.02
    leads: dict[str, AcceptedLead] = field(default_factory=dict)
    _emails: list[str] = field(default_factory=list)

    def homes(self, home_of: Callable[[Homes], str | None]) -> set[str]:
        """Name the accounts or environments leads can go to."""
        found = (home_of(homes) for homes in self.dealerships.values())
        return {home for home in found if home is not None}

    def __len__(self) -> int:
        return len(self.leads)

    def __iter__(self) -> Iterator[AcceptedLead]:
        return iter(self.leads.values())

    def new(self, dealership_id: int | None = None) -> tuple[AcceptedLead, str]:
        """Accept a lead; gives it with the body intake puts on the queue.

        Now and then the visitor is one who has sent a lead before, so that the vendor knows the
        contact and a search by it says nothing.
        """
        if dealership_id is None:
            dealership_id = self.chance.choice(sorted(self.dealerships))
        homes = self.dealerships[dealership_id]
        number = len(self.leads) + 1
        email = f"Visitor{number}@Mail.example"
        if self._emails and self.chance.random() < 0.15:
            email = self.chance.choice(self._emails)
        self._emails.append(email)
        lead = AcceptedLead(
            external_id=str(UUID(int=self.chance.getrandbits(128), version=4)),
            dealership_id=dealership_id,
            account=homes.account,
            email=email,
            environment=homes.environment,
            spam=self.chance.random() < self.spam,
        )
        if lead.environment is not None:
            lead.company = self._company(number)
        self.leads[lead.external_id] = lead
        body = lead_body(
            dealership_id,
            lead.external_id,
            spam=lead.spam,
            name=f"Visitor {number}",
            email=email,
            phone=f"0400 {number:06d}"[:12] if self.chance.random() < 0.5 else None,
            message=lead.message,
            rating=lead.rating,
            company=lead.company,
        )
        return lead, body

    def _company(self, number: int) -> Mapping[str, Any] | None:
        """Make up what is known of the visitor's company; of some nothing is."""
        if self.chance.random() < 0.3:
            return None
        company: dict[str, Any] = {
            "canonical_name": f"Company {number}",
            "domain": f"company{number}.example",
            "readiness_score": self.chance.randint(0, 100),
        }
        if self.chance.random() < 0.5:
            company["referral_id"] = f"R{number}"
        return company

    def edit_one(
        self,
        edits: PostgresLeadEdits,
        stored_version: Callable[[str], int | None],
        among: Sequence[str] = (),
    ) -> AcceptedLead | None:
        """Change a lead as a person does by the admin API; None where nothing was changed.

        It is one of `among`, or of all where that is empty.

        A person whose change came to an error reads the lead again: `stored_version` says whether
        it was changed all the same.
        """
        lead = self.leads[self.chance.choice(sorted(among) or list(self.leads))]
        lead.version += 1
        patch: dict[str, str] = {"message": lead.message}
        if self.chance.random() < 0.5:
            patch["rating"] = self.chance.choice(sorted(_RATINGS))
        if self.chance.random() < 0.5:
            patch["status"] = self.chance.choice(_STATUSES)
        wanted = LeadPatch.model_validate(patch)
        with suppress(RetryableError):
            edits.change(
                UUID(lead.external_id),
                None,
                lambda row, find_vehicle: plan_change(wanted, row, find_vehicle),
                actor=ACTOR,
            )
        if stored_version(lead.external_id) != lead.version:
            lead.version -= 1
            return None
        lead.rating = patch.get("rating", lead.rating)
        lead.status = patch.get("status", lead.status)
        return lead
