"""The customers of one dealer account: one person for all leads with the same e-mail address."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CUSTOMER_TEXTS = (
    *("Name", "Email", "Address", "City", "State", "PostCode", "Fax", "Phone", "Mobile"),
)


_PHONES = ("Phone", "Mobile")


class UnknownCustomerError(Exception):
    """The account has no customer of that number."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A person of an account.

    Parameters
    ----------
    number
        Five digits, counting up per account.
    texts
        What was given of :data:`CUSTOMER_TEXTS`.
    """

    number: str
    texts: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """One of :data:`CUSTOMER_TEXTS`; "" when it was never given."""
        return self.texts.get(name, "")

    def as_json(self) -> dict[str, Any]:
        """Write it for the control API and the journal."""
        return {"number": self.number, "texts": dict(self.texts)}


class CustomerBook:
    """Keeps the customers of an account; its owner sees to it that calls do not overlap.

    Parameters
    ----------
    email_case_matters
        Whether ``A@x.au`` and ``a@x.au`` are two customers. The vendor says "exact" only; SQL
        Server compares without regard to case unless told otherwise, so that is the default. The
        address is kept as it was first written either way.
    """

    def __init__(self, *, email_case_matters: bool) -> None:
        self._email_case_matters = email_case_matters
        self._numbers_by_email: dict[str, dict[str, None]] = {}
        self.by_number: dict[str, Customer] = {}

    def resolve(self, given: Mapping[str, Any], besides: Iterable[Customer] = ()) -> Customer:
        """Find or make the customer a CustomerModel describes, without keeping it yet.

        A number, else the e-mail address, finds a known one, and every text given replaces what
        was known. An address that differs in case only is not a change.

        Parameters
        ----------
        besides
            Customers already resolved for the same request.

        Raises
        ------
        UnknownCustomerError
            There is none of the number given.
        """
        texts = {name: given[name] for name in CUSTOMER_TEXTS if given.get(name) is not None}
        people = self.by_number | {person.number: person for person in besides}
        number = str(given.get("CustomerNo") or "").strip()
        if number and number not in people:
            raise UnknownCustomerError
        if not number:
            number = self._number_of(texts["Email"], besides)
        if not number:
            return Customer(f"{len(people) + 1:05}", texts)
        known = people[number]
        if self._key(texts.get("Email", "")) == self._key(known.text("Email")):
            texts.pop("Email", None)
        return Customer(number, {**known.texts, **texts})

    def keep(self, person: Customer) -> None:
        """Store a customer in place of what was known of that number."""
        before = self.by_number.get(person.number)
        if before is not None:
            self._numbers_by_email.get(self._key(before.text("Email")), {}).pop(before.number, None)
        self.by_number[person.number] = person
        self._numbers_by_email.setdefault(self._key(person.text("Email")), {})[person.number] = None

    def search(self, *, name: str, email: str, phone: str) -> list[Customer]:
        """Find who matches everything given: part of the name, the e-mail, a phone or mobile."""
        if email:
            numbers = self._numbers_by_email.get(self._key(email), {})
            people: Iterable[Customer] = [self.by_number[number] for number in sorted(numbers)]
        else:
            people = self.by_number.values()
        return [
            person
            for person in people
            if name.casefold() in person.text("Name").casefold()
            and (not phone or phone in {person.text(which).strip() for which in _PHONES})
        ]

    def _number_of(self, email: str, besides: Iterable[Customer]) -> str:
        key = self._key(email)
        same = [person.number for person in besides if self._key(person.text("Email")) == key]
        return min([*same, *self._numbers_by_email.get(key, {})], default="")

    def _key(self, email: str) -> str:
        return email.strip() if self._email_case_matters else email.strip().casefold()
