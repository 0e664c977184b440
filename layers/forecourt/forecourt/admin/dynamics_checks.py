"""Routes that examine and prepare a dealership's Dynamics 365."""

from http import HTTPStatus

from forecourt.admin.audit import AuditEntry, AuditLog
from forecourt.admin.dynamics_bodies import DynamicsSetup
from forecourt.admin.dynamics_connection import no_connection
from forecourt.admin.dynamics_ports import DynamicsConnections
from forecourt.admin.dynamics_pushes import pushes_are_enabled
from forecourt.admin.ports import Settings
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.leads.dynamics.check import ConnectionCheck
from forecourt.leads.dynamics.setup import ConnectionSetup, State
from forecourt.security.dynamics_connections import DynamicsConnection


class DynamicsCheckRoutes:
    """Answers ``/api/admin/dynamics/connection/check`` and ``…/setup``.

    Both answer 200 also where Dynamics refuses: it was Dynamics that refused, not this API. What
    they read of the tenant's lead table is kept for the pushes.
    """

    def __init__(
        self,
        *,
        connections: DynamicsConnections,
        settings: Settings,
        check: ConnectionCheck,
        setup: ConnectionSetup,
        audit_log: AuditLog,
    ) -> None:
        self._connections = connections
        self._settings = settings
        self._check = check
        self._setup = setup
        self._audit_log = audit_log

    def check(self, request: AdminRequest) -> Reply:
        """Look at a connection line by line; changes nothing in Dynamics."""
        request.caller.require_manager()
        connection, is_active = self._stored(request.dealership_id)
        report = self._check.run(
            connection,
            is_enabled=is_active,
            pushes_enabled=pushes_are_enabled(self._settings),
        )
        if report.metadata is not None:
            self._connections.store_metadata(connection, report.metadata)
        shown = report.to_json()
        self._connections.note_check(connection, shown)
        return Reply(HTTPStatus.OK, shown)

    def setup(self, request: AdminRequest) -> Reply:
        """Create what the lead table lacks, unless ``dryRun``; run it until ``goesOn`` is false."""
        request.caller.require_manager()
        body = request.fields(DynamicsSetup)
        connection, _ = self._stored(request.dealership_id)
        report = self._setup.run(connection, dry_run=body.dry_run, with_columns=body.with_columns)
        if report.metadata is not None:
            self._connections.store_metadata(connection, report.metadata)
        created = [step.name for step in report.steps if step.state is State.CREATED]
        if created:
            entry = AuditEntry(
                action="dynamics.set-up",
                subject_type="dynamics_connection",
                subject_id=connection.connection_id,
                dealership_id=connection.dealership_id,
                detail={"created": created},
            )
            self._audit_log.write(request.actor, entry)
        return Reply(HTTPStatus.OK, report.to_json())

    def _stored(self, dealership_id: int) -> tuple[DynamicsConnection, bool]:
        record = self._connections.describe(dealership_id)
        connection = self._connections.load(dealership_id, switched_off_too=True)
        if record is None or connection is None:
            raise no_connection()
        return connection, record.is_active
