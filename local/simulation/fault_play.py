"""Play the part of a fault that concerns HTTP, on any answer of any vendor."""

from dataclasses import replace
from http import HTTPStatus

from local.simulation.faults import PlannedFault
from local.simulation.wire import HTML, Answer, Manner, Reply, error_page


def sent_with(fault: PlannedFault, answer: Answer) -> Reply:
    """Send an answer as the fault wants it sent."""
    seconds = fault.seconds or 0.0
    if fault.http_status is not None:
        return Reply(_http_error(fault, fault.http_status, answer))
    match fault.kind:
        case "html":
            page = error_page("Server Error in '/' Application.")
            reply = Reply(replace(_ok(answer), body=page, content_type=HTML))
        case "empty":
            reply = Reply(replace(_ok(answer), body=b""))
        case "truncated":
            reply = Reply(replace(_ok(answer), body=answer.body[: len(answer.body) // 2]))
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


def _ok(answer: Answer) -> Answer:
    """Take the vendor's code out of the log's answer, which the caller does not see."""
    return replace(answer, code=None)


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
