"""The simulator as a thing to start, ask and stop."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from local.easycars_simulator.accounts import Account, default_accounts
from local.easycars_simulator.control import control_pages
from local.easycars_simulator.exchange import Exchange
from local.easycars_simulator.faults import Fault
from local.easycars_simulator.lead_book import Lead
from local.easycars_simulator.stock_generator import StockItem
from local.easycars_simulator.sydney_time import sydney_text
from local.easycars_simulator.vendor import Dealer, Rules, Vendor
from local.simulation.clock import MovableClock
from local.simulation.service import SimulatedVendor

DEFAULT_SEED = 2025


class EasyCarsSimulator(SimulatedVendor[Fault]):
    """Both EasyCars services on this machine, strict and ready to misbehave.

    It serves ``{url}/StockService/<Operation>`` and ``{url}/LeadService/<Operation>`` (any path
    may stand before them), pictures under ``{url}/publicimages/…``, a control API under
    ``{url}/_control/…`` and a page for people at ``{url}/``. All methods may be called from any
    thread. It can be started again after it was stopped, on the same port, with all it knew.

    Parameters
    ----------
    port
        0 takes a free one.
    accounts
        Dealers it starts with; None is :func:`default_accounts`.
    seed
        Decides the stock.
    latency
        Seconds every answer of the vendor takes at least.
    rules
        What the vendor's documents leave open.
    state_path
        A file that keeps leads, customers, quotations, added accounts and stock changes over a
        restart of the process; None keeps them in memory.
    time_source
        Seconds since 1970 UTC; :meth:`advance_clock` adds to it.

    Examples
    --------
    >>> with EasyCarsSimulator() as simulator:
    ...     simulator.add_fault("cut_after", operation="CreateLead")
    ...     simulator.url
    """

    def __init__(
        self,
        port: int = 0,
        accounts: Iterable[Account] | None = None,
        *,
        seed: int = DEFAULT_SEED,
        latency: float = 0.0,
        rules: Rules | None = None,
        state_path: Path | None = None,
        time_source: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(port, Fault, latency=latency, time_source=time_source)
        self.vendor = Vendor(
            default_accounts() if accounts is None else accounts,
            seed=seed,
            clock=self.clock,
            image_base=lambda: self.url,
            rules=rules or Rules(),
            state_path=state_path,
        )
        self.serve_with(
            Exchange(self.vendor, self.fault_plan, self.log, self.deferral),
            control_pages(self).answer,
            load=self.vendor.load,
            close=self.vendor.close,
        )

    def accounts(self) -> list[Account]:
        """List the dealer accounts, secrets included."""
        return self.vendor.accounts()

    def add_account(self, account: Account) -> None:
        """Add a client and account pair; raises ValueError when a secret contradicts."""
        self.vendor.add_account(account)

    def leads(self, account: str | None = None) -> list[dict[str, Any]]:
        """List leads, also those of other sources, each with its customer as it is now."""
        return [
            _shown_lead(dealer, lead, self.clock)
            for dealer in self._dealers(account)
            for lead in dealer.book.leads()
        ]

    def customers(self, account: str) -> list[dict[str, Any]]:
        """List an account's customers."""
        return [
            {"customerNo": person.number, **person.texts}
            for dealer in self._dealers(account)
            for person in dealer.book.customers()
        ]

    def quotations(self, account: str) -> list[dict[str, Any]]:
        """List an account's quotations."""
        return [each for dealer in self._dealers(account) for each in dealer.book.quotations()]

    def stock(self, account: str) -> list[StockItem]:
        """Copy an account's stock items."""
        return [item for dealer in self._dealers(account) for item in dealer.stock.items()]

    def change_stock(self, account: str, action: str, **given: object) -> list[str]:
        """Change an account's stock; answers the stock numbers concerned.

        `action` and what goes with it: ``set`` (`stockNumber`, `fields`), ``remove``
        (`stockNumber`), ``add`` (`fields`), ``rename_yard`` (`code`, `newCode`, `newName`).
        Raises StockChangeError when it cannot be done.
        """
        self._dealers(account)
        return self.vendor.change_stock(account, action, given)

    def add_foreign_lead(self, account: str) -> str:
        """Create a lead of another source; answers the number it takes."""
        self._dealers(account)
        return self.vendor.add_foreign_lead(account).number

    def edit_lead(
        self,
        account: str,
        number: str,
        *,
        status: int | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        """Change a lead as the dealer's staff do on the vendor's own pages.

        `fields` are the vendor's names; StockNumber hangs the lead on another vehicle. Raises
        LookupError when there is no such lead.
        """
        [dealer] = self._dealers(account)
        if dealer.book.lead(number) is None:
            message = f"There is no lead {number!r}."
            raise LookupError(message)
        dealer.book.edit_lead(number, fields=fields or {}, status=status)

    def revoke_tokens(self, account: str | None = None) -> None:
        """Make all tokens issued so far, or those of an account's clients, invalid."""
        self.vendor.revoke_tokens(account)

    def reset(self) -> None:
        """Be as at the first start: its accounts and stock, no leads, faults or requests."""
        self.vendor.reset()
        self.forget_what_happened()

    def _dealers(self, account: str | None) -> list[Dealer]:
        if account is None:
            return self.vendor.dealers()
        dealer = self.vendor.dealer(account)
        if dealer is None:
            message = f"There is no account {account!r}."
            raise LookupError(message)
        return [dealer]


def _shown_lead(dealer: Dealer, lead: Lead, clock: MovableClock) -> dict[str, Any]:
    person = dealer.book.customer(lead.customer_number)
    return {
        "account": dealer.account.account_number,
        **lead.as_json(),
        "createdDateTime": sydney_text(clock.told(lead.created_at)),
        "ours": lead.source in dealer.clients,
        "customer": dict(person.texts),
    }
