"""The vendor itself, without HTTP: Entra's tenants, environments, users, what they keep."""

import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from local.dataverse_simulator.accounts import Account, account_from_json
from local.dataverse_simulator.lead_store import LeadStore
from local.dataverse_simulator.limits import Limits, ServiceProtection
from local.dataverse_simulator.table import LeadTable
from local.simulation.clock import MovableClock
from local.simulation.journal import Journal
from local.simulation.tokens import TokenIssuer

_NAMESPACE = uuid.UUID("0b9d4f0e-6a54-5c8e-9a0f-7e3f4f6d2c11")


@dataclass(frozen=True, slots=True)
class Rules:
    """What an environment or Entra is set to.

    Parameters
    ----------
    token_life
        Seconds an access token is valid; ``expires_in`` says so.
    execution_seconds
        Seconds of execution time each request is charged, without being waited for; what it
        really waits is charged when it is more.
    dop_hint
        The ``x-ms-dop-hint`` of every answer.
    duplicate_columns
        The lead rule of duplicate detection: leads that are equal in these columns, case
        ignored, are duplicates. Empty: no active rule.
    duplicate_status
        HTTP status of a duplicate: 500, or 412 as other pages of the documents have it.
    """

    token_life: float = 3599.0
    execution_seconds: float = 0.0
    dop_hint: int = 50
    duplicate_columns: tuple[str, ...] = ("emailaddress1",)
    duplicate_status: int = 500


@dataclass(slots=True)
class Secret:
    """A client secret; an expired one is told apart from a wrong one."""

    text: str
    expired: bool = False


@dataclass(slots=True)
class AppRegistration:
    """A client of a tenant, with its secrets and certificates."""

    tenant_id: str
    client_id: str
    secrets: list[Secret] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)


class Organization:
    """One environment: its table, its leads, its application users."""

    def __init__(
        self,
        url: str,
        tenant_id: str,
        table: LeadTable,
        store: LeadStore,
        limits: ServiceProtection,
    ) -> None:
        self.url = url
        self.tenant_id = tenant_id
        self.table = table
        self.store = store
        self.protection = limits
        self.users: dict[str, Account] = {}
        self.organization_id = str(uuid.uuid5(_NAMESPACE, f"organization/{url}"))
        self.business_unit_id = str(uuid.uuid5(_NAMESPACE, f"unit/{url}"))
        self.staff_id = str(uuid.uuid5(_NAMESPACE, f"staff/{url}"))


class Vendor:
    """Keeps every tenant, client and environment.

    Parameters
    ----------
    accounts
        Those it starts with; more can be added, and those of the journal come on top.
    state_path
        Where accounts, tables and leads are kept over a restart; None keeps them in memory.
    """

    def __init__(
        self,
        accounts: Iterable[Account],
        *,
        clock: MovableClock,
        rules: Rules,
        limits: Limits,
        state_path: Path | None = None,
    ) -> None:
        self.clock = clock
        self.rules = rules
        self.issuer = TokenIssuer(
            "entra", now=clock.now, life=rules.token_life, client_claim="appid"
        )
        self._first_rules = rules
        self._first_limits = limits
        self._first_accounts = tuple(accounts)
        self._journal = Journal(state_path)
        self._lock = threading.RLock()
        self._apps: dict[tuple[str, str], AppRegistration] = {}
        self._organizations: dict[str, Organization] = {}
        for account in self._first_accounts:
            self._take_account(account)

    def load(self) -> None:
        """Take up what the journal holds."""
        with self._lock:
            for entry in self._journal.replay():
                self._restore(entry)

    def accounts(self) -> list[Account]:
        """List the accounts, environment by environment."""
        with self._lock:
            return [user for each in self._organizations.values() for user in each.users.values()]

    def organizations(self) -> list[Organization]:
        """List the environments in the order they came."""
        with self._lock:
            return list(self._organizations.values())

    def organization(self, url: str) -> Organization | None:
        """Find an environment by its URL."""
        with self._lock:
            return self._organizations.get(url)

    def app(self, tenant_id: str, client_id: str) -> AppRegistration | None:
        """Find a client of a tenant."""
        with self._lock:
            return self._apps.get((tenant_id, client_id))

    def knows_tenant(self, tenant_id: str) -> bool:
        """Tell whether there is such a tenant."""
        with self._lock:
            return any(tenant == tenant_id for tenant, _ in self._apps)

    def add_account(self, account: Account) -> None:
        """Add an account, or change the one of that client in that environment.

        A secret or certificate that is new to the client is good besides those it has.
        """
        with self._lock:
            self._take_account(account)
            self._journal.append({"account": account.as_json()})

    def set_secret(self, client_id: str, secret: str, state: str) -> None:
        """Make a secret of a client ``valid``, ``expired`` or ``removed``.

        Raises
        ------
        LookupError, ValueError
            There is no such client or state.
        """
        with self._lock:
            apps = [app for app in self._apps.values() if app.client_id == client_id]
            if not apps:
                message = f"There is no client {client_id!r}."
                raise LookupError(message)
            if state not in ("valid", "expired", "removed"):
                message = "state must be valid, expired or removed."
                raise ValueError(message)
            for app in apps:
                app.secrets = [each for each in app.secrets if each.text != secret]
                if state != "removed":
                    app.secrets.append(Secret(secret, expired=state == "expired"))

    def keep_table(self, organization: Organization) -> None:
        """Write an environment's table down after it was changed."""
        self._journal.append(
            {"environment": organization.url, "table": organization.table.as_json()}
        )

    def set_rules(self, **changes: Any) -> None:  # noqa: ANN401 - those of Rules
        """Let other rules hold."""
        self.rules = replace(self.rules, **changes)
        self.issuer.life = self.rules.token_life

    def revoke_tokens(self, client_id: str | None = None) -> None:
        """Make the tokens of a client, or of all clients, invalid."""
        with self._lock:
            for app in self._apps.values():
                if client_id in (None, app.client_id):
                    self.issuer.revoke(app.client_id)

    def reset(self) -> None:
        """Forget everything since the start, in the journal too, and every token issued."""
        with self._lock:
            self.revoke_tokens()
            self._journal.clear()
            self._apps.clear()
            self._organizations.clear()
            self.rules = self._first_rules
            self.issuer.life = self.rules.token_life
            for account in self._first_accounts:
                self._take_account(account)

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _take_account(self, account: Account) -> None:
        app = self._apps.setdefault(
            (account.tenant_id, account.client_id),
            AppRegistration(account.tenant_id, account.client_id),
        )
        if all(secret.text != account.client_secret for secret in app.secrets):
            app.secrets.append(Secret(account.client_secret))
        if account.certificate is not None and account.certificate not in app.certificates:
            app.certificates.append(account.certificate)
        url = account.environment_url
        if url not in self._organizations:
            table = LeadTable(account.columns, self.clock.now)
            store = LeadStore(table.active_keys, partial(self._write_lead, url))
            protection = ServiceProtection(self.clock.now, self._first_limits)
            self._organizations[url] = Organization(
                url, account.tenant_id, table, store, protection
            )
        self._organizations[url].users[account.client_id] = account

    def _write_lead(self, url: str, entry: Mapping[str, Any]) -> None:
        self._journal.append({"environment": url, **entry})

    def _restore(self, entry: Mapping[str, Any]) -> None:
        """Take up an entry; one of an environment this start does not have is left alone."""
        if "account" in entry:
            self._take_account(account_from_json(entry["account"]))
        elif (organization := self._organizations.get(entry["environment"])) is not None:
            if "table" in entry:
                organization.table.restore(entry["table"])
            else:
                organization.store.restore(entry)
