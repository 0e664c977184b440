"""The operations of the Web API, carried out on a call that was not refused."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus

from local.dataverse_simulator import operation_names as names
from local.dataverse_simulator.answers import json_answer
from local.dataverse_simulator.execution import Execution
from local.dataverse_simulator.lead_reading import lead_as_json, leads_as_json, selected
from local.dataverse_simulator.lead_writing import (
    Written,
    addressed_lead,
    create_lead,
    missing_lead,
    require_access,
    write_lead,
)
from local.dataverse_simulator.metadata import metadata_as_json
from local.dataverse_simulator.metadata_changes import create_column, create_key
from local.simulation.wire import Answer

_TYPE = "Microsoft.Dynamics.CRM"


def _who_am_i(run: Execution) -> Answer:
    return json_answer(
        {
            "@odata.context": f"{run.call.base}/$metadata#{_TYPE}.WhoAmIResponse",
            "BusinessUnitId": run.organization.business_unit_id,
            "UserId": run.user.user_id,
            "OrganizationId": run.organization.organization_id,
        }
    )


def _list_leads(run: Execution) -> Answer:
    run.require("prvReadLead")
    return json_answer(leads_as_json(run.organization, run.user, run.call))


def _get_lead(run: Execution) -> Answer:
    run.require("prvReadLead")
    query = selected(run.organization, run.call)
    record = addressed_lead(run.organization, run.call)
    if record is None:
        raise missing_lead(run.call)
    require_access(run, record)
    if run.call.wishes.if_none_match == record.etag:
        headers = {"ETag": record.etag}
        return Answer(b"", status=HTTPStatus.NOT_MODIFIED, headers=headers)
    answer = json_answer(lead_as_json(run.organization, run.call, record, query))
    return replace(answer, headers={"ETag": record.etag}, lead_number=record.lead_id)


def _writer(write: Callable[[Execution], Written]) -> Callable[[Execution], Answer]:
    """Make an operation of a write: 204 with the address, or 201 and 200 with the lead (1.3)."""

    def operation(run: Execution) -> Answer:
        query = selected(run.organization, run.call)
        if run.call.wishes.representation:
            run.require("prvReadLead")
        written = write(run)
        record = written.record
        if run.call.wishes.representation:
            answer = json_answer(lead_as_json(run.organization, run.call, record, query))
            status = HTTPStatus.CREATED if written.created else HTTPStatus.OK
            headers = {"Preference-Applied": "return=representation", "ETag": record.etag}
            return replace(answer, status=status, headers=headers, lead_number=record.lead_id)
        named = run.call.address.key_text if run.call.address is not None else ""
        answer = _made(f"{run.call.base}/leads({named or record.lead_id})")
        return replace(answer, lead_number=record.lead_id)

    return operation


def _delete_lead(run: Execution) -> Answer:
    run.require("prvDeleteLead")
    raise missing_lead(run.call)


def _read_metadata(run: Execution) -> Answer:
    run.require("prvReadEntity", "prvReadAttribute")
    return json_answer(metadata_as_json(run.organization, run.call))


def _read_privileges(run: Execution) -> Answer:
    organization, address = run.organization, run.call.address
    known = [
        user
        for user in organization.users.values()
        if address is not None and user.user_id == address.lead_id
    ]
    if not known:
        raise missing_lead(run.call)
    user = known[0]
    return json_answer(
        {
            "@odata.context": f"{run.call.base}/$metadata#{_TYPE}.RetrieveUserPrivilegesResponse",
            "RolePrivileges": [
                {
                    "Depth": "Global" if user.access == "organization" else "Basic",
                    "PrivilegeId": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
                    "BusinessUnitId": organization.business_unit_id,
                    "PrivilegeName": name,
                }
                for name in sorted(user.privileges)
            ],
        }
    )


def _made(address: str) -> Answer:
    return Answer(b"", status=HTTPStatus.NO_CONTENT, headers={"OData-EntityId": address})


OPERATIONS: Mapping[str, Callable[[Execution], Answer]] = {
    names.WHO_AM_I: _who_am_i,
    names.LIST_LEADS: _list_leads,
    names.GET_LEAD: _get_lead,
    names.CREATE_LEAD: _writer(create_lead),
    names.UPSERT_LEAD: _writer(write_lead),
    names.UPDATE_LEAD: _writer(write_lead),
    names.DELETE_LEAD: _delete_lead,
    names.READ_METADATA: _read_metadata,
    names.CREATE_COLUMN: lambda run: _made(create_column(run)),
    names.CREATE_KEY: lambda run: _made(create_key(run)),
    names.READ_PRIVILEGES: _read_privileges,
}
