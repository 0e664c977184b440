"""Read a tenant's lead table out of Dataverse's metadata (reference, 1.10).

What only some kinds of columns have (a length, a range, options) is read per kind: Dataverse lets
a query select such a property only behind a cast. Options come in every language of the tenant.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from forecourt.dynamics.answers import rows_of
from forecourt.dynamics.metadata import AlternateKey, Column, TenantMetadata
from forecourt.dynamics.session import DynamicsSession
from forecourt.dynamics.verdict import Operation
from forecourt.errors import PermanentError
from forecourt.leads.dynamics.reasons import DynamicsReason
from forecourt.security.dynamics_connections import DynamicsConnection

TABLE = "EntityDefinitions(LogicalName='lead')"
_KEYS = f"{TABLE}/Keys?$select=LogicalName,KeyAttributes,EntityKeyIndexStatus"

_COLUMNS = (
    f"{TABLE}/Attributes?$select=LogicalName,AttributeType,IsValidForCreate,IsValidForUpdate,"
    "RequiredLevel"
)
_CAST = f"{TABLE}/Attributes/Microsoft.Dynamics.CRM."
_CHOICES = (
    f"{_CAST}PicklistAttributeMetadata?$select=LogicalName"
    "&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)"
)
_LENGTHS = tuple(
    f"{_CAST}{kind}AttributeMetadata?$select=LogicalName,MaxLength" for kind in ("String", "Memo")
)
_RANGES = tuple(
    f"{_CAST}{kind}AttributeMetadata?$select=LogicalName,MinValue,MaxValue"
    for kind in ("Integer", "Decimal")
)
_NEVER_WRITTEN = frozenset({"Virtual", "EntityName", "ManagedProperty", "CalendarRules"})

_NOT_SERVED = frozenset({DynamicsReason.WRONG_ADDRESS, DynamicsReason.REQUEST_REFUSED})
"""A server that knows no casts may show all properties of every column at once."""

_READ_TABLE = Operation(name="Reading the lead table", answer_bytes=16_000_000)

type Rows = Sequence[Mapping[str, Any]]


def read_table(
    session: DynamicsSession, connection: DynamicsConnection, deadline: float
) -> TenantMetadata:
    """Read columns, limits, options and alternate keys, in seven requests; raises as they do."""
    answers = {path: _rows(session, connection, path, deadline) for path in (_COLUMNS, _KEYS)}
    for path in (*_LENGTHS, *_RANGES, _CHOICES):
        try:
            answers[path] = _rows(session, connection, path, deadline)
        except PermanentError as error:
            if error.code not in _NOT_SERVED:
                raise
            answers[path] = answers[_COLUMNS]
    return _table_of(answers)


def read_keys(
    session: DynamicsSession, connection: DynamicsConnection, deadline: float
) -> tuple[AlternateKey, ...]:
    """Read the alternate keys alone, and how far their indexes are."""
    return _keys_of(_rows(session, connection, _KEYS, deadline))


def _rows(
    session: DynamicsSession, connection: DynamicsConnection, path: str, deadline: float
) -> Rows:
    return rows_of(session.get(connection, _READ_TABLE, path, deadline), _READ_TABLE)


def _table_of(answers: Mapping[str, Rows]) -> TenantMetadata:
    """Put together the rows that each path gave; columns nobody can write are left out."""
    lengths = _by_name(row for path in _LENGTHS for row in answers[path])
    ranges = _by_name(row for path in _RANGES for row in answers[path])
    choices = _by_name(answers[_CHOICES])
    columns = {}
    for name, row in _by_name(answers[_COLUMNS]).items():
        column = Column.from_json(
            {
                "type": row.get("AttributeType"),
                "maxLength": lengths.get(name, {}).get("MaxLength"),
                "min": ranges.get(name, {}).get("MinValue"),
                "max": ranges.get(name, {}).get("MaxValue"),
                "options": _options_of(choices.get(name, {})) if _is_choice(row) else None,
                "create": row.get("IsValidForCreate"),
                "update": row.get("IsValidForUpdate"),
                "required": _required_level(row.get("RequiredLevel")),
            }
        )
        if column.type not in _NEVER_WRITTEN and (column.on_create or column.on_update):
            columns[name] = column
    return TenantMetadata(columns=columns, keys=_keys_of(answers[_KEYS]))


def _keys_of(rows: Rows) -> tuple[AlternateKey, ...]:
    return tuple(
        AlternateKey(
            name=name,
            columns=tuple(map(str, row.get("KeyAttributes") or ())),
            status=str(row.get("EntityKeyIndexStatus") or "Unknown"),
        )
        for name, row in _by_name(rows).items()
    )


def _by_name(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {name: row for row in rows if isinstance(name := row.get("LogicalName"), str)}


def _is_choice(row: Mapping[str, Any]) -> bool:
    return row.get("AttributeType") == "Picklist"


def _required_level(value: object) -> str:
    level = value.get("Value") if isinstance(value, Mapping) else value
    return str(level or "None")


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _options_of(row: Mapping[str, Any]) -> dict[str, int]:
    """Read the integer of each label; a label that two options share names neither."""
    numbers: dict[str, set[int]] = {}
    for described in _objects([row.get("OptionSet"), row.get("GlobalOptionSet")]):
        for option in _objects(described.get("Options")):
            number = option.get("Value")
            if isinstance(number, int):
                for label in _labels_of(option.get("Label")):
                    numbers.setdefault(label, set()).add(number)
    return {label: found.pop() for label, found in numbers.items() if len(found) == 1}


def _labels_of(label: object) -> Iterable[str]:
    if not isinstance(label, Mapping):
        return ()
    spoken = [label.get("UserLocalizedLabel"), *_objects(label.get("LocalizedLabels"))]
    texts = [text.get("Label") for text in _objects(spoken)]
    return dict.fromkeys(text for text in texts if isinstance(text, str) and text)
