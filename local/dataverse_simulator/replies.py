"""What goes back over the wire: the right answer, or what a fault makes of it."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from local.dataverse_simulator.answers import (
    JSON,
    refusal_answer,
    unauthenticated_answer,
    with_common_headers,
)
from local.dataverse_simulator.errors import (
    KEY_TAKEN,
    NO_CODE,
    PRIVILEGE_MISSING,
    TOO_MANY_REQUESTS,
    DataverseError,
    precondition_failed,
)
from local.dataverse_simulator.execution import Execution
from local.dataverse_simulator.faults import Fault
from local.dataverse_simulator.judgement import Call
from local.dataverse_simulator.operations import OPERATIONS
from local.dataverse_simulator.organizations import Vendor
from local.simulation.fault_play import sent_with
from local.simulation.wire import Answer, Manner, Reply

_CODES = {
    HTTPStatus.TOO_MANY_REQUESTS: TOO_MANY_REQUESTS,
    HTTPStatus.FORBIDDEN: PRIVILEGE_MISSING,
    HTTPStatus.INTERNAL_SERVER_ERROR: NO_CODE,
}
"""Codes an ``http_NNN`` fault has when none is given."""


def right_answer(vendor: Vendor, call: Call, *, existed: bool, reasons: list[str]) -> Answer:
    """Carry a call out and answer as Dataverse does.

    Parameters
    ----------
    existed
        Whether the lead an address names was there when the request arrived.
    reasons
        Takes what is found against the documents.
    """
    if call.organization is None or call.user is None:
        return unauthenticated_answer()
    try:
        if call.refusal is not None:
            raise call.refusal
        run = Execution(vendor, call.organization, call.user, call, existed, reasons)
        answer = OPERATIONS[call.operation](run)
    except DataverseError as refusal:
        if refusal.against_documents:
            reasons.append(refusal.message)
        answer = refusal_answer(call, refusal)
    return with_common_headers(answer, vendor.rules.dop_hint)


def faulty_reply(
    vendor: Vendor,
    call: Call,
    fault: Fault,
    act: Callable[[], Answer],
    defer: Callable[[float, Callable[[], object]], None],
) -> Reply:
    """Answer a call with a fault; the request is carried out if the fault says so.

    Parameters
    ----------
    act
        Carries the call out and gives the right answer.
    defer
        Calls its second argument when so many seconds have passed on the vendor's clock.
    """
    if fault.kind == "late_commit":
        defer(fault.seconds or 0.0, act)
        return Reply(Answer(b""), Manner.NOTHING)
    if fault.kind == "expired_token":
        if call.user is not None:
            vendor.revoke_tokens(call.user.client_id)
        return Reply(unauthenticated_answer())
    answer = act() if fault.does_act else Answer(b"{}", content_type=JSON)
    if answer.status < HTTPStatus.BAD_REQUEST:
        answer = replace(_altered(call, fault, answer), lead_number=answer.lead_number)
    return Reply(answer) if _is_coded(fault) else sent_with(fault, answer)


def _is_coded(fault: Fault) -> bool:
    """Tell whether an ``http_NNN`` has Dataverse's own answer, no gateway's page."""
    status = fault.http_status
    return status is not None and (
        fault.code is not None or status in _CODES or status == HTTPStatus.UNAUTHORIZED
    )


def _altered(call: Call, fault: Fault, answer: Answer) -> Answer:
    """Play the part of a fault that concerns Dataverse's own answer."""
    if fault.http_status == HTTPStatus.UNAUTHORIZED:
        return unauthenticated_answer()
    if fault.http_status is not None and _is_coded(fault):
        return _coded(call, fault, fault.http_status)
    match fault.kind:
        case "wrong_content_type":
            return replace(answer, content_type="text/plain; charset=utf-8")
        case "without_id":
            kept = {name: v for name, v in answer.headers.items() if name != "OData-EntityId"}
            return replace(answer, body=b"{}" if answer.body else b"", headers=kept)
        case "key_race":
            message = "A record that has the same attribute values already exists."
            return refusal_answer(call, precondition_failed(KEY_TAKEN, message))
        case _:
            return answer


def _coded(call: Call, fault: Fault, status: int) -> Answer:
    code = _CODES.get(HTTPStatus(status), NO_CODE) if fault.code is None else str(fault.code)
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    message = fault.message or "Simulated."
    return refusal_answer(call, DataverseError(status, code, message, headers=headers))
