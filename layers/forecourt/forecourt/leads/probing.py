"""Find out what became of creates whose answer was lost, account by account (design 5.1.4).

A lead is created again only when it is proven that it is not at the vendor; what proves nothing
leaves it unconfirmed. Nothing is looked for until the vendor can no longer be acting on the
request, and only while the dealership's credentials are for the account it was sent to.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from forecourt.errors import PermanentError
from forecourt.leads.accounts import Account, Accounts, CredentialVault
from forecourt.leads.ledger import DeliveryView
from forecourt.leads.outcome import DeliveryState
from forecourt.leads.probe_findings import PROBE_AGAIN_SECONDS
from forecourt.leads.probe_pass import AccountPass, Ports, Reads
from forecourt.leads.probe_ports import Finding, FoundLead, LeadProbe, ProbeLedger, Unconfirmed
from forecourt.leads.retry import RetryPolicy

__all__ = ["FoundLead", "LeadProbe", "Prober"]

LONGEST_PASS_SECONDS = 60.0
_LEAST_SECONDS = 5.0
_LEASE_RESERVE_SECONDS = 45.0
"""A last call that was begun in time, and recording what was found."""


class Prober:
    """Looks for creates of unknown outcome; one per sandbox, for one thread at a time.

    Parameters
    ----------
    ledger, probe, vault
        The ports.
    policy
        When a lead that proved not to be at the vendor is tried again.
    clock
        Seconds since any fixed moment, for how long a pass lasts.
    """

    def __init__(
        self,
        *,
        ledger: ProbeLedger,
        probe: LeadProbe,
        vault: CredentialVault,
        policy: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._accounts = Accounts(vault)
        self._ports = Ports(
            ledger=ledger, probe=probe, policy=RetryPolicy() if policy is None else policy
        )
        self._clock = clock

    def pass_for(self, views: Sequence[DeliveryView], *, seconds: float) -> None:
        """Look for everything that is unconfirmed in the accounts of these deliveries.

        An account another worker is looking into is left to that worker.

        Parameters
        ----------
        views
            Deliveries that are unconfirmed and due.
        seconds
            For all of it; a pass takes a minute at most.

        Raises
        ------
        RetryableError
            The database or the key is away; what was not looked for stays due.
        """
        ends_at = self._clock() + min(seconds, LONGEST_PASS_SECONDS)
        for scope in self._ledger.scopes([view.delivery_id for view in views]):
            left = ends_at - self._clock()
            if left < _LEAST_SECONDS:
                return
            token = self._ledger.lease(scope, left + _LEASE_RESERVE_SECONDS)
            if token is None:
                continue
            self._look_into(scope, Reads(self._clock, ends_at))
            self._ledger.release(scope, token)

    def _look_into(self, scope: str, reads: Reads) -> None:
        rows = self._ledger.unconfirmed(scope)
        ready = [row for row in rows if row.ripe]
        by_account: dict[str, tuple[Account, list[Unconfirmed]]] = {}
        for dealership_id, group in groupby(sorted(ready, key=_dealership), key=_dealership):
            theirs = list(group)
            account = self._account(scope, dealership_id, theirs)
            if account is not None:
                # Dealerships that share an account and a client see the same leads in it.
                source = account.credentials.lead_source
                by_account.setdefault(source, (account, []))[1].extend(theirs)
        for account, seekers in by_account.values():
            AccountPass(scope, account, waiting=rows, ports=self._ports, reads=reads).look_for(
                seekers
            )

    def _account(self, scope: str, dealership_id: int, rows: list[Unconfirmed]) -> Account | None:
        """Give the credentials to look with; where there are none that may be, say so and wait."""
        stamp, hold_left = rows[0].credential_stamp, rows[0].hold_left
        if hold_left is not None and hold_left > 0:
            self._ledger.wait_for_hold([row.delivery_id for row in rows])
            return None
        try:
            account = None if stamp is None else self._accounts.get(dealership_id, stamp)
        except PermanentError as error:
            self._settle(scope, rows, "CREDENTIALS_UNREADABLE", error.detail)
            return None
        if account is None:
            detail = (
                "The dealership has no active EasyCars credentials to look for the lead with. "
                "Save them."
            )
            self._settle(scope, rows, "NO_CONNECTION", detail)
        elif account.credentials.account_scope != scope:
            detail = (
                "Whether EasyCars has the lead is not known, and the credentials are now for "
                "another account than it was sent to. Save the former credentials, or send it "
                "again to the new account."
            )
            self._settle(scope, rows, "SCOPE_CHANGED", detail, state=DeliveryState.FAILED)
            return None
        return account

    def _settle(
        self,
        scope: str,
        rows: Iterable[Unconfirmed],
        code: str,
        detail: str,
        *,
        state: DeliveryState = DeliveryState.UNCONFIRMED,
    ) -> None:
        """Note what keeps all of a dealership's leads from being looked for."""
        findings = [
            Finding(
                delivery_id=row.delivery_id,
                claimed_at=row.claimed_at,
                outcome="inconclusive" if state is DeliveryState.UNCONFIRMED else "permanent",
                state=state,
                code=code,
                detail=detail,
                wait=PROBE_AGAIN_SECONDS,
                probe_from=row.probe_from,
                probe_upto=row.probe_upto,
            )
            for row in rows
        ]
        since = self._ledger.known_numbers(scope, "").as_of
        self._ledger.settle(scope, findings, since=since)


def _dealership(row: Unconfirmed) -> int:
    return row.lead.dealership_id
