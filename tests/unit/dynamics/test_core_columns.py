"""What a lead without a company fills in a tenant's table."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from forecourt.dynamics.mapping import MappedLead, map_lead
from forecourt.dynamics.metadata import Column, TenantMetadata
from forecourt.dynamics.tenant_table import TenantTable
from forecourt.leads.lead import FinanceStatus, Lead, LeadAddress, LeadStatus, Rating
from forecourt.leads.lead import VehicleInterest as Interest
from forecourt.security.dynamics_connections import DynamicsConnection
from tests.support.dynamics_tenants import FULL_TENANT, STOCK_TENANT, connection_to
from tests.support.easycars import LEAD, VEHICLE


def mapped(lead: Lead, connection: DynamicsConnection | None = None) -> MappedLead:
    connection = connection or connection_to(STOCK_TENANT)
    metadata = TenantMetadata.from_json(connection.metadata)
    return map_lead(lead, TenantTable(connection, metadata, updating=False))


def columns(lead: Lead, connection: DynamicsConnection | None = None) -> dict[str, Any]:
    held = mapped(lead, connection).columns
    return {name: value for name, value in held.items() if value is not None}


WHOLE = replace(
    LEAD,
    vehicle=replace(VEHICLE, price=Decimal("45990.50"), is_new=True),
    vehicle_interest=Interest.TEST_DRIVE,
    finance_status=FinanceStatus.MAYBE,
    rating=Rating.HOT,
    source_page_url="https://dealer.example/inventory/12",
    address=LeadAddress(line="1 High St", city="Perth", state="WA", post_code="6000"),
    delivery_notes=("Sent twice by the website.",),
    consent={"marketing": True, "text": "Send me offers."},
)


def test_a_lead_with_all_it_can_have() -> None:
    assert mapped(WHOLE).left_out == ()
    assert columns(WHOLE) == {
        "subject": "Test drive: 2020 Volvo V90 (S-12)",
        "firstname": "Zoë",
        "lastname": "Nguyen",
        "emailaddress1": "zoe@mail.example",
        "telephone1": "0412 345 678",
        "mobilephone": "0412345678",
        "address1_line1": "1 High St",
        "address1_city": "Perth",
        "address1_stateorprovince": "WA",
        "address1_postalcode": "6000",
        "leadsourcecode": 8,
        "leadqualitycode": 1,
        "donotbulkemail": False,
        "donotsendmm": False,
        "description": (
            "Is it still for sale?\n\n"
            "Wants: Test drive\n"
            "Vehicle: 2020 Volvo V90, new, stock number S-12, $45,990.50\n"
            "Finance: Maybe\n"
            "Page: https://dealer.example/inventory/12\n"
            "Sent twice by the website."
        ),
    }


def test_a_lead_without_a_company_fills_core_columns_only_whatever_the_tenant_has() -> None:
    for lead in (LEAD, replace(LEAD, company={})):
        assert columns(lead, connection_to(FULL_TENANT)) == columns(LEAD)
        assert not any(name.startswith("hnt_") for name in mapped(lead, connection_to()).columns)


def test_a_lead_with_nothing_but_a_name_and_an_address() -> None:
    lead = replace(LEAD, phone="", message=" ", vehicle=None)

    assert columns(lead) == {
        "subject": "Enquiry: Zoë Nguyen",
        "firstname": "Zoë",
        "lastname": "Nguyen",
        "emailaddress1": "zoe@mail.example",
        "leadsourcecode": 8,
        "donotbulkemail": True,
        "donotsendmm": True,
    }
    empty = mapped(lead).columns
    assert empty["description"] is empty["telephone1"] is empty["leadqualitycode"] is None


@pytest.mark.parametrize(
    ("lead", "subject"),
    [
        (replace(LEAD, vehicle_interest=Interest.SELL), "Sell: 2020 Volvo V90 (S-12)"),
        (replace(LEAD, vehicle=replace(VEHICLE, stock_number=None)), "Enquiry: 2020 Volvo V90"),
        (replace(LEAD, vehicle=None, stock_number="N-1"), "Enquiry: stock number N-1"),
        (replace(LEAD, vehicle=None, name=" "), "Enquiry"),
    ],
)
def test_the_subject_tells_what_it_is_about(lead: Lead, subject: str) -> None:
    assert columns(lead)["subject"] == subject


def test_a_stock_number_nobody_knows_stands_in_the_description() -> None:
    text = columns(replace(LEAD, vehicle=None, stock_number="NEW-1"))["description"]

    assert text == "Is it still for sale?\n\nStock number the website named: NEW-1"
    assert "website named" not in columns(replace(LEAD, stock_number="NEW-1"))["description"]


@pytest.mark.parametrize("price", ["0", "-5", "NaN"])
def test_a_price_that_says_nothing_is_not_told(price: str) -> None:
    lead = replace(LEAD, vehicle=replace(VEHICLE, price=Decimal(price)))

    assert "$" not in columns(lead)["description"]


@pytest.mark.parametrize(
    ("consent", "may_not"),
    [
        ({"marketing": True}, False),
        ({"marketing": False}, True),
        ({"marketing": "true"}, True),
        ({"marketing": 1}, True),
        ({"text": "yes"}, True),
        ({}, True),
        (None, True),
    ],
)
def test_only_a_clear_yes_allows_marketing(consent: dict[str, Any] | None, may_not: bool) -> None:
    held = columns(replace(LEAD, consent=consent), connection_to(STOCK_TENANT))

    assert (held["donotbulkemail"], held["donotsendmm"]) == (may_not, may_not)
    assert not {"donotemail", "donotphone"} & held.keys()
    only = connection_to(STOCK_TENANT, without=("donotsendmm",))
    assert "donotsendmm" not in columns(replace(LEAD, consent=consent), only)


@pytest.mark.parametrize(
    ("rating", "code"), [(Rating.HOT, 1), (Rating.WARM, 2), (Rating.COLD, 3), (None, None)]
)
def test_the_rating_is_the_quality(rating: Rating | None, code: int | None) -> None:
    assert mapped(replace(LEAD, rating=rating)).columns["leadqualitycode"] == code


@pytest.mark.parametrize("status", list(LeadStatus), ids=str)
def test_no_status_of_ours_opens_closes_or_changes_a_lead(status: LeadStatus) -> None:
    held = mapped(replace(LEAD, status=status)).columns

    assert held == mapped(LEAD).columns
    assert not {"statecode", "statuscode", "ownerid"} & held.keys()


@pytest.mark.parametrize("phone", ["(02) 9999 1234", "+64 21 123 4567", "ext. 5"])
def test_a_number_that_is_no_mobile_stands_as_typed(phone: str) -> None:
    held = columns(replace(LEAD, phone=phone))

    assert held["telephone1"] == phone
    assert "mobilephone" not in held


def test_what_a_column_cannot_hold_stands_in_full_in_the_description() -> None:
    lead = replace(
        LEAD,
        name="Wolfeschlegel " * 6 + "Hausenbergerdorff" * 4,
        phone="0412 345 678 or (02) 9999 1234, after six in the evening",
        email="z" * 101 + "@mail.example",
        address=LeadAddress(line="l" * 251, city="c" * 81, state="s" * 51, post_code="p" * 21),
    )
    result = mapped(lead)
    held, text = result.columns, str(result.columns["description"])

    assert held["firstname"] == ("Wolfeschlegel " * 4)[:49].rstrip() + "…"
    assert held["lastname"] == ("Hausenbergerdorff" * 4)[:49] + "…"
    assert held["telephone1"] is held["emailaddress1"] is held["address1_postalcode"] is None
    assert held["address1_city"] == "c" * 79 + "…"
    for line in (
        f"Name: {' '.join(lead.name.split())}", f"Phone: {lead.phone}", f"E-mail: {lead.email}",
        f"Address: {'l' * 251}", f"City: {'c' * 81}", f"State: {'s' * 51}",
        f"Post code: {'p' * 21}",
    ):  # fmt: skip
        assert text.count(line) == 1
    assert "lastname: cut to 50 characters. All of it stands in description." in result.left_out
    assert (
        "emailaddress1: left out, as it has more than 100 characters. "
        "All of it stands in description."
    ) in result.left_out
    assert len(result.left_out) == 8
    assert not any(word in note for note in result.left_out for word in ("zzz", "0412", "Wolf"))


def test_a_long_message_gives_way_to_the_facts_below_it() -> None:
    lead = replace(WHOLE, message="m" * 10_000)
    result = mapped(lead)
    text = str(result.columns["description"])

    message, facts = text.split("\n\n")
    assert len(text) == 2000
    assert message == "m" * (len(message) - 1) + "…"
    assert facts == columns(WHOLE)["description"].split("\n\n")[1]
    assert result.left_out == (
        f"description: cut to 2000 of {10_000 + 2 + len(facts)} characters.",
    )


def test_of_endless_facts_the_message_keeps_half_the_room() -> None:
    lead = replace(LEAD, message="m" * 5000, delivery_notes=("n" * 5000,))
    text = columns(lead)["description"]

    assert len(text) == 2000
    assert text.startswith("m" * 999 + "…\n\nVehicle: ")
    assert text.endswith("n…")


def test_what_the_description_has_no_room_for_is_not_said_to_stand_there() -> None:
    narrow = connection_to(STOCK_TENANT, description=Column(type="Memo", max_length=40))
    result = mapped(replace(LEAD, name="x" * 60), narrow)

    assert result.left_out[0] == "lastname: cut to 50 characters."
    assert result.left_out[1].startswith("description: cut to 40 of ")


def test_a_tenants_longer_description_takes_it_all() -> None:
    lead = replace(WHOLE, message="m" * 10_000)
    wide = connection_to(STOCK_TENANT, description=Column(type="Memo", max_length=100_000))

    assert mapped(lead, wide).left_out == ()
    assert columns(lead, wide)["description"].startswith("m" * 10_000 + "\n\n")


def test_what_the_tenant_lacks_or_the_connection_forbids_is_not_named() -> None:
    lacking = connection_to(
        STOCK_TENANT,
        without=("firstname", "description"),
        columns={"telephone1": False, "lastname": True, "hnt_domain": True},
        leadqualitycode=Column(type="Picklist", on_create=False),
    )
    result = mapped(replace(WHOLE, email="z" * 101), lacking)

    assert not result.columns.keys() & {
        "firstname", "description", "telephone1", "leadqualitycode", "hnt_domain"
    }  # fmt: skip
    assert result.columns["lastname"] == "Nguyen"
    assert result.left_out == ("emailaddress1: left out, as it has more than 100 characters.",)


def test_the_column_of_the_key_is_never_in_the_body() -> None:
    keyed = connection_to(STOCK_TENANT, key_column="telephone1")

    assert "telephone1" not in columns(LEAD, keyed)
    assert "hnt_forecourtid" not in columns(LEAD)


@pytest.mark.parametrize("name", [" ", "", "\x1b", "\x01 \ufffe"])
def test_a_name_that_is_none_still_gives_the_last_name_dynamics_asks_for(name: str) -> None:
    held = columns(replace(LEAD, name=name, vehicle=None))

    assert (held["lastname"], held["subject"], held.get("firstname")) == (
        "Unknown", "Enquiry", None
    )  # fmt: skip
