from datetime import UTC, datetime

import pytest

from forecourt.easycars.lead_mapping import lead_from_detail
from forecourt.easycars.lead_messages import LeadDetail
from forecourt.leads.lead import FinanceStatus, LeadStatus, Rating, VehicleInterest

VENDOR_SAMPLE = {
    "LeadNumber": "000038", "StockNumber": None, "VehicleMake": "Toyota",
    "VehicleModel": "Corolla", "VehiclePrice": 25000.0, "VehicleType": 1, "VehicleYear": 2018,
    "IsVehicleNew": True, "VehicleInterest": 3, "Notes": None, "VehicleSourcePageURL": "",
    "FinanceStatus": 2, "Rating": 2, "ExternalID": None,
    "CreatedDateTime": "28/11/2024 10:42:12", "CustomerNo": "00004",
    "CustomerName": "EasyCars Customer", "CustomerEmail": "customer@easycars.example",
    "CustomerAddress": "Test Adress Line", "CustomerCity": "St Marys", "CustomerState": "NSW",
    "CustomerPostCode": "2760", "CustomerFax": "", "CustomerPhone": "",
    "CustomerMobile": "0420000000", "Code": 0, "ErrorMessage": None,
}  # fmt: skip


def test_the_vendors_sample() -> None:
    lead = lead_from_detail(LeadDetail.model_validate(VENDOR_SAMPLE))

    assert (lead.easycars_lead_number, lead.easycars_customer_no) == ("000038", "00004")
    assert lead.vehicle_interest is VehicleInterest.SELL
    assert (lead.finance_status, lead.finance_interested) == (FinanceStatus.NO, False)
    assert lead.rating is Rating.WARM
    assert lead.created_at == datetime(2024, 11, 27, 23, 42, 12, tzinfo=UTC)
    assert (lead.name, lead.email) == ("EasyCars Customer", "customer@easycars.example")
    assert lead.phone == "0420000000"
    assert (lead.stock_number, lead.external_id, lead.message) == (None, None, None)
    assert (lead.status, lead.easycars_status) == (None, None)


def test_nothing_at_all_is_none_everywhere_and_no_fake_person() -> None:
    blanks = dict.fromkeys(VENDOR_SAMPLE, "") | {"CustomerName": None}

    for detail in (LeadDetail(), LeadDetail.model_validate(blanks)):
        lead = lead_from_detail(detail)
        assert (lead.name, lead.email, lead.phone, lead.message) == (None, None, None, None)
        assert (lead.rating, lead.vehicle_interest, lead.created_at) == (None, None, None)
        assert lead.finance_interested is False


@pytest.mark.parametrize(
    ("sent", "status"),
    [(10, LeadStatus.RECEIVED), (30, LeadStatus.IN_PROGRESS), (90, LeadStatus.DELETED), (42, None)],
)
def test_a_status_is_read_should_the_vendor_add_it(sent: int, status: LeadStatus | None) -> None:
    lead = lead_from_detail(LeadDetail.model_validate(VENDOR_SAMPLE | {"LeadStatus": sent}))

    assert (lead.status, lead.easycars_status) == (status, sent)


@pytest.mark.parametrize(
    ("sent", "finance", "interested"),
    [
        (1, FinanceStatus.YES, True),
        (3, FinanceStatus.MAYBE, False),
        (0, None, False),
        (None, None, False),
    ],
)
def test_finance(sent: int | None, finance: FinanceStatus | None, interested: bool) -> None:
    lead = lead_from_detail(LeadDetail.model_validate(VENDOR_SAMPLE | {"FinanceStatus": sent}))

    assert (lead.finance_status, lead.finance_interested) == (finance, interested)


def test_long_and_odd_texts_fit_their_columns() -> None:
    lead = lead_from_detail(
        LeadDetail.model_validate(
            VENDOR_SAMPLE
            | {
                "CustomerName": "n" * 300,
                "CustomerEmail": "e" * 300 + "@x.example",
                "CustomerPhone": "1" * 30,
                "Notes": "a\x00b",
            }
        )
    )

    assert (len(lead.name or ""), lead.email, len(lead.phone or "")) == (255, None, 20)
    assert lead.message == "ab"
