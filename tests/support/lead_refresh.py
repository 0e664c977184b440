"""A lead refresh over a real database and the simulator, and leads that were delivered there."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_sink import EasyCarsLeadSink
from forecourt.easycars.lead_source import EasyCarsLeadSource
from forecourt.leads.inbound import ConfirmedChoices, InboundLead
from forecourt.leads.refresh import LeadRefresh
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.stock.run import SyncResult
from forecourt.storage.lead_refresh import PostgresLeadRefresh
from local.easycars_simulator import Account, EasyCarsSimulator
from tests.support.clock import let_pass
from tests.support.lead_delivery import ACTOR, Scene, lead_body, wake_up_body

AN_HOUR = 3600.0


@dataclass
class Pace:
    """Seconds that pass only when somebody sleeps, and how long each sleep was."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class InterruptedSource:
    """Reads leads as EasyCars tells them; ``then`` happens after each answer, with its number."""

    def __init__(self, source: EasyCarsLeadSource, pace: Pace) -> None:
        self._source = source
        self._pace = pace
        self.then: Callable[[str], None] = lambda _number: None
        self.change: Callable[[InboundLead], InboundLead] = lambda inbound: inbound

    def read_lead(
        self, credentials: EasyCarsCredentials, lead_number: str, *, deadline: float
    ) -> InboundLead:
        left = deadline - self._pace.now
        inbound = self._source.read_lead(credentials, lead_number, deadline=time.monotonic() + left)
        self.then(lead_number)
        return self.change(inbound)

    def confirmed_choices(self, delivered_fields: Mapping[str, Any] | None) -> ConfirmedChoices:
        return self._source.confirmed_choices(delivered_fields)


class RefreshScene(Scene):
    """Dealerships with accounts of the simulator."""

    def __init__(self, url: str, simulator: EasyCarsSimulator) -> None:
        super().__init__(url)
        self.simulator = simulator
        addresses = dict.fromkeys(Environment, simulator.url)
        self.client = EasyCarsClient(addresses, sleep=lambda _seconds: None)
        self.pace = Pace()
        self.source = InterruptedSource(EasyCarsLeadSource(self.client), self.pace)
        self.delivery = self.new_delivery(sink=EasyCarsLeadSink(self.client))

    def close(self) -> None:
        super().close()
        self.client.close()

    def enrol(self, account: Account | None = None, *, secret: str | None = None) -> int:
        """Add a dealership with an account of the simulator."""
        account = account or self.simulator.accounts()[0]
        dealership = self.add_dealership(connected=False)
        self.credentials.save(
            dealership,
            CredentialSecrets(
                client_id=SecretStr(account.client_id),
                client_secret=SecretStr(secret or account.client_secret),
                account_number=SecretStr(account.account_number),
                account_secret=SecretStr(account.account_secret),
            ),
            Environment.TEST,
            None,
            actor=ACTOR,
        )
        return dealership

    def add_lead(self, dealership: int, **lead: Any) -> str:
        """Deliver a new lead; its number at EasyCars follows the order of delivery."""
        external_id = str(uuid4())
        assert self.deliver(lead_body(dealership, external_id, **lead)) == []
        return external_id

    def deliver_due(self) -> None:
        """Deliver what is pending and due."""
        for row in self.rows(
            "SELECT d.id, d.dealership_id, l.external_id FROM lead_delivery d"
            " JOIN lead l ON l.id = d.lead_id"
            " WHERE d.state = 'pending' AND d.next_attempt_at <= now()"
        ):
            self.deliver(wake_up_body(str(row["external_id"]), row["dealership_id"], row["id"]))

    def refresh(
        self,
        dealership: int,
        job_id: UUID | None = None,
        *,
        seconds_left: float = 400.0,
        leads_per_run: int = 200,
        **ports: Any,
    ) -> SyncResult:
        """Refresh a dealership's leads under a new job or a given one."""
        refresh = LeadRefresh(
            **{
                "source": self.source,
                "credentials": self.credentials,
                "store": PostgresLeadRefresh(self.database),
                "calls_per_second": 5.0,
                "leads_per_run": leads_per_run,
                "clock": self.pace.clock,
                "sleep": self.pace.sleep,
                **ports,
            }
        )
        return refresh.run(job_id or uuid4(), dealership, seconds_left=seconds_left)

    def an_hour_later(self) -> None:
        let_pass(self.database, AN_HOUR)

    def staff_change(self, number: str, status: int | None = None, **fields: Any) -> None:
        """Change a lead of the first account as the dealer's staff do at EasyCars."""
        account = self.simulator.accounts()[0].account_number
        self.simulator.edit_lead(account, number, status=status, fields=fields)

    def strategy(self, name: str) -> None:
        self.execute(
            "UPDATE system_settings SET value = %s"
            " WHERE key = 'easycar_lead_status_conflict_strategy'",
            name,
        )

    def lead_row(self, lead: str) -> dict[str, Any]:
        return self.one("SELECT * FROM lead WHERE external_id = %s", lead)

    def conflicts(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM lead_status_conflicts ORDER BY id")

    def run_logs(self, dealership: int) -> list[dict[str, Any]]:
        """The dealership's log rows of lead runs, oldest first."""
        return self.rows(
            "SELECT * FROM easycars_sync_logs WHERE dealership_id = %s"
            " AND sync_type = 'Lead' AND sync_direction = 'Inbound' ORDER BY id",
            dealership,
        )

    def asked(self) -> int:
        """How many leads EasyCars was asked for since its log was cleared."""
        return self.simulator.counts().get("GetLeadDetail", 0)

    def updates(self) -> list[dict[str, Any]]:
        """What each UpdateLead was about, as the log shows it, oldest first."""
        rows = self.rows(
            "SELECT request_payload FROM easycars_sync_logs WHERE sync_direction = 'Outbound'"
            " AND records_updated + records_failed > 0 ORDER BY id"
        )
        return [
            {name: value for name, value in row["request_payload"].items() if name != "LeadNumber"}
            for row in rows
        ]
