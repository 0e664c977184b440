"""The control API of Dataverse, ``/_control/…``, besides what every vendor has."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from local.dataverse_simulator.accounts import account_from_json, environment_address
from local.dataverse_simulator.columns import column_from_json
from local.dataverse_simulator.faults import Fault
from local.dataverse_simulator.lead_store import KeyTakenError
from local.dataverse_simulator.limits import Limits
from local.dataverse_simulator.organizations import Rules
from local.dataverse_simulator.page import sections
from local.dataverse_simulator.table import IndexPace, LeadTable
from local.simulation.control import Answered, ControlPages, Given, common_routes, done
from local.simulation.page import page_for_people

if TYPE_CHECKING:
    from local.dataverse_simulator.simulator import DataverseSimulator


def control_pages(simulator: "DataverseSimulator") -> ControlPages:
    """Make the control API and the page for people."""
    own = _DataverseControl(simulator)
    return ControlPages(
        {
            "accounts": {"GET": own.accounts, "POST": own.add_account},
            "secrets": {"POST": own.set_secret},
            "table": {"GET": own.table, "POST": own.change_table},
            "leads": {"GET": own.leads, "POST": own.add_staff_lead},
            "lead-edits": {"POST": own.edit_lead},
            "lead-deletions": {"POST": own.delete_lead},
            "rules": {"GET": own.rules, "POST": own.set_rules},
            "limits": {"GET": own.limits, "POST": own.set_limits},
            "revoke-tokens": {"POST": own.revoke_tokens},
            **common_routes(simulator, Fault),
            "reset": {"POST": done(simulator.reset)},
        },
        lambda: page_for_people("Dataverse simulator", simulator, sections(simulator)),
    )


class _DataverseControl:
    """What can be asked of and done to Dataverse alone."""

    def __init__(self, simulator: "DataverseSimulator") -> None:
        self._simulator = simulator

    def accounts(self, _given: Given) -> Answered:
        return {"accounts": [account.as_json() for account in self._simulator.accounts()]}

    def add_account(self, given: Given) -> Answered:
        account = account_from_json(given)
        self._simulator.add_account(account)
        return account.as_json()

    def set_secret(self, given: Given) -> Answered:
        values = [_text(given, name) for name in ("clientId", "secret", "state")]
        self._simulator.set_secret(*values)
        return {}

    def table(self, given: Given) -> Answered:
        table = self._simulator.table(_environment(given))
        return {
            "columns": [column.as_json() for column in table.columns().values()],
            "keys": [{**key.as_json(), "status": status} for key, status in table.alternate_keys()],
            "pace": asdict(table.pace),
        }

    def change_table(self, given: Given) -> Answered:
        organization = self._simulator.organization(_environment(given))
        action = given.get("action")
        change = _TABLE_CHANGES.get(str(action))
        if change is None:
            message = f"action must be one of {', '.join(_TABLE_CHANGES)}."
            raise ValueError(message)
        try:
            change(organization.table, given)
        except (TypeError, KeyError) as error:
            message = f"{action} lacks something or has a value of the wrong type."
            raise ValueError(message) from error
        self._simulator.vendor.keep_table(organization)
        return self.table(given)

    def leads(self, given: Given) -> Answered:
        leads = self._simulator.leads(_environment(given))
        return {"leads": leads, "count": len(leads)}

    def add_staff_lead(self, given: Given) -> Answered:
        try:
            lead = self._simulator.add_staff_lead(_values(given), _environment(given))
        except KeyTakenError as error:
            message = f"The key {error.key.name} forbids it."
            raise ValueError(message) from error
        return lead.as_json()

    def edit_lead(self, given: Given) -> Answered:
        self._simulator.edit_lead(_text(given, "leadId"), _values(given), _environment(given))
        return {}

    def delete_lead(self, given: Given) -> Answered:
        self._simulator.delete_lead(_text(given, "leadId"), _environment(given))
        return {}

    def rules(self, _given: Given) -> Answered:
        return {_camel(name): value for name, value in asdict(self._simulator.vendor.rules).items()}

    def set_rules(self, given: Given) -> Answered:
        changes = _changes(Rules, given)
        if isinstance(changes.get("duplicate_columns"), list):
            changes["duplicate_columns"] = tuple(changes["duplicate_columns"])
        self._simulator.set_rules(**changes)
        return self.rules(given)

    def limits(self, given: Given) -> Answered:
        organization = self._simulator.organization(_environment(given))
        limits = asdict(organization.protection.limits)
        return {
            **{_camel(name): value for name, value in limits.items()},
            "used": {
                user.client_id: organization.protection.usage(user.user_id)
                for user in organization.users.values()
            },
        }

    def set_limits(self, given: Given) -> Answered:
        changes = {name: value for name, value in given.items() if name != "environment"}
        self._simulator.set_limits(_environment(given), **_changes(Limits, changes))
        return self.limits(given)

    def revoke_tokens(self, given: Given) -> Answered:
        self._simulator.revoke_tokens(given.get("clientId"))
        return {}


def _set_pace(table: LeadTable, given: Given) -> None:
    table.pace = IndexPace(float(given.get("seconds", 0)), int(given.get("polls", 0)))


_TABLE_CHANGES: Mapping[str, Any] = {
    "use": lambda table, given: table.use_set(given["columns"]),
    "add": lambda table, given: table.add_column(column_from_json(given["column"])),
    "change": lambda table, given: table.change_column(given["name"], given["changes"]),
    "remove": lambda table, given: table.remove_column(given["name"]),
    "add_key": lambda table, given: table.add_key(
        given["name"], given["columns"], status=given.get("status")
    ),
    "set_key": lambda table, given: table.set_key_status(given["name"], given["status"]),
    "remove_key": lambda table, given: table.remove_key(given["name"]),
    "pace": _set_pace,
}


def _environment(given: Given) -> str | None:
    value = given.get("environment")
    return None if value is None else environment_address(value)


def _text(given: Given, name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        message = f"{name} must be a text."
        raise ValueError(message)  # noqa: TRY004 - becomes a 400 like every other bad value
    return value


def _values(given: Given) -> Mapping[str, Any]:
    values = given.get("values")
    if not isinstance(values, dict):
        message = "values must be an object of column names and values."
        raise ValueError(message)  # noqa: TRY004 - becomes a 400 like every other bad value
    return values


def _changes(made: type[Rules] | type[Limits], given: Given) -> dict[str, Any]:
    names = {_camel(each.name): each.name for each in fields(made)}
    unknown = sorted(given.keys() - names.keys())
    if unknown:
        message = f"There are {', '.join(names)}; not {', '.join(unknown)}."
        raise ValueError(message)
    return {names[name]: value for name, value in given.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
