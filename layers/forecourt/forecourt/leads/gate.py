"""Decide which due deliveries may be tried now: connection, hold, circuit breaker, credentials."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from forecourt.errors import PermanentError, RetryableError
from forecourt.leads.accounts import Account, Accounts
from forecourt.leads.breaker_watch import BreakerWatch
from forecourt.leads.ledger import DeliveryLedger, DeliveryView
from forecourt.logs import get_logger
from forecourt.security.credentials import Environment

_log = get_logger("lead_delivery")

NO_CONNECTION = "NO_CONNECTION"
CREDENTIALS_UNREADABLE = "CREDENTIALS_UNREADABLE"


@dataclass(frozen=True, slots=True)
class Admission:
    """What came of asking: ``open`` may be tried with that account, ``parked`` wait for a person.

    The others wait for a hold, the CRM or the credentials; the sweeper wakes them.
    """

    open: list[tuple[DeliveryView, Account]] = field(default_factory=list)
    parked: list[DeliveryView] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Deliveries of one dealership that only a trial can let through."""

    views: list[DeliveryView]
    account: Account


class Gate:
    """Lets deliveries through, dealership by dealership."""

    def __init__(self, ledger: DeliveryLedger, accounts: Accounts, breaker: BreakerWatch) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._breaker = breaker

    def admit(self, due: Sequence[DeliveryView]) -> Admission:
        """Sort due deliveries into those that may be tried and those that may not."""
        admission = Admission()
        not_closed = _breakers_not_closed(due)
        candidates: defaultdict[Environment, list[_Candidates]] = defaultdict(list)
        by_dealership = sorted(due, key=lambda view: (view.dealership_id, view.delivery_id))
        for _, group in groupby(by_dealership, key=lambda view: view.dealership_id):
            views = list(group)
            environment = views[0].environment
            left = None if environment is None else not_closed.get(environment)
            if left is not None and left > 0 and not _is_held(views[0]):
                self._leave(views)
                continue
            account = self._account_of(views, admission)
            if account is None:
                continue
            if environment is not None and left is not None:
                candidates[environment].append(_Candidates(views, account))
            elif views[0].hold_left is None:
                admission.open.extend((view, account) for view in views)
            else:
                self._try_one(views, account, admission)
        for environment, groups in candidates.items():
            self._try_vendor(environment, groups, admission)
        return admission

    def _account_of(self, views: list[DeliveryView], admission: Admission) -> Account | None:
        """Give the account the deliveries of one dealership may be tried with, if they may."""
        first = views[0]
        if first.credential_stamp is None:
            self._park_unconnected(views, admission)
            return None
        if first.hold_left is not None and first.hold_left > 0:
            self._wait(views)
            return None
        try:
            account = self._accounts.get(first.dealership_id, first.credential_stamp)
        except RetryableError as error:
            _log.error(
                "Credentials cannot be read now, the messages come back",
                dealership_id=first.dealership_id,
                code=error.code,
                target=error.target,
            )
            return None
        except PermanentError as error:
            self._park(views, CREDENTIALS_UNREADABLE, error.detail, admission)
            return None
        if account is None:
            self._park_unconnected(views, admission)
        return account

    def _try_one(self, views: list[DeliveryView], account: Account, admission: Admission) -> None:
        """Let one delivery try the credentials of a hold that has run out (design 5.1.5)."""
        if self._ledger.take_trial(views[0].dealership_id):
            admission.open.append((views[0], account))
            views = views[1:]
        self._wait(views)

    def _try_vendor(
        self, environment: Environment, groups: list[_Candidates], admission: Admission
    ) -> None:
        """Let one delivery try a CRM that was down (design 5.1.6), of sound credentials first."""
        groups.sort(key=lambda group: group.views[0].hold_left is not None)
        if self._breaker.take_trial(environment):
            for group in groups:
                first = group.views[0]
                if first.hold_left is None or self._ledger.take_trial(first.dealership_id):
                    admission.open.append((group.views.pop(0), group.account))
                    break
        self._leave([view for group in groups for view in group.views])

    def _leave(self, views: list[DeliveryView]) -> None:
        if views:
            self._ledger.leave_for_breaker([view.delivery_id for view in views])

    def _wait(self, views: list[DeliveryView]) -> None:
        if views:
            self._ledger.postpone_to_hold([view.delivery_id for view in views])

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


def _is_held(view: DeliveryView) -> bool:
    return view.hold_left is not None and view.hold_left > 0


def _breakers_not_closed(views: Sequence[DeliveryView]) -> Mapping[Environment, float]:
    """Read the breakers off the views: new leads were looked at a moment before the others."""
    left: dict[Environment, float] = {}
    for view in views:
        if view.environment is not None and view.breaker_left is not None:
            left[view.environment] = max(
                view.breaker_left, left.get(view.environment, view.breaker_left)
            )
    return left
