"""How EasyCars' word of a lead joins ours."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.easycars.codes import FINANCE_CODES, INTEREST_CODES, RATING_CODES
from forecourt.easycars.inbound_lead import confirmed_choices, lead_from_detail
from forecourt.easycars.lead_messages import LeadDetail
from forecourt.leads.inbound import Choices, HeldLead, Joined, join
from forecourt.leads.lead import FinanceStatus, LeadStatus, Rating, VehicleInterest
from forecourt.leads.outcome import DeliveryState
from forecourt.leads.status import ConflictStrategy, StatusVerdict

REMOTE = ConflictStrategy.REMOTE_WINS
HELD = HeldLead(
    lead_id=7,
    status=LeadStatus.RECEIVED,
    choices=Choices(rating=Rating.COLD),
    vehicle_id=None,
    customer_no="00004",
    delivery_state=DeliveryState.DELIVERED,
    delivered_fields={"VehicleInterest": 1, "Rating": 1, "LeadStatus": 10},
    is_settled=True,
    base_status=10,
    was_refreshed=False,
    seen_stock_number=None,
    matched_vehicle_id=None,
)


def joined(held: HeldLead = HELD, strategy: ConflictStrategy = REMOTE, **told: Any) -> Joined:
    """Join what EasyCars tells, by its field names, with what we hold."""
    inbound = lead_from_detail(LeadDetail.model_validate({"LeadNumber": "000001", **told}))
    return join(held, inbound, confirmed_choices(held.delivered_fields), strategy)


def test_what_only_easycars_changed_is_taken_and_not_sent_back() -> None:
    made = joined(VehicleInterest=4, FinanceStatus=1, Rating=3, LeadStatus=30)

    assert made.choices == Choices(
        vehicle_interest=VehicleInterest.TEST_DRIVE,
        finance_status=FinanceStatus.YES,
        rating=Rating.HOT,
    )
    assert made.status.status is LeadStatus.IN_PROGRESS
    assert (made.edited, made.updated, made.push) == (True, True, False)
    assert made.confirmed == {
        "VehicleInterest": 4, "FinanceStatus": 1, "Rating": 3, "LeadStatus": 30,
    }  # fmt: skip


def test_nothing_new_changes_nothing() -> None:
    made = joined(VehicleInterest=1, Rating=1, LeadStatus=10, CustomerNo="00004")

    assert (made.edited, made.updated, made.push) == (False, False, False)
    assert made.choices == HELD.choices


def test_the_interest_easycars_was_given_for_want_of_one_is_not_taken_for_the_visitors() -> None:
    assert joined(VehicleInterest=1).choices.vehicle_interest is None
    assert joined(VehicleInterest=5).choices.vehicle_interest is VehicleInterest.SERVICE


def test_what_staff_changed_here_survives_an_older_and_a_newer_value_of_easycars() -> None:
    edited = replace(HELD, choices=Choices(rating=Rating.HOT), delivery_state=DeliveryState.PENDING)

    for theirs in (1, 2):
        assert joined(edited, Rating=theirs).choices.rating is Rating.HOT


def test_a_field_that_a_lost_update_may_still_change_is_left_alone() -> None:
    doubted = replace(
        HELD,
        delivery_state=DeliveryState.PENDING,
        delivered_fields={"Rating": None, "LeadStatus": None},
        is_settled=False,
    )

    made = joined(doubted, Rating=3, LeadStatus=60, FinanceStatus=2)

    assert made.choices == Choices(rating=Rating.COLD, finance_status=FinanceStatus.NO)
    assert made.status.verdict is StatusVerdict.NOT_TOLD
    assert made.confirmed == {"FinanceStatus": 2}


def test_a_lost_update_that_can_no_longer_come_leaves_easycars_word_to_be_trusted() -> None:
    lost = replace(
        HELD,
        delivery_state=DeliveryState.FAILED,
        delivered_fields={"Rating": None, "LeadStatus": None},
    )

    made = joined(lost, Rating=3, LeadStatus=60)

    assert made.choices.rating is Rating.COLD
    assert made.status.status is LeadStatus.LOST
    assert made.confirmed == {"Rating": 3, "LeadStatus": 60}


def test_where_nothing_was_ever_confirmed_ours_stays() -> None:
    unknown = replace(HELD, delivered_fields=None)

    assert joined(unknown, Rating=3, VehicleInterest=4).choices == HELD.choices


def test_blanks_and_numbers_without_a_meaning_change_nothing() -> None:
    made = joined(Rating=9, FinanceStatus="", VehicleInterest=None, LeadStatus=42)

    assert (made.choices, made.edited) == (HELD.choices, False)
    assert made.status.verdict is StatusVerdict.UNKNOWN
    assert made.confirmed == {}


@pytest.mark.parametrize(
    ("vehicle_id", "seen", "told", "matched", "expected"),
    [
        pytest.param(None, None, "S-1", 5, 5, id="we had none"),
        pytest.param(None, None, "S-1", None, None, id="no vehicle of the dealership"),
        pytest.param(3, "S-3", "S-1", 5, 5, id="their staff chose another"),
        pytest.param(3, "S-1", "S-1", 5, 3, id="our staff chose another"),
        pytest.param(3, "S-3", None, None, 3, id="they say none"),
    ],
)
def test_a_vehicle_is_taken_where_we_have_none_or_easycars_moved_the_lead(
    vehicle_id: int | None,
    seen: str | None,
    told: str | None,
    matched: int | None,
    expected: int | None,
) -> None:
    held = replace(
        HELD,
        vehicle_id=vehicle_id,
        was_refreshed=seen is not None,
        seen_stock_number=seen,
        matched_vehicle_id=matched,
    )

    assert joined(held, StockNumber=told).vehicle_id == expected


def test_the_first_refresh_leaves_the_vehicle_a_website_named() -> None:
    held = replace(HELD, vehicle_id=3, matched_vehicle_id=5)

    assert joined(held, StockNumber="S-1").vehicle_id == 3


def test_the_customer_number_is_kept_where_easycars_says_none() -> None:
    assert joined().customer_no == "00004"
    merged = joined(CustomerNo="00009")
    assert (merged.customer_no, merged.updated, merged.edited) == ("00009", True, False)


@pytest.mark.parametrize("state", DeliveryState)
def test_easycars_is_told_our_status_again_only_where_nobody_is_about_to(
    state: DeliveryState,
) -> None:
    held = replace(HELD, status=LeadStatus.WON, delivery_state=state)

    made = joined(held, ConflictStrategy.LOCAL_WINS, LeadStatus=60)

    assert made.status.status is LeadStatus.WON
    assert made.push == (state is DeliveryState.DELIVERED)
    assert made.confirmed["LeadStatus"] == 60


choices = st.builds(
    Choices,
    vehicle_interest=st.none() | st.sampled_from(VehicleInterest),
    finance_status=st.none() | st.sampled_from(FinanceStatus),
    rating=st.none() | st.sampled_from(Rating),
)


def sent(chosen: Choices) -> dict[str, Any]:
    """What EasyCars holds when it was sent these choices."""
    fields = {
        "VehicleInterest": int(INTEREST_CODES[chosen.vehicle_interest or VehicleInterest.BUY])
    }
    if chosen.finance_status is not None:
        fields["FinanceStatus"] = int(FINANCE_CODES[chosen.finance_status])
    if chosen.rating is not None:
        fields["Rating"] = int(RATING_CODES[chosen.rating])
    return fields


@given(choices, choices, choices)
def test_each_choice_is_ours_where_we_changed_it_and_else_easycars(
    base: Choices, ours: Choices, theirs: Choices
) -> None:
    held = replace(HELD, choices=ours, delivered_fields=sent(base))
    made = joined(held, **sent(theirs)).choices

    for name in ("vehicle_interest", "finance_status", "rating"):
        unsaid = VehicleInterest.BUY if name == "vehicle_interest" else None
        before, here, there, after = (
            getattr(chosen, name) or unsaid for chosen in (base, ours, theirs, made)
        )
        assert after == (there if here == before and there is not None else here)
    again = replace(held, choices=made, delivered_fields=sent(base) | sent(theirs))
    assert joined(again, **sent(theirs)).choices == made
