"""One request for Entra or Dataverse, from arrival to the reply to be sent."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from local.dataverse_simulator import operation_names as names
from local.dataverse_simulator.answers import refusal_answer
from local.dataverse_simulator.entra import (
    EntraError,
    discovery_answer,
    instance_answer,
    judge_token_request,
    token_answer,
)
from local.dataverse_simulator.entra import (
    refusal_answer as entra_refusal,
)
from local.dataverse_simulator.errors import DataverseError
from local.dataverse_simulator.faults import Fault
from local.dataverse_simulator.judgement import Call, judge
from local.dataverse_simulator.lead_writing import addressed_lead
from local.dataverse_simulator.limits import Remaining
from local.dataverse_simulator.organizations import Vendor
from local.dataverse_simulator.replies import faulty_reply, right_answer
from local.simulation.deferral import Deferral
from local.simulation.fault_play import sent_with
from local.simulation.faults import FaultPlan
from local.simulation.recorder import Recorder
from local.simulation.request_log import RequestLog, RequestRecord, Verdict
from local.simulation.wire import HTML, Answer, RawRequest, Reply, error_page

ENTRA, DATAVERSE = "Entra", "Dataverse"
_TOKEN_PATH = re.compile(r"/([^/]+)/oauth2/v2\.0/token")
_DISCOVERY_PATH = re.compile(r"/([^/]+)/v2\.0/\.well-known/openid-configuration")
_INSTANCE_PATH = "/common/discovery/instance"


class Exchange:
    """Answers requests: judges, limits, records, plays faults, acts.

    Parameters
    ----------
    latency
        Gives the seconds every request really takes to be executed.
    stopwatch
        Tells the seconds that are charged as execution time; they only go forward.
    """

    def __init__(
        self,
        vendor: Vendor,
        faults: FaultPlan[Fault],
        log: RequestLog,
        deferral: Deferral,
        *,
        latency: Callable[[], float],
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.vendor = vendor
        self.faults = faults
        self.log = log
        self.deferral = deferral
        self.ending = threading.Event()
        self._recorder = Recorder(log, vendor.clock.now)
        self._latency = latency
        self._stopwatch = stopwatch

    def reply(self, method: str, path: str, request: RawRequest) -> tuple[Reply, RequestRecord]:
        """Answer a request, with the record of it as it is in the log."""
        if path.startswith("/api/"):
            return self._data_reply(method, path, request)
        if (token_path := _TOKEN_PATH.fullmatch(path)) is not None and method == "POST":
            return self._token_reply(token_path[1].lower(), request)
        discovery = _DISCOVERY_PATH.fullmatch(path)
        if method == "GET" and (discovery is not None or path == _INSTANCE_PATH):
            return self._discovery_reply(discovery[1].lower() if discovery else None, request)
        reason = "No such address."
        record = self._recorder.record(
            "", names.UNKNOWN, verdict=Verdict.INVALID, reasons=(reason,)
        )
        status = HTTPStatus.NOT_FOUND
        answer = Answer(error_page(status.phrase), status=status, content_type=HTML)
        return Reply(answer), self._recorder.answered(record, answer)

    def finish(self, record: RequestRecord, seconds: float) -> None:
        """Write down how long a request took."""
        self._recorder.finish(record, seconds)

    def _token_reply(self, tenant_id: str, request: RawRequest) -> tuple[Reply, RequestRecord]:
        call = judge_token_request(self.vendor, tenant_id, request)
        accounts = self._environments_of(tenant_id, call.client_id, call.environment_url)
        fault = self.faults.choose(names.names_of(names.TOKEN), accounts)
        verdict = Verdict.VALID
        reasons: tuple[str, ...] = ()
        if call.refusal is not None:
            verdict = Verdict.UNAUTHENTICATED
            if call.refusal.against_documents:
                verdict, reasons = Verdict.INVALID, (call.refusal.message,)
        record = self._recorder.record(
            ENTRA,
            names.TOKEN,
            account=accounts[0] if accounts else None,
            verdict=verdict,
            reasons=reasons,
            fault=fault,
        )
        answer = token_answer(self.vendor, call)
        reply = Reply(answer) if fault is None else self._token_fault(fault, answer)
        return reply, self._recorder.answered(record, reply.answer)

    def _token_fault(self, fault: Fault, answer: Answer) -> Reply:
        status = fault.http_status
        if status is None or fault.code is None:
            return sent_with(fault, answer)
        refusal = EntraError(
            str(fault.code), 50000, fault.message or "Simulated.", HTTPStatus(status)
        )
        coded = entra_refusal(self.vendor, refusal)
        if fault.retry_after is not None:
            coded = replace(coded, headers={"Retry-After": str(fault.retry_after)})
        return Reply(coded)

    def _environments_of(
        self, tenant_id: str, client_id: str | None, environment_url: str | None
    ) -> list[str]:
        if environment_url is not None:
            return [environment_url]
        return [
            account.environment_url
            for account in self.vendor.accounts()
            if account.tenant_id == tenant_id and account.client_id == client_id
        ]

    def _discovery_reply(
        self, tenant_id: str | None, request: RawRequest
    ) -> tuple[Reply, RequestRecord]:
        fault = self.faults.choose(names.names_of(names.DISCOVERY), ())
        record = self._recorder.record(ENTRA, names.DISCOVERY, fault=fault)
        base = f"http://{request.headers.get('host', 'localhost')}"
        if tenant_id is None:
            answer = instance_answer(base)
        else:
            answer = discovery_answer(self.vendor, tenant_id, base)
        reply = Reply(answer) if fault is None else sent_with(fault, answer)
        return reply, self._recorder.answered(record, reply.answer)

    def _data_reply(
        self, method: str, path: str, request: RawRequest
    ) -> tuple[Reply, RequestRecord]:
        call = judge(self.vendor, method, path, request)
        organization, user = call.organization, call.user
        if organization is None or user is None or call.refusal is not None:
            return self._acted_reply(call, None)
        server = organization.protection.server_for(call.affinity)
        try:
            organization.protection.enter(user.user_id, server)
        except DataverseError as refusal:
            record = self._data_record(call, None)
            answer = refusal_answer(call, refusal)
            return Reply(answer), self._recorder.answered(record, answer)
        charged = self.vendor.rules.execution_seconds
        started = self._stopwatch()
        try:
            reply, record = self._acted_reply(call, server)
        finally:
            spent = max(charged, self._stopwatch() - started)
            remaining = organization.protection.leave(user.user_id, server, spent)
        return _told_of_limits(reply, server, remaining), record

    def _acted_reply(self, call: Call, server: int | None) -> tuple[Reply, RequestRecord]:
        """Carry a call out, or refuse it, with the fault it meets."""
        existed = self._exists(call)
        fault = self.faults.choose(
            names.names_of(call.operation),
            () if call.organization is None else (call.organization.url,),
            self._lead_of(call),
        )
        record = self._data_record(call, fault)
        if server is not None:
            self._wait(self._latency())
        reasons: list[str] = []

        def act() -> Answer:
            return right_answer(self.vendor, call, existed=existed, reasons=reasons)

        if fault is None:
            reply = Reply(act())
        else:
            reply = faulty_reply(self.vendor, call, fault, act, self.deferral.after)
        if reasons:
            record = replace(
                record,
                verdict=Verdict.INVALID,
                reasons=(*record.reasons, *reasons),
            )
            self.log.mark_invalid(record)
        return reply, self._recorder.answered(record, reply.answer)

    def _exists(self, call: Call) -> bool:
        if call.operation != names.UPSERT_LEAD or call.refusal or call.organization is None:
            return True
        try:
            return addressed_lead(call.organization, call) is not None
        except DataverseError:
            return True

    def _wait(self, seconds: float) -> None:
        if seconds:
            self.ending.wait(seconds)

    def _data_record(self, call: Call, fault: Fault | None) -> RequestRecord:
        verdict = Verdict.VALID
        reasons = call.reasons
        if call.unauthenticated is not None or (
            call.refusal is not None and not call.refusal.against_documents
        ):
            verdict = Verdict.UNAUTHENTICATED
        elif reasons:
            verdict = Verdict.INVALID
        return self._recorder.record(
            DATAVERSE,
            call.operation,
            account=call.organization.url if call.organization else None,
            verdict=verdict,
            reasons=reasons,
            fault=fault,
            external_id=self._external_id(call),
        )

    def _external_id(self, call: Call) -> str | None:
        """Give the alternate key's value of the lead a request is about."""
        if call.address is None or call.organization is None:
            return None
        if call.address.key_values:
            return ", ".join(str(value) for value in call.address.key_values.values())
        record = call.address.lead_id and call.organization.store.lead(call.address.lead_id)
        if not record:
            return None
        for key in call.organization.table.active_keys():
            values = [record.values.get(name) for name in key.columns]
            if None not in values:
                return ", ".join(str(value) for value in values)
        return None

    def _lead_of(self, call: Call) -> str | None:
        """Tell the lead a request is about from others."""
        external_id = self._external_id(call)
        if external_id is None and call.address is not None:
            return call.address.lead_id
        return external_id


def _told_of_limits(reply: Reply, server: int, remaining: Remaining) -> Reply:
    headers = {
        **reply.answer.headers,
        **remaining.headers(),
        "Set-Cookie": f"ARRAffinity={server}; Path=/; HttpOnly",
    }
    return replace(reply, answer=replace(reply.answer, headers=headers))
