"""What EasyCars says of a lead, and how it joins what we hold (reference, 2.3).

Name, e-mail, phone and message of a lead we have stay ours. The rest is joined three ways: the
value EasyCars last confirmed to us is the base, so its change is taken where we made none, and what
staff changed here and EasyCars has not heard yet is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from forecourt.leads.lead import FinanceStatus, LeadStatus, Rating, VehicleInterest
from forecourt.leads.outcome import DeliveryState
from forecourt.leads.status import ConflictStrategy, StatusDecision, StatusVerdict, compare_status

_STATUS_FIELD = "LeadStatus"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundLead:
    """What the vendor knows of a lead, None where it says nothing or something we do not know.

    ``name``, ``email``, ``phone`` and ``message`` are for a lead we do not have; of one we have,
    ours stay. ``easycars_status`` is the number as it came and ``status`` its meaning: a number
    without a meaning is to be flagged and never resets a lead. v1.05 sends neither.
    ``created_at`` is UTC. ``easycars_raw_data`` is JSON text. ``confirmed`` are those of the
    choices below, and the status, that have a meaning, as the ledger's ``delivered_fields`` has
    them.
    """

    easycars_lead_number: str | None
    easycars_customer_no: str | None
    easycars_raw_data: str
    external_id: str | None
    stock_number: str | None
    vehicle_interest: VehicleInterest | None
    finance_status: FinanceStatus | None
    finance_interested: bool
    rating: Rating | None
    status: LeadStatus | None
    easycars_status: int | None
    created_at: datetime | None
    name: str | None
    email: str | None
    phone: str | None
    message: str | None
    confirmed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is chosen from a list, by a visitor or by staff; None is "not said"."""

    vehicle_interest: VehicleInterest | None = None
    finance_status: FinanceStatus | None = None
    rating: Rating | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedChoices:
    """The choices EasyCars last confirmed to us; those in ``in_doubt`` it may have or not."""

    choices: Choices = field(default_factory=Choices)
    in_doubt: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLead:
    """A lead as it stands here, locked, with what is known of EasyCars' side.

    ``delivered_fields`` is what EasyCars last confirmed, None where nothing is known; a null in it
    is a field of an update that was not confirmed. ``is_settled`` says that no request of ours can
    be under way at EasyCars any more. ``base_status`` is the status number both sides last knew.
    ``seen_stock_number`` is what EasyCars said at the last refresh, and ``matched_vehicle_id`` the
    dealership's vehicle with the number it says now.
    """

    lead_id: int
    status: LeadStatus
    choices: Choices
    vehicle_id: int | None
    customer_no: str | None
    delivery_state: DeliveryState
    delivered_fields: Mapping[str, Any] | None
    is_settled: bool
    base_status: int | None
    was_refreshed: bool
    seen_stock_number: str | None
    matched_vehicle_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What a refresh makes of a lead.

    ``confirmed`` goes into ``delivered_fields``, so that nothing EasyCars told us is sent back to
    it. ``edited`` says that a value every CRM shows changed; ``push`` that EasyCars has to be told
    ours and nobody is about to.
    """

    choices: Choices
    vehicle_id: int | None
    customer_no: str | None
    status: StatusDecision
    confirmed: Mapping[str, int]
    edited: bool
    push: bool
    updated: bool


def join(
    held: HeldLead,
    inbound: InboundLead,
    base: ConfirmedChoices,
    strategy: ConflictStrategy,
) -> Joined:
    """Join EasyCars' word with ours.

    `base` is ``held.delivered_fields`` in our words. Nothing is taken for a field a lost update
    may still change: what EasyCars has now may not be what it will have.
    """
    choices = _join_choices(held.choices, inbound, base)
    vehicle_id = _join_vehicle(held, inbound.stock_number)
    customer_no = inbound.easycars_customer_no or held.customer_no
    doubted = _doubted(held)
    told = None if _STATUS_FIELD in doubted else inbound.easycars_status
    status = compare_status(held.status, held.base_status, told, strategy)
    edited = (choices, vehicle_id, status.status) != (held.choices, held.vehicle_id, held.status)
    return Joined(
        choices=choices,
        vehicle_id=vehicle_id,
        customer_no=customer_no,
        status=status,
        confirmed={name: value for name, value in inbound.confirmed.items() if name not in doubted},
        edited=edited,
        push=status.verdict is StatusVerdict.KEEP_LOCAL
        and held.delivery_state is DeliveryState.DELIVERED,
        updated=edited or customer_no != held.customer_no,
    )


def _join_choices(local: Choices, inbound: InboundLead, base: ConfirmedChoices) -> Choices:
    return Choices(
        vehicle_interest=_join_choice(
            local.vehicle_interest,
            base.choices.vehicle_interest,
            inbound.vehicle_interest,
            in_doubt="vehicle_interest" in base.in_doubt,
            unsaid=VehicleInterest.BUY,
        ),
        finance_status=_join_choice(
            local.finance_status,
            base.choices.finance_status,
            inbound.finance_status,
            in_doubt="finance_status" in base.in_doubt,
        ),
        rating=_join_choice(
            local.rating,
            base.choices.rating,
            inbound.rating,
            in_doubt="rating" in base.in_doubt,
        ),
    )


def _join_choice[C](
    local: C | None, base: C | None, theirs: C | None, *, in_doubt: bool, unsaid: C | None = None
) -> C | None:
    """Take theirs where only theirs changed; ``unsaid`` is what EasyCars has for our None."""
    unchanged_here = (local or unsaid) == (base or unsaid)
    if theirs is None or in_doubt or not unchanged_here or theirs == (local or unsaid):
        return local
    return theirs


def _join_vehicle(held: HeldLead, stock_number: str | None) -> int | None:
    """Take the vehicle EasyCars names where we have none, or where its staff chose another."""
    moved = held.was_refreshed and stock_number != held.seen_stock_number
    if held.matched_vehicle_id is not None and (held.vehicle_id is None or moved):
        return held.matched_vehicle_id
    return held.vehicle_id


def _doubted(held: HeldLead) -> frozenset[str]:
    """Name the fields EasyCars may still be about to change for us."""
    if held.is_settled or held.delivered_fields is None:
        return frozenset()
    return frozenset(name for name, value in held.delivered_fields.items() if value is None)
