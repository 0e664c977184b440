"""The leads and quotations of one dealer account.

Numbers count up per account with six digits. A lead belongs to the lead source (the client) that
created it; a number is used up whoever created it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from local.easycars_simulator.customers import Customer, CustomerBook
from local.easycars_simulator.request_tables import LEAD_STATUS_NEW

FOUR_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead as the vendor keeps it.

    Parameters
    ----------
    source
        The client that created it; only it sees the lead.
    fields
        The vendor's field names and values as last sent, without the account and the customer.
    stock_number
        The vehicle it hangs on, None when the account had no such vehicle.
    created_at
        Seconds since 1970 UTC.
    status
        10 New, 30 In Progress, 50 Won, 60 Lost, 90 Deleted.
    """

    number: str
    source: str
    fields: Mapping[str, Any]
    customer_number: str
    stock_number: str | None
    created_at: float
    status: int = LEAD_STATUS_NEW

    def as_json(self) -> dict[str, Any]:
        """Write it for the control API and the journal."""
        return {
            "leadNumber": self.number,
            "source": self.source,
            "fields": dict(self.fields),
            "customerNo": self.customer_number,
            "stockNumber": self.stock_number,
            "createdAt": self.created_at,
            "status": self.status,
        }


class LeadBook:
    """Keeps what one account has; changes are made one at a time.

    Parameters
    ----------
    email_case_matters
        See :class:`~local.easycars_simulator.customers.CustomerBook`.
    write
        Called with an entry for the journal before anyone can see the change.
    """

    def __init__(
        self, *, email_case_matters: bool, write: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._write = write
        self._lock = threading.RLock()
        self._customers = CustomerBook(email_case_matters=email_case_matters)
        self._leads: dict[str, Lead] = {}
        self._quotations: dict[str, dict[str, Any]] = {}

    def lead(self, number: str) -> Lead | None:
        """Find a lead by its number, whoever created it."""
        with self._lock:
            return self._leads.get(number)

    def leads(self) -> list[Lead]:
        """All leads in the order of their numbers."""
        with self._lock:
            return list(self._leads.values())

    def customer(self, number: str) -> Customer:
        """Find a customer; the number has to be known."""
        with self._lock:
            return self._customers.by_number[number]

    def customers(self) -> list[Customer]:
        """All customers in the order of their numbers."""
        with self._lock:
            return list(self._customers.by_number.values())

    def quotations(self) -> list[dict[str, Any]]:
        """All quotations in the order of their numbers."""
        with self._lock:
            return list(self._quotations.values())

    def search(self, *, name: str, email: str, phone: str) -> list[Customer]:
        """Find customers that match everything given; "" is not given."""
        with self._lock:
            return self._customers.search(name=name, email=email, phone=phone)

    def create_lead(
        self,
        *,
        source: str,
        fields: Mapping[str, Any],
        customer: Mapping[str, Any],
        stock_number: str | None,
        created_at: float,
    ) -> Lead:
        """Add a lead under the next number, with a new or a known customer.

        Raises
        ------
        UnknownCustomerError
            `customer` names a number the account does not have; nothing was added.
        """
        with self._lock:
            person = self._customers.resolve(customer)
            lead = Lead(
                number=f"{len(self._leads) + 1:06}",
                source=source,
                fields=_kept(fields),
                customer_number=person.number,
                stock_number=stock_number,
                created_at=created_at,
            )
            self._store([person], lead=lead)
            return lead

    def update_lead(
        self,
        number: str,
        *,
        fields: Mapping[str, Any],
        status: int | None,
        customer: Mapping[str, Any] | None,
    ) -> Lead:
        """Change what is given and leave the rest, the customer too when it is None.

        Raises
        ------
        UnknownCustomerError
            As :meth:`create_lead`; nothing was changed.
        """
        with self._lock:
            lead = self._leads[number]
            people = [] if customer is None else [self._customers.resolve(customer)]
            changed = replace(
                lead,
                fields={**lead.fields, **_kept(fields)},
                customer_number=people[0].number if people else lead.customer_number,
                status=lead.status if status is None else status,
            )
            self._store(people, lead=changed)
            return changed

    def edit_lead(self, number: str, *, fields: Mapping[str, Any], status: int | None) -> Lead:
        """Change a lead as staff may, StockNumber included; the number has to be known."""
        with self._lock:
            lead = self._leads[number]
            others = {name: value for name, value in fields.items() if name != "StockNumber"}
            changed = replace(
                lead,
                fields={**lead.fields, **_kept(others)},
                stock_number=fields.get("StockNumber", lead.stock_number),
                status=lead.status if status is None else status,
            )
            self._store([], lead=changed)
            return changed

    def add_quotation(
        self, fields: Mapping[str, Any], customers: Sequence[Mapping[str, Any]]
    ) -> tuple[str, list[str]]:
        """Add a quotation; answers its number and those of its customers.

        Raises
        ------
        UnknownCustomerError
            As :meth:`create_lead`; nothing was added.
        """
        with self._lock:
            people: list[Customer] = []
            for customer in customers:
                people.append(self._customers.resolve(customer, people))
            number = f"{len(self._quotations) + 1:06}"
            numbers = [person.number for person in people]
            quotation = {"quoteNumber": number, "customerNos": numbers, "fields": dict(fields)}
            self._store(people, quotation=quotation)
            return number, numbers

    def restore(self, entry: Mapping[str, Any]) -> None:
        """Take up what an entry of the journal says, numbers included."""
        people = [Customer(given["number"], given["texts"]) for given in entry["customers"]]
        lead = entry.get("lead")
        if lead is not None:
            lead = Lead(
                number=lead["leadNumber"],
                source=lead["source"],
                fields=_kept(lead["fields"]),
                customer_number=lead["customerNo"],
                stock_number=lead["stockNumber"],
                created_at=lead["createdAt"],
                status=lead["status"],
            )
        with self._lock:
            self._take(people, lead, entry.get("quotation"))

    def _store(
        self,
        people: list[Customer],
        *,
        lead: Lead | None = None,
        quotation: dict[str, Any] | None = None,
    ) -> None:
        self._write(
            {
                "customers": [person.as_json() for person in people],
                "lead": lead and lead.as_json(),
                "quotation": quotation,
            }
        )
        self._take(people, lead, quotation)

    def _take(
        self, people: list[Customer], lead: Lead | None, quotation: dict[str, Any] | None
    ) -> None:
        for person in people:
            self._customers.keep(person)
        if lead is not None:
            self._leads[lead.number] = lead
        if quotation is not None:
            self._quotations[quotation["quoteNumber"]] = quotation


def _kept(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a request's fields, the price with the four decimals the vendor stores."""
    kept = {name: value for name, value in fields.items() if value is not None}
    if "VehiclePrice" in kept:
        kept["VehiclePrice"] = Decimal(str(kept["VehiclePrice"])).quantize(FOUR_PLACES)
    return kept
