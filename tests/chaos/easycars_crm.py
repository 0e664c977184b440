"""EasyCars as the harness sees it."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from pydantic import SecretStr

from forecourt.security.credentials import Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.storage.deliveries import release_delivery
from forecourt.storage.postgres import Connection
from local.easycars_simulator import Account, EasyCarsSimulator, Fault
from tests.chaos.accepted_leads import AcceptedLead, Homes
from tests.chaos.crm import Finding, Row, told
from tests.chaos.easycars_faults import draw_faults
from tests.support.lead_delivery import ACTOR, Scene, secrets_of


class EasyCarsRecords:
    """Reads what :meth:`EasyCarsSimulator.leads` lists."""

    justified_by: Mapping[str, Sequence[str]] = MappingProxyType(
        {"VENDOR_REFUSED": ("code",), "HTTP_400": ("http_400",)}
    )

    def home_of(self, lead: AcceptedLead | Homes) -> str | None:
        return lead.account

    def owner_of(self, copy: Row) -> str | None:
        return str(copy["fields"].get("ExternalID")) if copy["ours"] else None

    def place_of(self, copy: Row) -> str:
        return f"{copy['account']}/{copy['leadNumber']}"

    def compare(self, lead: AcceptedLead, row: Row, copy: Row) -> Sequence[Finding]:
        name = f"{lead.external_id} of account {lead.account}"
        found = []
        if (copy["account"], copy["leadNumber"]) != (lead.account, row["remote"]):
            text = f"{name} is {self.place_of(copy)} at the vendor; {told(row)}"
            found.append(Finding("other", text))
        notes = str(copy["fields"].get("Notes", ""))
        at_vendor = (copy["fields"].get("Rating"), copy["status"])
        if lead.message not in notes or at_vendor != (lead.rating_code, lead.status_code):
            text = f"{name} should be at version {lead.version} ({lead.rating}, {lead.status}), is "
            found.append(Finding("stale", f"{text}{notes[:90]!r} {at_vendor}; {told(row)}"))
        return found


EASYCARS_RECORDS = EasyCarsRecords()


class EasyCars:
    """Leads go there from ``lead_delivery``, which stores them, too."""

    records = EASYCARS_RECORDS
    target = "EasyCars"
    function = "lead_delivery"
    in_doubt = """
        SELECT l.external_id, d.state
        FROM lead l JOIN lead_delivery d ON d.lead_id = l.id AND d.target = 'EasyCars'
        WHERE l.easycars_lead_number IS NULL
          AND d.state IN ('pending', 'in_progress', 'unconfirmed')
    """
    waiting = """
        SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE c.relname = 'easycars_sync_logs' AND NOT l.granted
    """
    dead_hold_seconds = 0.0
    probe_operations = frozenset({"GetLeadDetail", "SearchContacts"})

    def __init__(self, simulator: EasyCarsSimulator) -> None:
        self.simulator = simulator

    def draw_faults(self, chance: random.Random, homes: Sequence[str]) -> Sequence[Fault]:
        return draw_faults(chance, homes)

    def befall(self, home: str, _chance: random.Random) -> None:
        """Let a lead of another source take a number."""
        self.simulator.add_foreign_lead(home)

    def calm(self) -> None:
        self.simulator.clear_faults()
        self.simulator.latency = 0.0

    def release(self, scene: Scene, row: Row) -> None:
        release_delivery(scene.database, row["id"])

    def book(self, _scene: Scene) -> Sequence[Row]:
        return self.simulator.leads()

    def hold_commits(self, connection: Connection) -> None:
        """Outcomes write a log row, which claims do not."""
        connection.execute("LOCK TABLE easycars_sync_logs IN SHARE MODE")

    def add_dealerships(self, scene: Scene, homes: int, dealerships: int) -> dict[int, Homes]:
        """Add dealerships that share accounts, each as a client of its own.

        EasyCars shows a lead to the client that created it only, so to each of them the leads of
        the other are numbers in between.
        """
        numbers = [f"EC{900001 + index}" for index in range(homes)]
        owners = [numbers[index % homes] for index in range(dealerships)]
        added = {}
        for index, account in enumerate(owners):
            dealership_id = scene.add_dealership(connected=False)
            self.connect(scene, dealership_id, account, f"client{index // homes + 1}")
            added[dealership_id] = Homes(account=account)
        return added

    def connect(self, scene: Scene, dealership_id: int, account: str, client: str) -> None:
        """Let a dealership use an account as one of its clients; several may use one."""
        secrets = client_secrets(account, client)
        self.simulator.add_account(
            Account(
                client_id=secrets.client_id.get_secret_value(),
                client_secret=secrets.client_secret.get_secret_value(),
                account_number=account,
                account_secret=secrets.account_secret.get_secret_value(),
                name=f"Dealer {account}",
                vehicles=0,
            )
        )
        scene.credentials.save(dealership_id, secrets, Environment.TEST, None, actor=ACTOR)


def client_secrets(account: str, client: str) -> CredentialSecrets:
    """Make up the credentials of one client of an account."""
    return replace(
        secrets_of(account),
        client_id=SecretStr(f"{client}-of-{account}"),
        client_secret=SecretStr(f"planted-client-secret-{client}-{account}"),
    )
