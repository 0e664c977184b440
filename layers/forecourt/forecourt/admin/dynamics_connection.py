"""Routes of a dealership's connection to Dynamics 365."""

from http import HTTPStatus
from typing import Any

from forecourt.admin.access import not_found
from forecourt.admin.deliveries import wake_best_effort
from forecourt.admin.dynamics_bodies import DynamicsConnectionBody
from forecourt.admin.dynamics_ports import DynamicsConnections, DynamicsPushes
from forecourt.admin.lead_ports import WakeUps
from forecourt.admin.ports import Dealerships
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.problem import Problem
from forecourt.security.dynamics_records import DynamicsRecord

_DISCONNECTED = (
    "The connection is removed and nothing goes to Dynamics 365 any more. What is there stays, and "
    "what is known of it. {} lead{} waited; parked as NO_CONNECTION, they go on when a connection "
    "is saved."
)


class DynamicsConnectionRoutes:
    """Answers ``/api/admin/dynamics/connection``.

    Saving and removing call nobody; what waited for a connection becomes due when one is saved.

    Parameters
    ----------
    takes_any_address
        Whether every connection is served by one local address, so that any environment URL does.
    """

    def __init__(
        self,
        *,
        connections: DynamicsConnections,
        dealerships: Dealerships,
        pushes: DynamicsPushes,
        wake_ups: WakeUps,
        takes_any_address: bool = False,
    ) -> None:
        self._connections = connections
        self._dealerships = dealerships
        self._pushes = pushes
        self._wake_ups = wake_ups
        self._takes_any_address = takes_any_address

    def show(self, request: AdminRequest) -> Reply:
        """Describe a dealership's connection without its secret; 404 where it has none."""
        record = self._connections.describe(request.dealership_id)
        if record is None:
            raise no_connection()
        return Reply(HTTPStatus.OK, _document(record))

    def save(self, request: AdminRequest) -> Reply:
        """Store a dealership's first connection, or change what is named of it."""
        request.caller.require_manager()
        dealership_id = request.dealership_id
        body = request.fields(DynamicsConnectionBody)
        if not self._dealerships.exists(dealership_id):
            raise not_found(what="dealership")
        changes = body.to_changes(
            self._connections.describe(dealership_id), takes_any_address=self._takes_any_address
        )
        record = self._connections.save(dealership_id, changes, actor=request.actor)
        if record.is_active:
            wake_best_effort(self._wake_ups, self._pushes.wake_waiting(dealership_id))
        return Reply(HTTPStatus.OK, _document(record))

    def delete(self, request: AdminRequest) -> Reply:
        """Remove a dealership's connection for good, and say what its waiting leads do."""
        request.caller.require_manager()
        dealership_id = request.dealership_id
        waited = self._connections.delete(dealership_id, actor=request.actor)
        if waited is None:
            raise no_connection()
        message = _DISCONNECTED.format(waited, "" if waited == 1 else "s")
        return Reply(HTTPStatus.OK, {"waitingLeads": waited, "message": message})


def no_connection() -> Problem:
    """Return 404 for a dealership without a connection."""
    return Problem(
        HTTPStatus.NOT_FOUND,
        "not-found",
        "The dealership has no connection to Dynamics 365. Save one first, as with forecourt "
        "dynamics connect.",
    )


def _document(record: DynamicsRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "dealershipId": record.dealership_id,
        "environmentUrl": record.environment_url,
        "tenantId": record.tenant_id,
        "clientId": record.client_id,
        "secret": {"kind": record.secret_kind, "changedAt": record.secret_changed_at},
        "apiVersion": record.api_version,
        "keyColumn": record.key_column,
        "config": {
            "optionSets": record.option_sets,
            "columns": record.columns,
            "duplicateDetection": record.duplicate_detection,
        },
        "appId": record.app_id,
        "enabled": record.is_active,
        "holdReason": record.hold_reason,
        "holdUntil": record.hold_until,
        "metadataReadAt": record.metadata_read_at,
        "lastCheckedAt": record.last_checked_at,
        "lastCheck": record.last_check_detail,
        "createdAt": record.created_at,
        "updatedAt": record.updated_at,
    }
