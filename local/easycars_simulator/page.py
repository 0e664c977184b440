"""What the page for people shows of EasyCars."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from local.simulation.page import NEWEST, Section

if TYPE_CHECKING:
    from local.easycars_simulator.simulator import EasyCarsSimulator

_STATUSES = {10: "New", 30: "In Progress", 50: "Won", 60: "Lost", 90: "Deleted"}
_INTERESTS = {1: "Buy", 2: "Lease", 3: "Sell", 4: "Test drive", 5: "Service"}


def sections(simulator: "EasyCarsSimulator") -> list[Section]:
    """Show the dealers and their newest leads."""
    return [
        ("Dealers", ("Account", "Name", "Yards", "Vehicles", "Leads"), _dealers(simulator)),
        (
            "Newest leads",
            ("Account", "Number", "Created (Sydney)", "Customer", "Vehicle", "Interest", "Status"),
            _leads(simulator),
        ),
    ]


def _dealers(simulator: "EasyCarsSimulator") -> Iterable[Sequence[Any]]:
    for dealer in simulator.vendor.dealers():
        account = dealer.account
        yards = ", ".join(f"{yard.code} {yard.name.strip()}" for yard in account.yards)
        vehicles = len(dealer.stock.encoded())
        yield account.account_number, account.name, yards, vehicles, len(dealer.book.leads())


def _leads(simulator: "EasyCarsSimulator") -> Iterable[Sequence[Any]]:
    newest = sorted(simulator.leads(), key=lambda lead: float(lead["createdAt"]), reverse=True)
    for lead in newest[:NEWEST]:
        fields = lead["fields"]
        vehicle = f"{fields['VehicleYear']} {fields['VehicleMake']} {fields['VehicleModel']}"
        yield (
            lead["account"],
            lead["leadNumber"],
            lead["createdDateTime"],
            lead["customer"].get("Name", ""),
            f"{vehicle} ({lead['stockNumber']})" if lead["stockNumber"] else vehicle,
            _INTERESTS[fields["VehicleInterest"]],
            _STATUSES[lead["status"]],
        )
