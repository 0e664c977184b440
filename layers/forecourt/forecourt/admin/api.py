"""The admin API: routes, and what becomes of a failure."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from forecourt.admin.access import Caller
from forecourt.admin.conflicts import ConflictRoutes
from forecourt.admin.credentials import CredentialRoutes
from forecourt.admin.dead_letters import DeadLetterRoutes
from forecourt.admin.dealerships import DealershipRoutes
from forecourt.admin.deliveries import DeliveryRoutes
from forecourt.admin.documents import to_json
from forecourt.admin.dynamics_checks import DynamicsCheckRoutes
from forecourt.admin.dynamics_connection import DynamicsConnectionRoutes
from forecourt.admin.dynamics_pushes import DynamicsPushRoutes
from forecourt.admin.leads import LeadRoutes
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Router
from forecourt.admin.schedules import ScheduleRoutes
from forecourt.admin.settings import SettingRoutes
from forecourt.admin.site_keys import SiteKeyRoutes
from forecourt.admin.sync import SyncRoutes
from forecourt.admin.sync_starts import SyncStartRoutes
from forecourt.admin.vehicles import VehicleRoutes
from forecourt.errors import ForecourtError, RetryableError
from forecourt.http_request import HttpRequest
from forecourt.logs import get_logger
from forecourt.openapi.document import OPENAPI_PATH, openapi_answer
from forecourt.problem import Answer, Problem
from forecourt.security.edge import Edge

_RETRY_SECONDS = 5
_CONFLICTS = frozenset({"CREDENTIALS_EXIST", "CREDENTIALS_UNREADABLE"})
"""What the caller can mend; any other refusal is between us and the system that refused."""


class AdminApi:
    """Answers every request under ``/api/admin/``."""

    def __init__(
        self,
        *,
        conflicts: ConflictRoutes,
        credentials: CredentialRoutes,
        dead_letters: DeadLetterRoutes,
        dealerships: DealershipRoutes,
        deliveries: DeliveryRoutes,
        dynamics_checks: DynamicsCheckRoutes,
        dynamics_connection: DynamicsConnectionRoutes,
        dynamics_pushes: DynamicsPushRoutes,
        leads: LeadRoutes,
        schedules: ScheduleRoutes,
        settings: SettingRoutes,
        site_keys: SiteKeyRoutes,
        sync: SyncRoutes,
        sync_starts: SyncStartRoutes,
        vehicles: VehicleRoutes,
        edge: Edge | None = None,
    ) -> None:
        self._edge = edge
        self._router = Router()
        easycars, dynamics = "/api/admin/easycars", "/api/admin/dynamics"
        dealership = "/api/admin/dealerships/{dealershipId}"
        for method, template, route in (
            ("GET", f"{easycars}/credentials", credentials.show),
            ("POST", f"{easycars}/credentials", credentials.save),
            ("POST", f"{easycars}/credentials/test-connection", credentials.test),
            ("PUT", f"{easycars}/credentials/{{credentialId}}", credentials.change),
            ("DELETE", f"{easycars}/credentials/{{credentialId}}", credentials.delete),
            ("POST", f"{easycars}/sync/stock", sync_starts.start_stock),
            ("POST", f"{easycars}/sync/leads", sync_starts.start_leads),
            ("GET", f"{easycars}/lead-sync-conflicts", conflicts.list),
            (
                "POST",
                f"{easycars}/lead-sync-conflicts/{{conflictId}}/resolve",
                conflicts.resolve,
            ),
            ("GET", f"{easycars}/schedules", schedules.list),
            ("GET", f"{easycars}/sync/status", sync.show_status),
            ("GET", f"{easycars}/sync/logs", sync.list_logs),
            ("GET", f"{easycars}/sync/logs/{{logId}}", sync.show_log),
            ("GET", f"{easycars}/sync/jobs/{{jobId}}", sync.show_job),
            ("GET", f"{dynamics}/connection", dynamics_connection.show),
            ("PUT", f"{dynamics}/connection", dynamics_connection.save),
            ("DELETE", f"{dynamics}/connection", dynamics_connection.delete),
            ("POST", f"{dynamics}/connection/check", dynamics_checks.check),
            ("POST", f"{dynamics}/connection/setup", dynamics_checks.setup),
            ("POST", f"{dynamics}/push", dynamics_pushes.push),
            ("POST", f"{dynamics}/retry/{{leadId}}", dynamics_pushes.retry),
            ("GET", f"{dynamics}/status", dynamics_pushes.show_status),
            ("GET", "/api/admin/leads", leads.list_leads),
            ("GET", "/api/admin/leads/{leadId}", leads.show_lead),
            ("PATCH", "/api/admin/leads/{leadId}", leads.change_lead),
            ("GET", "/api/admin/deliveries", deliveries.list),
            ("GET", "/api/admin/deliveries/{deliveryId}", deliveries.show),
            ("POST", "/api/admin/deliveries/{deliveryId}/retry", deliveries.retry),
            ("POST", "/api/admin/deliveries/{deliveryId}/resend", deliveries.resend),
            ("POST", "/api/admin/deliveries/{deliveryId}/resolve", deliveries.resolve),
            ("GET", "/api/admin/dead-letters", dead_letters.list_letters),
            ("POST", "/api/admin/dead-letters/redrive", dead_letters.redrive),
            ("GET", "/api/admin/dead-letters/{messageId}", dead_letters.show_letter),
            ("GET", "/api/admin/vehicles", sync.list_vehicles),
            ("GET", "/api/admin/vehicles/{vehicleId}", vehicles.show),
            ("PATCH", "/api/admin/vehicles/{vehicleId}", vehicles.change),
            ("GET", "/api/admin/dealerships", dealerships.list),
            ("POST", "/api/admin/dealerships", dealerships.add),
            ("GET", f"{dealership}/site-keys", site_keys.list),
            ("POST", f"{dealership}/site-keys", site_keys.add),
            ("PATCH", f"{dealership}/site-keys/{{keyId}}", site_keys.change),
            ("DELETE", f"{dealership}/site-keys/{{keyId}}", site_keys.revoke),
            ("GET", f"{dealership}/origins", site_keys.show_origins),
            ("PUT", f"{dealership}/origins", site_keys.set_origins),
            ("GET", "/api/admin/settings", settings.show),
            ("PUT", "/api/admin/settings", settings.change),
        ):
            self._router.add(method, template, route)

    def answer(self, event: Mapping[str, Any]) -> Answer:
        """Answer an HTTP API event (payload 2.0) that a JWT authorizer let through."""
        http = HttpRequest.from_event(event)
        log = get_logger("admin_api")
        facts: dict[str, Any] = {
            "method": http.method,
            "route": http.path,
            "correlation_id": http.request_id,
        }
        try:
            if self._edge is not None:
                self._edge.check(http)
            answer = (
                openapi_answer()
                if (http.method, http.path) == ("GET", OPENAPI_PATH)
                else self._routed(event, http)
            )
        except Problem as problem:
            answer = problem.to_answer(http.request_id)
            facts["problem"] = problem.kind
        except ForecourtError as error:
            answer = _failure(error).to_answer(http.request_id)
            log.exception("Admin request failed", code=error.code, target=error.target, **facts)
        except Exception:
            # The runtime would log the traceback as it is, with whatever a row or a body held.
            answer = _unexpected().to_answer(http.request_id)
            log.exception("Admin request failed unexpectedly", **facts)
        log.info("Admin request answered", status=answer.status, **facts)
        return answer

    def _routed(self, event: Mapping[str, Any], http: HttpRequest) -> Answer:
        authorizer = event["requestContext"].get("authorizer") or {}
        claims = (authorizer.get("jwt") or {}).get("claims")
        if not claims:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "not-signed-in",
                "Sign in and send the token as Authorization: Bearer <token>.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        caller = Caller.from_claims(claims)
        route, variables = self._router.find(http.method, http.path)
        reply = route(
            AdminRequest(
                caller=caller,
                http=http,
                query=event.get("queryStringParameters") or {},
                path=variables,
            )
        )
        headers = {"Cache-Control": "no-store"}
        if reply.document is None:
            return Answer(status=reply.status.value, headers=headers)
        headers["Content-Type"] = "application/json"
        return Answer(status=reply.status.value, body=to_json(reply.document), headers=headers)


def _failure(error: ForecourtError) -> Problem:
    if isinstance(error, RetryableError):
        seconds = math.ceil(error.retry_after or _RETRY_SECONDS)
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "try-again",
            f"{error.detail} Try again.",
            headers={"Retry-After": str(seconds)},
        )
    if error.code in _CONFLICTS:
        return Problem(HTTPStatus.CONFLICT, error.code.lower().replace("_", "-"), error.detail)
    return _unexpected()


def _unexpected() -> Problem:
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal-error",
        "Something went wrong here; the log has it under this correlationId.",
    )
