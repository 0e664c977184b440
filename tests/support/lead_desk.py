"""People at the admin API, with deliveries to the simulated vendor behind it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx

from forecourt.aws.kms import KmsDataKeys
from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_sink import EasyCarsLeadSink
from forecourt.network.write_window import WindowedTransport
from forecourt.security.credentials import Environment
from forecourt.storage.credentials import CredentialVault
from forecourt.storage.postgres import Database
from local.easycars_simulator import Account, EasyCarsSimulator
from tests.support.admin_api import AdminClient, Answered
from tests.support.clock import let_pass
from tests.support.lead_delivery import Scene, lead_body, wake_up_body

CREDENTIALS = "/api/admin/easycars/credentials"


class TappedTransport(WindowedTransport):
    """Keeps what leaves for the vendor: (operation, body without the account).

    ``during`` is called once, while the next request is under way.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.during: Callable[[], object] | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        operation = request.url.path.rsplit("/", 1)[-1]
        if operation != "RequestToken":
            body = json.loads(request.read())
            keys = body.keys() - {"AccountNumber", "AccountSecret"}
            self.sent.append((operation, {name: body[name] for name in keys}))
            act, self.during = self.during, None
            if act is not None:
                act()
        return super().handle_request(request)


class LeadDesk:
    """One dealership connected to one account of the simulator.

    ``admin`` asks the admin API, ``scene`` looks at the ledger, ``transport`` is what the delivery
    writes to the vendor through.
    """

    def __init__(
        self,
        admin: AdminClient,
        scene: Scene,
        simulator: EasyCarsSimulator,
        transport: TappedTransport,
        dealership: int,
    ) -> None:
        self.admin = admin
        self.scene = scene
        self.simulator = simulator
        self.dealership = dealership
        self.transport = transport

    @property
    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        """What was sent since the last look."""
        taken, self.transport.sent = self.transport.sent, []
        return taken

    def connect(self, account: Account, dealership: int | None = None) -> Answered:
        """Save an account's credentials, or change to it."""
        asked = dealership or self.dealership
        body = secrets_of(account)
        shown = self.admin("GET", CREDENTIALS, dealershipId=asked)
        if shown.status == 404:
            body["environment"] = "Test"
            return self.admin("POST", CREDENTIALS, body, dealershipId=asked)
        return self.admin("PUT", f"{CREDENTIALS}/{shown.body['id']}", body, dealershipId=asked)

    def arrive(self, dealership: int | None = None, **lead: Any) -> str:
        """Let a lead arrive and have it tried once; its id."""
        lead_id = str(uuid4())
        self.scene.deliver(lead_body(dealership or self.dealership, lead_id, **lead))
        return lead_id

    def deliver(self, lead_id: str) -> None:
        """Let a worker look at the lead's delivery."""
        row = self.scene.delivery_row(lead_id)
        self.scene.deliver(wake_up_body(lead_id, row["dealership_id"], row["id"]))

    def pass_time(self, seconds: float) -> None:
        let_pass(self.scene.database, seconds)

    def patch(self, lead_id: str, body: object, **options: Any) -> Answered:
        return self.admin("PATCH", f"/api/admin/leads/{lead_id}", body, **options)

    def act(self, lead_id: str, act: str, body: object = None, **options: Any) -> Answered:
        """Resolve, resend or retry the lead's delivery."""
        delivery_id = self.scene.delivery_row(lead_id)["id"]
        return self.admin("POST", f"/api/admin/deliveries/{delivery_id}/{act}", body, **options)

    def at_vendor(self, lead_id: str, account: str | None = None) -> list[Mapping[str, Any]]:
        """The vendor's leads that bear our id."""
        return [
            lead
            for lead in self.simulator.leads(account)
            if lead["fields"].get("ExternalID") == lead_id
        ]


def secrets_of(account: Account) -> dict[str, str]:
    return {
        "clientId": account.client_id,
        "clientSecret": account.client_secret,
        "accountNumber": account.account_number,
        "accountSecret": account.account_secret,
    }


@contextmanager
def lead_desk(
    admin: AdminClient,
    dealership: int,
    simulator: EasyCarsSimulator,
    database_url: str,
    key_arn: str,
) -> Iterator[LeadDesk]:
    """Lend a desk whose dealership has the simulator's first account."""
    scene = Scene(database_url)
    transport = TappedTransport()
    with EasyCarsClient(dict.fromkeys(Environment, simulator.url), transport=transport) as client:
        scene.delivery = scene.new_delivery(
            sink=EasyCarsLeadSink(client),
            vault=CredentialVault(scene.database, KmsDataKeys(key_arn)),
        )
        desk = LeadDesk(admin, scene, simulator, transport, dealership)
        desk.connect(simulator.accounts()[0])
        yield desk
        scene.close()


def store_lead(database: Database, dealership_id: int) -> UUID:
    """Store a lead that is delivered nowhere; its id."""
    lead_id = uuid4()
    database.connection().execute(
        "INSERT INTO lead (dealership_id, external_id, name, email, phone, message)"
        " VALUES (%s, %s, 'Kim', 'kim@mail.example', '04', 'Hi')",
        (dealership_id, lead_id),
    )
    return lead_id
