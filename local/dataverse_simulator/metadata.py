"""The table's metadata over the Web API: columns, option sets, alternate keys (1.4 and 1.10)."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import unquote_plus

from local.dataverse_simulator.addresses import Address, Target
from local.dataverse_simulator.columns import Column, Kind
from local.dataverse_simulator.errors import BAD_QUERY, NO_SUCH_RECORD, bad_request, not_found
from local.dataverse_simulator.judgement import Call
from local.dataverse_simulator.organizations import Organization
from local.dataverse_simulator.query import no_such_property, read_options
from local.dataverse_simulator.table import Key, metadata_id

ENGLISH = 1033
_OPTIONS = ("$select", "$expand", "$filter")
_NAMESPACE = "Microsoft.Dynamics.CRM"
_TYPE_NAMES: Mapping[Kind, str] = {
    Kind.UNIQUE_ID: "UniqueIdentifier",
    Kind.OWNER: "Lookup",
    **{kind: kind.value for kind in Kind if kind not in {Kind.UNIQUE_ID, Kind.OWNER}},
}
"""The derived type of a column's metadata, without ``AttributeMetadata``."""

_ENUM_KINDS = (Kind.PICKLIST, Kind.STATE, Kind.STATUS)
_TERM = re.compile(
    r"\s*(\w+) eq (?:Microsoft\.Dynamics\.CRM\.\w+)?('(?:[^']|'')*'|true|false|null)\s*"
)

type Json = dict[str, Any]


def metadata_as_json(organization: Organization, call: Call) -> Json:
    """Answer a read of metadata."""
    assert call.address is not None  # noqa: S101 - a call for metadata has an address
    options = read_options(call.query, _OPTIONS)
    match call.address.target:
        case Target.TABLE:
            return _table(organization, call, options)
        case Target.KEYS:
            return _keys(organization, call, call.address, options)
        case _:
            return _columns(organization, call, call.address, options)


def label(text: str) -> Json:
    """Write a text that has translations."""
    written = {"Label": text, "LanguageCode": ENGLISH, "IsManaged": False}
    return {"LocalizedLabels": [written], "UserLocalizedLabel": written}


def _table(organization: Organization, call: Call, options: Mapping[str, str]) -> Json:
    whole = {
        "MetadataId": metadata_id("lead"),
        "LogicalName": "lead",
        "SchemaName": "Lead",
        "EntitySetName": "leads",
        "LogicalCollectionName": "leads",
        "PrimaryIdAttribute": "leadid",
        "PrimaryNameAttribute": "fullname",
        "ObjectTypeCode": 4,
        "IsCustomEntity": False,
        "IsDuplicateDetectionEnabled": {"Value": True, "CanBeChanged": True},
        "DisplayName": label("Lead"),
    }
    table = _chosen(whole, options.get("$select"), "EntityMetadata")
    for name, inner in _expanded(options.get("$expand", "")).items():
        if name == "Attributes":
            columns = organization.table.columns().values()
            rows = [_base_only(_column(column), inner.get("$select")) for column in columns]
        elif name == "Keys":
            rows = _key_rows(organization, inner.get("$select"))
        else:
            raise no_such_property(name, "EntityMetadata")
        table[name] = rows
    return {"@odata.context": f"{call.base}/$metadata#EntityDefinitions/$entity", **table}


def _columns(
    organization: Organization, call: Call, address: Address, options: Mapping[str, str]
) -> Json:
    columns = organization.table.columns()
    if address.cast is None and "$expand" in options:
        raise no_such_property(options["$expand"].partition("(")[0], "AttributeMetadata")
    wanted = _kinds(address.cast)
    show = _shower(address.cast, options)
    if address.name is not None:
        column = columns.get(address.name)
        if column is None or column.kind not in wanted:
            message = f"Could not find an attribute with the name '{address.name}'."
            raise not_found(NO_SUCH_RECORD, message)
        return {"@odata.context": f"{call.base}/$metadata#Attributes/$entity", **show(column)}
    holds = _filter(options.get("$filter"), "AttributeMetadata")
    rows = [
        show(column)
        for column in columns.values()
        if column.kind in wanted and holds(_column(column))
    ]
    context = f"{call.base}/$metadata#EntityDefinitions('lead')/Attributes"
    return {"@odata.context": context, "value": rows}


def _keys(
    organization: Organization, call: Call, address: Address, options: Mapping[str, str]
) -> Json:
    rows = _key_rows(organization, options.get("$select"), options.get("$filter"))
    if address.name is not None:
        named = [
            row
            for row, (key, _) in zip(rows, organization.table.alternate_keys(), strict=True)
            if key.name == address.name
        ]
        if not named:
            raise not_found(NO_SUCH_RECORD, f"There is no entity key '{address.name}'.")
        return {"@odata.context": f"{call.base}/$metadata#Keys/$entity", **named[0]}
    context = f"{call.base}/$metadata#EntityDefinitions('lead')/Keys"
    return {"@odata.context": context, "value": rows}


def _key_rows(
    organization: Organization, select: str | None, filter_text: str | None = None
) -> list[Json]:
    holds = _filter(filter_text, "EntityKeyMetadata")
    rows = [_key(key, status) for key, status in organization.table.poll_keys()]
    return [_chosen(row, select, "EntityKeyMetadata") for row in rows if holds(row)]


def _key(key: Key, status: str) -> Json:
    return {
        "MetadataId": metadata_id("lead", "key", key.name),
        "LogicalName": key.name,
        "SchemaName": key.name,
        "EntityLogicalName": "lead",
        "KeyAttributes": list(key.columns),
        "EntityKeyIndexStatus": status,
        "IsCustomizable": {"Value": True, "CanBeChanged": True},
        "DisplayName": label(key.name),
    }


def _column(column: Column) -> Json:
    """Write what the metadata of every column has."""
    return {
        "MetadataId": metadata_id("lead", column.name),
        "LogicalName": column.name,
        "SchemaName": column.schema_name or column.name,
        "EntityLogicalName": "lead",
        "AttributeType": column.kind.value,
        "AttributeTypeName": {"Value": f"{column.kind.value}Type"},
        "AttributeOf": None,
        "IsCustomAttribute": column.custom,
        "IsValidForCreate": column.create,
        "IsValidForUpdate": column.update,
        "IsValidForRead": column.read,
        "IsSecured": False,
        "IsPrimaryId": column.name == "leadid",
        "RequiredLevel": {"Value": column.required, "CanBeChanged": True},
        "DisplayName": label(column.label or column.name),
    }


def _derived(column: Column) -> Json:
    """Write what only the metadata of a column's own type has."""
    match column.kind:
        case Kind.STRING:
            return {"MaxLength": column.max_length, "FormatName": {"Value": "Text"}}
        case Kind.MEMO:
            return {"MaxLength": column.max_length, "Format": "TextArea"}
        case Kind.INTEGER | Kind.BIG_INTEGER:
            return {"MinValue": column.minimum, "MaxValue": column.maximum}
        case Kind.DECIMAL | Kind.MONEY:
            return {
                "MinValue": column.minimum,
                "MaxValue": column.maximum,
                "Precision": column.precision,
            }
        case Kind.DATE_TIME:
            return {"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}}
        case _:
            return {}


def _option_set(column: Column) -> Json:
    options = [
        {"Value": number, "Label": label(text), "IsManaged": False}
        for text, number in (column.options or {}).items()
    ]
    named = {
        "MetadataId": metadata_id("lead", column.name, "options"),
        "Name": f"lead_{column.name}",
        "IsGlobal": False,
        "OptionSetType": column.kind.value,
    }
    if column.kind is Kind.BOOLEAN:
        return {**named, "FalseOption": options[0], "TrueOption": options[1]}
    return {**named, "Options": options}


def _shower(cast: str | None, options: Mapping[str, str]) -> Callable[[Column], Json]:
    """Give what writes a column as the request wants it."""
    select = options.get("$select")
    expand = _expanded(options.get("$expand", ""))
    for name in expand:
        if name not in ("OptionSet", "GlobalOptionSet") or cast is None:
            raise no_such_property(name, cast or "AttributeMetadata")

    def show(column: Column) -> Json:
        if cast is None:
            row = _base_only(_column(column), select)
            if select is None:
                row |= _derived(column)
            kind = f"#{_NAMESPACE}.{_TYPE_NAMES[column.kind]}AttributeMetadata"
            return {"@odata.type": kind, **row}
        row = _chosen({**_column(column), **_derived(column)}, select, cast)
        if "OptionSet" in expand:
            row["OptionSet"] = _option_set(column)
        if "GlobalOptionSet" in expand:
            row["GlobalOptionSet"] = None
        return row

    return show


def _kinds(cast: str | None) -> Collection[Kind]:
    if cast is None:
        return tuple(Kind)
    name = cast.removesuffix("AttributeMetadata")
    kinds = [kind for kind, type_name in _TYPE_NAMES.items() if type_name == name]
    if name == "Enum":
        return _ENUM_KINDS
    if not kinds:
        message = f"The type '{_NAMESPACE}.{cast}' is not derived from AttributeMetadata."
        raise bad_request(BAD_QUERY, message)
    return kinds


def _base_only(row: Json, select: str | None) -> Json:
    return _chosen(row, select, "AttributeMetadata")


def _chosen(row: Json, select: str | None, type_name: str) -> Json:
    if select is None:
        return dict(row)
    names = select.split(",")
    for name in names:
        if name not in row:
            raise no_such_property(name, type_name)
    return {name: row[name] for name in dict.fromkeys([*names, "MetadataId"])}


def _expanded(text: str) -> dict[str, dict[str, str]]:
    """Read ``$expand``: names, each with the options in its parentheses."""
    found: dict[str, dict[str, str]] = {}
    at = 0
    part = re.compile(r"\s*(\w+)(?:\(([^()]*)\))?\s*(,|$)")
    while at < len(text):
        match = part.match(text, at)
        if match is None:
            message = f"Syntax error in $expand at position {at}."
            raise bad_request(BAD_QUERY, message)
        inner = [piece.partition("=") for piece in (match[2] or "").split(";") if piece]
        found[match[1]] = {name: unquote_plus(value) for name, _, value in inner}
        at = match.end()
    return found


def _filter(text: str | None, type_name: str) -> Callable[[Json], bool]:
    """Read a filter of metadata: ``name eq literal`` joined by ``and``, or by ``or``."""
    if text is None:
        return lambda _row: True
    joined = all if " or " not in text else any
    terms = []
    for part in re.split(r" and | or ", text):
        match = _TERM.fullmatch(part)
        if match is None or (" and " in text and " or " in text):
            message = f"Syntax error in $filter at '{part}'."
            raise bad_request(BAD_QUERY, message)
        terms.append((match[1], _READ.get(match[2], match[2][1:-1].replace("''", "'"))))

    def holds(row: Json) -> bool:
        for name, _ in terms:
            if name not in row:
                raise no_such_property(name, type_name)
        return joined(row[name] == wanted for name, wanted in terms)

    return holds


_READ: Mapping[str, Any] = {"true": True, "false": False, "null": None}
