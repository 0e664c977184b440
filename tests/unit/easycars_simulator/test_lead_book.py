from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from local.easycars_simulator.customers import UnknownCustomerError
from local.easycars_simulator.lead_book import Lead, LeadBook

ANN = {"Name": "Ann Lee", "Email": "Ann@Example.com", "Phone": "02 9999 0000"}


class Pages:
    """Collects what would go into the journal."""

    def __init__(self) -> None:
        self.entries: list[Mapping[str, Any]] = []

    def book(self, *, email_case_matters: bool = False) -> LeadBook:
        return LeadBook(email_case_matters=email_case_matters, write=self.entries.append)


def create(book: LeadBook, customer: Mapping[str, Any] = ANN, **fields: Any) -> Lead:
    return book.create_lead(
        source="client", fields=fields, customer=customer, stock_number=None, created_at=0.0
    )


@pytest.fixture
def book() -> LeadBook:
    return Pages().book()


def test_numbers_count_up_with_leading_zeros(book: LeadBook) -> None:
    leads = [create(book, {"Name": "n", "Email": f"{n}@x.au"}) for n in range(12)]
    assert [lead.number for lead in leads][:2] == ["000001", "000002"]
    assert leads[-1].number == "000012"
    assert [lead.customer_number for lead in leads][-1] == "00012"


def test_a_customer_is_found_by_email_whatever_its_case_and_keeps_the_first(book: LeadBook) -> None:
    first = create(book)
    second = create(book, {"Name": "Ann B. Lee", "Email": "ann@EXAMPLE.com", "Mobile": "0400"})
    person = book.customer(first.customer_number)
    assert second.customer_number == first.customer_number
    assert person.text("Email") == "Ann@Example.com"
    assert person.text("Name") == "Ann B. Lee"
    assert person.text("Phone") == "02 9999 0000"
    assert person.text("Mobile") == "0400"


def test_case_can_be_made_to_matter() -> None:
    book = Pages().book(email_case_matters=True)
    first, second = create(book), create(book, {**ANN, "Email": "ann@example.com"})
    assert first.customer_number != second.customer_number
    assert len(book.search(name="", email="ann@example.com", phone="")) == 1
    assert book.search(name="", email="ANN@example.com", phone="") == []


def test_an_unknown_customer_number_changes_nothing(book: LeadBook) -> None:
    lead = create(book)
    with pytest.raises(UnknownCustomerError):
        create(book, {"CustomerNo": "00009"})
    with pytest.raises(UnknownCustomerError):
        book.update_lead(
            lead.number, fields={"Notes": "x"}, status=None, customer={"CustomerNo": "00009"}
        )
    assert book.leads() == [lead]


def test_a_customer_number_alone_keeps_what_is_known(book: LeadBook) -> None:
    first = create(book)
    create(book, {"CustomerNo": first.customer_number})
    assert book.customer(first.customer_number).text("Name") == "Ann Lee"


def test_a_customer_that_moves_is_found_by_the_new_address_only(book: LeadBook) -> None:
    first = create(book)
    create(book, {"CustomerNo": first.customer_number, "Email": "new@x.au"})
    assert [one.number for one in book.search(name="", email="NEW@x.au", phone="")] == ["00001"]
    assert book.search(name="", email="ann@example.com", phone="") == []
    assert create(book).customer_number == "00002"


def test_an_update_leaves_what_is_not_given(book: LeadBook) -> None:
    lead = create(book, Notes="first", Rating=1)
    changed = book.update_lead(lead.number, fields={"Rating": 3}, status=None, customer=None)
    assert changed.fields == {"Notes": "first", "Rating": 3}
    assert (changed.status, changed.customer_number) == (10, lead.customer_number)


def test_an_update_with_another_email_moves_the_lead_to_that_customer(book: LeadBook) -> None:
    lead = create(book)
    changed = book.update_lead(
        lead.number, fields={}, status=50, customer={"Name": "Bob", "Email": "bob@x.au"}
    )
    assert (changed.customer_number, changed.status) == ("00002", 50)
    assert book.customer("00001").text("Name") == "Ann Lee"


def test_search_takes_everything_given_together(book: LeadBook) -> None:
    create(book)
    create(book, {"Name": "Bob Lee", "Email": "bob@x.au", "Mobile": "0400 000 001"})

    def found(name: str = "", email: str = "", phone: str = "") -> list[str]:
        return [one.number for one in book.search(name=name, email=email, phone=phone)]

    assert found(name="lee") == ["00001", "00002"]
    assert found(name="bob l") == ["00002"]
    assert found(phone="0400 000 001") == ["00002"]
    assert found(phone="02 9999 0000") == ["00001"]
    assert found(phone="9999") == []
    assert found(name="Lee", email="bob@x.au") == ["00002"]
    assert found(name="Ann", email="bob@x.au") == []
    assert found(email="bob") == []


def test_a_price_is_kept_with_four_decimals(book: LeadBook) -> None:
    assert create(book, VehiclePrice=25000).fields["VehiclePrice"] == Decimal("25000.0000")
    assert str(create(book, VehiclePrice=Decimal("1.23456")).fields["VehiclePrice"]) == "1.2346"


def test_two_customers_of_one_quotation_get_two_numbers(book: LeadBook) -> None:
    both = [{"Name": "Ann", "Email": "a@x.au"}, {"Name": "Bob", "Email": "b@x.au"}]
    assert book.add_quotation({}, both) == ("000001", ["00001", "00002"])
    assert book.add_quotation({}, [both[1], both[0]]) == ("000002", ["00002", "00001"])


def test_one_person_twice_in_a_quotation_is_one_customer(book: LeadBook) -> None:
    same = {"Name": "Ann", "Email": "a@x.au"}
    assert book.add_quotation({}, [same, same])[1] == ["00001", "00001"]
    assert len(book.customers()) == 1


def test_a_book_is_rebuilt_from_what_was_written() -> None:
    pages = Pages()
    book = pages.book()
    lead = create(book, VehiclePrice=Decimal("25000.5"))
    book.update_lead(lead.number, fields={"Rating": 2}, status=90, customer=None)
    book.add_quotation({"YardCode": "100"}, [{"Name": "Bob", "Email": "bob@x.au"}])

    again = Pages().book()
    for entry in pages.entries:
        again.restore(entry)

    assert again.leads() == book.leads()
    assert again.customers() == book.customers()
    assert again.quotations() == book.quotations()
    assert create(again, {"Name": "n", "Email": "BOB@x.au"}).customer_number == "00002"


def test_nothing_is_visible_that_could_not_be_written() -> None:
    def fail(_entry: Mapping[str, Any]) -> None:
        message = "disk full"
        raise OSError(message)

    book = LeadBook(email_case_matters=False, write=fail)
    with pytest.raises(OSError, match="disk full"):
        create(book)
    assert (book.leads(), book.customers()) == ([], [])
