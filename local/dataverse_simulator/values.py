"""Judge the values of a body by the table's columns (reference, 1.3, 1.7 and 1.10)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from local.dataverse_simulator.columns import (
    LOOKUP_KINDS,
    MAX_INT32,
    OPTION_KINDS,
    Column,
    Kind,
)
from local.dataverse_simulator.errors import (
    BAD_PAYLOAD,
    DATE_OUT_OF_RANGE,
    DECIMAL_OUT_OF_RANGE,
    INTEGER_OUT_OF_RANGE,
    OPTION_OUT_OF_RANGE,
    TEXT_TOO_LONG,
    DataverseError,
    bad_request,
)

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,7})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)
_FIRST_MOMENT = datetime(1753, 1, 1, tzinfo=UTC)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BIND = "@odata.bind"
_TARGETS = re.compile(r"/?(?:systemusers|teams)\(([0-9a-f-]{36})\)", re.IGNORECASE)


def read_values(
    columns: Mapping[str, Column], body: Mapping[str, Any], *, creating: bool
) -> tuple[dict[str, Any], list[str]]:
    """Read what a body sets.

    Returns
    -------
    tuple
        The values to keep by column name, and the columns it names that are not for a caller to
        set, which Dataverse passes over.

    Raises
    ------
    DataverseError
        400: an unknown column, a value of the wrong type, out of range or too long.
    """
    values: dict[str, Any] = {}
    passed_over: list[str] = []
    for name, given in body.items():
        if name.endswith(_BIND):
            values[name.removesuffix(_BIND)] = _bound(columns, name, given)
            continue
        if "@" in name:
            continue
        column = columns.get(name)
        if column is None or column.kind in LOOKUP_KINDS:
            message = (
                "Error identified in Payload provided by the user for Entity :'leads'. An "
                f"undeclared property '{name}' was found in the payload."
            )
            raise bad_request(BAD_PAYLOAD, message)
        value = None if given is None else read_value(column, given)
        if column.create if creating else column.update:
            values[name] = value
        else:
            passed_over.append(name)
    return values, passed_over


def read_value(column: Column, given: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Read a value that is not null; raises as :func:`read_values` does."""
    if column.kind in {Kind.STRING, Kind.MEMO}:
        return _text(column, given)
    if column.kind in OPTION_KINDS:
        return _option(column, given)
    return _READERS[column.kind](column, given)


def read_guid(text: str) -> str | None:
    """Give a GUID in its one form, None when it is none."""
    return str(UUID(text)) if _GUID.fullmatch(text) else None


def moment_text(seconds: float) -> str:
    """Write a moment as Dataverse does: UTC, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(column: Column, given: object) -> str | None:
    if not isinstance(given, str):
        raise _wrong_type(column, given, "Edm.String")
    units = len(given.encode("utf-16-le")) // 2
    if column.max_length is not None and units > column.max_length:
        message = (
            f"A validation error occurred. The length of the '{column.name}' attribute of the "
            f"'lead' entity exceeded the maximum allowed length of '{column.max_length}'."
        )
        raise bad_request(TEXT_TOO_LONG, message)
    return given or None


def _option(column: Column, given: object) -> int:
    number = _int32(column, given)
    accepted = (column.options or {}).values()
    if number not in accepted:
        message = (
            f"A validation error occurred. The value {number} of '{column.name}' on record of "
            "type 'lead' is outside the valid range. Accepted Values: "
            f"{','.join(map(str, accepted))}"
        )
        raise bad_request(OPTION_OUT_OF_RANGE, message)
    return number


def _int32(column: Column, given: object) -> int:
    if type(given) is not int or not -MAX_INT32 - 1 <= given <= MAX_INT32:
        raise _wrong_type(column, given, "Edm.Int32")
    return given


def _integer(column: Column, given: object) -> int:
    number = _int32(column, given)
    _within(column, number, INTEGER_OUT_OF_RANGE)
    return number


def _decimal(column: Column, given: object) -> Decimal:
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise _wrong_type(column, given, "Edm.Decimal")
    number = Decimal(given)
    _within(column, number, DECIMAL_OUT_OF_RANGE)
    return number.quantize(Decimal(1).scaleb(-column.precision))


def _within(column: Column, number: int | Decimal, code: str) -> None:
    low, high = column.minimum, column.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        message = (
            f"A validation error occurred. The value {number} of '{column.name}' on record of type "
            f"'lead' is outside the valid range ({low} to {high})."
        )
        raise bad_request(code, message)


def _boolean(column: Column, given: object) -> bool:
    if not isinstance(given, bool):
        raise _wrong_type(column, given, "Edm.Boolean")
    return given


def _moment(column: Column, given: object) -> str:
    if not isinstance(given, str) or not _MOMENT.fullmatch(given):
        raise _wrong_type(column, given, "Edm.DateTimeOffset")
    try:
        moment = datetime.fromisoformat(given).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _wrong_type(column, given, "Edm.DateTimeOffset") from error
    if moment < _FIRST_MOMENT:
        message = (
            f"DateTime of '{column.name}' is less than minimum value supported by CrmDateTime."
        )
        raise bad_request(DATE_OUT_OF_RANGE, message)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _guid(column: Column, given: object) -> str:
    guid = read_guid(given) if isinstance(given, str) else None
    if guid is None:
        raise _wrong_type(column, given, "Edm.Guid")
    return guid


def _big_integer(column: Column, given: object) -> int:
    if type(given) is not int:
        raise _wrong_type(column, given, "Edm.Int64")
    return given


def _bound(columns: Mapping[str, Column], name: str, given: object) -> str:
    column = columns.get(name.removesuffix(_BIND))
    target = _TARGETS.fullmatch(given) if isinstance(given, str) else None
    if column is None or column.kind not in LOOKUP_KINDS or not column.update or target is None:
        message = f"'{name}' does not bind a row to a lookup of the lead."
        raise bad_request(BAD_PAYLOAD, message)
    return target[1].lower()


_READERS = {
    Kind.INTEGER: _integer,
    Kind.BIG_INTEGER: _big_integer,
    Kind.DECIMAL: _decimal,
    Kind.MONEY: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DATE_TIME: _moment,
    Kind.UNIQUE_ID: _guid,
    Kind.LOOKUP: _guid,
    Kind.OWNER: _guid,
}


def _wrong_type(column: Column, given: object, wanted: str) -> DataverseError:
    kind = type(given).__name__
    message = (
        "Error identified in Payload provided by the user for Entity :'leads'. Cannot convert a "
        f"{kind} to the expected type '{wanted}' of the property '{column.name}'."
    )
    return bad_request(BAD_PAYLOAD, message)
