"""Decide which connections may be used now: connection, switch, hold, breaker, secret."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from forecourt.errors import PermanentError, RetryableError
from forecourt.leads.breaker_watch import BreakerWatch
from forecourt.leads.dynamics.connections import Connections, Ready
from forecourt.leads.dynamics.ledger import ConnectionView, DynamicsLedger
from forecourt.leads.slots import SLOTS
from forecourt.logs import get_logger

_log = get_logger("dynamics_delivery")

NO_CONNECTION = "NO_CONNECTION"
CREDENTIALS_UNREADABLE = "CREDENTIALS_UNREADABLE"


@dataclass(slots=True)
class Work:
    """One connection with something due.

    ``limit`` is how many of its leads a round may take: one where it has to be tried first.
    ``has_backlog`` says that its last round took as many as it might.
    """

    dealership_id: int
    ready: Ready
    limit: int = SLOTS
    rounds: int = 0
    has_backlog: bool = False


class Gate:
    """Lets connections through, one by one.

    Parameters
    ----------
    parked
        Told how many deliveries were parked for a person.
    """

    def __init__(
        self,
        ledger: DynamicsLedger,
        connections: Connections,
        breaker: BreakerWatch,
        parked: Callable[[int], None],
    ) -> None:
        self._ledger = ledger
        self._connections = connections
        self._breaker = breaker
        self._parked = parked

    def admit(self, views: Sequence[ConnectionView]) -> list[Work]:
        """Give the connections that may be used; of an organisation that is away one at most.

        Trials come last, since they may take as long as a call may. What is switched off stays due
        and is not touched: switching on sends it.
        """
        due = [view for view in views if view.has_due and view.is_enabled]
        sound_first = sorted(
            due, key=lambda view: (view.breaker_left is not None, view.hold_left is not None)
        )
        return [work for view in sound_first if (work := self._admit_one(view)) is not None]

    def _admit_one(self, view: ConnectionView) -> Work | None:
        if view.connection_id is None:
            detail = "The dealership has no connection to Dynamics 365. Save one to send the lead."
            self._park(view, NO_CONNECTION, detail)
        elif not view.is_active:
            pass
        elif view.hold_left is not None and view.hold_left > 0:
            self._ledger.postpone_to_hold(view.dealership_id)
        elif view.breaker_left is not None and view.breaker_left > 0:
            self._ledger.leave_for_breaker(view.dealership_id)
        elif (ready := self._open(view)) is not None and self._has_trials(view, ready):
            is_trial = view.breaker_left is not None or view.hold_left is not None
            return Work(view.dealership_id, ready, limit=1 if is_trial else SLOTS)
        return None

    def _has_trials(self, view: ConnectionView, ready: Ready) -> bool:
        """Win the trial of an organisation that was away, and that of a hold that has run out."""
        address = ready.connection.environment_url
        if view.breaker_left is not None and not self._breaker.take_trial(address):
            self._ledger.leave_for_breaker(view.dealership_id)
            return False
        if view.hold_left is not None and not self._ledger.take_trial(view.dealership_id):
            self._ledger.postpone_to_hold(view.dealership_id)
            return False
        return True

    def _open(self, view: ConnectionView) -> Ready | None:
        try:
            return self._connections.get(view)
        except RetryableError as error:
            _log.error(
                "The connection cannot be read now, its leads are woken again",
                dealership_id=view.dealership_id,
                code=error.code,
                target=error.target,
            )
        except PermanentError as error:
            self._park(view, CREDENTIALS_UNREADABLE, error.detail)
        return None

    def _park(self, view: ConnectionView, code: str, detail: str) -> None:
        self._parked(self._ledger.park_due(view.dealership_id, code, detail, view.stamp))
