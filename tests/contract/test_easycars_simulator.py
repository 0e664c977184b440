"""The simulator over HTTP: the operations, their numbers, who sees what, what is logged."""

import json
import re
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from local.easycars_simulator import EasyCarsSimulator, Rules, default_accounts
from local.easycars_simulator.stock_table import STOCK_FIELDS
from tests.support.vendor_caller import LEAD, SMALL_QUOTATION, STOCK, VendorCaller


@pytest.fixture
def simulator() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(accounts=default_accounts(3, vehicles=40)) as running:
        yield running


@pytest.fixture
def vendor(simulator: EasyCarsSimulator) -> Iterator[VendorCaller]:
    with VendorCaller(simulator) as caller:
        yield caller


def test_stock_is_the_whole_list_with_every_field(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    answer = json.loads(vendor.post("GetAdvertisementStocks", STOCK).content, parse_float=Decimal)
    assert answer["StockList"] == simulator.stock(vendor.account.account_number)
    assert len(answer["StockList"]) == 40
    assert {tuple(item) for item in answer["StockList"]} == {tuple(STOCK_FIELDS)}


def test_stock_can_be_asked_for_one_yard(vendor: VendorCaller) -> None:
    everything = vendor.stock()["StockList"]
    of_yard = vendor.stock(YardCode="200")["StockList"]
    assert of_yard == [item for item in everything if item["YardCode"] == "200"]
    assert 0 < len(of_yard) < len(everything)
    assert vendor.stock(YardCode=None)["StockList"] == everything


def test_an_unknown_yard_is_refused(vendor: VendorCaller) -> None:
    answer = vendor.stock(YardCode="999")
    assert answer["Code"] == 7
    assert "YardCode" in answer["ErrorMessage"]


def test_a_created_lead_reads_back_in_full(vendor: VendorCaller) -> None:
    customer = {
        "Name": "Zoë O'Brien 🚗",
        "Email": "Zoe@example.com",
        "Address": "1 High St",
        "City": "St Marys",
        "State": "NSW",
        "PostCode": "2760",
        "Fax": "02 1",
        "Phone": "02 2",
        "Mobile": "0420000000",
    }
    created = vendor.create_lead(
        StockNumber="12",
        VehiclePrice=25000,
        VehicleInterest=4,
        Notes="line one\nline two",
        VehicleSourcePageURL="https://dealer.example/12",
        FinanceStatus=2,
        Rating=3,
        ExternalID="ext-1",
        LeadCustomer=customer,
    )
    assert created == {
        "LeadNumber": "000001",
        "CustomerNo": "00001",
        "Code": 0,
        "ErrorMessage": None,
    }
    answer = vendor.post("GetLeadDetail", LeadNumber="000001")
    assert '"VehiclePrice":25000.0000,' in answer.text
    detail = answer.json()
    now = datetime.now(ZoneInfo("Australia/Sydney"))
    created_at = detail.pop("CreatedDateTime")
    assert created_at in {f"{now - timedelta(seconds=ago):%d/%m/%Y %H:%M:%S}" for ago in range(60)}
    assert detail == {
        "LeadNumber": "000001",
        "StockNumber": "12",
        "VehicleMake": "Toyota",
        "VehicleModel": "Corolla",
        "VehiclePrice": 25000.0,
        "VehicleType": 1,
        "VehicleYear": 2018,
        "IsVehicleNew": False,
        "VehicleInterest": 4,
        "Notes": "line one\nline two",
        "VehicleSourcePageURL": "https://dealer.example/12",
        "FinanceStatus": 2,
        "Rating": 3,
        "ExternalID": "ext-1",
        "CustomerNo": "00001",
        **{f"Customer{name}": value for name, value in customer.items()},
        "Code": 0,
        "ErrorMessage": None,
    }


def test_what_a_lead_does_not_have_reads_back_as_the_vendor_shows_it(vendor: VendorCaller) -> None:
    vendor.create_lead()
    detail = vendor.call("GetLeadDetail", LeadNumber="000001")
    nulls = {"StockNumber", "VehiclePrice", "Notes", "FinanceStatus", "Rating", "ExternalID"}
    assert {name for name in detail if detail[name] is None} == nulls | {"ErrorMessage"}
    assert detail["VehicleSourcePageURL"] == detail["CustomerMobile"] == ""
    assert "LeadStatus" not in detail
    assert len(detail) == 27


def test_a_lead_hangs_on_stock_only_where_the_account_has_it(vendor: VendorCaller) -> None:
    for stock_number in ("12", " 12 ", "no such", None):
        vendor.create_lead(StockNumber=stock_number)
    assert [
        vendor.call("GetLeadDetail", LeadNumber=f"00000{number}")["StockNumber"]
        for number in range(1, 5)
    ] == ["12", "12", None, None]


def test_numbers_count_up_per_account(simulator: EasyCarsSimulator) -> None:
    for account in simulator.accounts()[:2]:
        with VendorCaller(simulator, account) as caller:
            numbers = [
                caller.create_lead(LeadCustomer={"Name": "n", "Email": f"{n}@x.au"})
                for n in range(3)
            ]
        assert [(each["LeadNumber"], each["CustomerNo"]) for each in numbers] == [
            ("000001", "00001"),
            ("000002", "00002"),
            ("000003", "00003"),
        ]


def test_a_lead_of_another_source_takes_a_number_and_is_not_seen(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    vendor.create_lead()
    assert simulator.add_foreign_lead(vendor.account.account_number) == "000002"
    assert vendor.create_lead()["LeadNumber"] == "000003"
    foreign = vendor.call("GetLeadDetail", LeadNumber="000002")
    unknown = vendor.call("GetLeadDetail", LeadNumber="000009")
    assert foreign == unknown == {"Code": 7, "ErrorMessage": "LeadNumber was not found."}
    assert vendor.call("UpdateLead", LeadNumber="000002", Rating=1)["Code"] == 7
    assert [lead["ours"] for lead in simulator.leads()] == [True, False, True]
    assert simulator.invalid_requests() == []


def test_a_number_is_a_text_and_its_zeros_count(vendor: VendorCaller) -> None:
    vendor.create_lead()
    assert vendor.call("GetLeadDetail", LeadNumber="1")["Code"] == 7
    assert "must be a string" in vendor.call("GetLeadDetail", LeadNumber=1)["ErrorMessage"]


def test_an_update_changes_what_it_holds_and_nothing_else(vendor: VendorCaller) -> None:
    vendor.create_lead(Notes="first", Rating=1)
    before = vendor.call("GetLeadDetail", LeadNumber="000001")
    answer = vendor.call("UpdateLead", LeadNumber="000001", Rating=3, VehiclePrice=1.5)
    assert answer == {
        "LeadNumber": "000001",
        "CustomerNo": "00001",
        "Code": 0,
        "ErrorMessage": None,
    }
    after = vendor.call("GetLeadDetail", LeadNumber="000001")
    assert after == before | {"Rating": 3, "VehiclePrice": 1.5}


def test_a_deleted_lead_never_comes_back(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    vendor.create_lead()
    for status in (30, 50, 60, 10, 90, 90):
        assert vendor.call("UpdateLead", LeadNumber="000001", LeadStatus=status)["Code"] == 0
    for status in (10, 30, 50, 60):
        answer = vendor.call("UpdateLead", LeadNumber="000001", LeadStatus=status)
        assert answer["Code"] == 7
        assert "LeadStatus" in answer["ErrorMessage"]
    assert simulator.leads()[0]["status"] == 90


def test_an_unknown_customer_number_is_refused_by_name(vendor: VendorCaller) -> None:
    answer = vendor.create_lead(LeadCustomer={"CustomerNo": "00042"})
    assert (answer["Code"], answer["ErrorMessage"]) == (
        7,
        "LeadCustomer.CustomerNo was not found.",
    )


def test_contacts_are_found_by_part_of_the_name_or_exactly(vendor: VendorCaller) -> None:
    vendor.create_lead(
        LeadCustomer={"Name": "Ann Lee", "Email": "Ann@x.au", "Mobile": "0400000001"}
    )
    vendor.create_lead(LeadCustomer={"Name": "Bob Lee", "Email": "bob@x.au", "Phone": "0299990000"})

    def found(**what: str) -> list[str]:
        answer = vendor.call("SearchContacts", **what)
        assert answer["Code"] == 0
        return [contact["CustomerNo"] for contact in answer["Contacts"]]

    assert found(Name="lee") == ["00001", "00002"]
    assert found(Email="ann@X.au") == ["00001"]
    assert found(Email="x.au") == []
    assert found(Phone="0400000001") == ["00001"]
    assert found(Phone="0299990000") == ["00002"]
    assert vendor.call("SearchContacts", Email="bob@x.au")["Contacts"] == [
        {
            "CustomerNo": "00002",
            "Name": "Bob Lee",
            "Email": "bob@x.au",
            "Phone": "0299990000",
            "Mobile": "",
            "Address": "",
            "City": "",
            "State": "",
            "PostCode": "",
            "Country": "",
            "ABN": "",
        }
    ]


def test_a_lead_tells_its_status_only_where_a_rule_says_so() -> None:
    with (
        EasyCarsSimulator(rules=Rules(lead_status_in_detail=True)) as simulator,
        VendorCaller(simulator) as vendor,
    ):
        number = vendor.create_lead()["LeadNumber"]
        vendor.call("UpdateLead", LeadNumber=number, LeadStatus=60)

        assert vendor.call("GetLeadDetail", LeadNumber=number)["LeadStatus"] == 60


def test_a_quotation_gets_a_number_and_its_customers_theirs(vendor: VendorCaller) -> None:
    assert vendor.call("CreateQuotation", **SMALL_QUOTATION) == {
        "QuoteNumber": "000001",
        "CustomerNo1": "00001",
        "CustomerNo2": None,
        "Code": 0,
        "ErrorMessage": None,
    }
    both = SMALL_QUOTATION | {"QuotationCustomer2": {"Name": "Bob", "Email": "bob@x.au"}}
    answer = vendor.call("CreateQuotation", **both)
    assert (answer["QuoteNumber"], answer["CustomerNo2"]) == ("000002", "00002")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"YardCode": "999"}, "YardCode"),
        ({"LeadNumber": "000001"}, "LeadNumber"),
        ({"QuotationCustomer1": {"CustomerNo": "00009"}}, "QuotationCustomer1"),
        ({"QuoteDate": "2024-11-28"}, "QuoteDate"),
        ({"QuotationTradeins": [{"Make": "x"}]}, "QuotationTradeins[0].Allowance"),
    ],
)
def test_a_quotation_that_does_not_fit_is_refused(
    vendor: VendorCaller, change: dict[str, Any], named: str
) -> None:
    answer = vendor.call("CreateQuotation", **(SMALL_QUOTATION | change))
    assert answer["Code"] == 7
    assert named in answer["ErrorMessage"]


def test_pictures_are_where_the_stock_says_and_stay_the_same(vendor: VendorCaller) -> None:
    urls = [
        url for item in vendor.stock()["StockList"] for url in item["ImageURLs"].split(",") if url
    ]
    assert all(
        re.fullmatch(rf"{vendor.url}/publicimages/image/\d+/\d+/[0-9a-f]{{40}}", url)
        for url in urls
    )
    first = [vendor.http.get(url) for url in urls[:12]]
    second = [vendor.http.get(url) for url in urls[:12]]
    assert [answer.content for answer in first] == [answer.content for answer in second]
    assert len({answer.content for answer in first}) == 12
    assert {answer.headers["Content-Type"] for answer in first} <= {
        "image/jpeg",
        "image/png",
        "image/gif",
        "image/webp",
    }
    assert vendor.http.get(f"{vendor.url}/publicimages/image/1/2/nothex").status_code == 404


def test_half_a_request_is_none(simulator: EasyCarsSimulator) -> None:
    host, _, port = simulator.url.removeprefix("http://").partition(":")
    head = "POST /LeadService/CreateLead HTTP/1.1\r\nHost: vendor\r\nContent-Length: 400\r\n\r\n"
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + b'{"AccountNumber": ')
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    assert simulator.requests() == []


def test_the_log_holds_no_secret_and_nothing_personal(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    vendor.create_lead(ExternalID="our-id", Surname="Private", Notes=7)
    vendor.create_lead(ExternalID="our-id")
    created = simulator.requests("CreateLead")[-1]
    assert (created.lead_number, created.external_id) == ("000001", "our-id")
    assert (created.account, created.code) == (vendor.account.account_number, 0)
    told = vendor.http.get(f"{vendor.url}/_control/requests").text + repr(simulator.requests())
    secrets = (vendor.account.client_secret, vendor.account.account_secret, vendor.token(LEAD))
    for hidden in (*secrets, "ann@example.com", "Ann Lee", "Private"):
        assert hidden not in told
