"""The breakers as one worker sees them: whether it has the trial, and what its calls tell."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from forecourt.errors import RetryableError
from forecourt.leads.breaker import (
    CircuitBreaker,
    Evidence,
    Observation,
    Turn,
    evidence_of,
    spare_trial,
)
from forecourt.leads.ledger import Recorded, Report
from forecourt.leads.outcome import Outcome
from forecourt.logs import get_logger
from forecourt.security.credentials import Environment

if TYPE_CHECKING:
    from uuid import UUID

_log = get_logger("lead_delivery")


class BreakerWatch:
    """Keeps the tokens of this worker's trials between asking for them and their outcome.

    With a trial the gate lets one delivery of an environment through, so the one report about
    that environment in the batch is the trial's.
    """

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._trials: dict[str, UUID] = {}

    def take_trial(self, environment: str) -> bool:
        """Win the one trial of a breaker whose time is up."""
        trial = self._breaker.take_trial(environment)
        if trial is not None:
            self._trials[environment] = trial
        return trial is not None

    def is_trial(self, environment: str) -> bool:
        """Tell whether what is sent there now is the trial this worker has won."""
        return environment in self._trials

    def tell(
        self, environment: str, observations: Sequence[Observation], *, is_counting: bool
    ) -> Turn | None:
        """Tell a breaker what was observed, where that can matter; None where it was not told.

        ``is_counting`` says that it is open or has failures on record.
        """
        trial = self._trials.get(environment)
        if trial is None and not _is_worth_telling(observations, is_counting=is_counting):
            return None
        turn = None
        try:
            turn = self._breaker.observe(environment, observations, trial=trial)
        except RetryableError as error:  # a trial frees itself, and others will count
            _log.error("The circuit breaker could not be told", code=error.code)
        self._trials.pop(environment, None)
        return turn

    def spare(self, report: Report) -> Outcome:
        """Give a report's outcome as it counts: a trial that failed burns no try."""
        if not self.is_trial(report.account.credentials.environment):
            return report.outcome
        return spare_trial(report.outcome, report.claim.operation)

    def observe(
        self, reports: Sequence[Report], recorded: Mapping[int, Recorded]
    ) -> Mapping[Environment, Turn]:
        """Tell the breakers what was recorded; asks nothing of them while all goes well."""
        turns: dict[Environment, Turn] = {}
        environments = {report.account.credentials.environment for report in reports}
        for environment in sorted(environments):
            observations = [
                _observe(report, recorded.get(report.claim.delivery_id))
                for report in reports
                if report.account.credentials.environment is environment
            ]
            is_counting = any(
                row.breaker_counts
                for report in reports
                if report.account.credentials.environment is environment
                and (row := recorded.get(report.claim.delivery_id)) is not None
            )
            turn = self.tell(environment, observations, is_counting=is_counting)
            if turn is not None:
                turns[environment] = turn
        return turns

    def free_trials(self) -> None:
        """Give back the trials nothing came of, e.g. because another worker had the delivery."""
        while self._trials:
            environment, trial = self._trials.popitem()
            try:
                self._breaker.free_trial(environment, trial)
            except RetryableError as error:
                _log.error("The trial frees itself later", code=error.code)


def _observe(report: Report, row: Recorded | None) -> Observation:
    return Observation(
        evidence=evidence_of(report.outcome),
        dealership_id=report.claim.lead.dealership_id,
        begun_at=None if row is None else row.claimed_at,
    )


def _is_worth_telling(observations: Sequence[Observation], *, is_counting: bool) -> bool:
    evidence = {observation.evidence for observation in observations}
    if evidence & {Evidence.DOWN, Evidence.TROUBLED}:
        return True
    return is_counting and Evidence.ALIVE in evidence
