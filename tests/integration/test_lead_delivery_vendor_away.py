"""What a delivery does while the vendor is down, with the real breaker and ledger."""

from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import pytest

from forecourt.errors import ForecourtError, OutcomeUnknownError, PermanentError, RetryableError
from forecourt.leads.breaker import Evidence, Observation, Turn
from forecourt.leads.sink import Push, Receipt
from forecourt.leads.steps import Step
from forecourt.security.credentials import Environment
from forecourt.storage.breaker import PostgresBreaker
from tests.support.clock import let_pass
from tests.support.lead_delivery import ACTOR, Scene, lead_body, queued, secrets_of, wake_up_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def no_connection() -> ForecourtError:
    return RetryableError(code="CONNECT_FAILED", detail="CreateLead: no connection", target="E")


def timed_out() -> ForecourtError:
    return OutcomeUnknownError(code="TIMEOUT", detail="CreateLead: silence", target="E")


def http_500() -> ForecourtError:
    return OutcomeUnknownError(code="HTTP_500", detail="CreateLead: HTTP status 500", target="E")


def refused() -> ForecourtError:
    return PermanentError(code="VENDOR_REFUSED", detail="CreateLead: Code 7", target="E")


def wake(scene: Scene, *leads: str) -> list[str]:
    rows = [(lead, scene.delivery_row(lead)) for lead in leads]
    return [wake_up_body(lead, row["dealership_id"], row["id"]) for lead, row in rows]


def is_open(scene: Scene, environment: str = Environment.TEST) -> bool:
    rows = scene.rows(
        "SELECT open_until IS NOT NULL AS is_open FROM circuit_breaker WHERE environment = %s",
        environment,
    )
    return any(row["is_open"] for row in rows)


def break_it(scene: Scene, dealership: int, times: int = 5) -> None:
    scene.sink.will(*(no_connection() for _ in range(times)))
    scene.deliver(*(lead_body(dealership) for _ in range(times)))
    scene.queue.wake_ups.clear()


def new_leads(scene: Scene, dealership: int, count: int) -> list[str]:
    """Leads that came in while the breaker was open."""
    leads = [str(uuid4()) for _ in range(count)]
    assert scene.deliver(*(lead_body(dealership, lead) for lead in leads)) == []
    return leads


class TestOpening:
    def test_five_failures_in_a_row_open_it_and_one_alert_says_so(
        self, scene: Scene, capsys: pytest.CaptureFixture[str]
    ) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership, 4)
        assert not is_open(scene)
        assert scene.alerts.published == []

        break_it(scene, dealership, 3)

        assert is_open(scene)
        ((subject, text),) = scene.alerts.published
        assert subject == "Forecourt: EasyCars (Test) does not answer"
        assert "CONNECT_FAILED" in text
        assert capsys.readouterr().out.count('"Circuit breaker opened"') == 1
        assert sum(counts.get("BreakerOpened", 0) for counts in scene.counts.batches) == 1

    def test_an_answer_in_between_starts_the_count_anew(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership, 4)
        scene.sink.will(refused())
        scene.deliver(lead_body(dealership))
        break_it(scene, dealership, 4)

        assert not is_open(scene)

    def test_plain_500s_open_it_only_from_three_dealerships(self, scene: Scene) -> None:
        dealerships = [scene.add_dealership() for _ in range(3)]
        scene.sink.will(*(http_500() for _ in range(9)))
        scene.deliver(*(lead_body(dealerships[n % 2]) for n in range(8)))
        assert not is_open(scene)

        scene.deliver(lead_body(dealerships[2]))

        assert is_open(scene)

    def test_other_environments_are_called_as_before(self, scene: Scene) -> None:
        dealership, other = scene.add_dealership(), scene.add_dealership(connected=False)
        scene.credentials.save(
            other, secrets_of("EC777777"), Environment.PRODUCTION, None, actor=ACTOR
        )
        break_it(scene, dealership)

        assert scene.deliver(lead_body(other, LEAD)) == []

        assert scene.delivery_row(LEAD)["state"] == "delivered"

    def test_an_alert_that_cannot_be_sent_costs_no_outcome(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        scene.alerts.away = True

        break_it(scene, dealership)

        assert is_open(scene)
        states = scene.rows("SELECT DISTINCT state FROM lead_delivery")
        assert states == [{"state": "pending"}]


class TestWhileOpen:
    def test_nobody_is_called_and_a_lead_loses_nothing(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership)
        calls = len(scene.sink.sent)

        assert scene.deliver(lead_body(dealership, LEAD)) == []
        before = scene.delivery_row(LEAD)
        let_pass(scene.database, 59)
        assert scene.deliver(*wake(scene, LEAD)) == []

        assert len(scene.sink.sent) == calls
        row = scene.delivery_row(LEAD)
        assert (row["state"], row["attempts"]) == ("pending", 0)
        assert row["last_error_code"] == "VENDOR_AWAY"
        assert row["last_error"].startswith("EasyCars does not answer.")
        assert row["woken_until"] is None
        assert row["due_in"] == pytest.approx(before["due_in"] - 59, abs=5)
        assert scene.attempts(LEAD) == []
        assert scene.queue.wake_ups == []
        assert scene.vault.loads == 1

    def test_a_hold_keeps_its_own_reason_and_its_trial(self, scene: Scene) -> None:
        dealership, held = scene.add_dealership(), scene.add_dealership()
        break_it(scene, dealership)
        scene.execute(
            "UPDATE dealership_easycars_credentials SET hold_reason = 'Refused.',"
            " hold_until = now() + interval '50 s' WHERE dealership_id = %s",
            held,
        )

        scene.deliver(lead_body(held, LEAD))
        assert scene.delivery_row(LEAD)["last_error_code"] == "CREDENTIALS_ON_HOLD"

        let_pass(scene.database, 55)
        scene.deliver(*wake(scene, LEAD))
        assert scene.delivery_row(LEAD)["last_error_code"] == "VENDOR_AWAY"
        credentials = scene.one(
            "SELECT hold_until < now() AS is_free FROM dealership_easycars_credentials"
            " WHERE dealership_id = %s",
            held,
        )
        assert credentials["is_free"]


class TestTrial:
    def test_one_of_many_tries_and_fails_without_losing_a_try(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership)
        leads = new_leads(scene, dealership, 5)
        scene.execute("UPDATE lead_delivery SET attempts = 7 WHERE last_error_code='VENDOR_AWAY'")
        calls = len(scene.sink.sent)
        for _ in range(3):
            let_pass(scene.database, 60)
            scene.sink.will(no_connection())
            assert scene.deliver(*wake(scene, *leads)) == []
            calls += 1
            assert len(scene.sink.sent) == calls
            assert scene.deliver(*wake(scene, *leads)) == []
            assert len(scene.sink.sent) == calls

        rows = [scene.delivery_row(lead) for lead in leads]
        assert {(row["state"], row["attempts"]) for row in rows} == {("pending", 7)}
        tried = [lead for lead in leads if scene.attempts(lead)]
        assert len(tried) == 3 - 1, "the first tries again after 90 s, so another has its turn"
        assert len(scene.alerts.published) == 1

    def test_its_success_closes_the_breaker_and_one_alert_says_so(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership)
        leads = new_leads(scene, dealership, 5)
        let_pass(scene.database, 60)

        assert scene.deliver(*wake(scene, *leads)) == []

        assert not is_open(scene)
        assert sorted(scene.delivery_row(lead)["state"] for lead in leads) == [
            "delivered",
            *["pending"] * 4,
        ]
        assert [subject for subject, _ in scene.alerts.published][1:] == [
            "Forecourt: EasyCars (Test) answers again"
        ]
        assert scene.deliver(*wake(scene, *leads)) == []
        assert {scene.delivery_row(lead)["state"] for lead in leads} == {"delivered"}
        assert len(scene.alerts.published) == 2

    def test_a_refusal_shows_the_vendor_alive(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership)
        (lead,) = new_leads(scene, dealership, 1)
        let_pass(scene.database, 60)
        scene.sink.will(refused())

        scene.deliver(*wake(scene, lead))

        assert not is_open(scene)
        assert scene.delivery_row(lead)["state"] == "failed"

    def test_a_create_nobody_knows_the_end_of_is_unconfirmed(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership)
        (lead,) = new_leads(scene, dealership, 1)
        let_pass(scene.database, 60)
        scene.sink.will(timed_out())

        scene.deliver(*wake(scene, lead))

        assert is_open(scene)
        row = scene.delivery_row(lead)
        assert (row["state"], row["attempts"]) == ("unconfirmed", 0)

    def test_one_that_calls_nobody_leaves_the_trial_to_the_next(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership)
        bad = str(uuid4())
        scene.deliver(lead_body(dealership, bad, email="nobody"))
        (good,) = new_leads(scene, dealership, 1)
        let_pass(scene.database, 60)
        calls = len(scene.sink.sent)

        scene.deliver(*wake(scene, bad))
        assert scene.delivery_row(bad)["last_error_code"] == "INVALID_EMAIL"
        assert (len(scene.sink.sent), is_open(scene)) == (calls, True)
        scene.deliver(*wake(scene, good))

        assert scene.delivery_row(good)["state"] == "delivered"

    def test_one_whose_lead_another_worker_has_leaves_the_trial_to_the_next(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership)
        taken, free = new_leads(scene, dealership, 2)
        let_pass(scene.database, 60)

        class Overtaken(PostgresBreaker):
            def take_trial(self, environment: str) -> UUID | None:
                trial = super().take_trial(environment)
                with scene.elsewhere() as other:
                    other.execute(
                        "UPDATE lead_delivery SET state = 'failed' FROM lead"
                        " WHERE lead.id = lead_id AND external_id = %s",
                        taken,
                    )
                return trial

        delivery = scene.new_delivery(breaker=Overtaken(scene.database))
        (message,) = wake(scene, taken)
        delivery.deliver_batch([queued(message)], worker="w")
        scene.deliver(*wake(scene, free))

        assert scene.delivery_row(free)["state"] == "delivered"

    def test_a_dealership_on_hold_tries_only_when_no_other_can(self, scene: Scene) -> None:
        held, sound = scene.add_dealership(), scene.add_dealership()
        break_it(scene, sound)
        (waiting,) = new_leads(scene, held, 1)
        (other,) = new_leads(scene, sound, 1)
        scene.execute(
            "UPDATE dealership_easycars_credentials SET hold_reason = 'Refused.',"
            " hold_until = now() WHERE dealership_id = %s",
            held,
        )
        let_pass(scene.database, 60)
        scene.sink.will(no_connection())

        scene.deliver(*wake(scene, waiting, other))
        assert [len(scene.attempts(lead)) for lead in (waiting, other)] == [0, 1]

        let_pass(scene.database, 60)
        scene.deliver(*wake(scene, waiting))
        assert scene.delivery_row(waiting)["state"] == "delivered"
        assert not is_open(scene)

    def test_a_dealership_on_hold_has_its_own_one_trial_too(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership)
        (lead,) = new_leads(scene, dealership, 1)
        let_pass(scene.database, 60)
        body = wake(scene, lead)

        class HeldElsewhere(PostgresBreaker):
            def take_trial(self, environment: str) -> UUID | None:
                with scene.elsewhere() as other:
                    assert other.ledger.take_trial(dealership)
                return super().take_trial(environment)

        scene.execute(
            "UPDATE dealership_easycars_credentials SET hold_reason = 'Refused.',"
            " hold_until = now()"
        )
        calls = len(scene.sink.sent)
        delivery = scene.new_delivery(breaker=HeldElsewhere(scene.database))
        delivery.deliver_batch([queued(body[0])], worker="w")
        assert len(scene.sink.sent) == calls
        assert PostgresBreaker(scene.database).take_trial(Environment.TEST) is not None

    def test_a_dead_worker_s_trial_is_another_s_after_150_s(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership)
        (lead,) = new_leads(scene, dealership, 1)
        let_pass(scene.database, 60)
        assert PostgresBreaker(scene.database).take_trial(Environment.TEST) is not None
        calls = len(scene.sink.sent)

        let_pass(scene.database, 149)
        scene.deliver(*wake(scene, lead))
        assert len(scene.sink.sent) == calls
        let_pass(scene.database, 2)
        scene.deliver(*wake(scene, lead))

        assert scene.delivery_row(lead)["state"] == "delivered"

    def test_a_defect_during_a_trial_leaves_it_to_the_next(self, scene: Scene) -> None:
        dealership = scene.add_dealership()
        break_it(scene, dealership)
        (lead,) = new_leads(scene, dealership, 1)
        let_pass(scene.database, 60)

        def trip(step: Step) -> None:
            if step is Step.CLAIMED:
                raise ZeroDivisionError

        delivery = scene.new_delivery(on_step=trip)
        with pytest.raises(ZeroDivisionError):
            delivery.deliver_batch([queued(wake(scene, lead)[0])], worker="w")

        assert PostgresBreaker(scene.database).take_trial(Environment.TEST) is not None


class TestLateOutcomes:
    def test_failures_of_calls_from_before_it_closed_do_not_open_it_again(
        self, scene: Scene
    ) -> None:
        dealership = scene.add_dealership()

        def closed_meanwhile(_: Push) -> Receipt:
            with scene.elsewhere() as other:
                breaker = PostgresBreaker(other.database)
                breaker.observe(Environment.TEST, [_down(other, dealership)] * 5, trial=None)
                let_pass(other.database, 60)
                trial = breaker.take_trial(Environment.TEST)
                assert (
                    breaker.observe(Environment.TEST, [_alive(dealership)], trial=trial)
                    is Turn.CLOSED
                )
            raise timed_out()

        scene.sink.will(closed_meanwhile)
        scene.deliver(lead_body(dealership))
        late = scene.one("SELECT failures_in_a_row AS failures FROM circuit_breaker")
        assert late["failures"] == 0

        break_it(scene, dealership, 1)
        fresh = scene.one("SELECT failures_in_a_row AS failures FROM circuit_breaker")
        assert fresh["failures"] == 1

    def test_answers_to_calls_from_before_it_opened_do_not_close_it(self, scene: Scene) -> None:
        dealership = scene.add_dealership()

        def opened_meanwhile(push: Push) -> Receipt:
            with scene.elsewhere() as other:
                PostgresBreaker(other.database).observe(
                    Environment.TEST, [_down(other, dealership)] * 5, trial=None
                )
            return scene.sink.receipt(push)

        scene.sink.will(opened_meanwhile)
        scene.deliver(lead_body(dealership, LEAD))

        assert scene.delivery_row(LEAD)["state"] == "delivered"
        assert is_open(scene)


class TestCost:
    def test_while_all_goes_well_nothing_is_asked_of_the_breaker(self, scene: Scene) -> None:
        class Untouchable:
            def take_trial(self, environment: str) -> UUID | None:
                raise AssertionError(environment)

            def free_trial(self, environment: str, trial: UUID) -> None:
                raise AssertionError(environment, trial)

            def observe(
                self,
                environment: str,
                observations: Sequence[Observation],
                *,
                trial: UUID | None,
            ) -> Turn:
                raise AssertionError(environment, observations, trial)

        dealership = scene.add_dealership()
        delivery = scene.new_delivery(breaker=Untouchable())
        scene.sink.will(refused(), RetryableError(code="HTTP_429", detail="-", target="E"))
        bodies = [lead_body(dealership) for _ in range(5)]

        delivery.deliver_batch([queued(b, str(n)) for n, b in enumerate(bodies)], worker="w")

        states = scene.rows("SELECT state, count(*) FROM lead_delivery GROUP BY 1 ORDER BY 1")
        assert [(row["state"], row["count"]) for row in states] == [
            ("delivered", 3),
            ("failed", 1),
            ("pending", 1),
        ]

    def test_a_breaker_that_cannot_be_told_costs_no_outcome(self, scene: Scene) -> None:
        class Away(PostgresBreaker):
            def observe(
                self,
                environment: str,
                observations: Sequence[Observation],
                *,
                trial: UUID | None,
            ) -> Turn:
                raise RetryableError(code="DATABASE_AWAY", detail="Away.", target="PostgreSQL")

        dealership = scene.add_dealership()
        delivery = scene.new_delivery(breaker=Away(scene.database))
        scene.sink.will(no_connection())

        assert delivery.deliver_batch([queued(lead_body(dealership, LEAD))], worker="w") == []

        row = scene.delivery_row(LEAD)
        assert (row["state"], row["attempts"]) == ("pending", 1)


def _down(scene: Scene, dealership: int) -> Observation:
    now = scene.one("SELECT clock_timestamp() AS now")["now"]
    return Observation(evidence=Evidence.DOWN, dealership_id=dealership, begun_at=now)


def _alive(dealership: int) -> Observation:
    return Observation(evidence=Evidence.ALIVE, dealership_id=dealership, begun_at=None)
