"""What people are told after a run, and what they are spared.

An alert that repeats itself is soon read by nobody. So a dealership that fails is named when it
begins to fail and then once a day (UTC), and is only counted in between; a run that brings nothing
new sends nothing. The third failure in a row is told once more, apart. A run that was refused
because another one was at work is no failure of the dealership.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from forecourt.stock.job_end import DealershipEnd, JobSummary
from forecourt.stock.run import SyncType

NAMED_IN_ALERT = 200
"""How many dealerships one alert names; an SNS message ends at 256 KB."""

IN_A_ROW = 3
"""So many failures in a row are told apart."""

_LINE_LENGTH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message; ``subject`` has at most 100 characters."""

    subject: str
    text: str


@dataclass(slots=True)
class _Letter:
    """Paragraphs under headings, which name so many dealerships in all and count the rest."""

    parts: list[str]
    room: int = field(default=NAMED_IN_ALERT)

    def name(
        self,
        heading: str,
        ends: Sequence[DealershipEnd],
        what: Callable[[DealershipEnd], str | None],
    ) -> None:
        """Add a heading and a line for each dealership, if there are any."""
        if not ends:
            return
        shown = ends[: self.room]
        self.room -= len(shown)
        lines = [heading, *(_line(end, what(end)) for end in shown)]
        if len(ends) > len(shown):
            lines.append(f"… and {len(ends) - len(shown)} more.")
        self.parts.append("\n".join(lines))

    def to_text(self) -> str:
        """Return the whole text."""
        return "\n\n".join(self.parts)


def alerts_of(
    summary: JobSummary, sync_type: SyncType, ends: Sequence[DealershipEnd]
) -> list[Alert]:
    """Return the messages a run is worth, often none."""
    news = _news(summary, sync_type, ends)
    third = [end for end in ends if _is_failure(end) and end.failures_before == IN_A_ROW - 1]
    alerts = [] if news is None else [news]
    if third:
        subject = (
            f"Forecourt: {sync_type.value} sync has failed {IN_A_ROW} times in a row for"
            f" {_dealerships(len(third))}"
        )
        letter = _Letter([f"{subject}.\nJob {summary.job_id}."])
        letter.name("Somebody has to look at:", third, _reason)
        alerts.append(Alert(subject=subject, text=letter.to_text()))
    return alerts


def _news(summary: JobSummary, sync_type: SyncType, ends: Sequence[DealershipEnd]) -> Alert | None:
    failed = [end for end in ends if _is_failure(end)]
    new = [end for end in failed if not end.failures_before]
    old = [end for end in failed if end.failures_before]
    due = [end for end in old if not end.failed_today]
    recovered = [end for end in ends if end.succeeded and end.failures_before]
    held = [end for end in ends if end.removals_held and not end.held_today]
    if not (new or due or recovered or held):
        return None
    kind = sync_type.value
    if failed:
        subject = (
            f"Forecourt: {kind} sync failed for {len(failed)} of"
            f" {_dealerships(summary.planned)} ({len(new)} new)"
        )
    elif recovered:
        subject = f"Forecourt: {kind} sync works again for {_dealerships(len(recovered))}"
    else:
        subject = f"Forecourt: {kind} sync held back removals of {_dealerships(len(held))}"
    letter = _Letter([f"{subject}.\nJob {summary.job_id}."])
    letter.name("Failed, and had not before:", new, _reason)
    letter.name("Still failing:", due, _reason)
    spared = len(old) - len(due)
    if spared:
        letter.parts.append(
            f"{_dealerships(spared)} that failed before failed again; an alert of today (UTC)"
            " names them."
        )
    letter.name("Works again:", recovered, lambda end: f"had failed: {end.reason_before}")
    letter.name("Removals held back until a person agrees:", held, _removals)
    if failed:
        command = "stock" if sync_type is SyncType.STOCK else "leads"
        letter.parts.append(
            f"Once mended, repeat them: forecourt sync {command} --failed-of {summary.job_id}"
        )
    return Alert(subject=subject, text=letter.to_text())


def _is_failure(end: DealershipEnd) -> bool:
    return not end.succeeded and not end.was_refused


def _reason(end: DealershipEnd) -> str:
    return end.reason or "no reason"


def _removals(end: DealershipEnd) -> str:
    return (
        f"{end.removals_held} vehicles; check the stock in EasyCars, then forecourt sync stock"
        f" --dealership {end.dealership_id} --accept-removals"
    )


def _line(end: DealershipEnd, what: str | None) -> str:
    line = f"- {end.name or 'unknown'} (id {end.dealership_id}): {what}"
    return " ".join(line.split())[:_LINE_LENGTH]


def _dealerships(count: int) -> str:
    return f"{count} dealership" if count == 1 else f"{count} dealerships"
