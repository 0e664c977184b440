import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from forecourt.easycars.lead_mapping import (
    changed_fields,
    create_lead_fields,
    update_lead_fields,
)
from forecourt.errors import PermanentError
from forecourt.leads.lead import (
    FinanceStatus,
    Lead,
    LeadAddress,
    LeadStatus,
    Rating,
    VehicleInterest,
)
from tests.support.easycars import LEAD, VEHICLE

TODAY = date(2026, 3, 1)


def created(lead: Lead) -> dict[str, Any]:
    return create_lead_fields(lead, today=TODAY)


def test_a_lead_with_all_it_can_have() -> None:
    lead = replace(
        LEAD,
        vehicle=replace(VEHICLE, price=Decimal("45990.50"), is_new=True, stock_type="M"),
        vehicle_interest=VehicleInterest.TEST_DRIVE,
        finance_status=FinanceStatus.MAYBE,
        rating=Rating.HOT,
        source_page_url="https://dealer.example/inventory/12",
        address=LeadAddress(line="1 High St", city="Perth", state="WA", post_code="6000"),
        delivery_notes=("Sent twice by the website.",),
        easycars_customer_no="00004",
    )

    assert created(lead) == {
        "StockNumber": "S-12",
        "VehicleMake": "Volvo",
        "VehicleModel": "V90",
        "VehiclePrice": 45990.5,
        "VehicleType": 2,
        "VehicleYear": 2020,
        "IsVehicleNew": True,
        "VehicleInterest": 4,
        "Notes": "Is it still for sale?\n\nSent twice by the website.",
        "VehicleSourcePageURL": "https://dealer.example/inventory/12",
        "FinanceStatus": 3,
        "Rating": 3,
        "ExternalID": str(LEAD.external_id),
        "LeadCustomer": {
            "Name": "Zoë Nguyen",
            "Email": "zoe@mail.example",
            "Mobile": "0412345678",
            "Address": "1 High St",
            "City": "Perth",
            "State": "WA",
            "PostCode": "6000",
        },
    }


def test_a_lead_without_a_vehicle_gets_placeholders_and_says_so() -> None:
    fields = created(replace(LEAD, vehicle=None))

    assert (fields["VehicleMake"], fields["VehicleModel"]) == ("General", "Enquiry")
    assert (fields["VehicleType"], fields["VehicleYear"], fields["IsVehicleNew"]) == (
        1,
        2026,
        False,
    )
    assert fields["VehicleInterest"] == 1
    assert "StockNumber" not in fields
    assert "VehiclePrice" not in fields
    assert fields["Notes"] == (
        "Is it still for sale?\n\n"
        "No known vehicle: make, model and year of this lead are placeholders."
    )


def test_a_stock_number_we_do_not_know_is_sent_where_it_fits() -> None:
    fits = created(replace(LEAD, vehicle=None, stock_number=" NEW-1 "))
    too_long = created(replace(LEAD, vehicle=None, stock_number="N" * 21))

    assert (fits["StockNumber"], fits["VehicleMake"]) == ("NEW-1", "General")
    assert "Stock number the website named: NEW-1" in fits["Notes"]
    assert "StockNumber" not in too_long
    assert "N" * 21 in too_long["Notes"]


@pytest.mark.parametrize("price", ["0", "0.00", "-5", "NaN", "1e12", "0.001"])
def test_a_price_that_says_nothing_is_left_out(price: str) -> None:
    assert "VehiclePrice" not in created(
        replace(LEAD, vehicle=replace(VEHICLE, price=Decimal(price)))
    )


@pytest.mark.parametrize("price", ["0.01", "19999.99", "25000.00", "99999999.99"])
def test_a_price_keeps_its_digits_through_json(price: str) -> None:
    fields = created(replace(LEAD, vehicle=replace(VEHICLE, price=Decimal(price))))

    assert Decimal(json.dumps(fields["VehiclePrice"])) == Decimal(price)


@pytest.mark.parametrize(
    ("letter", "code"),
    [("A", 1), ("M", 2), ("B", 3), ("C", 4), ("H", 5), ("T", 6), (" b ", 3), ("?", 1), (None, 1)],
)
def test_the_vehicle_type_comes_from_the_stock_type(letter: str | None, code: int) -> None:
    lead = replace(LEAD, vehicle=replace(VEHICLE, stock_type=letter))

    assert created(lead)["VehicleType"] == code


def test_what_is_cut_stands_in_full_in_notes() -> None:
    lead = replace(
        LEAD,
        name="Anna " * 30,
        vehicle=replace(VEHICLE, make="m" * 101, model="o" * 51, stock_number="s" * 21),
        address=LeadAddress(line="l" * 201, city="c" * 51, state="s" * 300, post_code="p" * 11),
        source_page_url="https://dealer.example/" + "u" * 400,
        phone="0412 345 678 or 02 9999 1234",
    )

    fields = created(lead)

    customer = fields["LeadCustomer"]
    assert (len(fields["VehicleMake"]), len(fields["VehicleModel"])) == (100, 50)
    assert len(customer["Name"]) <= 100
    assert (len(customer["Address"]), len(customer["City"]), len(customer["PostCode"])) == (
        200, 50, 10,
    )  # fmt: skip
    assert customer["State"] == "s" * 300
    assert not {"VehicleSourcePageURL", "StockNumber"} & fields.keys()
    assert not {"Phone", "Mobile"} & customer.keys()
    for text in (
        "Anna " * 29 + "Anna", "m" * 101, "o" * 51, "s" * 21, "l" * 201, "c" * 51, "p" * 11,
        "https://dealer.example/" + "u" * 400, "0412 345 678 or 02 9999 1234",
    ):  # fmt: skip
        assert text in fields["Notes"]


@pytest.mark.parametrize("url", ["http://dealer.example/12", "javascript:alert(1)", "https://a b"])
def test_only_an_https_url_is_sent_and_others_stand_in_notes(url: str) -> None:
    fields = created(replace(LEAD, source_page_url=url))

    assert "VehicleSourcePageURL" not in fields
    assert f"Page: {url}" in fields["Notes"]


@pytest.mark.parametrize(
    "email",
    ["", "zoe", "zoe@", "@mail.example", "a b@c.d", "a@b@c.d", "a@" + "b" * 99, "a\x00@b.c"],
)
def test_an_email_is_never_cut(email: str) -> None:
    for fields_of in (created, update_lead_fields):
        with pytest.raises(PermanentError) as failure:
            fields_of(replace(LEAD, email=email))
        assert failure.value.code == "INVALID_EMAIL"
        assert email == "" or email not in failure.value.detail


def test_an_email_of_exactly_100_characters_goes() -> None:
    email = "a@" + "b" * 94 + ".com"

    assert created(replace(LEAD, email=f" {email} "))["LeadCustomer"]["Email"] == email


def test_a_blank_name_and_a_blank_message() -> None:
    fields = created(replace(LEAD, name=" ", message="", phone=""))

    assert fields["LeadCustomer"] == {"Name": "Unknown", "Email": LEAD.email}
    assert "Notes" not in fields


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (LeadStatus.RECEIVED, 10),
        (LeadStatus.IN_PROGRESS, 30),
        (LeadStatus.WON, 50),
        (LeadStatus.DONE, 50),
        (LeadStatus.LOST, 60),
        (LeadStatus.DELETED, 90),
    ],
)
def test_an_update_carries_the_status(status: LeadStatus, code: int) -> None:
    assert update_lead_fields(replace(LEAD, status=status))["LeadStatus"] == code


def test_an_update_names_only_what_the_vendor_lets_change() -> None:
    fields = update_lead_fields(replace(LEAD, rating=Rating.WARM))

    assert fields.keys() == {
        "VehiclePrice", "VehicleInterest", "Notes", "Rating", "LeadStatus", "LeadCustomer",
    }  # fmt: skip


@pytest.mark.parametrize(
    "lead",
    [
        LEAD,
        replace(LEAD, vehicle=None),
        replace(LEAD, vehicle=None, stock_number="NEW-1", name="n" * 120, rating=Rating.COLD),
        replace(LEAD, vehicle=replace(VEHICLE, price=Decimal("19999.99"))),
    ],
)
def test_nothing_differs_right_after_the_create_also_years_later(lead: Lead) -> None:
    delivered = json.loads(json.dumps(create_lead_fields(lead, today=date(2020, 1, 1))))

    assert changed_fields(update_lead_fields(lead), delivered) == {}


def test_only_what_differs_is_sent_and_the_customer_whole() -> None:
    delivered = json.loads(json.dumps(created(LEAD)))
    edited = replace(LEAD, rating=Rating.HOT, status=LeadStatus.WON, phone="0299991234")

    assert changed_fields(update_lead_fields(edited), delivered) == {
        "Rating": 3,
        "LeadStatus": 50,
        "LeadCustomer": {"Name": "Zoë Nguyen", "Email": "zoe@mail.example", "Phone": "0299991234"},
    }


def test_numbers_are_compared_as_numbers() -> None:
    assert changed_fields({"VehiclePrice": 45990}, {"VehiclePrice": Decimal("45990.0000")}) == {}
    assert changed_fields({"VehiclePrice": 45990}, {"VehiclePrice": 45990.01}) != {}
    assert changed_fields({"IsVehicleNew": True}, {"IsVehicleNew": 1}) == {}


def test_a_deleted_lead_is_not_brought_back() -> None:
    assert changed_fields({"LeadStatus": 10, "Notes": "b"}, {"LeadStatus": 90, "Notes": "a"}) == {
        "Notes": "b"
    }
    assert changed_fields({"LeadStatus": 90}, {"LeadStatus": 10}) == {"LeadStatus": 90}


@pytest.mark.parametrize(
    "consent",
    [
        {"marketing": False, "text": "No offers, please."},
        {"marketing": True, "text": "Send me offers.", "pageUrl": "https://dealer.example/"},
    ],
)
def test_the_vendor_is_told_nothing_of_consent(consent: dict[str, Any]) -> None:
    lead = replace(LEAD, consent=consent)

    assert created(lead) == created(replace(LEAD, consent=None))
    assert update_lead_fields(lead) == update_lead_fields(replace(LEAD, consent=None))
    assert "offers" not in json.dumps(created(lead))
