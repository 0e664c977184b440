"""``check``: does a connection work, line by line, and what to do where it does not.

Nothing is changed in Dynamics. A line says nothing secret, so that it can be shown and stored.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from forecourt.errors import ForecourtError
from forecourt.leads.dynamics.cures import cure_of
from forecourt.leads.dynamics.table_check import LeadTable, check_columns, check_key, check_options
from forecourt.leads.dynamics.tenant import Identity, Tenant
from forecourt.security.certificates import certificate_end
from forecourt.security.dynamics_connections import DynamicsConnection

CHECK_SECONDS = 24.0
"""For all lines together; the gateway gives up after 30."""

_CALL_SECONDS = 10.0
_PRIVILEGES = ("prvReadLead", "prvCreateLead", "prvWriteLead")
_EXPIRES_SOON = timedelta(days=30)
_PLACEHOLDERS = ("<", "placeholder", "changeme", "yourorg", "your-org", "your_", "xxxxxx")
_NO_ID = "00000000-0000-0000-0000-000000000000"
_ROLE = (
    "Give the application user a security role with Create, Read and Write on Lead (depth "
    "Organization), in the Power Platform admin center."
)


class Ask[Found](Protocol):
    """One question to the tenant."""

    def __call__(self, connection: DynamicsConnection, *, seconds: float) -> Found:
        """Ask it."""
        ...


class Result(StrEnum):
    """What a line says; ``skipped`` where an earlier one has to be mended first."""

    PASS = "pass"  # noqa: S105 - the word of a result
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One thing that was looked at; ``cure`` says what to do unless it passed."""

    name: str
    result: Result
    detail: str
    cure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """All lines, and the tenant's metadata where it could be read."""

    lines: tuple[CheckLine, ...]
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether leads can be pushed: nothing failed."""
        return all(line.result in {Result.PASS, Result.WARN} for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """Return it as it is shown and stored."""
        return {
            "ok": self.ok,
            "lines": [
                {
                    "name": line.name,
                    "result": str(line.result),
                    "detail": line.detail,
                    "cure": line.cure,
                }
                for line in self.lines
            ],
        }


class ConnectionCheck:
    """Looks at a connection from its settings to the index of its alternate key.

    Parameters
    ----------
    clock
        Monotonic seconds.
    now
        The time, in UTC.
    """

    def __init__(
        self,
        tenant: Tenant,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tenant = tenant
        self._clock = clock
        self._now = now

    def run(
        self, connection: DynamicsConnection, *, is_enabled: bool, pushes_enabled: bool
    ) -> CheckReport:
        """Look at everything that can be looked at; calls that depend on a failed one are skipped.

        Parameters
        ----------
        is_enabled, pushes_enabled
            Whether the connection and the whole system are switched on.
        """
        examined = _Examined(connection, self._tenant, self._clock() + CHECK_SECONDS, self._clock)
        lines = [
            self._configuration(connection),
            _switches(
                connection.dealership_id, is_enabled=is_enabled, pushes_enabled=pushes_enabled
            ),
            *examined.lines(),
        ]
        return CheckReport(lines=tuple(lines), metadata=examined.metadata)

    def _configuration(self, connection: DynamicsConnection) -> CheckLine:
        name = "configuration"
        again = "Save the connection again with the real value: forecourt dynamics connect."
        placeholder = _placeholder(connection)
        if placeholder is not None:
            detail = f"{placeholder} looks like a placeholder."
            return CheckLine(name=name, result=Result.FAIL, detail=detail, cure=again)
        detail = f"{connection.environment_url}, API {connection.api_version}."
        if connection.certificate is None:
            return CheckLine(name=name, result=Result.PASS, detail=detail)
        end, now = certificate_end(connection.certificate), self._now()
        if end <= now + _EXPIRES_SOON:
            result = Result.FAIL if end <= now else Result.WARN
            detail = f"The certificate ends on {end:%Y-%m-%d}."
            cure = "Register a new certificate with the app in Entra, then save it here."
            return CheckLine(name=name, result=result, detail=detail, cure=cure)
        return CheckLine(
            name=name,
            result=Result.PASS,
            detail=f"{detail} The certificate is good until {end:%Y-%m-%d}.",
        )


class _Examined:
    """One check of one connection: what was found so far, and the time that is left."""

    def __init__(
        self,
        connection: DynamicsConnection,
        tenant: Tenant,
        deadline: float,
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._tenant = tenant
        self._deadline = deadline
        self._clock = clock
        self.metadata: Mapping[str, Any] | None = None

    def lines(self) -> Iterator[CheckLine]:
        token, _ = self._try(
            "token", self._tenant.fetch_token, lambda _: "Entra gives the client a token."
        )
        yield token
        if token.result is Result.FAIL:
            yield from _skipped("token", "WhoAmI", "leads", "privileges", *_TABLE)
            return
        introduced = self._try("WhoAmI", self._tenant.who_am_i, _introduce)
        line, who = introduced
        yield line
        if who is None:
            yield from _skipped("WhoAmI", "leads", "privileges", *_TABLE)
            return
        leads, _ = self._try("leads", self._tenant.can_read_leads, _readable)
        yield leads
        yield self._privileges(who)
        yield from self._table()

    def _table(self) -> Iterator[CheckLine]:
        line, described = self._try("columns", self._tenant.read_metadata, lambda _: "")
        if described is None:
            yield line
            yield from _skipped("columns", *_TABLE[1:])
            return
        self.metadata = described.to_json()
        table, tenant = LeadTable(self._connection, self.metadata), self._tenant
        for name, finding in (
            ("columns", check_columns(table, tenant.our_columns, tenant.created_by_hand)),
            ("option sets", check_options(table, tenant.our_labels)),
            ("alternate key", check_key(table)),
        ):
            yield CheckLine(
                name=name,
                result=Result(finding.result),
                detail=finding.detail,
                cure=finding.cure,
            )

    def _privileges(self, who: Identity) -> CheckLine:
        name = "privileges"
        missing = []
        for privilege in _PRIVILEGES:
            try:
                has = self._tenant.has_privilege(
                    self._connection, who.user_id, privilege, seconds=self._seconds()
                )
            except ForecourtError as error:
                detail = f"They could not be asked for ({error.detail})"
                cure = f"If pushes fail as PRIVILEGE_MISSING: {_ROLE}"
                return CheckLine(name=name, result=Result.WARN, detail=detail, cure=cure)
            if not has:
                missing.append(privilege)
        if missing:
            detail = f"The application user lacks {', '.join(missing)}."
            return CheckLine(name=name, result=Result.FAIL, detail=detail, cure=_ROLE)
        return CheckLine(name=name, result=Result.PASS, detail=f"{', '.join(_PRIVILEGES)}.")

    def _try[Found](
        self,
        name: str,
        ask: Ask[Found],
        tell: Callable[[Found], str],
    ) -> tuple[CheckLine, Found | None]:
        try:
            found = ask(self._connection, seconds=self._seconds())
        except ForecourtError as error:
            cure = cure_of(error.code, name)
            line = CheckLine(name=name, result=Result.FAIL, detail=error.detail, cure=cure)
            return line, None
        return CheckLine(name=name, result=Result.PASS, detail=tell(found)), found

    def _seconds(self) -> float:
        return max(0.1, min(_CALL_SECONDS, self._deadline - self._clock()))


_TABLE = ("columns", "option sets", "alternate key")


def _switches(dealership_id: int, *, is_enabled: bool, pushes_enabled: bool) -> CheckLine:
    if not pushes_enabled:
        return CheckLine(
            name="switches",
            result=Result.WARN,
            detail="Pushing is switched off for the whole system; leads wait.",
            cure='Switch it on: PUT /api/admin/settings {"dynamicsPushEnabled": true}.',
        )
    if not is_enabled:
        return CheckLine(
            name="switches",
            result=Result.WARN,
            detail="The connection is switched off; its leads wait.",
            cure=f"Switch it on: forecourt dynamics connect {dealership_id} --enabled.",
        )
    return CheckLine(name="switches", result=Result.PASS, detail="Pushing is on.")


def _placeholder(connection: DynamicsConnection) -> str | None:
    secret = connection.client_secret
    texts = {
        "The environment URL": connection.environment_url,
        "The tenant id": connection.tenant_id,
        "The client id": connection.client_id,
        "The client secret": secret.get_secret_value() if secret is not None else "",
    }
    for name, text in texts.items():
        if text == _NO_ID or any(word in text.lower() for word in _PLACEHOLDERS):
            return name
    return None


def _introduce(who: Identity) -> str:
    return (
        f"User {who.user_id}, business unit {who.business_unit_id}, organisation "
        f"{who.organization_id}."
    )


def _readable(has_some: object) -> str:
    return "They can be read." if has_some else "They can be read; there is none yet."


def _skipped(after: str, *names: str) -> Iterator[CheckLine]:
    for name in names:
        yield CheckLine(
            name=name,
            result=Result.SKIPPED,
            detail=f"Not looked at: {after} comes first.",
            cure=f"Mend {after}, then check again.",
        )
