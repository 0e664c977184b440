"""Dealer accounts: two pairs of credentials, a name, yards and how much stock."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_NAMESPACE = uuid.UUID("5b1f3a52-7f0e-5f1c-9d5e-0c1d6a3f7a10")
_NAMES = (
    "Parramatta Motor Group",
    "O'Brien's Highway Autos",
    "Bayside Marine & Caravans",
    "Müller Prestige",
    "Toowoomba Truck Centre",
    "Great Ocean 4x4",
    "Swan River Motorcycles",
    "Adelaide Hills Car Yard",
    "Hobart Harbour Motors",
    "Top End Utes",
)
_YARDS = ("Main Yard", "Used Car Yard", "Highway Yard", "Overflow ")
_YARD_COUNTS = (2, 3, 1, 4)
MAX_VEHICLES = 100_000


@dataclass(frozen=True, slots=True)
class Yard:
    """One yard of a dealer, as its vehicles name it."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Account:
    """One client pair that may use one dealer account.

    Two clients of one account are two ``Account`` values with the same number and secret; each is
    a lead source of its own. One client may also serve several accounts.

    Parameters
    ----------
    vehicles
        How many vehicles are generated for it.
    item_bytes
        Size of each generated stock item in bytes of JSON; None leaves the natural size, 3 to 6 kB.
    """

    client_id: str
    client_secret: str
    account_number: str
    account_secret: str
    name: str
    yards: tuple[Yard, ...] = (Yard("100", "Main Yard"),)
    vehicles: int = 120
    item_bytes: int | None = None

    def __repr__(self) -> str:
        return f"Account({self.account_number!r}, {self.name!r}, vehicles={self.vehicles})"

    def as_json(self) -> dict[str, Any]:
        """Write it for the control API and the journal, secrets included."""
        return {
            "clientId": self.client_id,
            "clientSecret": self.client_secret,
            "accountNumber": self.account_number,
            "accountSecret": self.account_secret,
            "name": self.name,
            "yards": [asdict(yard) for yard in self.yards],
            "vehicles": self.vehicles,
            "itemBytes": self.item_bytes,
        }


def account_from_json(given: Mapping[str, Any]) -> Account:
    """Read what :meth:`Account.as_json` wrote, or what a person posted.

    Raises
    ------
    ValueError
        Names the field that is missing or wrong.
    """
    texts = {}
    for key in ("clientId", "clientSecret", "accountNumber", "accountSecret"):
        value = given.get(key)
        if not isinstance(value, str) or not value.strip():
            message = f"{key} must be a string that is not blank."
            raise ValueError(message)
        texts[key] = value
    vehicles = given.get("vehicles", 120)
    item_bytes = given.get("itemBytes")
    if type(vehicles) is not int or not 0 <= vehicles <= MAX_VEHICLES:
        message = f"vehicles must be 0 to {MAX_VEHICLES}."
        raise ValueError(message)
    if item_bytes is not None and type(item_bytes) is not int:
        message = "itemBytes must be a number of bytes."
        raise ValueError(message)
    return Account(
        client_id=texts["clientId"],
        client_secret=texts["clientSecret"],
        account_number=texts["accountNumber"],
        account_secret=texts["accountSecret"],
        name=str(given.get("name", texts["accountNumber"])),
        yards=_yards(given.get("yards")),
        vehicles=vehicles,
        item_bytes=item_bytes,
    )


def default_accounts(n: int = 4, *, vehicles: int = 120) -> list[Account]:
    """Make the first `n` dealers; the same `n` always gives the same credentials.

    Each has one to four yards, with the codes "100", "200" and so on.
    """
    return [_default_account(index, vehicles) for index in range(n)]


def _default_account(index: int, vehicles: int) -> Account:
    number = f"EC{104001 + index}"
    round_trip, position = divmod(index, len(_NAMES))
    name = _NAMES[position] if round_trip == 0 else f"{_NAMES[position]} {round_trip + 1}"
    yards = tuple(
        Yard(str(100 * (place + 1)), label)
        for place, label in enumerate(_YARDS[: _YARD_COUNTS[index % len(_YARD_COUNTS)]])
    )
    return Account(
        client_id=_made_up("client-id", number),
        client_secret=_made_up("client-secret", number),
        account_number=number,
        account_secret=_made_up("account-secret", number),
        name=name,
        yards=yards,
        vehicles=vehicles,
    )


def _made_up(purpose: str, number: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{purpose}/{number}"))


def _yards(given: object) -> tuple[Yard, ...]:
    if given is None:
        return (Yard("100", "Main Yard"),)
    if not isinstance(given, list) or not given:
        message = 'yards must be a list like [{"code": "100", "name": "Main Yard"}].'
        raise ValueError(message)
    try:
        return tuple(Yard(str(yard["code"]), str(yard["name"])) for yard in given)
    except (TypeError, KeyError) as error:
        message = 'each yard must be like {"code": "100", "name": "Main Yard"}.'
        raise ValueError(message) from error
