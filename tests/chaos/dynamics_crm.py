"""Dynamics 365 as the harness sees it."""

import random
import re
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4, uuid5

from psycopg.rows import dict_row
from pydantic import SecretStr

from forecourt.dynamics.mapping import map_lead
from forecourt.dynamics.metadata import TenantMetadata
from forecourt.dynamics.tenant_table import TenantTable
from forecourt.leads.dynamics.budget import PERMIT_SECONDS
from forecourt.security.dynamics_records import DynamicsChanges
from forecourt.storage.dynamics_connections import DynamicsVault
from forecourt.storage.dynamics_pushes import PostgresDynamicsPushes
from forecourt.storage.leads import LEAD_COLUMNS, lead_of_row
from forecourt.storage.postgres import Connection
from local.dataverse_simulator import Account, DataverseSimulator, Fault, Limits
from tests.chaos.accepted_leads import AcceptedLead, Homes
from tests.chaos.crm import Finding, Row, told
from tests.chaos.dynamics_faults import draw_faults
from tests.chaos.easycars_crm import EasyCars
from tests.support.lead_delivery import ACTOR, Scene

_KEY = "hnt_forecourtid"
_TOLD_BY_TEXT = re.compile(r"\[([0-9a-f-]{36}) v[0-9]+\]")
_QUALITY = {"Hot": 1, "Warm": 2, "Cold": 3}
_COMPLETED = 816940002
_NAMES = UUID("5d2b4c9e-3f0a-5c57-9d52-0b1f6f3c8a77")
_SECONDS_FOR_A_CLAIM = 1.0

_LEADS = f"""
SELECT l.dealership_id, {LEAD_COLUMNS}
FROM lead l LEFT JOIN vehicle v ON v.id = l.vehicle_id
WHERE l.dealership_id IN (SELECT dealership_id FROM dynamics_connection)
"""  # noqa: S608 - the interpolated part is a constant

# What dead workers hold was claimed a while ago.
_UNDER_WAY = """
SELECT a.id FROM lead_delivery_attempt a JOIN lead_delivery d ON d.id = a.delivery_id
WHERE d.target = 'Dynamics' AND d.state = 'in_progress' AND a.outcome IS NULL
  AND a.started_at > clock_timestamp() - interval '3 seconds'
FOR UPDATE OF a SKIP LOCKED
"""


class DynamicsRecords:
    """Reads what :meth:`Dynamics.book` lists.

    A lead is known by its key, and where it has none by the text of its message, so that a record
    made past the key shows as a second one.
    """

    justified_by: Mapping[str, Sequence[str]] = MappingProxyType(
        {
            "REQUEST_REFUSED": ("http_400",),
            "TEXT_TOO_LONG": ("http_400",),
            "OPTION_REFUSED": ("http_400",),
            "UNIQUENESS_REFUSED": ("http_412",),
            "DUPLICATE_FOUND": ("http_500",),
        }
    )

    def home_of(self, lead: AcceptedLead | Homes) -> str | None:
        return lead.environment

    def owner_of(self, copy: Row) -> str | None:
        if copy["values"].get(_KEY):
            return str(copy["values"][_KEY])
        named = _TOLD_BY_TEXT.search(str(copy["values"].get("description", "")))
        return named[1] if named else None

    def place_of(self, copy: Row) -> str:
        return f"{copy['environment']}/{copy['leadId']}"

    def compare(self, lead: AcceptedLead, row: Row, copy: Row) -> Sequence[Finding]:
        name = f"{lead.external_id} of {lead.environment}"
        values, found = copy["values"], []
        place = (copy["environment"], copy["leadId"], values.get(_KEY))
        if place != (lead.environment, row["remote"], lead.external_id):
            found.append(Finding("other", f"{name} is {self.place_of(copy)}; {told(row)}"))
        stale = [column for column, value in _senders(lead).items() if values.get(column) != value]
        if lead.message not in str(values.get("description", "")):
            stale.append("description")
        stale.extend(
            column for column, value in copy["mapped"].items() if not _shows(values, column, value)
        )
        if lead.company and "hnt_d365leadid" in copy["columns"]:
            told_of_push = {
                "hnt_d365leadid": copy["leadId"],
                "hnt_processingstatus": _COMPLETED,
                "hnt_syncerrormessage": None,
            }
            stale.extend(name for name, value in told_of_push.items() if values.get(name) != value)
        if stale:
            columns = ", ".join(dict.fromkeys(stale))
            text = f"{name} should be at version {lead.version}; not so: {columns}; {told(row)}"
            found.append(Finding("stale", text))
        return found


class Dynamics:
    """Leads go there from ``dynamics_delivery``; every second dealership has EasyCars, too."""

    records = DynamicsRecords()
    target = "Dynamics"
    function = "dynamics_delivery"
    in_doubt = """
        SELECT l.external_id, d.state
        FROM lead l JOIN lead_delivery d ON d.lead_id = l.id AND d.target = 'Dynamics'
        WHERE d.remote_id IS NULL AND d.state = 'in_progress'
    """
    waiting = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    dead_hold_seconds = PERMIT_SECONDS + 1.0
    probe_operations = frozenset({"GetLead", "ListLeads"})

    def __init__(self, simulator: DataverseSimulator, easycars: EasyCars) -> None:
        self.simulator = simulator
        self._easycars = easycars

    def draw_faults(self, chance: random.Random, homes: Sequence[str]) -> Sequence[Fault]:
        return draw_faults(chance, homes)

    def befall(self, home: str, chance: random.Random) -> None:
        """Let staff enter or contact a lead, or Dynamics bear less than it says."""
        match chance.choice(("enter", "contact", "limit")):
            case "enter":
                walk_in = {"lastname": "Walk-in", "emailaddress1": "visitor1@mail.example"}
                self.simulator.add_staff_lead(walk_in, home)
            case "contact":
                for lead in self.simulator.leads(home)[-3:]:
                    self.simulator.edit_lead(lead["leadId"], {"statuscode": 2}, home)
            case _:
                self.simulator.set_limits(
                    home, requests=chance.randint(3, 30), concurrent=chance.randint(1, 4)
                )

    def calm(self) -> None:
        """Misbehave no more, and bear what the documents say."""
        self.simulator.clear_faults()
        self.simulator.latency = 0.0
        for environment in self.simulator.vendor.organizations():
            environment.protection.set_limits(Limits())

    def book(self, scene: Scene) -> Sequence[Row]:
        """List the records, each with what the mapping says of its lead as it is now."""
        mapped = _mapped_leads(scene)
        return [
            {
                **lead,
                "mapped": mapped.get(str(lead["values"].get(_KEY)), {}),
                "columns": self.simulator.table(lead["environment"]).columns(),
            }
            for lead in self.simulator.leads()
        ]

    def hold_commits(self, connection: Connection) -> None:
        """Outcomes close their attempts; wait for some that are under way, and keep them."""
        until = time.monotonic() + _SECONDS_FOR_A_CLAIM
        while not connection.execute(_UNDER_WAY).fetchall() and time.monotonic() < until:
            time.sleep(0.01)

    def release(self, scene: Scene, row: Row) -> None:
        """Send a parked lead again, as a person does."""
        pushes = PostgresDynamicsPushes(scene.database)
        pushes.retry(row["external_id"], None, uuid4(), actor=ACTOR)

    def add_dealerships(self, scene: Scene, homes: int, dealerships: int) -> dict[int, Homes]:
        """Add dealerships that share environments and their one application user."""
        added = {}
        for index in range(dealerships):
            environment = f"https://motors{index % homes + 1}.crm6.dynamics.com"
            dealership_id = scene.add_dealership(connected=False)
            self.connect(scene, dealership_id, environment, "all" if index == 0 else "hunter")
            account = None
            if index % 2:
                account = f"EC{900001 + index}"
                self._easycars.connect(scene, dealership_id, account, "client1")
            added[dealership_id] = Homes(account=account, environment=environment)
        return added

    def connect(self, scene: Scene, dealership_id: int, environment: str, columns: str) -> None:
        """Let a dealership use an environment, which has such columns when it is new."""
        account = Account(
            environment_url=environment,
            tenant_id=str(uuid5(_NAMES, f"tenant {environment}")),
            client_id=str(uuid5(_NAMES, f"client {environment}")),
            client_secret=f"planted-secret-of-{environment}",
            columns=columns,
        )
        if all(environment != each.url for each in self.simulator.vendor.organizations()):
            self.simulator.add_account(account)
        changes = DynamicsChanges(
            values={
                "environment_url": environment,
                "tenant_id": account.tenant_id,
                "client_id": account.client_id,
            },
            client_secret=SecretStr(account.client_secret),
        )
        DynamicsVault(scene.database, scene.keys).save(dealership_id, changes, actor=ACTOR)


def _shows(values: Row, column: str, value: object) -> bool:
    """Tell whether a column holds a value; an empty yes/no column says no."""
    held = values.get(column)
    return held in (None, False) if value is None else held == value


def _senders(lead: AcceptedLead) -> Mapping[str, Any]:
    """Say what some columns hold of the last version, as its senders know it."""
    known: dict[str, Any] = {
        "emailaddress1": lead.email,
        "leadqualitycode": _QUALITY[lead.rating],
        "donotbulkemail": True,
    }
    if lead.company:
        known["companyname"] = lead.company["canonical_name"]
        known["hnt_finalscore"] = lead.company["readiness_score"]
        known["hnt_domain"] = lead.company["domain"]
    return known


def _mapped_leads(scene: Scene) -> Mapping[str, Mapping[str, Any]]:
    """Map each lead, as the database has it, to its tenant's columns; by external id."""
    vault = DynamicsVault(scene.database, scene.keys)
    tables: dict[int, TenantTable] = {}
    mapped = {}
    rows = scene.database.connection().cursor(row_factory=dict_row).execute(_LEADS).fetchall()
    for row in rows:
        dealership_id = row["dealership_id"]
        if dealership_id not in tables:
            connection = vault.load(dealership_id)
            if connection is None or connection.metadata is None:
                continue
            metadata = TenantMetadata.from_json(connection.metadata)
            tables[dealership_id] = TenantTable(connection, metadata, updating=True)
        lead = lead_of_row(row)
        mapped[str(lead.external_id)] = map_lead(lead, tables[dealership_id]).columns
    return mapped
