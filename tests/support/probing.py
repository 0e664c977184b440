"""Leads whose answers get lost at a real (simulated) vendor, and a worker that looks for them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_mapping import create_lead_fields
from forecourt.easycars.lead_messages import CreateLeadRequest
from forecourt.easycars.lead_probe import EasyCarsLeadProbe
from forecourt.easycars.lead_sink import EasyCarsLeadSink
from forecourt.leads.delivery import LeadDelivery
from forecourt.leads.ledger import ClaimRequest
from forecourt.leads.probing import FoundLead, Prober
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.steps import OnStep, unwatched
from forecourt.network.write_window import WindowedTransport
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.storage.probes import PostgresProbes
from local.easycars_simulator import Account, EasyCarsSimulator, Rules
from tests.support.clock import let_pass
from tests.support.easycars import LEAD
from tests.support.lead_delivery import (
    ACTOR,
    Scene,
    lead_body,
    queued,
    secrets_of,
    wake_up_body,
)

HOUR = 3600.0
OUTCOME_KNOWN = 181.0
"""Seconds after which the vendor acts no more on what it was sent."""


def account_of(number: str, client: str | None = None) -> Account:
    """The simulator's account behind what :meth:`Scene.connect` saves for that number."""
    secrets = secrets_of(number)
    return Account(
        client_id=client or secrets.client_id.get_secret_value(),
        client_secret=f"planted-client-secret-{client or number}",
        account_number=number,
        account_secret=secrets.account_secret.get_secret_value(),
        name=number,
        vehicles=1,
    )


class WatchedProbe(EasyCarsLeadProbe):
    """Reads at the vendor and notes what was asked for."""

    def __init__(self, client: EasyCarsClient) -> None:
        super().__init__(client)
        self.numbers: list[str] = []
        self.contacts: list[str] = []
        self.before_read: Callable[[str], None] = lambda _: None

    def read_lead(
        self, credentials: EasyCarsCredentials, number: str, *, seconds: float = 30.0
    ) -> FoundLead | None:
        self.numbers.append(number)
        self.before_read(number)
        return super().read_lead(credentials, number, seconds=seconds)

    def has_no_contact(
        self,
        credentials: EasyCarsCredentials,
        *,
        email: str | None = None,
        phone: str | None = None,
        seconds: float = 30.0,
    ) -> bool:
        self.contacts.append(email or phone or "")
        return super().has_no_contact(credentials, email=email, phone=phone, seconds=seconds)


class LostLeads:
    """Dealerships at the simulator, and a delivery with its prober.

    ``scene`` looks at the ledger, ``reads`` at what the last look asked for. Both clocks move
    with :meth:`let_pass`.
    """

    def __init__(self, url: str, simulator: EasyCarsSimulator, beside: Scene | None = None) -> None:
        self.url = url
        self.simulator = simulator
        self.scene = Scene(url, beside)
        self.client = EasyCarsClient(
            dict.fromkeys(Environment, simulator.url),
            transport=WindowedTransport(),
            sleep=lambda _: None,
        )
        self.probes = PostgresProbes(self.scene.database)
        self.reads = WatchedProbe(self.client)
        self.delivery = self.new_delivery()

    def close(self) -> None:
        self.scene.close()
        self.client.close()

    def new_prober(self, **changes: Any) -> Prober:
        return Prober(
            **{
                "ledger": self.probes,
                "probe": self.reads,
                "vault": self.scene.vault,
                "policy": RetryPolicy(draw=lambda low, _high: low),
                **changes,
            }
        )

    def new_delivery(self, on_step: OnStep = unwatched) -> LeadDelivery:
        return self.scene.new_delivery(
            on_step, sink=EasyCarsLeadSink(self.client), prober=self.new_prober()
        )

    def add_dealership(self, account: str = "EC700001", client: str | None = None) -> int:
        """Add a dealership with an account at the simulator."""
        dealership = self.scene.add_dealership(connected=False)
        known = account_of(account, client)
        if known not in self.simulator.accounts():
            self.simulator.add_account(known)
        self.save(dealership, account, client)
        return dealership

    def save(self, dealership: int, account: str, client: str | None = None) -> None:
        """Save credentials for an account, and wake nobody."""
        self.scene.execute(
            "DELETE FROM dealership_easycars_credentials WHERE dealership_id = %s", dealership
        )
        secrets = secrets_of(account)
        if client is not None:
            secrets = _with_client(secrets, client)
        self.scene.credentials.save(dealership, secrets, Environment.TEST, None, actor=ACTOR)

    def post(self, dealership: int, *leads: str, **fields: Any) -> list[str]:
        """Deliver leads in one batch; gives their ids."""
        ids = list(leads) or [str(uuid4())]
        bodies = [lead_body(dealership, lead, **self._person(lead, fields)) for lead in ids]
        self.deliver(*bodies)
        return ids

    def lose(self, dealership: int, *, acted: bool, lead: str | None = None, **fields: Any) -> str:
        """Deliver a lead whose answer is lost, without stopping deliveries by that."""
        self._cut_next(dealership, acted=acted)
        (lead,) = self.post(dealership, lead or str(uuid4()), **fields)
        assert self.state(lead) == "unconfirmed"
        self.scene.execute("DELETE FROM circuit_breaker")
        return lead

    def add_elsewhere(self, account: str = "EC700001", **customer: Any) -> str:
        """Let another lead source create a lead; gives its number."""
        other = account_of(account, "another-source")
        if other not in self.simulator.accounts():
            self.simulator.add_account(other)
        secrets = _with_client(secrets_of(account), "another-source")
        credentials = EasyCarsCredentials(
            credential_id=0,
            dealership_id=0,
            environment=Environment.TEST,
            client_id=secrets.client_id,
            client_secret=secrets.client_secret,
            account_number=secrets.account_number,
            account_secret=secrets.account_secret,
        )
        lead = replace(LEAD, external_id=uuid4(), **customer)
        fields = create_lead_fields(lead, today=lead.received_at.date())
        receipt = self.client.create_lead(credentials, CreateLeadRequest.from_fields(fields))
        assert receipt.lead_number is not None
        return receipt.lead_number

    def deliver(self, *bodies: str) -> None:
        messages = [queued(body, f"m{index}") for index, body in enumerate(bodies)]
        self.delivery.deliver_batch(messages, worker="request-1")

    def let_pass(self, seconds: float) -> None:
        """Let time pass at the vendor and in the ledger, and late commits fall due."""
        before = self.simulator.waiting_commits()
        self.simulator.clock.let_pass(seconds)
        deadline = time.monotonic() + 1.0
        while before and self.simulator.waiting_commits() and time.monotonic() < deadline:
            time.sleep(0.01)
        let_pass(self.scene.database, seconds)

    def wake_due(self) -> int:
        """Wake what is due, as the sweeper does: one unconfirmed lead of each account."""
        rows = self.scene.rows(
            "SELECT d.id, d.state, d.dealership_id, d.remote_scope, l.external_id::text AS lead"
            " FROM lead_delivery d JOIN lead l ON l.id = d.lead_id"
            " WHERE d.state IN ('pending', 'unconfirmed') AND d.next_attempt_at <= now()"
            " ORDER BY d.next_attempt_at, d.id"
        )
        scopes: set[str] = set()
        bodies = []
        for row in rows:
            if row["state"] == "unconfirmed":
                if row["remote_scope"] in scopes:
                    continue
                scopes.add(row["remote_scope"])
            bodies.append(wake_up_body(row["lead"], row["dealership_id"], row["id"]))
        for start in range(0, len(bodies), 10):
            self.deliver(*bodies[start : start + 10])
        return len(bodies)

    def probe(self, seconds: float = OUTCOME_KNOWN) -> None:
        """Let so much time pass, then look once for what is due."""
        self.let_pass(seconds)
        self.reads.numbers.clear()
        self.reads.contacts.clear()
        self.wake_due()

    def settle(self, rounds: int = 20) -> None:
        """Work until every lead is delivered or waits for something else than time."""
        for _ in range(rounds):
            if self.count("delivered") == self.count():
                return
            self.probe(HOUR)

    def count(self, state: str | None = None) -> int:
        row = self.scene.one(
            "SELECT count(*) FROM lead_delivery WHERE %s::text IS NULL OR state = %s", state, state
        )
        found: int = row["count"]
        return found

    def state(self, lead: str) -> str:
        found: str = self.scene.delivery_row(lead)["state"]
        return found

    def numbers(self, lead: str, account: str = "EC700001") -> list[str]:
        """Under which numbers the vendor has a lead."""
        return [
            each["leadNumber"]
            for each in self.simulator.leads(account)
            if each["fields"].get("ExternalID") == lead
        ]

    def probes_of(self, lead: str) -> list[tuple[str, str | None, str]]:
        """Outcome, code and sentence of each probe for a lead."""
        return [
            (attempt["outcome"], attempt["code"], attempt["detail"])
            for attempt in self.scene.attempts(lead)
            if attempt["operation"] == "probe"
        ]

    def lose_again(self, lead: str) -> None:
        """Send a lead that is pending once more, and lose that, too."""
        self._cut_next(self.scene.delivery_row(lead)["dealership_id"], acted=False)
        self.wake(lead)
        assert self.state(lead) == "unconfirmed"
        self.scene.execute("DELETE FROM circuit_breaker")

    def wake(self, lead: str) -> None:
        """Send a message about a lead."""
        row = self.scene.delivery_row(lead)
        self.deliver(wake_up_body(lead, row["dealership_id"], row["id"]))

    def claim_and_die(self, dealership: int, *, acted: bool) -> str:
        """Leave a lead as a worker does that dies after its claim, or after the vendor acted."""
        lead = str(uuid4())
        self.scene.store(lead_body(dealership, lead, **self._person(lead, {})))
        credentials = self.credentials(dealership)
        request = ClaimRequest(
            delivery_id=self.scene.delivery_row(lead)["id"],
            account_scope=credentials.account_scope,
            lead_source=credentials.lead_source,
        )
        (claim,) = self.scene.ledger.claim([request], "dead-worker")
        if acted:
            sink = EasyCarsLeadSink(self.client)
            push = sink.prepare(claim.lead, None)
            sink.send(push, credentials, write_by=time.time() + 45, seconds=30)
        return lead

    def credentials(self, dealership: int) -> EasyCarsCredentials:
        """Read a dealership's present credentials."""
        credentials = self.scene.credentials.load(dealership)
        assert credentials is not None
        return credentials

    @contextmanager
    def elsewhere(self) -> "Iterator[LostLeads]":
        """The same dealerships and vendor as another worker has them."""
        other = LostLeads(self.url, self.simulator, beside=self.scene)
        yield other
        other.close()

    def _cut_next(self, dealership: int, *, acted: bool) -> None:
        # A fault also strikes a request with a token that has expired, and the vendor never acts.
        self.client.has_no_contact(self.credentials(dealership), email="token@mail.example")
        kind = "cut_after" if acted else "cut_before"
        self.simulator.add_fault(kind, operation="CreateLead")

    @staticmethod
    def _person(lead: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Give each lead a customer of its own, unless told otherwise."""
        mine = UUID(lead).int % 100_000_000
        return {"email": f"c{mine}@mail.example", "phone": f"04{mine:08d}", **fields}


def _with_client(secrets: CredentialSecrets, client: str) -> CredentialSecrets:
    return replace(
        secrets,
        client_id=SecretStr(client),
        client_secret=SecretStr(f"planted-client-secret-{client}"),
    )


@contextmanager
def lost_leads(url: str, rules: Rules | None = None) -> Iterator[LostLeads]:
    """Lend a vendor with no account yet, and what delivers to it."""
    with EasyCarsSimulator(accounts=[], rules=rules) as simulator:
        world = LostLeads(url, simulator)
        yield world
        assert [each.as_json() for each in simulator.invalid_requests()] == []
        world.close()
