"""The simulator as a thing to start, ask and stop."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from local.dataverse_simulator.accounts import Account, default_accounts
from local.dataverse_simulator.control import control_pages
from local.dataverse_simulator.exchange import Exchange
from local.dataverse_simulator.faults import Fault
from local.dataverse_simulator.lead_store import LeadRecord
from local.dataverse_simulator.limits import Limits
from local.dataverse_simulator.organizations import Organization, Rules, Vendor
from local.dataverse_simulator.table import LeadTable
from local.dataverse_simulator.values import moment_text
from local.simulation.service import SimulatedVendor


class DataverseSimulator(SimulatedVendor[Fault]):
    """Entra's token endpoint and Dataverse on this machine, strict and ready to misbehave.

    It serves ``{url}/{tenant}/oauth2/v2.0/token``, the discovery documents beside it,
    ``{url}/api/data/v9.2/`` for every environment (the token says which), a control API under
    ``{url}/_control/…`` and a page for people at ``{url}/``. All methods may be called from any
    thread. It can be started again after it was stopped, on the same port, with all it knew.

    Parameters
    ----------
    port
        0 takes a free one.
    accounts
        App registrations and environments it starts with; None is :func:`default_accounts`.
    latency
        Seconds every request of the Web API takes to be executed, and is charged for.
    rules
        What the environments and Entra are set to.
    limits
        The service-protection limits of every environment.
    state_path
        A file that keeps accounts, tables and leads over a restart of the process; None keeps
        them in memory.
    time_source
        Seconds since 1970 UTC; :meth:`advance_clock` adds to it.

    Examples
    --------
    >>> with DataverseSimulator() as simulator:
    ...     simulator.add_fault("cut_after", operation="UpsertLead", per="lead")
    ...     simulator.url
    """

    def __init__(
        self,
        port: int = 0,
        accounts: Iterable[Account] | None = None,
        *,
        latency: float = 0.0,
        rules: Rules | None = None,
        limits: Limits | None = None,
        state_path: Path | None = None,
        time_source: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(port, Fault, latency=latency, time_source=time_source)
        self.vendor = Vendor(
            default_accounts() if accounts is None else accounts,
            clock=self.clock,
            rules=rules or Rules(),
            limits=limits or Limits(),
            state_path=state_path,
        )
        self._exchange_of_data = Exchange(
            self.vendor, self.fault_plan, self.log, self.deferral, latency=lambda: self.latency
        )
        self.serve_with(
            self._exchange_of_data,
            control_pages(self).answer,
            load=self.vendor.load,
            close=self.vendor.close,
        )

    def wait_before_judging(self) -> float:
        """Nothing: a request waits while it is executed, when it counts as under way."""
        return 0.0

    def stop(self) -> None:
        """Close all connections and free the port; what waits to be committed late is dropped."""
        self._exchange_of_data.ending.set()
        super().stop()
        self._exchange_of_data.ending.clear()

    def accounts(self) -> list[Account]:
        """List the app registrations, secrets included."""
        return self.vendor.accounts()

    def add_account(self, account: Account) -> None:
        """Register a client, its environment if that is new, and its application user."""
        self.vendor.add_account(account)

    def change_account(self, client_id: str, **changes: Any) -> Account:  # noqa: ANN401
        """Change attributes of a client's account in its (first) environment."""
        for account in self.accounts():
            if account.client_id == client_id:
                changed = replace(account, **changes)
                self.vendor.add_account(changed)
                return changed
        message = f"There is no client {client_id!r}."
        raise LookupError(message)

    def set_secret(self, client_id: str, secret: str, state: str) -> None:
        """Make a secret of a client ``valid``, ``expired`` or ``removed``."""
        self.vendor.set_secret(client_id, secret, state)

    def organization(self, environment: str | None = None) -> Organization:
        """Find an environment by its URL; None is the first.

        Raises
        ------
        LookupError
            There is none.
        """
        found = self.vendor.organizations()
        for organization in found:
            if environment in (None, organization.url):
                return organization
        message = f"There is no environment {environment!r}."
        raise LookupError(message)

    def table(self, environment: str | None = None) -> LeadTable:
        """Give an environment's lead table, to look at and to change."""
        return self.organization(environment).table

    def leads(self, environment: str | None = None) -> list[dict[str, Any]]:
        """List leads of an environment, or of all, each with its ``values`` and ``writes``."""
        return [
            {"environment": organization.url, **lead.as_json()}
            for organization in self.vendor.organizations()
            if environment in (None, organization.url)
            for lead in organization.store.leads()
        ]

    def add_staff_lead(
        self, values: Mapping[str, Any], environment: str | None = None
    ) -> LeadRecord:
        """Create a lead as staff do in Dynamics; it is owned by them."""
        organization = self.organization(environment)
        self._check_columns(organization, values)
        now = moment_text(self.clock.told(self.clock.now()))
        whole = {
            "statecode": 0,
            "statuscode": 1,
            "ownerid": organization.staff_id,
            "createdon": now,
            "modifiedon": now,
            **values,
        }
        return organization.store.create(whole)

    def edit_lead(
        self, lead_id: str, values: Mapping[str, Any], environment: str | None = None
    ) -> None:
        """Change a lead as staff do, its state included.

        Raises
        ------
        LookupError
            There is no such lead.
        """
        organization = self._organization_with(lead_id, environment)
        self._check_columns(organization, values)
        organization.store.change(lead_id, values)

    def delete_lead(self, lead_id: str, environment: str | None = None) -> None:
        """Delete a lead as staff do; raises LookupError when there is no such lead."""
        self._organization_with(lead_id, environment).store.delete(lead_id)

    def set_rules(self, **changes: Any) -> None:  # noqa: ANN401 - those of Rules
        """Let other rules hold: see :class:`~.organizations.Rules`."""
        self.vendor.set_rules(**changes)

    def set_limits(self, environment: str | None = None, **changes: Any) -> None:  # noqa: ANN401
        """Let other limits hold: see :class:`~.limits.Limits`. What was used is forgotten."""
        for organization in self.vendor.organizations():
            if environment in (None, organization.url):
                limits = replace(organization.protection.limits, **changes)
                organization.protection.set_limits(limits)

    def revoke_tokens(self, client_id: str | None = None) -> None:
        """Make all tokens issued so far, or those of one client, invalid."""
        self.vendor.revoke_tokens(client_id)

    def reset(self) -> None:
        """Be as at the first start: its accounts and tables, no leads, faults or requests."""
        self.vendor.reset()
        self.forget_what_happened()

    def _organization_with(self, lead_id: str, environment: str | None) -> Organization:
        for organization in self.vendor.organizations():
            if environment in (None, organization.url) and organization.store.lead(lead_id):
                return organization
        message = f"There is no lead {lead_id!r}."
        raise LookupError(message)

    @staticmethod
    def _check_columns(organization: Organization, values: Mapping[str, Any]) -> None:
        unknown = sorted(values.keys() - organization.table.columns().keys())
        if unknown:
            message = f"The lead has no column {', '.join(unknown)}."
            raise ValueError(message)
