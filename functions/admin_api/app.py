"""Serve everything under ``/api/admin/`` to signed-in people."""

from functools import cache
from typing import Any

from forecourt.admin.api import AdminApi
from forecourt.admin.conflicts import ConflictRoutes
from forecourt.admin.credentials import CredentialRoutes
from forecourt.admin.dead_letters import DeadLetterRoutes
from forecourt.admin.dealerships import DealershipRoutes
from forecourt.admin.deliveries import DeliveryRoutes
from forecourt.admin.dynamics_checks import DynamicsCheckRoutes
from forecourt.admin.dynamics_connection import DynamicsConnectionRoutes
from forecourt.admin.dynamics_pushes import DynamicsPushRoutes
from forecourt.admin.leads import LeadRoutes
from forecourt.admin.schedule_changes import ScheduleChanges
from forecourt.admin.schedules import ScheduleRoutes
from forecourt.admin.settings import SettingRoutes
from forecourt.admin.site_files import SiteFiles
from forecourt.admin.site_keys import SiteKeyRoutes
from forecourt.admin.sync import SyncRoutes
from forecourt.admin.sync_starts import SyncStartRoutes
from forecourt.admin.vehicles import VehicleRoutes
from forecourt.aws.dead_letters import S3DeadLetterCopies, sqs_dead_letters
from forecourt.aws.kms import KmsDataKeys
from forecourt.aws.s3 import JsonBucket
from forecourt.aws.schedules import EventBridgeSchedules
from forecourt.aws.secrets import SecretStore
from forecourt.aws.sqs import RoutedWakeUps
from forecourt.aws.step_functions import SyncStateMachine
from forecourt.dynamics.setup_client import DynamicsSetupClient
from forecourt.dynamics.tenant import DynamicsTenant
from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_probe import EasyCarsLeadProbe
from forecourt.leads.dynamics.check import ConnectionCheck
from forecourt.leads.dynamics.setup import ConnectionSetup
from forecourt.security.edge import Edge
from forecourt.security.site_keys import RememberedKeyRing
from forecourt.settings import AdminApiSettings
from forecourt.storage.audit_log import PostgresAuditLog
from forecourt.storage.credentials import CredentialVault
from forecourt.storage.database_settings import open_database
from forecourt.storage.dealerships import PostgresDealerships
from forecourt.storage.dynamics_connections import DynamicsVault
from forecourt.storage.dynamics_pushes import PostgresDynamicsPushes
from forecourt.storage.lead_edits import PostgresLeadEdits
from forecourt.storage.lead_reports import PostgresLeadReports
from forecourt.storage.manual_runs import PostgresManualRuns
from forecourt.storage.postgres import Database
from forecourt.storage.replays import PostgresReplays
from forecourt.storage.schedules import PostgresTimetable
from forecourt.storage.settings import PostgresSettings
from forecourt.storage.site_keys import PostgresSiteKeys
from forecourt.storage.status_conflicts import PostgresStatusConflicts
from forecourt.storage.sync_reports import PostgresSyncReports
from forecourt.storage.vehicle_edits import PostgresVehicleEdits


@cache
def connections() -> tuple[Database, EasyCarsClient, DynamicsSetupClient]:
    """Make what holds connections, one of each per sandbox; none is open yet."""
    settings = AdminApiSettings.from_environment()
    return (
        open_database(settings),
        EasyCarsClient(settings.easycars_base_urls),
        DynamicsSetupClient(settings.dynamics_url),
    )


@cache
def api() -> AdminApi:
    """Wire the API on the sandbox's first request."""
    settings = AdminApiSettings.from_environment()
    database, easycars, dynamics = connections()
    secrets = SecretStore()
    keys = KmsDataKeys(settings.credentials_key_arn)
    vault = CredentialVault(database, keys)
    dynamics_vault, tenant = DynamicsVault(database, keys), DynamicsTenant(dynamics)
    audit_log = PostgresAuditLog(database)
    dealerships = PostgresDealerships(database)
    replays = PostgresReplays(database)
    wake_ups = RoutedWakeUps(
        leads_queue_url=settings.leads_queue_url, dynamics_queue_url=settings.dynamics_queue_url
    )
    pushes = PostgresDynamicsPushes(database)
    reports = PostgresLeadReports(database)
    system_settings = PostgresSettings(database)
    site_keys = PostgresSiteKeys(database)
    files = SiteFiles(site_keys=site_keys, documents=JsonBucket(settings.run_bucket))
    timetable = PostgresTimetable(database)
    keeper = EventBridgeSchedules(settings.schedule_group)
    edge = settings.edge_secret_arn
    ring = RememberedKeyRing(lambda: secrets.read(settings.site_key_secret_arn))
    return AdminApi(
        conflicts=ConflictRoutes(conflicts=PostgresStatusConflicts(database), wake_ups=wake_ups),
        credentials=CredentialRoutes(
            credentials=vault,
            dealerships=dealerships,
            replays=replays,
            wake_ups=wake_ups,
            probe=easycars,
        ),
        dead_letters=DeadLetterRoutes(
            queue=sqs_dead_letters(
                leads_queue_url=settings.leads_queue_url,
                leads_dlq_url=settings.leads_dlq_url,
                dynamics_queue_url=settings.dynamics_queue_url,
                dynamics_dlq_url=settings.dynamics_dlq_url,
            ),
            copies=S3DeadLetterCopies(settings.run_bucket),
            audit_log=audit_log,
        ),
        dealerships=DealershipRoutes(dealerships=dealerships, files=files, key_ring=ring),
        deliveries=DeliveryRoutes(
            reports=reports,
            replays=replays,
            wake_ups=wake_ups,
            credentials=vault,
            probe=EasyCarsLeadProbe(easycars),
        ),
        dynamics_checks=DynamicsCheckRoutes(
            connections=dynamics_vault,
            settings=system_settings,
            check=ConnectionCheck(tenant),
            setup=ConnectionSetup(tenant),
            audit_log=audit_log,
        ),
        dynamics_connection=DynamicsConnectionRoutes(
            connections=dynamics_vault,
            dealerships=dealerships,
            pushes=pushes,
            wake_ups=wake_ups,
            takes_any_address=settings.dynamics_url is not None,
        ),
        dynamics_pushes=DynamicsPushRoutes(
            pushes=pushes, settings=system_settings, wake_ups=wake_ups
        ),
        leads=LeadRoutes(reports=reports, edits=PostgresLeadEdits(database), wake_ups=wake_ups),
        schedules=ScheduleRoutes(timetable=timetable, keeper=keeper),
        settings=SettingRoutes(
            settings=system_settings,
            dealerships=dealerships,
            schedules=ScheduleChanges(timetable=timetable, keeper=keeper),
            capacity=settings.stock_sync_reserved_concurrency,
        ),
        site_keys=SiteKeyRoutes(
            site_keys=site_keys, dealerships=dealerships, files=files, key_ring=ring
        ),
        sync=SyncRoutes(
            reports=PostgresSyncReports(database),
            credentials=vault,
        ),
        sync_starts=SyncStartRoutes(
            runs=PostgresManualRuns(database),
            credentials=vault,
            starter=SyncStateMachine(settings.state_machine_arn),
            audit_log=audit_log,
        ),
        vehicles=VehicleRoutes(vehicles=PostgresVehicleEdits(database)),
        edge=None if edge is None else Edge(lambda: secrets.read(edge)),
    )


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API."""
    return api().answer(event).to_event()
