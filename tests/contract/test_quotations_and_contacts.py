"""Quotations and the search for contacts: what the client makes of the strict simulator's word.

No part of Forecourt sends a quotation yet; the client can.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_messages import CreateLeadRequest
from forecourt.easycars.quotation_messages import CreateQuotationRequest
from forecourt.errors import OutcomeUnknownError, PermanentError, RetryableError
from forecourt.security.credentials import EasyCarsCredentials, Environment
from local.easycars_simulator import EasyCarsSimulator, Rules, default_accounts
from tests.support.vendor_caller import SMALL_LEAD, SMALL_QUOTATION


@pytest.fixture(scope="module")
def running() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(
        accounts=default_accounts(1, vehicles=5), rules=Rules(email_case_matters=True)
    ) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: EasyCarsSimulator) -> Iterator[EasyCarsSimulator]:
    running.reset()
    yield running
    assert [record.reasons for record in running.invalid_requests()] == []


@pytest.fixture
def client(simulator: EasyCarsSimulator) -> Iterator[EasyCarsClient]:
    with EasyCarsClient({Environment.TEST: simulator.url}, sleep=lambda _seconds: None) as opened:
        yield opened


@pytest.fixture
def credentials(simulator: EasyCarsSimulator) -> EasyCarsCredentials:
    [account] = simulator.accounts()
    return EasyCarsCredentials(
        credential_id=1,
        dealership_id=1,
        environment=Environment.TEST,
        client_id=SecretStr(account.client_id),
        client_secret=SecretStr(account.client_secret),
        account_number=SecretStr(account.account_number),
        account_secret=SecretStr(account.account_secret),
    )


def quotation(**changes: Any) -> CreateQuotationRequest:
    return CreateQuotationRequest.from_fields(SMALL_QUOTATION | changes)


def lead(email: str) -> CreateLeadRequest:
    customer = {"Name": "Ann Lee", "Email": email, "Mobile": "0412345678"}
    return CreateLeadRequest.from_fields(SMALL_LEAD | {"LeadCustomer": customer})


def quotations(simulator: EasyCarsSimulator) -> list[dict[str, Any]]:
    return simulator.quotations(simulator.accounts()[0].account_number)


def test_a_quotation_may_name_a_lead_of_ours_and_its_customer(
    simulator: EasyCarsSimulator, client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    receipt = client.create_lead(credentials, lead("ann@example.com"))

    numbers = client.create_quotation(
        credentials,
        quotation(
            LeadNumber=receipt.lead_number,
            QuotationCustomer1={"CustomerNo": receipt.customer_no},
        ),
    )

    assert (numbers.quote_number, numbers.customer_no_1) == ("000001", receipt.customer_no)
    [kept] = quotations(simulator)
    assert kept["fields"]["LeadNumber"] == receipt.lead_number


@pytest.mark.parametrize(
    "change", [{"LeadNumber": "000404"}, {"YardCode": "none"}], ids=["lead", "yard"]
)
def test_a_quotation_the_vendor_refuses_does_not_exist(
    simulator: EasyCarsSimulator,
    client: EasyCarsClient,
    credentials: EasyCarsCredentials,
    change: dict[str, str],
) -> None:
    with pytest.raises(PermanentError) as caught:
        client.create_quotation(credentials, quotation(**change))

    assert caught.value.code == "VENDOR_REFUSED"
    assert quotations(simulator) == []


@pytest.mark.parametrize("fault", ["cut_after", "success_without_number", "http_500"])
def test_a_quotation_whose_answer_is_lost_is_unknown_and_sent_once(
    simulator: EasyCarsSimulator,
    client: EasyCarsClient,
    credentials: EasyCarsCredentials,
    fault: str,
) -> None:
    simulator.add_fault(fault, operation="CreateQuotation", acts=True)

    with pytest.raises(OutcomeUnknownError):
        client.create_quotation(credentials, quotation())

    assert len(quotations(simulator)) == simulator.counts()["CreateQuotation"] == 1


def test_a_warning_comes_with_the_number(
    simulator: EasyCarsSimulator, client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    simulator.add_fault("code", operation="CreateQuotation", code=5, message="Price is odd.")

    numbers = client.create_quotation(credentials, quotation())

    assert (numbers.quote_number, numbers.warning) == ("000001", "Code 5: Price is odd.")


def test_an_e_mail_is_found_as_it_was_written_only_where_the_vendor_minds_its_case(
    client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    receipt = client.create_lead(credentials, lead("Ann@Example.com"))

    found = client.search_contacts(credentials, email="Ann@Example.com")

    assert [contact.customer_no for contact in found] == [receipt.customer_no]
    assert client.search_contacts(credentials, email="ann@example.com") == []


def test_a_search_for_two_things_finds_who_has_both(
    client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    first = client.create_lead(credentials, lead("ann@example.com"))
    client.create_lead(credentials, lead("bob@example.com"))

    both = client.search_contacts(credentials, phone="0412345678")
    one = client.search_contacts(credentials, phone="0412345678", email="ann@example.com")

    assert len(both) == 2
    assert [contact.customer_no for contact in one] == [first.customer_no]


def test_a_search_for_nothing_is_refused(
    client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    with pytest.raises(PermanentError):
        client.search_contacts(credentials)


def test_a_search_that_failed_is_never_taken_for_nobody(
    simulator: EasyCarsSimulator, client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    simulator.add_fault("success_without_number", operation="SearchContacts", times=None)
    with pytest.raises(PermanentError) as caught:
        client.search_contacts(credentials, email="ann@example.com")
    assert caught.value.code == "MISSING_PAYLOAD"

    simulator.clear_faults()
    simulator.add_fault("code", operation="SearchContacts", code=9, times=None)
    with pytest.raises(RetryableError):
        client.search_contacts(credentials, email="ann@example.com")
