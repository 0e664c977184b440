"""A lead as every part of Forecourt speaks of it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID


class VehicleInterest(StrEnum):
    """What the visitor wants (EasyCars Lead API, section 1.5)."""

    BUY = "Buy"
    LEASE = "Lease"
    SELL = "Sell"
    TEST_DRIVE = "TestDrive"
    SERVICE = "Service"


class FinanceStatus(StrEnum):
    """Whether the visitor wants finance; None elsewhere means nobody asked."""

    YES = "Yes"
    NO = "No"
    MAYBE = "Maybe"


class Rating(StrEnum):
    """How warm the lead is."""

    COLD = "Cold"
    WARM = "Warm"
    HOT = "Hot"


class LeadStatus(StrEnum):
    """Our side's status, in the words the database holds; ``done`` is a legacy ``won``."""

    RECEIVED = "received"
    IN_PROGRESS = "in progress"
    WON = "won"
    LOST = "lost"
    DELETED = "deleted"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadAddress:
    """The customer's postal address; every part may be missing."""

    line: str | None = None
    city: str | None = None
    state: str | None = None
    post_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadVehicle:
    """The vehicle a lead is about, already known to belong to the lead's dealership.

    ``price`` is in AUD, 0 meaning "contact us"; ``stock_type`` is EasyCars' letter
    (A/B/C/H/M/T), None for a vehicle entered by hand.
    """

    vehicle_id: int
    stock_number: str | None
    make: str
    model: str
    year: int
    price: Decimal
    is_new: bool
    stock_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """One enquiry from a dealer's website at one version.

    ``external_id`` is the id the website was given and the ExternalID at the vendor.
    ``stock_number`` is the number the visitor's page named where no vehicle of ours has it.
    ``delivery_notes`` are lines Forecourt adds for the dealer, e.g. "vehicle 12 is not yours".
    """

    lead_id: int
    external_id: UUID
    dealership_id: int
    name: str
    email: str
    phone: str
    message: str
    received_at: datetime
    version: int = 1
    status: LeadStatus = LeadStatus.RECEIVED
    vehicle: LeadVehicle | None = None
    stock_number: str | None = None
    vehicle_interest: VehicleInterest | None = None
    finance_status: FinanceStatus | None = None
    rating: Rating | None = None
    source_page_url: str | None = None
    address: LeadAddress = field(default_factory=LeadAddress)
    company: dict[str, Any] | None = None
    consent: dict[str, Any] | None = None
    delivery_notes: tuple[str, ...] = ()
    easycars_lead_number: str | None = None
    easycars_customer_no: str | None = None
