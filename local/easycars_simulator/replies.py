"""What goes back over the wire: the right answer, or what a fault makes of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from local.easycars_simulator.faults import Fault
from local.easycars_simulator.judgement import Call
from local.easycars_simulator.malformed_items import spoil
from local.easycars_simulator.operations import (
    AUTHENTICATION_FAIL,
    OPERATIONS,
    Payload,
    RefusedError,
)
from local.easycars_simulator.request_tables import REQUEST_TOKEN
from local.easycars_simulator.stock_generator import encode_feed
from local.easycars_simulator.vendor import Vendor
from local.simulation.fault_play import sent_with
from local.simulation.wire import Answer, Manner, Reply

_RESULTS = ("LeadNumber", "QuoteNumber", "StockList", "Contacts", "Token")
"""What each operation is called for; one of them is in every payload."""
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def right_reply(vendor: Vendor, call: Call) -> Reply:
    """Carry a call out and answer as the vendor does."""
    try:
        payload = _carry_out(vendor, call)
    except RefusedError as refusal:
        return Reply(_refusal(call, refusal))
    return Reply(_envelope(payload, 0, None))


def faulty_reply(
    vendor: Vendor, call: Call, fault: Fault, defer: Callable[[float, Callable[[], object]], None]
) -> Reply:
    """Answer a call with a fault; the request is carried out if the fault says so.

    Parameters
    ----------
    defer
        Calls its second argument when so many seconds have passed on the vendor's clock.
    """
    if fault.kind == "late_commit":
        defer(fault.seconds or 0.0, lambda: right_reply(vendor, call))
        return Reply(Answer(b""), Manner.NOTHING)
    if fault.kind == "expired_token":
        for account_number in call.accounts:
            vendor.revoke_tokens(account_number)
        return Reply(_refusal(call, RefusedError(AUTHENTICATION_FAIL, "Invalid token.")))
    payload: Payload = {}
    if fault.does_act:
        try:
            payload = _carry_out(vendor, call)
        except RefusedError as refusal:
            return sent_with(fault, _refusal(call, refusal))
    answer = replace(_altered(fault, payload), lead_number=payload.get("LeadNumber"))
    return sent_with(fault, answer)


def _carry_out(vendor: Vendor, call: Call) -> Payload:
    if call.refusal is not None:
        raise call.refusal
    assert call.client_id is not None  # noqa: S101 - a call that is not refused has a client
    if call.operation == REQUEST_TOKEN:
        return {"Token": vendor.issuer(call.service).issue(call.client_id)}
    assert call.dealer is not None  # noqa: S101 - nor does it lack a dealer
    return OPERATIONS[call.operation](vendor, call.dealer, call.client_id, call.body)


def _altered(fault: Fault, payload: Payload) -> Answer:
    """Play the part of a fault that concerns the JSON."""
    match fault.kind:
        case "code":
            return _envelope(payload, fault.code, fault.message or f"Simulated Code {fault.code}.")
        case "code_missing":
            return _envelope(payload, None, None)
        case "success_without_number":
            kept = {name: value for name, value in payload.items() if name not in _RESULTS}
            return _envelope(kept, 0, None)
        case "malformed_item" if "StockList" in payload:
            spoilt = spoil(payload["StockList"], fault.variant, fault.index)
            return _envelope({"StockList": spoilt}, 0, None)
        case _:
            return _envelope(payload, 0, None)


def _refusal(call: Call, refusal: RefusedError) -> Answer:
    answer = _envelope({}, refusal.code, refusal.message)
    return replace(answer, status=call.http_status)


def _envelope(payload: Payload, code: int | str | None, message: str | None) -> Answer:
    """Write a payload with ``Code`` and ``ErrorMessage``; without ``Code`` when it is None."""
    tail: dict[str, Any] = {"ErrorMessage": message}
    if code is not None:
        tail = {"Code": code, **tail}
    if "StockList" in payload:
        body = encode_feed(payload["StockList"], tail)
    else:
        body = _ENCODER.encode(payload | tail)
    return Answer(body, code=code, lead_number=payload.get("LeadNumber"))
