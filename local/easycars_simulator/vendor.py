"""The vendor itself, without HTTP: clients, dealer accounts, tokens, what it keeps.

:mod:`local.easycars_simulator.operations` acts on it, the control API looks into it.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from local.easycars_simulator.accounts import Account, account_from_json
from local.easycars_simulator.dealer_stock import DealerStock
from local.easycars_simulator.lead_book import Lead, LeadBook
from local.easycars_simulator.request_tables import Service
from local.simulation.clock import MovableClock
from local.simulation.journal import Journal
from local.simulation.tokens import TokenIssuer

OTHER_SOURCE = "another-lead-source"
TOKEN_LIFE = 600.0
"""Seconds from ``nbf`` to ``exp`` in the vendor's sample (Stock API, RequestToken)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the vendor's documents leave open.

    Parameters
    ----------
    token_life
        Seconds a token is valid.
    shared_tokens
        Whether a token of one service is good for the other.
    account_refusal_code
        Code for a wrong AccountNumber or AccountSecret: 1 or 7.
    email_case_matters
        Whether e-mail addresses that differ in case only are different customers.
    lead_status_in_detail
        Whether GetLeadDetail says ``LeadStatus``; in v1.05 it does not.
    """

    token_life: float = TOKEN_LIFE
    shared_tokens: bool = False
    account_refusal_code: int = 1
    email_case_matters: bool = False
    lead_status_in_detail: bool = False


@dataclass(slots=True)
class Dealer:
    """A dealer account: its credentials, who may use it, its stock and its leads."""

    account: Account
    stock: DealerStock
    book: LeadBook
    clients: set[str] = field(default_factory=set)


class Vendor:
    """Keeps every client and dealer account.

    Parameters
    ----------
    accounts
        Those it starts with; more can be added, and those of the journal come on top.
    image_base
        Gives the address before ``/publicimages/…`` in the stock's image URLs.
    state_path
        Where leads, customers, quotations, added accounts and stock changes are kept over a
        restart; None keeps them in memory.
    """

    def __init__(
        self,
        accounts: Iterable[Account],
        *,
        seed: int,
        clock: MovableClock,
        image_base: Callable[[], str],
        rules: Rules,
        state_path: Path | None = None,
    ) -> None:
        self.seed = seed
        self.clock = clock
        self.rules = rules
        self._image_base = image_base
        self._first_accounts = tuple(accounts)
        self._journal = Journal(state_path)
        self._lock = threading.RLock()
        self._client_secrets: dict[str, str] = {}
        self._dealers: dict[str, Dealer] = {}
        self._accounts: list[Account] = []
        self._issuers = self._new_issuers()
        for account in self._first_accounts:
            self._take_account(account)

    def load(self) -> None:
        """Take up what the journal holds."""
        with self._lock:
            for entry in self._journal.replay():
                self._restore(entry)

    def accounts(self) -> list[Account]:
        """List the accounts in the order they came."""
        with self._lock:
            return list(self._accounts)

    def dealers(self) -> list[Dealer]:
        """List the dealers in the order they came."""
        with self._lock:
            return list(self._dealers.values())

    def dealer(self, account_number: str) -> Dealer | None:
        """Find a dealer by account number."""
        with self._lock:
            return self._dealers.get(account_number)

    def accounts_of(self, client_id: str) -> list[str]:
        """List the account numbers a client may use."""
        return [
            dealer.account.account_number
            for dealer in self.dealers()
            if client_id in dealer.clients
        ]

    def secret_of(self, client_id: str) -> str | None:
        """Give a client's secret; None when there is no such client."""
        with self._lock:
            return self._client_secrets.get(client_id)

    def issuer(self, service: Service) -> TokenIssuer:
        """Give the issuer of a service's tokens."""
        return self._issuers[service]

    def add_account(self, account: Account) -> None:
        """Add a client pair, an account pair, or the right of one to use the other.

        Raises
        ------
        ValueError
            The client or the account is known with another secret; nothing was added.
        """
        with self._lock:
            if account in self._accounts:
                return
            self._take_account(account)
            self._journal.append({"account": account.as_json()})

    def change_stock(self, account_number: str, action: str, given: Mapping[str, Any]) -> list[str]:
        """Change a dealer's stock as :meth:`DealerStock.change` says, and remember it."""
        stock = self._dealers[account_number].stock
        with self._lock:
            numbers = stock.change(action, given)
            change = {"account": account_number, "action": action, "given": dict(given)}
            self._journal.append({"stockChange": change})
        return numbers

    def add_foreign_lead(self, account_number: str, email: str = "walk-in@example.com") -> Lead:
        """Create a lead as another lead source would: it takes a number and no client sees it."""
        return self._dealers[account_number].book.create_lead(
            source=OTHER_SOURCE,
            fields={
                "VehicleMake": "General",
                "VehicleModel": "Enquiry",
                "VehicleType": 1,
                "VehicleYear": 2025,
                "IsVehicleNew": False,
                "VehicleInterest": 1,
                "Notes": "Entered at the counter.",
            },
            customer={"Name": "Walk-in Customer", "Email": email},
            stock_number=None,
            created_at=self.clock.now(),
        )

    def revoke_tokens(self, account_number: str | None = None) -> None:
        """Make the tokens of an account's clients, or of all clients, invalid."""
        for dealer in self.dealers():
            if account_number in (None, dealer.account.account_number):
                for client_id in dealer.clients:
                    for issuer in self._issuers.values():
                        issuer.revoke(client_id)

    def reset(self) -> None:
        """Forget everything since the start, in the journal too, and every token issued."""
        with self._lock:
            self.revoke_tokens()
            self._journal.clear()
            self._client_secrets.clear()
            self._dealers.clear()
            self._accounts.clear()
            for account in self._first_accounts:
                self._take_account(account)

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _new_issuers(self) -> dict[Service, TokenIssuer]:
        def named(name: str) -> TokenIssuer:
            life = self.rules.token_life
            return TokenIssuer(name, now=self.clock.now, life=life, client_claim="ClientID")

        if self.rules.shared_tokens:
            shared = named(f"{self.seed}")
            return dict.fromkeys(Service, shared)
        return {service: named(f"{self.seed}/{service}") for service in Service}

    def _take_account(self, account: Account) -> None:
        number = account.account_number
        known_secret = self._client_secrets.get(account.client_id, account.client_secret)
        dealer = self._dealers.get(number)
        if known_secret != account.client_secret or (
            dealer is not None and dealer.account.account_secret != account.account_secret
        ):
            message = f"The client or the account {number} is known with another secret."
            raise ValueError(message)
        if dealer is None:
            dealer = Dealer(
                account,
                DealerStock(self.seed, account, self._image_base),
                LeadBook(
                    email_case_matters=self.rules.email_case_matters,
                    write=partial(self._write_book, number),
                ),
            )
            self._dealers[number] = dealer
        dealer.clients.add(account.client_id)
        self._client_secrets[account.client_id] = account.client_secret
        self._accounts.append(account)

    def _write_book(self, account_number: str, entry: Mapping[str, Any]) -> None:
        self._journal.append({"book": account_number, **entry})

    def _restore(self, entry: Mapping[str, Any]) -> None:
        """Take up an entry; one of an account this start does not have is left alone."""
        if "account" in entry:
            account = account_from_json(entry["account"])
            if account not in self._accounts:
                self._take_account(account)
        elif "stockChange" in entry:
            change = entry["stockChange"]
            if (dealer := self._dealers.get(change["account"])) is not None:
                dealer.stock.change(change["action"], change["given"])
        elif (dealer := self._dealers.get(entry["book"])) is not None:
            dealer.book.restore(entry)
