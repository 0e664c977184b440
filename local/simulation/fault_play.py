"""Play the part of a fault that concerns HTTP, on any answer of any vendor."""

from dataclasses import replace
from http import HTTPStatus

from local.simulation.faults import PlannedFault
from local.simulation.wire import HTML, Answer, Manner, Reply, error_page

_REFUSED = 400


def sent_with(fault: PlannedFault, answer: Answer) -> Reply:
    """Send an answer as the fault wants it sent."""
    seconds = fault.seconds or 0.0
    if fault.http_status is not None:
        return Reply(_http_error(fault, fault.http_status, answer))
    match fault.kind:
        case "html":
            page = error_page("Server Error in '/' Application.")
            reply = Reply(_in_place_of(answer, page, HTML))
        case "empty":
            reply = Reply(_in_place_of(answer, b"", answer.content_type))
        case "truncated":
            half = answer.body[: len(answer.body) // 2]
            reply = Reply(replace(answer, body=half, code=None))
        case "slow":
            reply = Reply(answer, wait=seconds)
        case "drip":
            reply = Reply(answer, Manner.DRIP, spread=seconds)
        case "hang":
            wait = float("inf") if fault.seconds is None else seconds
            reply = Reply(answer, Manner.NOTHING, wait=wait)
        case "cut_before" | "cut_after":
            reply = Reply(answer, Manner.NOTHING)
        case "cut_midway":
            reply = Reply(answer, Manner.HALF)
        case _:
            reply = Reply(answer)
    return reply


def _in_place_of(answer: Answer, body: bytes, content_type: str) -> Answer:
    """Send something else as HTTP 200; what was refused stays refused. The log keeps no code."""
    status = HTTPStatus.OK if answer.status < _REFUSED else answer.status
    return replace(answer, body=body, content_type=content_type, status=status, code=None)


def _http_error(fault: PlannedFault, status: int, answer: Answer) -> Answer:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    return Answer(
        error_page(title),
        status=status,
        content_type=HTML,
        headers=headers,
        lead_number=answer.lead_number,
    )
