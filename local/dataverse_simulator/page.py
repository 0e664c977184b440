"""What the page for people shows of Dataverse."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from local.dataverse_simulator.columns import STATUSES
from local.simulation.page import NEWEST, Section

if TYPE_CHECKING:
    from local.dataverse_simulator.simulator import DataverseSimulator

_STATUS_NAMES = {number: label for label, number in STATUSES.items()}


def sections(simulator: "DataverseSimulator") -> list[Section]:
    """Show the environments and their newest leads."""
    return [
        (
            "Environments",
            ("URL", "Tenant", "Columns", "Alternate keys", "Application users", "Leads"),
            _environments(simulator),
        ),
        (
            "Newest leads",
            ("Environment", "Topic", "Name", "Company", "E-mail", "Status", "Key", "Writes"),
            _leads(simulator),
        ),
    ]


def _environments(simulator: "DataverseSimulator") -> Iterable[Sequence[Any]]:
    for organization in simulator.vendor.organizations():
        keys = [f"{key.name} ({status})" for key, status in organization.table.alternate_keys()]
        users = [user for user in organization.users.values() if user.application_user]
        yield (
            organization.url,
            organization.tenant_id,
            len(organization.table.columns()),
            ", ".join(keys) or "none",
            len(users),
            len(organization.store.leads()),
        )


def _leads(simulator: "DataverseSimulator") -> Iterable[Sequence[Any]]:
    newest = sorted(simulator.leads(), key=lambda lead: int(lead["version"]), reverse=True)
    for lead in newest[:NEWEST]:
        values = lead["values"]
        yield (
            lead["environment"],
            values.get("subject", ""),
            values.get("fullname", ""),
            values.get("companyname", ""),
            values.get("emailaddress1", ""),
            _STATUS_NAMES.get(values.get("statuscode"), ""),
            values.get("hnt_forecourtid", ""),
            lead["writes"],
        )
