"""The sweeper wakes by turns, and nobody whom the vendor would not answer."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from forecourt.errors import OutcomeUnknownError
from forecourt.leads.wake_ups import WakeUp
from forecourt.storage.sweeps import PostgresSweeps
from tests.support.clock import let_pass
from tests.support.lead_delivery import Scene, lead_body
from tests.support.sweeping import deliver_woken, seed_due, sweep, woken_by_dealership


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def unknown() -> OutcomeUnknownError:
    return OutcomeUnknownError(code="TIMEOUT", detail="No answer.", target="EasyCars")


def open_breaker(scene: Scene, seconds: float, trial: float | None = None) -> None:
    scene.execute(
        "INSERT INTO circuit_breaker (target, environment, open_until, trial_until)"
        " VALUES ('EasyCars', 'Test', now() + make_interval(secs => %s),"
        " now() + make_interval(secs => %s)) ON CONFLICT (target, environment) DO UPDATE"
        " SET open_until = excluded.open_until, trial_until = excluded.trial_until",
        seconds,
        trial,
    )


class TestRation:
    def test_ten_of_a_dealership_the_longest_due_first(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        seed_due(scene, dealership, 12)
        first_ten = scene.rows(
            "SELECT l.external_id FROM lead_delivery d JOIN lead l ON l.id = d.lead_id"
            " ORDER BY d.next_attempt_at LIMIT 10"
        )

        assert sweep(scene) == [str(row["external_id"]) for row in first_ten]
        assert sweep(scene) == []

    def test_room_is_made_by_what_is_tried(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        seed_due(scene, dealership, 25)

        for expected in (10, 10, 5, 0):
            assert len(sweep(scene)) == expected
            deliver_woken(scene)

        assert scene.one("SELECT DISTINCT state FROM lead_delivery") == {"state": "delivered"}
        assert len(scene.sink.sent) == 25

    def test_two_hundred_in_all_by_turns(self, scene: Scene) -> None:
        dealerships = [scene.add_dealership() for _ in range(40)]
        for dealership in dealerships:
            seed_due(scene, dealership, 11)

        assert len(sweep(scene)) == 200
        assert woken_by_dealership(scene) == dict.fromkeys(dealerships, 5)
        assert sweep(scene) == []

    def test_one_dealership_s_thousands_delay_no_other_s_one(self, scene: Scene) -> None:
        crowded, small = scene.add_dealership(), scene.add_dealership()
        seed_due(scene, crowded, 5000, due_for="3 hours")
        seed_due(scene, small, 1)

        woken = sweep(scene)

        assert woken_by_dealership(scene) == {crowded: 10, small: 1}
        last = scene.one("SELECT external_id FROM lead WHERE dealership_id = %s", small)
        assert woken.index(str(last["external_id"])) == 1

    def test_two_sweepers_at_once_wake_each_once(self, scene: Scene) -> None:
        seed_due(scene, scene.add_dealership(), 4)

        with scene.elsewhere() as other, scene.database.transaction():
            mine = PostgresSweeps(scene.database).wake_due()
            theirs = PostgresSweeps(other.database).wake_due()

        assert (len(mine), len(theirs)) == (4, 0)


class TestBreakerAndHold:
    def test_nothing_is_woken_for_a_vendor_that_is_down(self, scene: Scene) -> None:
        seed_due(scene, scene.add_dealership(), 3)
        open_breaker(scene, 60)

        assert sweep(scene) == []

    def test_one_goes_to_see_whether_it_is_back(self, scene: Scene) -> None:
        for _ in range(2):
            seed_due(scene, scene.add_dealership(), 3)
        open_breaker(scene, -1)

        assert len(sweep(scene)) == 1
        assert sweep(scene) == []

    def test_nobody_is_woken_while_that_one_is_under_way(self, scene: Scene) -> None:
        seed_due(scene, scene.add_dealership(), 3)
        open_breaker(scene, -1, trial=100)

        assert sweep(scene) == []

    def test_another_environment_goes_on(self, scene: Scene) -> None:
        tested, sold = scene.add_dealership(), scene.add_dealership()
        scene.execute(
            "UPDATE dealership_easycars_credentials SET environment = 'Production'"
            " WHERE dealership_id = %s",
            sold,
        )
        for dealership in (tested, sold):
            seed_due(scene, dealership, 3)
        open_breaker(scene, 60)

        sweep(scene)

        assert woken_by_dealership(scene) == {sold: 3}

    @pytest.mark.parametrize(("hold_left", "expected"), [(60, 0), (-1, 1)])
    def test_a_dealership_on_hold_gets_its_one_trial(
        self, scene: Scene, hold_left: int, expected: int
    ) -> None:
        held = scene.add_dealership()
        seed_due(scene, held, 3)
        scene.execute(
            "UPDATE dealership_easycars_credentials SET hold_reason = 'Code 1',"
            " hold_until = now() + make_interval(secs => %s)",
            hold_left,
        )

        assert len(sweep(scene)) == expected
        assert sweep(scene) == []


class TestProbes:
    def unconfirmed(self, scene: Scene, dealership: int, count: int) -> list[str]:
        leads = [str(uuid4()) for _ in range(count)]
        scene.sink.will(*[unknown()] * count)
        for lead in leads:
            scene.deliver(lead_body(dealership, lead))
        scene.execute("DELETE FROM circuit_breaker")
        return leads

    def test_one_of_an_account_is_woken_when_it_may_be_probed(self, scene: Scene) -> None:
        first, second = scene.add_dealership(), scene.add_dealership()
        leads = self.unconfirmed(scene, first, 3)
        others = self.unconfirmed(scene, second, 2)
        assert sweep(scene) == []
        let_pass(scene.database, 181)

        assert sorted(sweep(scene)) == sorted([leads[0], others[0]])
        assert sweep(scene) == []
        let_pass(scene.database, 121)
        assert sorted(sweep(scene)) == sorted([leads[0], others[0]])

    def test_refused_credentials_are_not_probed_with(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        self.unconfirmed(scene, dealership, 1)
        let_pass(scene.database, 181)
        scene.execute(
            "UPDATE dealership_easycars_credentials SET hold_reason = 'Code 1',"
            " hold_until = now() + interval '1 minute'"
        )

        assert sweep(scene) == []
        let_pass(scene.database, 61)
        assert len(sweep(scene)) == 1

    def test_ten_accounts_at_once_those_that_wait_longest(self, scene: Scene) -> None:
        dealerships = [scene.add_dealership() for _ in range(12)]
        for dealership in dealerships:
            self.unconfirmed(scene, dealership, 1)
            let_pass(scene.database, 181)

        assert len(sweep(scene)) == 10
        assert woken_by_dealership(scene) == dict.fromkeys(dealerships[:10], 1)
        assert sweep(scene) == []
        self.find_nothing(scene)
        sweep(scene)
        assert woken_by_dealership(scene) == dict.fromkeys(dealerships[10:], 1)

    def test_one_account_at_a_time_looks_whether_a_vendor_is_back(self, scene: Scene) -> None:
        for _ in range(4):
            self.unconfirmed(scene, scene.add_dealership(), 2)
        let_pass(scene.database, 181)
        open_breaker(scene, -1)

        assert len(sweep(scene)) == 1
        assert sweep(scene) == []
        self.find_nothing(scene, "retryable")
        assert sweep(scene) == []
        let_pass(scene.database, 21)
        assert len(sweep(scene)) == 1
        self.find_nothing(scene)
        assert len(sweep(scene)) == 1

    def test_another_environment_is_looked_into_meanwhile(self, scene: Scene) -> None:
        tested = [scene.add_dealership() for _ in range(2)]
        sold = [scene.add_dealership() for _ in range(2)]
        for dealership in tested + sold:
            self.unconfirmed(scene, dealership, 1)
        scene.execute(
            "UPDATE dealership_easycars_credentials SET environment = 'Production'"
            " WHERE dealership_id = ANY(%s)",
            sold,
        )
        let_pass(scene.database, 181)
        open_breaker(scene, 60)

        sweep(scene)

        assert woken_by_dealership(scene) == dict.fromkeys([tested[0], *sold], 1)

    def find_nothing(self, scene: Scene, outcome: str = "inconclusive") -> None:
        """Look in vain for what is awake."""
        scene.execute(
            "WITH looked AS (UPDATE lead_delivery SET woken_until = NULL,"
            " next_attempt_at = now() + interval '1 hour' WHERE woken_until > now()"
            " RETURNING id)"
            " INSERT INTO lead_delivery_attempt (delivery_id, attempt_no, operation, outcome)"
            " SELECT id, 2, 'probe', %s FROM looked",
            outcome,
        )


def test_waking_reads_by_index_whatever_has_been_delivered(scene: Scene) -> None:
    dealerships = [scene.add_dealership() for _ in range(20)]
    scene.execute(
        "WITH stored AS (INSERT INTO lead (dealership_id, name, email, phone, message)"
        " SELECT %s + i %% 20, 'Zoë', 'zoe@mail.example', '', '' FROM generate_series(1, 100000) i"
        " RETURNING id, dealership_id)"
        " INSERT INTO lead_delivery (lead_id, dealership_id, target, state, next_attempt_at)"
        " SELECT id, dealership_id, 'EasyCars', 'delivered', NULL FROM stored",
        dealerships[0],
    )
    for dealership in dealerships[:2]:
        seed_due(scene, dealership, 500)
    scene.execute("ANALYZE lead_delivery")
    scene.execute("ANALYZE lead")
    explained: list[str] = []

    class Explaining(PostgresSweeps):
        def _wake(self, statement: str, limits: Any) -> Sequence[WakeUp]:
            lines = scene.database.connection().execute(
                f"EXPLAIN (ANALYZE, TIMING OFF) {statement}".encode(),
                {**limits, "on_its_way": 120},
            )
            explained.append("\n".join(line for (line,) in lines))
            return ()

    sweeps = Explaining(scene.database)
    sweeps.wake_due()
    sweeps.wake_probes()

    for plan in explained:
        assert "Seq Scan on lead_delivery" not in plan
        assert "Seq Scan on lead " not in plan
    assert "idx_lead_delivery_due_of_dealership" in explained[0]
    assert "idx_lead_delivery_woken" in explained[0]
