"""Taking a lead from a website: everything between the request and the queue.

No database: what a lead needs to be accepted is its site key and the queue. 202 is answered only
after the queue has the message.
"""

import hashlib
import json
import math
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Protocol

from forecourt.errors import ForecourtError
from forecourt.http_request import HttpRequest
from forecourt.leads.cors import cors_headers, preflight
from forecourt.leads.rate_limit import RateLimit
from forecourt.leads.refusals import REASONS, RefusalTally, field_names
from forecourt.leads.sites import Rate, Site, SiteDirectory
from forecourt.leads.submission import LeadSubmission, read_submission
from forecourt.logs import get_logger
from forecourt.problem import Answer, FieldError, Problem
from forecourt.security.edge import Edge
from forecourt.security.origins import normal_origin
from forecourt.security.site_keys import SiteKey
from forecourt.strict_json import parse_object

MAX_BODY_BYTES = 160 * 1024
LEADS_PATH = "/api/leads"

_NAMESPACE = uuid.UUID("5b0d6c0e-0c1c-5f0f-9a58-3f6a0a3f2f61")
_RETRY_SECONDS = "5"
_LEAST_TRUSTED_SECONDS = 5.0
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class IntakeQueue(Protocol):
    """Where accepted leads go."""

    def send(self, body: str, *, group: str) -> None:
        """Store a message; RetryableError where it may not have been stored."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeResult:
    """The answer, and what may be said of it without naming anybody.

    ``key`` is what a genuine site key said, ``fields`` which fields were refused.
    """

    answer: Answer
    outcome: str
    key: SiteKey | None = None
    lead_id: str | None = None
    fields: Sequence[str] = ()
    request_id: str = ""

    def facts(self) -> dict[str, Any]:
        """Return what goes into the log."""
        return {
            "outcome": self.outcome,
            "status": self.answer.status,
            "dealership_id": None if self.key is None else self.key.dealership_id,
            "key_id": None if self.key is None else self.key.key_id,
            "lead_id": self.lead_id,
            "fields": list(self.fields),
            "correlation_id": self.request_id,
        }


class LeadIntake:
    """Answers ``POST`` and ``OPTIONS /api/leads``.

    Parameters
    ----------
    verify_key
        Returns what a genuine site key says, None for another text; ForecourtError where nobody
        can say.
    sites
        What each dealership's website may do.
    rate_limit
        Buckets of this sandbox.
    queue
        Takes the accepted leads, and now and then how many were refused.
    edge
        Refuses what did not come through CloudFront; None where there is none.
    refusals
        Adds those up in this sandbox.
    now
        The wall clock.
    """

    def __init__(
        self,
        *,
        verify_key: Callable[[str], SiteKey | None],
        sites: SiteDirectory,
        rate_limit: RateLimit,
        queue: IntakeQueue,
        edge: Edge | None = None,
        refusals: RefusalTally | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._verify_key = verify_key
        self._sites = sites
        self._rate_limit = rate_limit
        self._queue = queue
        self._edge = edge
        self._refusals = RefusalTally() if refusals is None else refusals
        self._now = now

    def answer(self, request: HttpRequest) -> IntakeResult:
        """Take one request; never raises for what a caller or the queue did."""
        key: SiteKey | None = None
        try:
            if self._edge is not None:
                self._edge.check(request)
            _check_route(request)
            if request.method == "OPTIONS":
                return IntakeResult(answer=preflight(request), outcome="preflight")
            key = self._verified_key(request)
            result = self._accept(request, key)
        except Problem as problem:
            result = _refusal(problem, request, key)
        except Exception:  # noqa: BLE001 - else the runtime would log the error as it is, lead and all
            get_logger("lead_intake").exception("Lead request met a defect")
            result = _refusal(_defect(), request, key)
        self._count_refusal(result)
        return result

    def _count_refusal(self, result: IntakeResult) -> None:
        """Add up refusals, and send the sums that are due; without effect on the answer."""
        if result.key is not None and result.outcome in REASONS:
            self._refusals.count(
                result.key.dealership_id,
                result.key.key_id,
                result.outcome,
                result.fields,
                self._now(),
            )
        due = self._refusals.take_due()
        if not due:
            return
        message = {"schema": 1, "refusals": [one.to_wire() for one in due]}
        try:
            self._queue.send(
                json.dumps(message, separators=(",", ":")),
                group=f"refusals-{due[0].dealership_id}",
            )
        except ForecourtError as error:
            get_logger("lead_intake").warning("Refusals not sent", code=error.code)
            self._refusals.give_back(due)

    def _accept(self, request: HttpRequest, key: SiteKey) -> IntakeResult:
        rate = self._admitted_rate(request, key)
        wait = self._rate_limit.wait_seconds(key.dealership_id, key.key_id, rate)
        if wait > 0:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-leads",
                "This site key sends leads faster than it may; wait as Retry-After says.",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        _check_content_type(request)
        idempotency_key = _idempotency_key(request)
        lead = read_submission(*parse_object(request.body(MAX_BODY_BYTES)))
        lead_id = str(lead_id_for(key.dealership_id, idempotency_key, lead))
        received_at = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = {
            "schema": 1,
            "leadId": lead_id,
            "dealershipId": key.dealership_id,
            "receivedAt": received_at,
            "idempotencyKey": idempotency_key,
            "siteKeyId": key.key_id,
            "spam": lead.is_spam,
            "correlationId": request.request_id,
            "lead": _witnessed(lead.to_wire(), received_at, request),
        }
        try:
            # ASCII, because SQS refuses some characters that JSON may hold as they are.
            self._queue.send(
                json.dumps(message, separators=(",", ":")), group=str(key.dealership_id)
            )
        except ForecourtError as error:
            raise _try_again(
                detail="The lead could not be stored just now; send it again."
            ) from error
        return IntakeResult(
            answer=Answer(
                status=HTTPStatus.ACCEPTED.value,
                body=json.dumps({"leadId": lead_id, "status": "queued"}),
                headers={
                    "Content-Type": "application/json",
                    "Cache-Control": "no-store",
                    **cors_headers(request),
                },
            ),
            outcome="spam" if lead.is_spam else "accepted",
            key=key,
            lead_id=lead_id,
            request_id=request.request_id,
        )

    def _verified_key(self, request: HttpRequest) -> SiteKey:
        try:
            key = self._verify_key(request.headers.get("x-site-key", "").strip())
        except ForecourtError as error:
            raise _try_again(
                detail="Site keys cannot be checked just now; send it again."
            ) from error
        if key is None:
            raise _unauthorized()
        return key

    def _admitted_rate(self, request: HttpRequest, key: SiteKey) -> Rate:
        site = self._sites.find(key.dealership_id)
        origin = request.headers.get("origin")
        try:
            return _rate_at(site, key, origin)
        except Problem:
            # What was allowed a moment ago is to work at once; what was forbidden has a minute.
            newest = self._sites.find(key.dealership_id, at_most_old=_LEAST_TRUSTED_SECONDS)
            if newest is site:
                raise
            return _rate_at(newest, key, origin)


def lead_id_for(dealership_id: int, idempotency_key: str | None, lead: LeadSubmission) -> uuid.UUID:
    """Return the id of a lead: the same for the same key and body, random without a key.

    UUIDv5 over dealership, key and SHA-256 of the validated body, so a repeat is the same lead
    and the same key with another body is another lead: nothing is dropped.
    """
    if idempotency_key is None:
        return uuid.uuid4()
    body = json.dumps(lead.to_wire(), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(body.encode()).hexdigest()
    return uuid.uuid5(_NAMESPACE, f"{dealership_id}\n{idempotency_key}\n{digest}")


def _rate_at(site: Site | None, key: SiteKey, origin: str | None) -> Rate:
    """Return a key's rate; Problem where the key is revoked or the page's origin not allowed."""
    if site is None:
        return Rate()
    if key.key_id not in site.keys:
        raise _unauthorized()
    if origin is not None and not site.allows_origin(normal_origin(origin) or ""):
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "origin-not-allowed",
            "Pages of this origin may not send leads for this dealership; "
            "add the origin to the dealership, or post from your server.",
        )
    return site.keys[key.key_id]


def _check_route(request: HttpRequest) -> None:
    if request.path.rstrip("/") != LEADS_PATH:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found", f"There is only {LEADS_PATH} here.")
    if request.method not in {"POST", "OPTIONS"}:
        raise Problem(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "Leads are sent with POST.",
            headers={"Allow": "POST, OPTIONS"},
        )


def _check_content_type(request: HttpRequest) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if media_type.strip().lower() != "application/json" or (
        charset and charset.group(1).lower() not in {"utf-8", "utf8"}
    ):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-content-type",
            "Send the lead as application/json in UTF-8.",
        )


def _idempotency_key(request: HttpRequest) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid-fields",
            "The Idempotency-Key header cannot be taken as it is.",
            errors=(
                FieldError("Idempotency-Key", "must have 1 to 200 ASCII characters, no blanks"),
            ),
        )
    return key


def _unauthorized() -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "site-key-refused",
        "The X-Site-Key header is missing, wrong or revoked; use the dealership's present key.",
        headers={"WWW-Authenticate": "SiteKey"},
    )


def _witnessed(lead: dict[str, Any], received_at: str, request: HttpRequest) -> dict[str, Any]:
    """Add to a consent when we were told of it and on which page it was given.

    The page is the one the form names, else the origin the browser names; a server may send
    neither. Consent that was not sent stays absent: nobody knows.
    """
    if "consent" in lead:
        page = lead.get("sourcePageUrl") or normal_origin(request.headers.get("origin", ""))
        lead["consent"] |= {"recordedAt": received_at} | ({"pageUrl": page} if page else {})
    return lead


def _refusal(problem: Problem, request: HttpRequest, key: SiteKey | None) -> IntakeResult:
    problem.headers.update(cors_headers(request))
    return IntakeResult(
        answer=problem.to_answer(request.request_id),
        outcome=problem.kind,
        key=key,
        fields=field_names(problem.errors),
        request_id=request.request_id,
    )


def _defect() -> Problem:
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "defect",
        "Forecourt met an error of its own; the lead was not taken. Send it again later.",
    )


def _try_again(*, detail: str) -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "try-again",
        detail,
        headers={"Retry-After": _RETRY_SECONDS},
    )
