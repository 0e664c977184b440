"""Routes that set leads on their way to Dynamics 365 and say how far they are."""

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import Field

from forecourt.admin.access import not_found
from forecourt.admin.deliveries import wake_best_effort
from forecourt.admin.dynamics_ports import DynamicsPushes, PushStatus
from forecourt.admin.lead_ports import WakeUps
from forecourt.admin.leads import lead_id_of
from forecourt.admin.ports import Settings
from forecourt.admin.request import AdminRequest, bad_parameter
from forecourt.admin.router import Reply
from forecourt.leads.dynamics.categories import Category, category_of
from forecourt.problem import FieldError, Problem
from forecourt.validation import RequestBody, invalid_fields

ENABLED_KEY = "dynamics_push_enabled"
MOST_LEADS = 500

_STATES = ("pending", "in_progress", "delivered", "failed")

type _LeadId = Annotated[UUID, Field(strict=False)]


class DynamicsPush(RequestBody):
    """The body of ``POST /api/admin/dynamics/push``: one lead, or up to 500; twice is once."""

    lead_id: _LeadId | None = None
    lead_ids: Annotated[list[_LeadId], Field(min_length=1, max_length=MOST_LEADS)] | None = None

    def named(self) -> list[UUID]:
        """Return the leads, each once and in the order they were named.

        Raises
        ------
        Problem
            422 where none, or both members, are given.
        """
        if self.lead_id is not None and self.lead_ids is not None:
            cure = "must be left out where leadId is given"
            raise invalid_fields([FieldError("leadIds", cure)])
        if self.lead_id is not None:
            return [self.lead_id]
        if self.lead_ids is None:
            cure = f"is required, or leadIds with up to {MOST_LEADS}"
            raise invalid_fields([FieldError("leadId", cure)])
        return list(dict.fromkeys(self.lead_ids))


class DynamicsPushRoutes:
    """Answers ``/api/admin/dynamics/push``, ``/retry/{leadId}`` and ``/status``."""

    def __init__(
        self,
        *,
        pushes: DynamicsPushes,
        settings: Settings,
        wake_ups: WakeUps,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._pushes = pushes
        self._settings = settings
        self._wake_ups = wake_ups
        self._new_id = new_id

    def push(self, request: AdminRequest) -> Reply:
        """Make leads due for Dynamics now; what is there unchanged costs no call."""
        request.caller.require_manager()
        self._require_enabled()
        lead_ids = request.fields(DynamicsPush).named()
        job_id = self._new_id()
        pushed = self._pushes.push(lead_ids, request.scope, job_id, actor=request.actor)
        if set(pushed.statuses.values()) == {PushStatus.SWITCHED_OFF}:
            raise _connection_off()
        wake_best_effort(self._wake_ups, pushed.wake_ups)
        leads = [{"leadId": lead, "status": pushed.statuses[lead]} for lead in lead_ids]
        return Reply(HTTPStatus.ACCEPTED, {"jobId": job_id, "leads": leads})

    def retry(self, request: AdminRequest) -> Reply:
        """Try one lead again now; what was deleted in Dynamics is created there again."""
        request.caller.require_manager()
        self._require_enabled()
        lead_id = lead_id_of(request)
        job_id = self._new_id()
        pushed = self._pushes.retry(lead_id, request.scope, job_id, actor=request.actor)
        status = pushed.statuses[lead_id]
        if status is not PushStatus.QUEUED:
            raise _refusal(status)
        wake_best_effort(self._wake_ups, pushed.wake_ups)
        return Reply(HTTPStatus.ACCEPTED, {"jobId": job_id, "leadId": lead_id, "status": status})

    def show_status(self, request: AdminRequest) -> Reply:
        """Count deliveries by state, and those in trouble by category and code of the trouble.

        With ``jobId`` only those a push made due, and no later push since.
        """
        scope, job_id = request.scope, _job_id(request)
        counts = self._pushes.counts(scope, job_id)
        if job_id is not None and not counts:
            raise not_found(what="push job")
        states: Counter[str] = Counter()
        categories: Counter[Category] = Counter()
        codes: Counter[str] = Counter()
        for state, code, count in counts:
            states[state] += count
            if code is not None and state != "delivered":
                categories[category_of(code)] += count
                codes[code] += count
        return Reply(
            HTTPStatus.OK,
            {
                "enabled": pushes_are_enabled(self._settings),
                "jobId": job_id,
                "total": states.total(),
                "states": {state: states[state] for state in _STATES},
                "errors": {category: categories[category] for category in Category},
                "errorCodes": dict(sorted(codes.items())),
            },
        )

    def _require_enabled(self) -> None:
        if not pushes_are_enabled(self._settings):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "dynamics-switched-off",
                "Pushing to Dynamics 365 is switched off for the whole system; leads wait. An "
                "administrator switches it on with the setting dynamicsPushEnabled.",
            )


def pushes_are_enabled(settings: Settings) -> bool:
    """Say whether leads are pushed to Dynamics at all."""
    return settings.system().get(ENABLED_KEY) != "false"


def _connection_off() -> Problem:
    return Problem(
        HTTPStatus.FORBIDDEN,
        "dynamics-switched-off",
        "The dealership's connection to Dynamics 365 is switched off; leads wait. Save it with "
        "enabled true.",
    )


def _refusal(status: PushStatus) -> Problem:
    match status:
        case PushStatus.SWITCHED_OFF:
            return _connection_off()
        case PushStatus.IN_PROGRESS:
            kind = "in-progress"
            detail = (
                "A worker is pushing the lead right now; its time ends within 150 seconds. Wait "
                "and look again."
            )
        case PushStatus.SPAM:
            kind, detail = "spam", "The lead is spam, and spam is delivered nowhere."
        case PushStatus.ERASED:
            kind, detail = "lead-erased", "The lead's data was erased; there is nothing to send."
        case PushStatus.NOT_CONNECTED:
            kind = "not-connected"
            detail = "The lead's dealership has no connection to Dynamics 365; save one first."
        case _:
            return not_found(what="lead")
    return Problem(HTTPStatus.CONFLICT, kind, detail)


def _job_id(request: AdminRequest) -> UUID | None:
    name = "jobId"
    text = request.query.get(name)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        cure = "must be the id a push answered with"
        raise bad_parameter(name, cure) from None
