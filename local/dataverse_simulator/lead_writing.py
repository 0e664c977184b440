"""Create, update and upsert of a lead (reference, 1.3, 1.4, 1.6 and 1.10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from local.dataverse_simulator.columns import STATUSES_OF_STATE, Column, Kind
from local.dataverse_simulator.errors import (
    ACCESS_DENIED,
    BAD_QUERY,
    BAD_STATUS_FOR_STATE,
    DUPLICATE_FOUND,
    INVALID_ARGUMENT,
    KEY_TAKEN,
    NO_SUCH_KEY_VALUE,
    NO_SUCH_RECORD,
    RECORD_EXISTS,
    VERSION_MISMATCH,
    DataverseError,
    bad_request,
    forbidden,
    not_found,
    precondition_failed,
)
from local.dataverse_simulator.execution import Execution
from local.dataverse_simulator.judgement import Call
from local.dataverse_simulator.lead_store import KeyTakenError, LeadRecord
from local.dataverse_simulator.organizations import Organization
from local.dataverse_simulator.values import read_value, read_values

_OPEN = 0


@dataclass(frozen=True, slots=True)
class Written:
    """A lead that was created or updated."""

    record: LeadRecord
    created: bool


def addressed_lead(organization: Organization, call: Call) -> LeadRecord | None:
    """Find the lead an address names, by GUID or alternate key.

    Raises
    ------
    DataverseError
        400: no active key has these columns, or a value does not suit its column.
    """
    assert call.address is not None  # noqa: S101 - a call for a lead has an address
    if call.address.lead_id is not None:
        return organization.store.lead(call.address.lead_id)
    return organization.store.find(*_key_values(organization, call))


def missing_lead(call: Call) -> DataverseError:
    """Refuse because the lead that is addressed does not exist."""
    assert call.address is not None  # noqa: S101 - a call for a lead has an address
    if call.address.lead_id is not None:
        message = f"Entity 'lead' With Id = {call.address.lead_id} Does Not Exist"
        return not_found(NO_SUCH_RECORD, message)
    message = "A record with the specified key values does not exist in lead entity"
    return not_found(NO_SUCH_KEY_VALUE, message)


def require_access(run: Execution, record: LeadRecord) -> None:
    """Refuse a lead the user's role does not reach."""
    if run.user.access == "own" and record.values.get("ownerid") != run.user.user_id:
        message = f"SecLib::AccessCheckEx failed. Returned hr = {ACCESS_DENIED}."
        raise forbidden(ACCESS_DENIED, message)


def create_lead(run: Execution) -> Written:
    """Carry out ``POST leads``."""
    run.require("prvCreateLead")
    values = _read(run, run.call.body, creating=True)
    with run.organization.store.lock:
        return _create(run, values)


def write_lead(run: Execution) -> Written:
    """Carry out ``PATCH leads(…)``."""
    with run.organization.store.lock:
        record = addressed_lead(run.organization, run.call)
        _check_preconditions(run, record)
        key_columns, key_values = _key_of(run.organization, run.call)
        if record is not None and not run.existed and key_columns:
            raise _key_taken(key_columns)
        twice = [name for name in key_columns if name in run.call.body]
        run.reasons.extend(f"{name} is in the address and in the body." for name in twice)
        if record is None:
            run.require("prvCreateLead")
            return _create(run, _read(run, {**key_values, **run.call.body}, creating=True))
        body = {name: value for name, value in run.call.body.items() if name not in twice}
        return _update(run, record, body)


def _check_preconditions(run: Execution, record: LeadRecord | None) -> None:
    wishes = run.call.wishes
    if record is None:
        if wishes.if_match is not None:
            raise missing_lead(run.call)
        return
    if wishes.if_none_match == "*":
        message = "A record with matching key values already exists."
        raise precondition_failed(RECORD_EXISTS, message)
    if wishes.if_match not in (None, "*", record.etag):
        message = "The version of the existing record doesn't match the If-Match header."
        raise precondition_failed(VERSION_MISMATCH, message)


def _read(run: Execution, body: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
    values, passed_over = read_values(run.organization.table.columns(), body, creating=creating)
    run.reasons.extend(f"{name} is not for a caller to set." for name in passed_over)
    return values


def _create(run: Execution, values: dict[str, Any]) -> Written:
    store = run.organization.store
    lead_id = values.pop("leadid", None)
    if run.call.address is not None and run.call.address.lead_id is not None:
        lead_id = run.call.address.lead_id
    if lead_id is not None and store.lead(lead_id) is not None:
        message = "Cannot insert duplicate key."
        raise precondition_failed(RECORD_EXISTS, message)
    owner = values.get("ownerid")
    if owner is not None:
        _check_owner(run, owner)
    now, user_id = run.now_text(), run.user.user_id
    whole = {
        **_defaults(run.organization.table.columns()),
        **{name: value for name, value in values.items() if value is not None},
        "statecode": _OPEN,
        "ownerid": owner or user_id,
        "createdby": user_id,
        "modifiedby": user_id,
        "createdon": now,
        "modifiedon": now,
    }
    if whole["statuscode"] not in STATUSES_OF_STATE[_OPEN]:
        raise _bad_status(whole["statuscode"], _OPEN)
    whole["fullname"] = _full_name(whole)
    _detect_duplicates(run, whole, None)
    try:
        return Written(store.create(whole, lead_id), created=True)
    except KeyTakenError as error:
        raise _key_taken(error.key.columns) from error


def _update(run: Execution, record: LeadRecord, body: Mapping[str, Any]) -> Written:
    run.require("prvWriteLead")
    require_access(run, record)
    changes = _read(run, body, creating=False)
    if changes.get("ownerid") is not None:
        _check_owner(run, changes["ownerid"])
    _settle_state(run, record, changes)
    changes |= {"modifiedon": run.now_text(), "modifiedby": run.user.user_id}
    whole = {**record.values, **changes}
    changes["fullname"] = _full_name(whole)
    _detect_duplicates(run, whole, record.lead_id)
    try:
        return Written(run.organization.store.change(record.lead_id, changes), created=False)
    except KeyTakenError as error:
        raise _key_taken(error.key.columns) from error


def _settle_state(run: Execution, record: LeadRecord, changes: dict[str, Any]) -> None:
    """Check and complete a change of state; a closed lead takes no other change (1.10)."""
    state = int(record.values["statecode"])
    wanted = int(changes.get("statecode", state))
    if _OPEN not in {state, wanted}:
        message = "This lead is closed: it is read-only until it is reactivated."
        raise DataverseError(HTTPStatus.BAD_REQUEST, INVALID_ARGUMENT, message)
    if wanted != state:
        if "statuscode" not in changes:
            run.reasons.append("statecode is changed without statuscode.")
        changes.setdefault("statuscode", STATUSES_OF_STATE[wanted][0])
    status = changes.get("statuscode", record.values.get("statuscode"))
    if status not in STATUSES_OF_STATE[wanted]:
        raise _bad_status(status, wanted)


def _detect_duplicates(run: Execution, whole: Mapping[str, Any], own_id: str | None) -> None:
    """Look for leads that are equal by the active rule, when the header asks for it (1.6)."""
    columns = run.vendor.rules.duplicate_columns
    if not run.call.wishes.detect_duplicates or not columns:
        return
    wanted = _rule_values(columns, whole)
    if wanted is None:
        return
    for lead in run.organization.store.leads():
        if lead.lead_id != own_id and _rule_values(columns, lead.values) == wanted:
            message = (
                "A record was not created or updated because a duplicate of the current record "
                "already exists."
            )
            raise DataverseError(
                run.vendor.rules.duplicate_status,
                DUPLICATE_FOUND,
                message,
                annotations={"DuplicateRecordIds": lead.lead_id},
            )


def _rule_values(columns: tuple[str, ...], values: Mapping[str, Any]) -> list[str] | None:
    found = [values.get(name) for name in columns]
    return None if None in found else [str(value).casefold() for value in found]


def _key_of(organization: Organization, call: Call) -> tuple[tuple[str, ...], dict[str, Any]]:
    if call.address is None or call.address.lead_id is not None:
        return (), {}
    return _key_values(organization, call)


def _key_values(organization: Organization, call: Call) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Give a key's columns in its own order, and the values of the address."""
    assert call.address is not None  # noqa: S101 - a call for a lead has an address
    given = call.address.key_values
    key = organization.table.active_key(given)
    if key is None:
        message = "The specified key attributes are not a defined key for the lead entity."
        raise bad_request(BAD_QUERY, message)
    columns = organization.table.columns()
    return key.columns, {name: read_value(columns[name], given[name]) for name in key.columns}


def _key_taken(columns: tuple[str, ...]) -> DataverseError:
    message = (
        "A record that has the attribute values "
        f"{', '.join(columns)} already exists. The entity key requires that this set of "
        "attributes contains unique values."
    )
    return precondition_failed(KEY_TAKEN, message)


def _check_owner(run: Execution, owner: str) -> None:
    run.require("prvAssignLead", "prvAppendLead", "prvAppendToLead")
    known = {each.user_id for each in run.organization.users.values()}
    known.add(run.organization.staff_id)
    if owner not in known:
        message = f"Entity 'SystemUser' With Id = {owner} Does Not Exist"
        raise not_found(NO_SUCH_RECORD, message)


def _bad_status(status: object, state: int) -> DataverseError:
    message = f"{status} is not a valid status code for state code {state} on lead."
    return bad_request(BAD_STATUS_FOR_STATE, message)


def _defaults(columns: Mapping[str, Column]) -> dict[str, Any]:
    no = {name: False for name, column in columns.items() if column.kind is Kind.BOOLEAN}
    return {**no, "statuscode": STATUSES_OF_STATE[_OPEN][0]}


def _full_name(values: Mapping[str, Any]) -> str | None:
    parts = [values[name] for name in ("firstname", "lastname") if values.get(name)]
    return " ".join(parts) or None
