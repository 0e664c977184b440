"""What the probe takes for a lead, for no lead, and for no answer."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from forecourt.easycars.lead_mapping import changed_fields, update_lead_fields
from forecourt.easycars.lead_probe import EasyCarsLeadProbe
from forecourt.errors import ForecourtError, PermanentError, RetryableError
from tests.support.easycars import CREDENTIALS, LEAD, ScriptedVendor

DETAIL: dict[str, Any] = {
    "LeadNumber": "000017",
    "StockNumber": "S-12",
    "VehicleMake": "Volvo",
    "VehiclePrice": 45990.0000,
    "VehicleInterest": 1,
    "Notes": "Is it still for sale?",
    "VehicleSourcePageURL": "",
    "FinanceStatus": None,
    "Rating": None,
    "ExternalID": str(LEAD.external_id).upper(),
    "CreatedDateTime": "28/11/2024 10:42:12",
    "CustomerNo": "00004",
    "CustomerName": "Zoë Nguyen",
    "CustomerEmail": "zoe@mail.example",
    "CustomerMobile": "0412345678",
    "Code": 0,
    "ErrorMessage": None,
}
NOTHING = dict.fromkeys(DETAIL) | {"Code": 0}


@pytest.fixture
def vendor() -> ScriptedVendor:
    return ScriptedVendor()


@pytest.fixture
def probe(vendor: ScriptedVendor) -> EasyCarsLeadProbe:
    return EasyCarsLeadProbe(vendor.client)


class TestReading:
    def test_a_lead_is_shown_as_the_vendor_has_it(
        self, vendor: ScriptedVendor, probe: EasyCarsLeadProbe
    ) -> None:
        vendor.will("GetLeadDetail", DETAIL)

        found = probe.read_lead(CREDENTIALS, "000017")

        assert found is not None
        assert vendor.body_of("GetLeadDetail")["LeadNumber"] == "000017"
        assert (found.number, found.customer_no) == ("000017", "00004")
        assert found.is_lead(LEAD.external_id)
        assert found.created_at == datetime(2024, 11, 27, 23, 42, 12, tzinfo=UTC)
        assert found.confirmed == {
            "VehiclePrice": 45990,
            "VehicleInterest": 1,
            "Notes": "Is it still for sale?",
            "LeadCustomer": {
                "Name": "Zoë Nguyen",
                "Email": "zoe@mail.example",
                "Mobile": "0412345678",
            },
            "LeadStatus": 10,
        }
        assert changed_fields(update_lead_fields(LEAD), found.confirmed) == {}

    def test_a_status_the_vendor_sends_is_the_base_of_the_next_difference(
        self, vendor: ScriptedVendor, probe: EasyCarsLeadProbe
    ) -> None:
        vendor.will("GetLeadDetail", DETAIL | {"LeadStatus": 50, "VehiclePrice": 9.5})

        found = probe.read_lead(CREDENTIALS, "000017")

        assert found is not None
        assert (found.confirmed["LeadStatus"], found.confirmed["VehiclePrice"]) == (50, 9.5)

    def test_of_the_hour_april_repeats_it_is_the_second(
        self, vendor: ScriptedVendor, probe: EasyCarsLeadProbe
    ) -> None:
        vendor.will("GetLeadDetail", DETAIL | {"CreatedDateTime": "06/04/2025 02:30:00"})

        found = probe.read_lead(CREDENTIALS, "000017")

        assert found is not None
        assert found.created_at == datetime(2025, 4, 5, 16, 30, tzinfo=UTC)

    @pytest.mark.parametrize(
        "answer",
        [
            {"Code": 7, "ErrorMessage": "LeadNumber was not found."},
            {"Code": 0},
            NOTHING,
            NOTHING | {"CustomerName": " ", "VehicleYear": 0, "IsVehicleNew": False},
        ],
    )
    def test_what_clearly_is_no_lead_is_none(
        self, vendor: ScriptedVendor, probe: EasyCarsLeadProbe, answer: dict[str, Any]
    ) -> None:
        vendor.will("GetLeadDetail", answer)

        assert probe.read_lead(CREDENTIALS, "000017") is None

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (DETAIL | {"LeadNumber": None}, PermanentError),
            (NOTHING | {"ExternalID": "x"}, PermanentError),
            (NOTHING | {"Code": 5}, PermanentError),
            (NOTHING | {"Code": None}, RetryableError),
            (NOTHING | {"Code": 3}, RetryableError),
            ({"Code": 9}, RetryableError),
            ({"Code": 1}, PermanentError),
            (httpx.Response(404, json={"Code": 7}), PermanentError),
            (httpx.Response(400), PermanentError),
            (httpx.Response(500, json={"Code": 7}), RetryableError),
            (httpx.Response(200, content=b""), RetryableError),
            (httpx.ReadTimeout("-"), RetryableError),
            (httpx.ConnectError("-"), RetryableError),
        ],
    )
    def test_anything_else_is_no_answer(
        self,
        vendor: ScriptedVendor,
        probe: EasyCarsLeadProbe,
        answer: Any,
        kind: type[ForecourtError],
    ) -> None:
        vendor.will("GetLeadDetail", answer, answer, answer)

        with pytest.raises(kind):
            probe.read_lead(CREDENTIALS, "000017")


class TestContacts:
    def test_an_empty_list_with_code_0_is_nobody(
        self, vendor: ScriptedVendor, probe: EasyCarsLeadProbe
    ) -> None:
        vendor.will("SearchContacts", {"Code": 0, "Contacts": []})

        assert probe.has_no_contact(CREDENTIALS, email="zoe@mail.example")
        sent = vendor.body_of("SearchContacts")
        assert (sent["Email"], "Phone" in sent, "Name" in sent) == (
            "zoe@mail.example", False, False,
        )  # fmt: skip

    @pytest.mark.parametrize(
        "answer",
        [
            {"Code": 0, "Contacts": [{"CustomerNo": "00004"}]},
            {"Code": 0, "Contacts": [None]},
            {"Code": 5, "Contacts": [], "ErrorMessage": "Search was slow."},
            {"Code": 5, "Contacts": []},
        ],
    )
    def test_anybody_and_any_doubt_is_somebody(
        self, vendor: ScriptedVendor, probe: EasyCarsLeadProbe, answer: dict[str, Any]
    ) -> None:
        vendor.will("SearchContacts", answer)

        assert not probe.has_no_contact(CREDENTIALS, phone="0412345678")

    @pytest.mark.parametrize("answer", [{"Code": 0}, {"Code": 0, "Contacts": None}, {"Code": 7}])
    def test_no_list_is_no_answer(
        self, vendor: ScriptedVendor, probe: EasyCarsLeadProbe, answer: dict[str, Any]
    ) -> None:
        vendor.will("SearchContacts", answer)

        with pytest.raises(ForecourtError):
            probe.has_no_contact(CREDENTIALS, phone="0412345678")
