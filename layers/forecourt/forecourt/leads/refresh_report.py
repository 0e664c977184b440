"""Count a refresh's leads, remember what was wrong with them, and judge how the run ended."""

from typing import Any

from forecourt.errors import ForecourtError
from forecourt.leads.inbound import InboundLead, Joined
from forecourt.leads.status import StatusVerdict
from forecourt.security.credentials import EasyCarsCredentials
from forecourt.stock.run import DETAILS_KEPT, Closing, Counts, SyncStatus, storable


class RefreshReport:
    """The tally of one run; a lead EasyCars was asked for is received, whatever came of it."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._failed: list[dict[str, Any]] = []
        self._missed = 0
        self._missed_in_a_row = 0
        self._flagged: list[dict[str, Any]] = []
        self._unknown_statuses = 0
        self._new_conflicts = 0
        self._waiting = 0
        self._answered = 0
        self._request: dict[str, Any] | None = None
        self._credential_id: int | None = None

    @property
    def counts(self) -> Counts:
        """The tally of what is settled; a lead missed for now is not."""
        return self._counts

    @property
    def missed_in_a_row(self) -> int:
        """How many leads in a row, up to the last one, could not be read just now."""
        return self._missed_in_a_row

    @property
    def was_answered(self) -> bool:
        """Whether EasyCars said anything of any lead."""
        return self._answered > 0

    def goes_on_from(self, counts: Counts) -> None:
        """Take up what an earlier attempt of the same job had settled."""
        self._counts = counts

    def asks(self, credentials: EasyCarsCredentials, *, waiting: int) -> None:
        """Remember who is asked, without secrets, and how many leads wait to be asked for."""
        self._waiting = waiting
        self._credential_id = credentials.credential_id
        self._request = {
            "operation": "GetLeadDetail",
            "environment": credentials.environment.value,
        }

    def refreshed(
        self, lead_number: str, inbound: InboundLead, stored: tuple[Joined, bool] | None
    ) -> None:
        """Count a lead that was read; ``stored`` is None where a delivery came in between."""
        self._answer_came()
        joined, is_new_conflict = stored or (None, False)
        self._counts = self._counts.plus(updated=joined is not None and joined.updated)
        if joined is not None and joined.status.verdict is StatusVerdict.UNKNOWN:
            self._unknown_statuses += 1
            detail = f"EasyCars says status {inbound.easycars_status}, which has no meaning"
            self._flagged.append(_line(lead_number, "UNKNOWN_STATUS", detail))
        if is_new_conflict:
            self._new_conflicts += 1
            detail = "the status changed on both sides; a person has to decide"
            self._flagged.append(_line(lead_number, "STATUS_CONFLICT", detail))

    def failed(self, lead_number: str, error: ForecourtError) -> None:
        """Count a lead that EasyCars refuses, or that cannot be stored."""
        self._answer_came()
        self._counts = self._counts.plus(failed=True)
        self._failed.append(_line(lead_number, error.code, error.detail))

    def missed(self, lead_number: str, error: ForecourtError) -> None:
        """Note a lead that could not be read just now; it fails only if the run ends well."""
        self._missed += 1
        self._missed_in_a_row += 1
        self._failed.append(_line(lead_number, error.code, error.detail))

    def finished(self) -> Closing:
        """Judge a run that reached its end: failed or flagged leads make it a Warning.

        Leads left for the next run do not: the bound of a run is no fault.
        """
        for _ in range(self._missed):
            self._counts = self._counts.plus(failed=True)
        sentences = []
        if self._counts.failed:
            sentences.append(
                f"{self._counts.failed} of {self._counts.received} leads could not be refreshed."
            )
        if self._unknown_statuses:
            sentences.append(f"{self._unknown_statuses} leads have a status without a meaning.")
        if self._new_conflicts:
            sentences.append(f"{self._new_conflicts} new status conflicts wait for a person.")
        return self._closing(
            SyncStatus.WARNING if sentences else SyncStatus.SUCCESS, " ".join(sentences) or None
        )

    def stopped(self, error: ForecourtError) -> Closing:
        """Describe a run that ended by ``error``, with what it had settled until then."""
        return self._closing(SyncStatus.FAILED, str(error))

    def _closing(self, status: SyncStatus, error_message: str | None) -> Closing:
        details: dict[str, Any] = {}
        if self._failed:
            details["failed"] = {"total": len(self._failed), "first": self._failed[:DETAILS_KEPT]}
        if self._flagged:
            details["warnings"] = {
                "total": len(self._flagged),
                "first": self._flagged[:DETAILS_KEPT],
            }
        asked = self._answered + self._missed
        return Closing(
            status=status,
            counts=self._counts,
            error_message=None if error_message is None else storable(error_message),
            error_details=details or None,
            request_payload=self._request,
            response_summary={"leads": self._answered, "leadsLeft": max(0, self._waiting - asked)},
            credential_id=self._credential_id,
        )

    def _answer_came(self) -> None:
        self._answered += 1
        self._missed_in_a_row = 0


def _line(lead_number: str, code: str, detail: str) -> dict[str, Any]:
    return {"leadNumber": storable(lead_number), "code": code, "detail": storable(detail)}
