"""The simulator as a thing to start, ask and stop."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.easycars_simulator.accounts import Account, default_accounts
from local.easycars_simulator.clock import MovableClock, sydney_text
from local.easycars_simulator.control import ControlApi
from local.easycars_simulator.exchange import Exchange
from local.easycars_simulator.faults import Fault, FaultPlan
from local.easycars_simulator.http_server import SimulatorServer
from local.easycars_simulator.lead_book import Lead
from local.easycars_simulator.request_log import RequestLog, RequestRecord
from local.easycars_simulator.stock_generator import StockItem
from local.easycars_simulator.vendor import Dealer, Rules, Vendor

HOST = "127.0.0.1"
DEFAULT_SEED = 2025


class EasyCarsSimulator:
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
        self.latency = latency
        self.clock = MovableClock(time_source)
        self.vendor = Vendor(
            default_accounts() if accounts is None else accounts,
            seed=seed,
            clock=self.clock,
            image_base=lambda: self.url,
            rules=rules or Rules(),
            state_path=state_path,
        )
        self._port = port
        self._first_latency = latency
        self._faults = FaultPlan()
        self._log = RequestLog()
        self._exchange = Exchange(self.vendor, self._faults, self._log)
        self._control = ControlApi(self)
        self._server: SimulatorServer | None = None
        self._thread: threading.Thread | None = None
        self._loaded = False

    @property
    def url(self) -> str:
        """Address without a trailing slash.

        Raises
        ------
        RuntimeError
            The port is not chosen before the first start.
        """
        if not self._port:
            message = "The simulator has no address before it is started."
            raise RuntimeError(message)
        return f"http://{HOST}:{self._port}"

    def start(self) -> Self:
        """Listen and answer in threads.

        Raises
        ------
        OSError
            The port is in use.
        """
        if self._server is not None:
            return self
        server = SimulatorServer(
            (HOST, self._port),
            self._exchange,
            latency=lambda: self.latency,
            own_pages=self._control.answer,
        )
        self._port = server.server_address[1]
        if not self._loaded:
            self.vendor.load()
            self._loaded = True
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), name="easycars-simulator", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close all connections and free the port; what waits to be committed late is dropped."""
        if self._server is None or self._thread is None:
            return
        self._server.end()
        self._thread.join()
        self._exchange.deferral.stop()
        self.vendor.close()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def accounts(self) -> list[Account]:
        """List the dealer accounts, secrets included."""
        return self.vendor.accounts()

    def add_account(self, account: Account) -> None:
        """Add a client and account pair; raises ValueError when a secret contradicts."""
        self.vendor.add_account(account)

    def add_fault(self, kind: str, **options: Any) -> Fault:  # noqa: ANN401 - those of Fault
        """Play a fault: see :class:`~local.easycars_simulator.faults.Fault` for the options."""
        fault = Fault(kind=kind, **options)
        self._faults.add(fault)
        return fault

    def put_fault(self, fault: Fault) -> None:
        """Play a fault made elsewhere."""
        self._faults.add(fault)

    def faults(self) -> list[tuple[Fault, int | None]]:
        """List the faults not used up, each with how often it is still to come."""
        return self._faults.active()

    def clear_faults(self) -> None:
        """Behave again; requests kept waiting already stay so."""
        self._faults.clear()

    def requests(self, operation: str | None = None) -> list[RequestRecord]:
        """List the requests seen, in the order of arrival."""
        return self._log.records(operation)

    def invalid_requests(self) -> list[RequestRecord]:
        """List the requests that break the vendor's documents."""
        return self._log.invalid()

    def counts(self) -> dict[str, int]:
        """Count the requests seen by operation."""
        return self._log.counts()

    def peak_concurrency(self) -> int:
        """Tell how many requests were under way at once at most."""
        return self._log.peak_concurrency()

    def under_way(self) -> int:
        """Tell how many requests are under way now."""
        return self._log.under_way()

    def clear_requests(self) -> None:
        """Forget the requests seen."""
        self._log.clear()

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

    def advance_clock(self, seconds: float) -> None:
        """Move the vendor's clock, by which tokens expire and late commits fall due."""
        self.clock.advance(seconds)

    def let_time_pass(self, seconds: float) -> None:
        """Let time pass as a test does that moves a database's times back: see the clock's."""
        self.clock.let_pass(seconds)

    def revoke_tokens(self, account: str | None = None) -> None:
        """Make all tokens issued so far, or those of an account's clients, invalid."""
        self.vendor.revoke_tokens(account)

    def waiting_commits(self) -> int:
        """Count requests of ``late_commit`` that are still to be carried out."""
        return self._exchange.deferral.waiting()

    def reset(self) -> None:
        """Be as at the first start: its accounts and stock, no leads, faults or requests."""
        self._faults.clear()
        self._exchange.deferral.clear()
        self.vendor.reset()
        self._log.clear()
        self.clock.reset()
        self.latency = self._first_latency

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
