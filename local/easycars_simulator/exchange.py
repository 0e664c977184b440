"""One request for a service or a picture, from arrival to the reply to be sent."""

import re
from http import HTTPStatus

from local.easycars_simulator.faults import Fault
from local.easycars_simulator.images import picture
from local.easycars_simulator.judgement import Call, judge
from local.easycars_simulator.replies import faulty_reply, right_reply
from local.easycars_simulator.request_tables import IMAGE, OPERATIONS, REQUEST_TOKEN, Service
from local.easycars_simulator.vendor import Vendor
from local.simulation.deferral import Deferral
from local.simulation.fault_play import sent_with
from local.simulation.faults import FaultPlan
from local.simulation.recorder import Recorder
from local.simulation.request_log import RequestLog, RequestRecord, Verdict
from local.simulation.wire import HTML, Answer, RawRequest, Reply, error_page

_SERVICE_PATH = re.compile(r"(?:/[^/]+)*/(StockService|LeadService)(?:/([^/]*))?")
_IMAGE_PATH = re.compile(r"(?:/[^/]+)*/publicimages/image/[0-9]+/[0-9]+/([0-9a-f]{40})")
UNKNOWN = "Unknown"
"""What the log calls an operation there is not."""


class Exchange:
    """Answers requests: judges, records, plays faults, acts."""

    def __init__(
        self, vendor: Vendor, faults: FaultPlan[Fault], log: RequestLog, deferral: Deferral
    ) -> None:
        self.vendor = vendor
        self.faults = faults
        self.log = log
        self.deferral = deferral
        self._recorder = Recorder(log, vendor.clock.now)

    def reply(self, method: str, path: str, request: RawRequest) -> tuple[Reply, RequestRecord]:
        """Answer a request, with the record of it as it is in the log."""
        if (service_path := _SERVICE_PATH.fullmatch(path)) is not None:
            service, operation = Service(service_path[1]), service_path[2] or ""
            return self._service_reply(service, operation, method, request)
        if (image_path := _IMAGE_PATH.fullmatch(path)) is not None and method in ("GET", "HEAD"):
            return self._image_reply(image_path[1])
        operation = IMAGE if "/publicimages/" in path else UNKNOWN
        return self._http_refusal("", operation, HTTPStatus.NOT_FOUND, "No such address.")

    def finish(self, record: RequestRecord, seconds: float) -> None:
        """Write down how long a request took."""
        self._recorder.finish(record, seconds)

    def _service_reply(
        self, service: Service, operation: str, method: str, request: RawRequest
    ) -> tuple[Reply, RequestRecord]:
        if operation != REQUEST_TOKEN and operation not in OPERATIONS[service]:
            reason = f"{service} has no such operation."
            return self._http_refusal(service, UNKNOWN, HTTPStatus.NOT_FOUND, reason)
        if method != "POST":
            reason = f"{operation} is called with POST."
            return self._http_refusal(service, operation, HTTPStatus.METHOD_NOT_ALLOWED, reason)
        call = judge(self.vendor, service, operation, request)
        fault = self.faults.choose(
            (operation, f"{service}/{operation}"), call.accounts, _lead_of(call)
        )
        record = self._recorded(call, fault)
        if fault is None:
            reply = right_reply(self.vendor, call)
        else:
            reply = faulty_reply(self.vendor, call, fault, self.deferral.after)
        return reply, self._recorder.answered(record, reply.answer)

    def _image_reply(self, digest: str) -> tuple[Reply, RequestRecord]:
        fault = self.faults.choose((IMAGE,), ())
        record = self._recorder.record("", IMAGE, fault=fault)
        body, media_type = picture(digest)
        headers = {"Cache-Control": "public, max-age=86400", "ETag": f'"{digest}"'}
        answer = Answer(body, content_type=media_type, headers=headers)
        reply = Reply(answer) if fault is None else sent_with(fault, answer)
        return reply, self._recorder.answered(record, reply.answer)

    def _http_refusal(
        self, service: str, operation: str, status: HTTPStatus, reason: str
    ) -> tuple[Reply, RequestRecord]:
        record = self._recorder.record(
            service, operation, verdict=Verdict.INVALID, reasons=(reason,)
        )
        headers = {"Allow": "POST"} if status is HTTPStatus.METHOD_NOT_ALLOWED else {}
        answer = Answer(
            error_page(status.phrase), status=status, content_type=HTML, headers=headers
        )
        reply = Reply(answer)
        return reply, self._recorder.answered(record, reply.answer)

    def _recorded(self, call: Call, fault: Fault | None) -> RequestRecord:
        if call.reasons:
            verdict = Verdict.INVALID
        elif call.refusal is not None:
            verdict = Verdict.UNAUTHENTICATED
        else:
            verdict = Verdict.VALID
        external_id = call.body.get("ExternalID")
        return self._recorder.record(
            call.service,
            call.operation,
            account=call.accounts[0] if call.accounts else None,
            verdict=verdict,
            reasons=call.reasons,
            fault=fault,
            external_id=external_id if isinstance(external_id, str) else None,
        )


def _lead_of(call: Call) -> str | None:
    """Tell the lead a request is about from others: its ExternalID, else account and number."""
    external_id, number = call.body.get("ExternalID"), call.body.get("LeadNumber")
    if isinstance(external_id, str):
        return external_id
    return f"{call.body.get('AccountNumber')}/{number}" if isinstance(number, str) else None
