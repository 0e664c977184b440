"""Columns and alternate keys made over the Web API (reference, 1.4 and 2.3)."""

import re
from collections.abc import Mapping
from typing import Any

from local.dataverse_simulator.columns import MAX_INT32, Column, Kind
from local.dataverse_simulator.errors import (
    BAD_PAYLOAD,
    DUPLICATE_NAME,
    INVALID_ARGUMENT,
    bad_request,
)
from local.dataverse_simulator.execution import Execution
from local.dataverse_simulator.judgement import Call
from local.dataverse_simulator.table import FAILED, TableChangeError, metadata_id

_TYPE = re.compile(r"#?Microsoft\.Dynamics\.CRM\.(\w+)AttributeMetadata")
_SCHEMA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{1,7}_[A-Za-z0-9_]+")
_MAX_NAME = 50
_MAX_LENGTHS = {Kind.STRING: 4_000, Kind.MEMO: 1_048_576}
_DEFAULT_LENGTHS = {Kind.STRING: 100, Kind.MEMO: 2_000}
_MAKEABLE = (
    *(Kind.STRING, Kind.MEMO, Kind.INTEGER, Kind.DECIMAL, Kind.PICKLIST, Kind.BOOLEAN),
    Kind.DATE_TIME,
)


def create_column(run: Execution) -> str:
    """Add the column a body describes; answers the address of its metadata.

    Raises
    ------
    DataverseError
        400: the body describes no column, or one of that name exists.
    """
    run.require("prvCreateAttribute")
    column = _column(run.call.body)
    try:
        run.organization.table.add_column(column)
    except TableChangeError as error:
        raise bad_request(DUPLICATE_NAME, str(error)) from error
    run.vendor.keep_table(run.organization)
    return f"{_table(run.call)}/Attributes({metadata_id('lead', column.name)})"


def create_key(run: Execution) -> str:
    """Add the key a body describes, whose index is built from now on.

    The index fails when leads there are have equal values.

    Raises
    ------
    DataverseError
        400: the body describes no key, or one the table cannot have.
    """
    run.require("prvCreateEntityKey")
    name = _schema_name(run.call.body)
    columns = run.call.body.get("KeyAttributes")
    if not isinstance(columns, list) or not all(isinstance(each, str) for each in columns):
        message = "KeyAttributes must be a list of the logical names of columns."
        raise bad_request(BAD_PAYLOAD, message)
    _label(run.call.body, name)
    leads = run.organization.store.leads()
    held = [tuple(lead.values.get(each) for each in columns) for lead in leads]
    whole = [values for values in held if None not in values]
    status = FAILED if len(set(whole)) < len(whole) else None
    try:
        key = run.organization.table.add_key(name.lower(), columns, status=status)
    except TableChangeError as error:
        raise bad_request(INVALID_ARGUMENT, str(error)) from error
    run.vendor.keep_table(run.organization)
    return f"{_table(run.call)}/Keys({metadata_id('lead', 'key', key.name)})"


def _table(call: Call) -> str:
    return f"{call.base}/EntityDefinitions({metadata_id('lead')})"


def _column(body: Mapping[str, Any]) -> Column:
    match = _TYPE.fullmatch(str(body.get("@odata.type", "")))
    kinds = {kind.value: kind for kind in _MAKEABLE}
    if match is None or match[1] not in kinds:
        message = "@odata.type must be the metadata type of a column that can be made."
        raise bad_request(BAD_PAYLOAD, message)
    kind = kinds[match[1]]
    name = _schema_name(body)
    required = body.get("RequiredLevel", {"Value": "None"})
    return Column(
        name.lower(),
        kind,
        max_length=_length(body, kind),
        minimum=_bound(body, "MinValue", kind, -MAX_INT32 - 1),
        maximum=_bound(body, "MaxValue", kind, MAX_INT32),
        precision=int(body.get("Precision", 2)),
        options=_options(body, kind),
        required=str(required["Value"]),
        custom=True,
        schema_name=name,
        label=_label(body, name),
    )


def _schema_name(body: Mapping[str, Any]) -> str:
    name = body.get("SchemaName")
    if not isinstance(name, str) or not _SCHEMA_NAME.fullmatch(name) or len(name) > _MAX_NAME:
        message = "SchemaName must be a publisher's prefix, an underscore and a name."
        raise bad_request(INVALID_ARGUMENT, message)
    return name


def _label(body: Mapping[str, Any], name: str) -> str:
    try:
        labels = body["DisplayName"]["LocalizedLabels"]
        return str(labels[0]["Label"])
    except (KeyError, IndexError, TypeError) as error:
        message = f"DisplayName of {name} needs LocalizedLabels."
        raise bad_request(BAD_PAYLOAD, message) from error


def _length(body: Mapping[str, Any], kind: Kind) -> int | None:
    if kind not in _MAX_LENGTHS:
        return None
    length = body.get("MaxLength", _DEFAULT_LENGTHS[kind])
    if type(length) is not int or not 1 <= length <= _MAX_LENGTHS[kind]:
        message = f"MaxLength must be 1 to {_MAX_LENGTHS[kind]}."
        raise bad_request(INVALID_ARGUMENT, message)
    return length


def _bound(body: Mapping[str, Any], name: str, kind: Kind, default: int) -> float | None:
    if kind not in {Kind.INTEGER, Kind.DECIMAL}:
        return None
    given = body.get(name)
    return float(given) if kind is Kind.DECIMAL and given is not None else given or default


def _options(body: Mapping[str, Any], kind: Kind) -> dict[str, int] | None:
    if kind not in {Kind.PICKLIST, Kind.BOOLEAN}:
        return None
    try:
        described = body["OptionSet"]
        if kind is Kind.BOOLEAN:
            options = [described["FalseOption"], described["TrueOption"]]
        else:
            options = described["Options"]
        return {
            str(option["Label"]["LocalizedLabels"][0]["Label"]): int(option["Value"])
            for option in options
        }
    except (KeyError, IndexError, TypeError, ValueError) as error:
        message = "OptionSet must hold options, each with Value and Label."
        raise bad_request(BAD_PAYLOAD, message) from error
