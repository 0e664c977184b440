"""``setup``: makes a tenant's lead table ready for our leads, as far as the application user may.

It may be run again at any time, and has to be until it says that everything is ready: an index is
built in the background, and one run has so many seconds only.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Protocol

from forecourt.errors import ForecourtError, OutcomeUnknownError, RetryableError
from forecourt.leads.dynamics.cures import cure_of
from forecourt.leads.dynamics.table_check import LeadTable, check_key
from forecourt.leads.dynamics.tenant import Tenant
from forecourt.security.dynamics_connections import DynamicsConnection

SETUP_SECONDS = 24.0
"""For one run; the gateway gives up after 30."""

_LEAST_SECONDS = 4.0
_ACCESS = "access"
_KEY_COLUMN = "key column"
_KEY = "alternate key"
_NEEDED = (_ACCESS, _KEY_COLUMN, _KEY)


class State(StrEnum):
    """How far a step is."""

    DONE = "done"
    CREATED = "created"
    PLANNED = "planned"
    """A dry run, or this run's time was over: the next one does it."""
    WAITING = "waiting"
    """Dynamics is at it."""
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing a tenant needs; ``cure`` says what is left for a person."""

    name: str
    state: State
    detail: str
    cure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupReport:
    """All steps, and the tenant's metadata where it could be read."""

    steps: tuple[Step, ...]
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def ready(self) -> bool:
        """Whether leads can be pushed; columns of ours are extras."""
        needed = [step for step in self.steps if step.name in _NEEDED]
        return len(needed) == len(_NEEDED) and all(
            step.state in {State.DONE, State.CREATED} for step in needed
        )

    @property
    def goes_on(self) -> bool:
        """Whether another run gets further without anybody's help."""
        return any(step.state in {State.PLANNED, State.WAITING} for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return it as it is shown."""
        return {
            "ready": self.ready,
            "goesOn": self.goes_on,
            "steps": [
                {
                    "name": step.name,
                    "state": str(step.state),
                    "detail": step.detail,
                    "cure": step.cure,
                }
                for step in self.steps
            ],
        }


class ConnectionSetup:
    """Creates what is missing: the column for our lead id, its alternate key, columns of ours.

    Parameters
    ----------
    clock
        Monotonic seconds.
    """

    def __init__(self, tenant: Tenant, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tenant = tenant
        self._clock = clock

    def run(
        self, connection: DynamicsConnection, *, dry_run: bool, with_columns: bool
    ) -> SetupReport:
        """Look at what is missing and create it; a dry run only looks.

        Parameters
        ----------
        with_columns
            Whether to create the columns of ours that are missing, too.
        """
        return _Run(self._tenant, connection, self._clock, dry_run=dry_run).report(
            with_columns=with_columns
        )


class _Create(Protocol):
    def __call__(self, connection: DynamicsConnection, *, seconds: float) -> None: ...


class _Run:
    """One run over one connection: what is known of its lead table, and the time that is left."""

    def __init__(
        self,
        tenant: Tenant,
        connection: DynamicsConnection,
        clock: Callable[[], float],
        *,
        dry_run: bool,
    ) -> None:
        self._tenant = tenant
        self._connection = connection
        self._clock = clock
        self._deadline = clock() + SETUP_SECONDS
        self._dry_run = dry_run
        self._metadata: Mapping[str, Any] = {}

    def report(self, *, with_columns: bool) -> SetupReport:
        """Take every step."""
        try:
            self._tenant.who_am_i(self._connection, seconds=self._seconds())
            self._read_again()
        except ForecourtError as error:
            cure = cure_of(error.code, "WhoAmI")
            step = Step(name=_ACCESS, state=State.BY_HAND, detail=error.detail, cure=cure)
            return SetupReport(steps=(step,))
        access = Step(name=_ACCESS, state=State.DONE, detail="The application user is let in.")
        steps = [access, self._key_column(), self._key()]
        if with_columns:
            steps += self._columns(self._table.lacking(self._tenant.our_columns))
        return SetupReport(steps=tuple(steps), metadata=self._metadata)

    @property
    def _table(self) -> LeadTable:
        return LeadTable(self._connection, self._metadata)

    def _key_column(self) -> Step:
        name = self._connection.key_column
        if self._table.key_column is not None:
            return Step(name=_KEY_COLUMN, state=State.DONE, detail=f"{name} is there.")
        step = self._make(_KEY_COLUMN, f"the text column {name}", self._tenant.create_key_column)
        return self._after(step)

    def _key(self) -> Step:
        column = self._connection.key_column
        if self._table.key_column is None:
            detail = f"The key on {column} comes after its column."
            return Step(name=_KEY, state=State.PLANNED, detail=detail)
        finding = check_key(self._table)
        is_new = self._table.key_status is None
        if is_new and not self._table.can_have_key:
            return Step(name=_KEY, state=State.BY_HAND, detail=finding.detail, cure=finding.cure)
        if is_new:
            step = self._after(
                self._make(_KEY, f"the alternate key on {column}", self._tenant.create_key)
            )
            if step.state is not State.CREATED:
                return step
        return self._indexed(is_new=is_new)

    def _indexed(self, *, is_new: bool) -> Step:
        """Say how far the key's index is."""
        finding = check_key(self._table)
        if finding.result == "pass":
            state = State.CREATED if is_new else State.DONE
            return Step(name=_KEY, state=state, detail=finding.detail)
        is_built = self._table.key_status in {"Pending", "InProgress"}
        state = State.WAITING if is_built or is_new else State.BY_HAND
        cure = None if state is State.WAITING else finding.cure
        return Step(name=_KEY, state=state, detail=finding.detail, cure=cure)

    def _columns(self, missing: Iterable[str]) -> Iterator[Step]:
        for name in missing:
            kind = self._tenant.our_columns[name]
            if name in self._tenant.created_by_hand:
                yield Step(
                    name=f"column {name}",
                    state=State.BY_HAND,
                    detail=f"{name} is {kind}.",
                    cure="Create it in Power Apps (Tables, Lead, Columns) and name the integers "
                    "of its labels under optionSets in the configuration.",
                )
                continue
            yield self._make(
                f"column {name}", f"{name}, {kind}", partial(self._create_column, name)
            )

    def _create_column(self, name: str, connection: DynamicsConnection, *, seconds: float) -> None:
        self._tenant.create_column(connection, name, seconds=seconds)

    def _make(self, name: str, what: str, create: _Create) -> Step:
        if self._dry_run or self._seconds() < _LEAST_SECONDS:
            return Step(name=name, state=State.PLANNED, detail=f"To be created: {what}.")
        try:
            create(self._connection, seconds=self._seconds())
        except (OutcomeUnknownError, RetryableError) as error:
            detail = f"Dynamics has not said that it made {what}: {error.detail}"
            return Step(name=name, state=State.WAITING, detail=detail)
        except ForecourtError as error:
            detail = f"Dynamics does not let us create {what}: {error.detail}"
            cure = cure_of(error.code, "setup")
            return Step(name=name, state=State.BY_HAND, detail=detail, cure=cure)
        return Step(name=name, state=State.CREATED, detail=f"Created {what}.")

    def _after(self, step: Step) -> Step:
        """Read the lead table again after something was created in it."""
        if step.state is State.CREATED:
            try:
                self._read_again()
            except ForecourtError as error:
                detail = f"{step.detail} The lead table could not be read again: {error.detail}"
                return Step(name=step.name, state=State.WAITING, detail=detail)
        return step

    def _read_again(self) -> None:
        described = self._tenant.read_metadata(self._connection, seconds=self._seconds())
        self._metadata = described.to_json()

    def _seconds(self) -> float:
        return max(0.1, self._deadline - self._clock())
