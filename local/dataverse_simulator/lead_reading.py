"""Leads as JSON: one, many, and what a write gives back (reference, 1.3 and 1.5)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from local.dataverse_simulator.accounts import Account
from local.dataverse_simulator.columns import OPTION_KINDS, Column, Kind
from local.dataverse_simulator.filter_grammar import sort_value
from local.dataverse_simulator.judgement import Call
from local.dataverse_simulator.lead_store import LeadRecord
from local.dataverse_simulator.organizations import Organization
from local.dataverse_simulator.query import (
    MAX_PAGE,
    LeadQuery,
    read_lead_query,
    read_options,
    read_select,
)

_LIST_OPTIONS = ("$select", "$filter", "$orderby", "$top", "$count", "$skiptoken")
_FORMATTED = "@OData.Community.Display.V1.FormattedValue"


def selected(organization: Organization, call: Call) -> LeadQuery:
    """Read the ``$select`` of a request about one lead."""
    return read_select(read_options(call.query, ("$select",)), organization.table.columns())


def lead_as_json(
    organization: Organization, call: Call, record: LeadRecord, query: LeadQuery
) -> dict[str, Any]:
    """Write a lead that stands alone, with its context."""
    listed = _listed(query)
    context = f"{call.base}/$metadata#leads{listed}/$entity"
    return {"@odata.context": context, **_row(organization, call, record, query)}


def leads_as_json(organization: Organization, user: Account, call: Call) -> dict[str, Any]:
    """Answer a query for many leads."""
    options = read_options(call.query, _LIST_OPTIONS)
    page_size = call.wishes.page_size
    query = read_lead_query(options, organization.table.columns(), page_size=page_size is not None)
    found = [
        lead
        for lead in organization.store.leads()
        if (user.access != "own" or lead.values.get("ownerid") == user.user_id)
        and (query.predicate is None or query.predicate(lead))
    ]
    for column, descending in reversed(query.order):
        found.sort(key=_sorter(column), reverse=descending)
    skip_text = options.get("$skiptoken", "0")
    skip = int(skip_text) if skip_text.isdecimal() else 0
    size = min(MAX_PAGE, page_size or MAX_PAGE, MAX_PAGE if query.top is None else query.top)
    page = found[skip : skip + size]
    answer: dict[str, Any] = {"@odata.context": f"{call.base}/$metadata#leads{_listed(query)}"}
    if query.count:
        answer["@odata.count"] = min(len(found), MAX_PAGE)
    answer["value"] = [_row(organization, call, lead, query) for lead in page]
    if query.top is None and skip + size < len(found):
        rest = [f"{name}={quote(value, safe='')}" for name, value in options.items()]
        rest = [part for part in rest if not part.startswith("$skiptoken")]
        link = "&".join([*rest, f"$skiptoken={skip + size}"])
        answer["@odata.nextLink"] = f"{call.base}/leads?{link}"
    return answer


def _sorter(column: Column) -> Callable[[LeadRecord], tuple[bool, Any]]:
    return lambda lead: sort_value(_value(lead, column))


def _row(
    organization: Organization, call: Call, record: LeadRecord, query: LeadQuery
) -> dict[str, Any]:
    columns = query.select
    if columns is None:
        columns = tuple(each for each in organization.table.columns().values() if each.read)
    row: dict[str, Any] = {"@odata.etag": record.etag}
    for column in columns:
        value = _value(record, column)
        row[column.property_name] = value
        if call.wishes.annotations and (label := _label(column, value)) is not None:
            row[f"{column.property_name}{_FORMATTED}"] = label
    row["leadid"] = record.lead_id
    return row


def _value(record: LeadRecord, column: Column) -> Any:  # noqa: ANN401 - any value of a column
    match column.name:
        case "leadid":
            return record.lead_id
        case "versionnumber":
            return record.version
        case name:
            return record.values.get(name)


def _label(column: Column, value: object) -> str | None:
    if value is None or column.options is None:
        return None
    if column.kind in OPTION_KINDS or column.kind is Kind.BOOLEAN:
        return next((label for label, number in column.options.items() if number == value), None)
    return None


def _listed(query: LeadQuery) -> str:
    if query.select is None:
        return ""
    return f"({','.join(column.property_name for column in query.select)})"
