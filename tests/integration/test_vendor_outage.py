"""Three hours without EasyCars: few calls meanwhile, no lead loses its tries, all arrive after.

The simulator is the vendor, and time passes by moving what the ledger and the simulator hold into
the past. The real sweeper wakes, the real delivery and prober work.
"""

import itertools
from collections.abc import Iterator
from uuid import uuid4

import pytest
from pydantic import SecretStr

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_probe import EasyCarsLeadProbe
from forecourt.easycars.lead_sink import EasyCarsLeadSink
from forecourt.leads.probing import Prober
from forecourt.network.write_window import WindowedTransport
from forecourt.security.credentials import Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.storage.probes import PostgresProbes
from local.easycars_simulator import EasyCarsSimulator, default_accounts
from tests.support.clock import let_pass
from tests.support.lead_delivery import ACTOR, Scene, lead_body, queued, wake_up_body
from tests.support.sweeping import new_sweeper

HOUR = 3600
STEP = 60
DEALERSHIPS = 5


class Town:
    """Dealerships with leads, their queue, and EasyCars."""

    def __init__(self, scene: Scene, simulator: EasyCarsSimulator) -> None:
        self.scene = scene
        self.simulator = simulator
        self.now = 0
        self._messages: list[tuple[int, str]] = []
        self._numbers = itertools.count()
        self._client = EasyCarsClient(
            dict.fromkeys(Environment, simulator.url),
            transport=WindowedTransport(),
            sleep=lambda _: None,
        )
        self.delivery = scene.new_delivery(
            sink=EasyCarsLeadSink(self._client),
            prober=Prober(
                ledger=PostgresProbes(scene.database),
                probe=EasyCarsLeadProbe(self._client),
                vault=scene.vault,
            ),
        )
        self.sweeper = new_sweeper(scene)
        self.dealerships = [self._add_dealership(n) for n in range(DEALERSHIPS)]

    def close(self) -> None:
        self._client.close()

    def send_leads(self, count: int, *dealerships: int) -> None:
        """Let leads come in, of these dealerships by turns; of all where none is named."""
        owners = itertools.cycle(dealerships or self.dealerships)
        for owner in itertools.islice(owners, count):
            lead = str(uuid4())
            body = lead_body(
                owner,
                lead,
                email=f"{lead}@mail.example",
                phone=f"04{next(self._numbers):08d}",
            )
            self._messages.append((self.now, body))
        self.work()

    def let_pass(self, seconds: int) -> None:
        """Let that much time pass, and do what there is to do every minute."""
        for _ in range(0, seconds, STEP):
            let_pass(self.scene.database, STEP)
            self.simulator.let_time_pass(STEP)
            self.now += STEP
            self.work()

    def work(self) -> None:
        """Deliver and sweep until nothing is to be done now."""
        while True:
            self.sweeper.sweep_once()
            self._take_wake_ups()
            due = [message for message in self._messages if message[0] <= self.now]
            if not due:
                return
            self._messages = [message for message in self._messages if message[0] > self.now]
            for batch in itertools.batched(due, 10, strict=False):
                returned = self.delivery.deliver_batch(
                    [queued(body, f"m{n}") for n, (_, body) in enumerate(batch)], worker="w"
                )
                assert returned == []
            self._take_wake_ups()

    def states(self) -> dict[str, int]:
        rows = self.scene.rows("SELECT state, count(*) FROM lead_delivery GROUP BY state")
        return {row["state"]: row["count"] for row in rows}

    def _take_wake_ups(self) -> None:
        for wake_up in self.scene.queue.wake_ups:
            body = wake_up_body(
                str(wake_up.external_id), wake_up.dealership_id, wake_up.delivery_id
            )
            self._messages.append((self.now + wake_up.delay, body))
        self.scene.queue.wake_ups.clear()

    def _add_dealership(self, number: int) -> int:
        account = default_accounts(DEALERSHIPS)[number]
        dealership = self.scene.add_dealership(connected=False)
        self.scene.credentials.save(
            dealership,
            CredentialSecrets(
                client_id=SecretStr(account.client_id),
                client_secret=SecretStr(account.client_secret),
                account_number=SecretStr(account.account_number),
                account_secret=SecretStr(account.account_secret),
            ),
            Environment.TEST,
            None,
            actor=ACTOR,
        )
        return dealership


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    scene = Scene(database_url)
    with EasyCarsSimulator(accounts=default_accounts(DEALERSHIPS)) as simulator:
        town = Town(scene, simulator)
        yield town
        town.close()
    scene.close()


def attempts(town: Town) -> int:
    row = town.scene.one(
        "SELECT count(*) AS calls FROM lead_delivery_attempt WHERE operation <> 'probe'"
    )
    calls: int = row["calls"]
    return calls


def test_a_vendor_nobody_can_reach(town: Town) -> None:
    town.send_leads(20)
    assert town.states() == {"delivered": 20}
    calls = attempts(town)

    town.simulator.stop()
    town.send_leads(280)
    first = attempts(town) - calls
    town.let_pass(3 * HOUR)
    minutes = attempts(town) - calls - first

    assert first <= 10, "the batch that was under way when the fifth failed"
    assert 150 <= minutes <= 180, "one a minute"
    assert town.states() == {"delivered": 20, "pending": 280}
    burnt = town.scene.one("SELECT sum(attempts) AS tries FROM lead_delivery WHERE state='pending'")
    assert burnt["tries"] <= first
    reasons = town.scene.rows(
        "SELECT DISTINCT last_error_code AS code FROM lead_delivery WHERE state = 'pending'"
    )
    assert {row["code"] for row in reasons} <= {"VENDOR_AWAY", "CONNECT_FAILED"}
    assert [subject for subject, _ in town.scene.alerts.published] == [
        "Forecourt: EasyCars (Test) does not answer"
    ]

    town.simulator.start()
    town.let_pass(5 * 60)

    assert town.states() == {"delivered": 300}
    assert len(town.simulator.leads()) == 300
    assert town.simulator.invalid_requests() == []
    assert [subject for subject, _ in town.scene.alerts.published][1:] == [
        "Forecourt: EasyCars (Test) answers again"
    ]


def test_a_vendor_whose_gateway_says_it_is_away(town: Town) -> None:
    town.send_leads(10)
    town.simulator.clear_requests()
    town.simulator.add_fault("http_503", times=None)

    town.send_leads(110)
    town.let_pass(HOUR)

    assert len(town.simulator.requests("CreateLead")) <= 10 + 60
    assert len(town.simulator.requests()) < HOUR / 4, "with all looking for unconfirmed leads"
    assert town.states().keys() == {"delivered", "pending", "unconfirmed"}

    town.simulator.clear_faults()
    town.let_pass(2 * HOUR)

    assert town.states() == {"delivered": 120}
    assert len(town.simulator.leads()) == 120
    assert town.simulator.invalid_requests() == []


def test_one_lead_does_not_wait_for_the_hundreds_before_it(town: Town) -> None:
    many, one = town.dealerships[:2]
    town.simulator.stop()
    town.send_leads(150, many)
    town.send_leads(1, one)
    town.let_pass(HOUR)

    town.simulator.start()
    town.let_pass(3 * 60)

    assert town.states() == {"delivered": 151}
    before = town.scene.one(
        "SELECT count(*) AS leads FROM lead_delivery"
        " WHERE delivered_at < (SELECT delivered_at FROM lead_delivery WHERE dealership_id = %s)",
        one,
    )
    assert before["leads"] <= 11, "the trial, and as many as one dealership is woken for at once"
