"""The ledger's statements, run by several workers in any order, against a model of the vendor.

One process, several connections, no calls: Hypothesis decides who claims, sends, reports late or
never, and when time passes, a person edits or a probe finds the truth. Whatever the order, no lead
is created twice and each ends at the vendor with its last version.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from forecourt.admin.lead_changes import LeadPatch, plan_change
from forecourt.errors import OutcomeUnknownError, RetryableError
from forecourt.leads.accounts import Account
from forecourt.leads.calls import WRITE_WITHIN_SECONDS
from forecourt.leads.ledger import Claim, ClaimRequest, Report
from forecourt.leads.message import LeadMessage, parse_message
from forecourt.leads.outcome import Outcome, failed, succeeded
from forecourt.leads.preparation import prepare_push
from forecourt.leads.probe_ports import Finding, FoundLead, Unconfirmed
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.sink import WRITE_WINDOW_CLOSED, Operation, Push, Receipt
from forecourt.storage.lead_edits import PostgresLeadEdits
from forecourt.storage.ledger import PostgresLedger
from forecourt.storage.probes import PostgresProbes
from tests.support.clock import let_pass
from tests.support.lead_delivery import ACTOR, Scene, lead_body
from tests.support.postgres import PostgresForTests

_WORKERS = 3
_MOST_LEADS = 6
_POLICY = RetryPolicy(draw=lambda low, _high: low)
_PROBED = "The number was read at EasyCars."


@dataclass
class _AtVendor:
    """What the vendor holds of a lead: its numbers, and the notes it was last sent."""

    numbers: list[str] = field(default_factory=list)
    notes: str = ""


@dataclass
class _Held:
    """A claim in some worker's hands; ``push`` is None where nothing needs to be sent."""

    worker: int
    claim: Claim
    claimed_at: float
    prepared: Push | Outcome
    receipt: Receipt | None = None
    is_sent: bool = False


class LedgerMachine(RuleBasedStateMachine):
    """Several workers over one ledger; ``_now`` is the time that was let pass."""

    databases: PostgresForTests

    @initialize()
    def open(self) -> None:
        self._closing = ExitStack()
        url = self._closing.enter_context(self.databases.migrated_database())
        self._scenes = [Scene(url) for _ in range(_WORKERS)]
        self._outside = self._scenes[0]
        self._edits = PostgresLeadEdits(self._outside.database)
        self._probes = PostgresProbes(self._outside.database)
        self._dealership = self._outside.add_dealership()
        credentials = self._outside.credentials.load(self._dealership)
        assert credentials is not None
        self._account = Account(stamp="stamp", credentials=credentials)
        self._scope = credentials.account_scope
        self._now = 0.0
        self._held: list[_Held] = []
        self._vendor: dict[str, _AtVendor] = {}
        self._messages: dict[str, str] = {}
        self._numbers = iter(range(1, 1000))

    def teardown(self) -> None:
        if not hasattr(self, "_closing"):
            return
        try:
            self._end_all()
        finally:
            for scene in self._scenes:
                scene.close()
            self._closing.close()

    @precondition(lambda self: len(self._messages) < _MOST_LEADS)
    @rule(worker=st.integers(0, _WORKERS - 1), count=st.integers(1, 3))
    def accept(self, worker: int, count: int) -> None:
        for _ in range(count):
            name = str(UUID(int=len(self._messages) + 1, version=4))
            self._messages[name] = f"[{name} v1]"
            self._vendor[name] = _AtVendor()
            body = lead_body(self._dealership, name, message=self._messages[name])
            message = parse_message(body)
            assert isinstance(message, LeadMessage)
            for _ in range(2):  # a duplicate changes nothing
                self._ledger(worker).accept([message])

    @precondition(lambda self: self._messages)
    @rule(worker=st.integers(0, _WORKERS - 1), chosen=st.sets(st.integers(0, _MOST_LEADS)))
    def claim(self, worker: int, chosen: Collection[int]) -> None:
        rows = self._outside.rows("SELECT id FROM lead_delivery ORDER BY id")
        wanted = [row["id"] for index, row in enumerate(rows) if index in chosen]
        self._claim(worker, wanted)

    @precondition(lambda self: any(not held.is_sent for held in self._held))
    @rule(data=st.data(), does_it=st.booleans())
    def send(self, data: st.DataObject, does_it: bool) -> None:
        held = data.draw(st.sampled_from([held for held in self._held if not held.is_sent]))
        self._send(held, does_it=does_it)

    @precondition(lambda self: any(held.is_sent for held in self._held))
    @rule(data=st.data(), knows=st.booleans())
    def report(self, data: st.DataObject, knows: bool) -> None:
        held = data.draw(st.sampled_from([held for held in self._held if held.is_sent]))
        self._report(held, knows=knows)

    @precondition(lambda self: self._held)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted({held.worker for held in self._held})))
        self._held = [held for held in self._held if held.worker != worker]

    @precondition(lambda self: self._messages)
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self._messages)))
        version = int(self._messages[name].rpartition("v")[2].rstrip("]")) + 1
        self._messages[name] = f"[{name} v{version}]"
        patch = LeadPatch(message=self._messages[name])
        self._edits.change(
            UUID(name), None, lambda row, find: plan_change(patch, row, find), actor=ACTOR
        )

    @rule(seconds=st.sampled_from((5.0, 46.0, 151.0, 181.0, 4000.0)))
    def wait(self, seconds: float) -> None:
        let_pass(self._outside.database, seconds)
        self._now += seconds

    @rule(worker=st.integers(0, _WORKERS - 1))
    def expire(self, worker: int) -> None:
        rows = self._outside.rows("SELECT id FROM lead_delivery WHERE state = 'in_progress'")
        self._ledger(worker).expire_leases([row["id"] for row in rows], _POLICY.floors)

    @rule()
    def probe(self) -> None:
        for row in self._probes.unconfirmed(self._scope):
            if row.ripe:
                self._find_out(row)

    @invariant()
    def no_lead_is_there_twice(self) -> None:
        assert [name for name, there in self._all_there() if len(there.numbers) > 1] == []

    @invariant()
    def the_ledger_agrees_with_the_vendor(self) -> None:
        for row in self._rows():
            there = self._vendor[str(row["external_id"])]
            number = row["easycars_lead_number"]
            assert number is None or there.numbers == [number]
            if row["state"] == "delivered":
                assert there.numbers
                assert row["delivered_version"] == row["wanted_version"] == row["version"]
            assert (row["state"] == "in_progress") == (row["lease_token"] is not None)

    # What happens, apart from who decides that it does.

    def _ledger(self, worker: int) -> PostgresLedger:
        return self._scenes[worker].ledger

    def _all_there(self) -> Iterator[tuple[str, _AtVendor]]:
        yield from getattr(self, "_vendor", {}).items()

    def _rows(self) -> Sequence[dict[str, object]]:
        if not hasattr(self, "_outside"):
            return ()
        return self._outside.rows(
            "SELECT l.external_id, l.version, l.easycars_lead_number, d.*"
            " FROM lead l JOIN lead_delivery d ON d.lead_id = l.id"
        )

    def _claim(self, worker: int, wanted: Collection[int]) -> None:
        requests = [
            ClaimRequest(
                delivery_id=name,
                account_scope=self._scope,
                lead_source=self._account.credentials.lead_source,
            )
            for name in wanted
        ]
        for claim in self._ledger(worker).claim(requests, f"worker-{worker}"):
            there = self._vendor[str(claim.lead.external_id)]
            assert (claim.operation is Operation.CREATE) == (not there.numbers)
            prepared = prepare_push(self._outside.sink, _POLICY, claim, self._account)
            if claim.operation is Operation.UPDATE and isinstance(prepared, Push):
                fields = {claim.delivery_id: (claim.lease_token, tuple(prepared.fields))}
                assert self._ledger(worker).forget_fields(fields) == [claim.delivery_id]
            self._held.append(_Held(worker, claim, self._now, prepared))

    def _send(self, held: _Held, *, does_it: bool) -> None:
        """Send a push within its window; ``receipt`` is what the vendor answers if it acts."""
        held.is_sent = True
        is_late = self._now - held.claimed_at > WRITE_WITHIN_SECONDS
        if isinstance(held.prepared, Outcome) or is_late or not does_it:
            return
        there = self._vendor[str(held.claim.lead.external_id)]
        if held.claim.operation is Operation.CREATE:
            there.numbers.append(f"{next(self._numbers):06d}")
        there.notes = str(held.prepared.fields.get("Notes", there.notes))
        held.receipt = Receipt(lead_number=there.numbers[-1], customer_no="00004")

    def _report(self, held: _Held, *, knows: bool) -> None:
        self._held.remove(held)
        outcome = self._outcome_of(held, knows=knows)
        report = Report(claim=held.claim, outcome=outcome, account=self._account)
        for _ in range(2):  # doing it twice is the same as doing it once
            self._ledger(held.worker).record([report])

    def _outcome_of(self, held: _Held, *, knows: bool) -> Outcome:
        if isinstance(held.prepared, Outcome):
            return held.prepared
        if knows and held.receipt is not None:
            return succeeded(held.prepared, held.receipt, 5)
        error: RetryableError | OutcomeUnknownError
        if self._now - held.claimed_at > WRITE_WITHIN_SECONDS and held.receipt is None:
            error = RetryableError(code=WRITE_WINDOW_CLOSED, detail="Late.", target="EasyCars")
        elif knows:
            error = RetryableError(code="HTTP_429", detail="Slow down.", target="EasyCars")
        else:
            error = OutcomeUnknownError(code="TIMEOUT", detail="Silence.", target="EasyCars")
        return failed(
            error,
            operation=held.claim.operation,
            attempts=held.claim.attempts,
            policy=_POLICY,
            push=held.prepared,
            latency_ms=5,
        )

    def _find_out(self, row: Unconfirmed) -> None:
        """Do what a probe does that found the truth."""
        name = str(row.lead.external_id)
        there = self._vendor[name]
        if there.numbers:
            found = FoundLead(
                number=there.numbers[0],
                external_id=name,
                created_at=None,
                customer_no="00004",
                confirmed={"Notes": there.notes},
            )
            assert self._probes.adopt(self._scope, row, found, _PROBED)
            return
        again = Finding(
            delivery_id=row.delivery_id,
            claimed_at=row.claimed_at,
            outcome="create_again",
            state="pending",
            wait=0.0,
            code=None,
            detail="It is not at EasyCars.",
            probe_from=row.probe_from,
            probe_upto=None,
        )
        known = self._probes.known_numbers(self._scope, self._account.credentials.lead_source)
        self._probes.settle(self._scope, [again], since=known.as_of)

    def _end_all(self) -> None:
        """Let everybody do what they have to, and see that all ends well."""
        for held in list(self._held):
            if not held.is_sent:
                self._send(held, does_it=True)
            self._report(held, knows=True)
        for _ in range(20):
            self.wait(90_000.0)
            self.expire(0)
            self.wait(181.0)
            self.probe()
            self._revive_failed()
            self._claim(1, [row["id"] for row in self._rows()])  # type: ignore[misc]
            for held in list(self._held):
                self._send(held, does_it=True)
                self._report(held, knows=True)
            if all(row["state"] == "delivered" for row in self._rows()):
                break
        self.no_lead_is_there_twice()
        self.the_ledger_agrees_with_the_vendor()
        for row in self._rows():
            name = str(row["external_id"])
            assert row["state"] == "delivered", row
            assert self._messages[name] in self._vendor[name].notes
        (open_tries,) = self._outside.rows(
            "SELECT count(*) AS left FROM lead_delivery_attempt WHERE outcome IS NULL"
        )
        assert open_tries["left"] == 0

    def _revive_failed(self) -> None:
        """Send again what gave up after its last try, as a person does."""
        self._outside.execute(
            "UPDATE lead_delivery SET state = 'pending', attempts = 0, next_attempt_at = now()"
            " WHERE state = 'failed'"
        )


@pytest.mark.timeout(240)
def test_no_order_of_events_doubles_or_loses_a_lead(postgres: PostgresForTests) -> None:
    class Machine(LedgerMachine):
        databases = postgres

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
