"""Decide which due deliveries may be tried now: connection, credentials, hold."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from forecourt.errors import PermanentError, RetryableError
from forecourt.leads.accounts import Account, Accounts
from forecourt.leads.ledger import DeliveryLedger, DeliveryView
from forecourt.logs import get_logger

_log = get_logger("lead_delivery")

_TRIAL_SECONDS = 60.0
"""When those look again that wait for the one trial of a hold that has just run out."""

NO_CONNECTION = "NO_CONNECTION"
CREDENTIALS_UNREADABLE = "CREDENTIALS_UNREADABLE"


@dataclass(frozen=True, slots=True)
class Admission:
    """What came of asking; deliveries in none of the lists come back with their messages.

    ``open`` may be tried with that account, ``parked`` wait for a person, ``waiting`` for that
    many seconds.
    """

    open: list[tuple[DeliveryView, Account]] = field(default_factory=list)
    parked: list[DeliveryView] = field(default_factory=list)
    waiting: list[tuple[DeliveryView, float]] = field(default_factory=list)


class Gate:
    """Lets deliveries through, dealership by dealership."""

    def __init__(self, ledger: DeliveryLedger, accounts: Accounts) -> None:
        self._ledger = ledger
        self._accounts = accounts

    def admit(self, due: Sequence[DeliveryView]) -> Admission:
        """Sort due deliveries into those that may be tried and those that may not."""
        admission = Admission()
        by_dealership = sorted(due, key=lambda view: (view.dealership_id, view.delivery_id))
        for _, group in groupby(by_dealership, key=lambda view: view.dealership_id):
            self._admit_dealership(list(group), admission)
        return admission

    def _admit_dealership(self, views: list[DeliveryView], admission: Admission) -> None:
        first = views[0]
        if first.credential_stamp is None:
            self._park_unconnected(views, admission)
            return
        if first.hold_left is not None and first.hold_left > 0:
            self._wait(views, first.hold_left, admission)
            return
        try:
            account = self._accounts.get(first.dealership_id, first.credential_stamp)
        except RetryableError as error:
            _log.error(
                "Credentials cannot be read now, the messages come back",
                dealership_id=first.dealership_id,
                code=error.code,
                target=error.target,
            )
            return
        except PermanentError as error:
            self._park(views, CREDENTIALS_UNREADABLE, error.detail, admission)
            return
        if account is None:
            self._park_unconnected(views, admission)
        elif first.hold_left is None:
            admission.open.extend((view, account) for view in views)
        else:
            self._try_one(views, account, admission)

    def _try_one(self, views: list[DeliveryView], account: Account, admission: Admission) -> None:
        """Let one delivery try the credentials of a hold that has run out (design 5.1.5)."""
        if self._ledger.take_trial(views[0].dealership_id):
            admission.open.append((views[0], account))
            views = views[1:]
        self._wait(views, _TRIAL_SECONDS, admission)

    def _wait(self, views: list[DeliveryView], seconds: float, admission: Admission) -> None:
        if views:
            self._ledger.postpone_to_hold([view.delivery_id for view in views])
            admission.waiting.extend((view, seconds) for view in views)

    def _park_unconnected(self, views: list[DeliveryView], admission: Admission) -> None:
        detail = "The dealership has no active EasyCars credentials. Save them to send the lead."
        names = [view.delivery_id for view in views]
        self._ledger.fail(names, NO_CONNECTION, detail)
        # Credentials saved since we looked have released only what was parked by then.
        back = self._ledger.unpark_connected(names)
        admission.parked.extend(view for view in views if view.delivery_id not in back)

    def _park(
        self, views: list[DeliveryView], code: str, detail: str, admission: Admission
    ) -> None:
        self._ledger.fail([view.delivery_id for view in views], code, detail)
        admission.parked.extend(views)
