"""What a tenant's own lead table has: columns, their limits and options, and alternate keys.

Tenants differ: custom columns, lengths and the integers of choices are each tenant's own
(Dataverse reference, 1.10 and 2.4). What was read is kept as JSON with the connection; reading it
back is tolerant, so that a member or type we do not know yet harms nothing.

::

    {"columns": {"subject": {"type": "String", "maxLength": 300, "min": null, "max": null,
                             "options": null, "create": true, "update": true,
                             "required": "ApplicationRequired"}},
     "keys": [{"name": "hnt_forecourtid", "columns": ["hnt_forecourtid"], "status": "Active"}]}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from forecourt.errors import PermanentError
from forecourt.leads.dynamics.reasons import DynamicsReason

_ACTIVE = "Active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the lead table.

    Parameters
    ----------
    type
        ``AttributeType`` as Dataverse names it: String, Memo, Integer, BigInt, Decimal, Double,
        Money, Picklist, State, Status, Boolean, DateTime, Uniqueidentifier …
    max_length
        Of a text, in UTF-16 code units; None where not told.
    minimum, maximum
        Of a number, both included; None where not told.
    options
        Integer of each label of a choice; None for any other column.
    on_create, on_update
        Whether a create, an update may carry it.
    required
        None, Recommended, ApplicationRequired or SystemRequired.
    """

    type: str
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    options: Mapping[str, int] | None = None
    on_create: bool = True
    on_update: bool = True
    required: str = "None"

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            "type": self.type,
            "maxLength": self.max_length,
            "min": self.minimum,
            "max": self.maximum,
            "options": None if self.options is None else dict(self.options),
            "create": self.on_create,
            "update": self.on_update,
            "required": self.required,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` returned; what is missing or of an odd type counts as untold.

        A column that does not say whether it can be written is taken to be writable.
        """
        options = value.get("options")
        return cls(
            type=str(value.get("type") or "Unknown"),
            max_length=_whole(value.get("maxLength")),
            minimum=_number(value.get("min")),
            maximum=_number(value.get("max")),
            options=_options(options) if isinstance(options, Mapping) else None,
            on_create=value.get("create") is not False,
            on_update=value.get("update") is not False,
            required=str(value.get("required") or "None"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternateKey:
    """One alternate key; its index serves only while ``status`` is Active (reference, 1.4)."""

    name: str
    columns: tuple[str, ...]
    status: str

    @property
    def is_active(self) -> bool:
        """Whether records can be found by it."""
        return self.status == _ACTIVE

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"name": self.name, "columns": list(self.columns), "status": self.status}


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantMetadata:
    """A tenant's lead table.

    Parameters
    ----------
    columns
        By logical name.
    keys
        Its alternate keys, whatever their status.
    """

    columns: Mapping[str, Column]
    keys: tuple[AlternateKey, ...] = field(default=())

    def key_on(self, column: str) -> AlternateKey | None:
        """Return the alternate key on this column alone; an active one where there are several."""
        found = [key for key in self.keys if key.columns == (column,)]
        return next((key for key in found if key.is_active), found[0] if found else None)

    def to_json(self) -> dict[str, Any]:
        """Return it as the connection's row keeps it."""
        return {
            "columns": {name: column.to_json() for name, column in self.columns.items()},
            "keys": [key.to_json() for key in self.keys],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Self:
        """Read what :meth:`to_json` returned.

        Raises
        ------
        PermanentError
            ``METADATA_UNKNOWN``: there is none, or it names no column.
        """
        columns = (value or {}).get("columns")
        if not isinstance(columns, Mapping) or not columns:
            raise PermanentError(
                DynamicsReason.METADATA_UNKNOWN,
                "The tenant's lead table was not read yet, so nobody knows which columns it has.",
                target="Dynamics",
            )
        keys = (value or {}).get("keys")
        return cls(
            columns=_StoredColumns(columns),
            keys=tuple(_keys(keys)) if isinstance(keys, list) else (),
        )


class _StoredColumns(Mapping[str, Column]):
    """Columns read one by one when asked for: a table has hundreds, and a lead fills some forty."""

    def __init__(self, stored: Mapping[str, Any]) -> None:
        self._stored = {name: column for name, column in stored.items() if isinstance(column, dict)}

    def __getitem__(self, name: str) -> Column:
        return Column.from_json(self._stored[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def _keys(values: list[Any]) -> list[AlternateKey]:
    return [
        AlternateKey(
            name=str(value.get("name") or ""),
            columns=tuple(map(str, value["columns"])),
            status=str(value.get("status") or "Unknown"),
        )
        for value in values
        if isinstance(value, Mapping) and isinstance(value.get("columns"), list)
    ]


def _options(value: Mapping[Any, Any]) -> dict[str, int]:
    numbers = {str(label): _whole(number) for label, number in value.items()}
    return {label: number for label, number in numbers.items() if number is not None}


def _number(value: object) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else value


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
