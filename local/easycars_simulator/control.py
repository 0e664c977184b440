"""The control API of EasyCars, ``/_control/…``, besides what every vendor has."""

from typing import TYPE_CHECKING

from local.easycars_simulator.accounts import account_from_json
from local.easycars_simulator.faults import VARIANTS, Fault
from local.easycars_simulator.page import sections
from local.easycars_simulator.request_tables import LEAD_STATUSES
from local.simulation.control import Answered, ControlPages, Given, common_routes, done
from local.simulation.page import page_for_people

if TYPE_CHECKING:
    from local.easycars_simulator.simulator import EasyCarsSimulator


def control_pages(simulator: "EasyCarsSimulator") -> ControlPages:
    """Make the control API and the page for people."""
    own = _EasyCarsControl(simulator)
    return ControlPages(
        {
            "accounts": {"GET": own.accounts, "POST": own.add_account},
            **common_routes(simulator, Fault, variants=VARIANTS),
            "leads": {"GET": own.leads, "POST": own.add_foreign_lead},
            "lead-edits": {"POST": own.edit_lead},
            "customers": {"GET": own.customers},
            "quotations": {"GET": own.quotations},
            "stock": {"GET": own.stock, "POST": own.change_stock},
            "revoke-tokens": {"POST": own.revoke_tokens},
            "reset": {"POST": done(simulator.reset)},
        },
        lambda: page_for_people("EasyCars simulator", simulator, sections(simulator)),
    )


class _EasyCarsControl:
    """What can be asked of and done to EasyCars alone."""

    def __init__(self, simulator: "EasyCarsSimulator") -> None:
        self._simulator = simulator

    def accounts(self, _given: Given) -> Answered:
        return {"accounts": [account.as_json() for account in self._simulator.accounts()]}

    def add_account(self, given: Given) -> Answered:
        account = account_from_json(given)
        self._simulator.add_account(account)
        return account.as_json()

    def leads(self, given: Given) -> Answered:
        return {"leads": self._simulator.leads(given.get("account"))}

    def add_foreign_lead(self, given: Given) -> Answered:
        return {"leadNumber": self._simulator.add_foreign_lead(_account(given))}

    def edit_lead(self, given: Given) -> Answered:
        status, fields = given.get("status"), given.get("fields") or {}
        if status not in (None, *LEAD_STATUSES) or not isinstance(fields, dict):
            message = "status must be 10, 30, 50, 60 or 90, and fields an object."
            raise ValueError(message)
        number = str(given.get("leadNumber"))
        self._simulator.edit_lead(_account(given), number, status=status, fields=fields)
        return {}

    def customers(self, given: Given) -> Answered:
        return {"customers": self._simulator.customers(_account(given))}

    def quotations(self, given: Given) -> Answered:
        return {"quotations": self._simulator.quotations(_account(given))}

    def stock(self, given: Given) -> Answered:
        return {"stock": self._simulator.stock(_account(given))}

    def change_stock(self, given: Given) -> Answered:
        account = _account(given)
        change = {name: value for name, value in given.items() if name not in ("account", "action")}
        action = str(given.get("action"))
        return {"stockNumbers": self._simulator.change_stock(account, action, **change)}

    def revoke_tokens(self, given: Given) -> Answered:
        self._simulator.revoke_tokens(given.get("account"))
        return {}


def _account(given: Given) -> str:
    account = given.get("account")
    if not isinstance(account, str):
        message = "account must be an account number."
        raise ValueError(message)  # noqa: TRY004 - becomes a 400 like every other bad value
    return account
