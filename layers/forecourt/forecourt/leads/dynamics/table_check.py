"""What a tenant's lead table lacks for our leads, judged from its stored description."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from forecourt.security.dynamics_connections import DynamicsConnection

_MOST_NAMED = 40
_CHOICES = frozenset({"Picklist", "State", "Status"})
_SHORTEST_KEY = 36
_BY_HAND = "in Power Apps (Tables, Lead, Columns)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one look found."""

    result: Literal["pass", "warn", "fail"]
    detail: str
    cure: str | None = None


class LeadTable:
    """A tenant's lead table, and what the connection says of it.

    Parameters
    ----------
    metadata
        As the connection's row keeps it; what is odd in it counts as not there.
    """

    def __init__(self, connection: DynamicsConnection, metadata: Mapping[str, Any]) -> None:
        self.connection = connection
        columns, keys = metadata.get("columns"), metadata.get("keys")
        self.columns: Mapping[str, Mapping[str, Any]] = (
            columns if isinstance(columns, Mapping) else {}
        )
        self.keys: Collection[Mapping[str, Any]] = keys if isinstance(keys, list) else []

    @property
    def setup(self) -> str:
        """What to type for what can be created."""
        return f"forecourt dynamics setup {self.connection.dealership_id}"

    @property
    def key_column(self) -> Mapping[str, Any] | None:
        """The column our lead id goes to, None where it is missing."""
        return self.columns.get(self.connection.key_column)

    @property
    def can_have_key(self) -> bool:
        """Whether the column can hold our lead id: a line of text that is long enough."""
        column = self.key_column or {}
        length = column.get("maxLength")
        is_short = isinstance(length, int) and length < _SHORTEST_KEY
        return column.get("type") == "String" and not is_short

    @property
    def key_status(self) -> str | None:
        """How far the index of an alternate key on that column alone is; None without a key."""
        wanted = [self.connection.key_column]
        found = [str(key.get("status")) for key in self.keys if key.get("columns") == wanted]
        return "Active" if "Active" in found else next(iter(found), None)

    def lacking(self, names: Iterable[str]) -> list[str]:
        """Name the columns that are not there though the connection does not rule them out."""
        return [
            name
            for name in names
            if name not in self.columns and self.connection.columns.get(name) is not False
        ]

    def options(self, name: str) -> Mapping[str, int]:
        """Return a choice column's integers by label."""
        found = self.columns.get(name, {}).get("options")
        return found if isinstance(found, Mapping) else {}


def check_columns(
    table: LeadTable, ours: Mapping[str, str], created_by_hand: Collection[str]
) -> Finding:
    """Say which columns that we would fill, or that are asked for, are missing."""
    asked = [name for name, wanted in table.connection.columns.items() if wanted]
    absent = table.lacking(asked)
    if absent:
        return Finding(
            result="fail",
            detail=f"The configuration asks for columns the lead table lacks: {_list(absent)}.",
            cure="Create them in Dynamics, or take them out of the configuration's columns.",
        )
    missing = table.lacking(ours)
    if missing:
        creates = _who_creates(table, missing, created_by_hand)
        return Finding(
            result="warn",
            detail=f"{len(missing)} of our columns are not in the lead table and are left out: "
            f"{_list(missing)}.",
            cure=f"Nothing to do if nobody needs them. {creates}; false in the configuration's "
            "columns silences this line.",
        )
    return Finding(result="pass", detail=f"All {len(ours)} of ours are there or ruled out.")


def check_options(table: LeadTable, labels: Mapping[str, Collection[str]]) -> Finding:
    """Say which configured integers the tenant does not have, and which labels have none."""
    wrong = [*_wrong_options(table)]
    if wrong:
        return Finding(
            result="fail",
            detail=f"The configuration's optionSets do not fit the tenant: {'; '.join(wrong)}.",
            cure="Correct them in the file given with forecourt dynamics connect --config, or "
            "leave them out: labels are then looked up in the tenant.",
        )
    unmapped = [
        f"{name}: {label}"
        for name, known in labels.items()
        if name in table.columns and table.connection.columns.get(name) is not False
        for label in known
        if label not in table.connection.option_sets.get(name, {})
        and label not in table.options(name)
    ]
    if unmapped:
        return Finding(
            result="warn",
            detail=f"Labels without an integer are left out: {_list(unmapped)}.",
            cure="Give their integers under optionSets in the configuration.",
        )
    return Finding(result="pass", detail="Every label of ours has an integer the tenant knows.")


def check_key(table: LeadTable) -> Finding:
    """Say whether records can be found by our lead id."""
    name = table.connection.key_column
    if table.key_column is None:
        return Finding(
            result="fail",
            detail=f"The lead table has no column {name} for our lead id.",
            cure=f"Run {table.setup}, or create it: a line of text of {_SHORTEST_KEY} or more.",
        )
    if not table.can_have_key:
        return Finding(
            result="fail",
            detail=f"The column {name} cannot hold our lead id of {_SHORTEST_KEY} characters.",
            cure="Name another column with --key-column: a single line of text.",
        )
    match table.key_status:
        case "Active":
            return Finding(result="pass", detail=f"On {name}, active.")
        case None:
            return Finding(
                result="fail",
                detail=f"There is no alternate key on {name} alone.",
                cure=f"Run {table.setup}, or create the key in Power Apps (Tables, Lead, Keys).",
            )
        case "Failed":
            return Finding(
                result="fail",
                detail=f"The index of the alternate key on {name} failed.",
                cure="Two leads have the same value there: clear it in one, then reactivate the "
                "key in Power Apps (Tables, Lead, Keys).",
            )
        case status:
            return Finding(
                result="fail",
                detail=f"The index of the alternate key on {name} is not ready: {status}.",
                cure=f"Wait until it is Active: {table.setup} waits and says when.",
            )


def _who_creates(
    table: LeadTable, missing: Collection[str], created_by_hand: Collection[str]
) -> str:
    by_hand = [name for name in missing if name in created_by_hand]
    if len(by_hand) == len(missing):
        return f"They are made by hand {_BY_HAND}"
    others = f" but for {_list(by_hand)}, which are made by hand {_BY_HAND}" if by_hand else ""
    return f"{table.setup} --with-columns creates them{others}"


def _wrong_options(table: LeadTable) -> Iterable[str]:
    for name, options in table.connection.option_sets.items():
        column = table.columns.get(name)
        if column is None:
            yield f"there is no column {name}"
        elif column.get("type") not in _CHOICES:
            yield f"{name} is no choice"
        else:
            known = sorted(set(table.options(name).values()))
            for label, number in options.items():
                if number not in known:
                    yield f"{name} has no {number} ({label}), only {_list(map(str, known))}"


def _list(names: Iterable[str]) -> str:
    found = list(names)
    more = len(found) - _MOST_NAMED
    return ", ".join(found[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
