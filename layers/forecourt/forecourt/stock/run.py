"""One dealership's run: the row it holds, what it counted, how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from forecourt.errors import SkippableError

DETAILS_KEPT = 100
"""How many rejected items, and how many warnings, one log row names; the rest are counted."""


class SyncType(StrEnum):
    """What a run brings in (``easycars_sync_logs.sync_type``)."""

    STOCK = "Stock"
    LEAD = "Lead"


class SyncStatus(StrEnum):
    """How a run stands (``easycars_sync_logs.status``)."""

    SUCCESS = "Success"
    WARNING = "Warning"
    FAILED = "Failed"
    IN_PROGRESS = "InProgress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the items of one feed; ``received`` is the sum of the next four.

    An item counts as ``unchanged`` when its vehicle already was as the feed says or is the
    dealer's own entry, and as ``failed`` when it could not be used: unmappable, refused by the
    database, or followed by another item with the same stock number. ``removed`` counts vehicles
    that were in no item.
    """

    received: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    removed: int = 0

    @property
    def add_up(self) -> bool:
        """Whether every received item is accounted for exactly once."""
        return self.received == self.created + self.updated + self.unchanged + self.failed

    def in_words(self) -> str:
        """Say what happened and nothing else: "3 created, 409 unchanged"; a quiet run is news too.

        Examples
        --------
        >>> Counts(received=412, unchanged=412).in_words()
        'nothing new: 412 unchanged'
        """
        changes = ("created", "updated", "removed", "failed")
        said = [f"{count} {name}" for name in changes if (count := getattr(self, name))]
        opening = "" if said else "nothing new: "
        if self.unchanged or not said:
            said.append(f"{self.unchanged} unchanged")
        return opening + ", ".join(said)

    def plus(self, *, updated: bool = False, failed: bool = False) -> "Counts":
        """Count one more received item: failed, else updated, else unchanged."""
        return replace(
            self,
            received=self.received + 1,
            updated=self.updated + (updated and not failed),
            unchanged=self.unchanged + (not updated and not failed),
            failed=self.failed + failed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRun:
    """A log row this process holds, and with it the right to write a dealership's rows.

    Whoever takes the row over writes another ``run_token`` into it; a chunk that finds another
    token than its own rolls back and stops. ``progress`` is what an earlier attempt of the same
    job had counted.
    """

    log_id: int
    job_id: UUID
    dealership_id: int
    run_token: UUID
    started_at: datetime
    progress: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """What ``stock_sync`` answers the state machine for one dealership."""

    dealership_id: int
    status: SyncStatus
    counts: Counts

    def to_payload(self) -> dict[str, Any]:
        """Return the Map item's output, in the state machine's camelCase."""
        return {
            "dealershipId": self.dealership_id,
            "status": self.status.value,
            "received": self.counts.received,
            "created": self.counts.created,
            "updated": self.counts.updated,
            "unchanged": self.counts.unchanged,
            "failed": self.counts.failed,
            "removed": self.counts.removed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemIssue:
    """One line about one feed item; ``position`` counts from 1 in feed order."""

    position: int
    stock_number: str | None
    code: str
    detail: str

    @classmethod
    def of(cls, position: int, stock_number: str | None, error: SkippableError) -> Self:
        """Return the line for an item that raised ``error``."""
        return cls(
            position=position, stock_number=stock_number, code=error.code, detail=error.detail
        )

    def to_json(self) -> dict[str, Any]:
        """Return the line as the log row's ``error_details`` holds it."""
        return {
            "position": self.position,
            "stockNumber": None if self.stock_number is None else storable(self.stock_number),
            "code": self.code,
            "detail": storable(self.detail),
        }


@dataclass(slots=True)
class IssueList:
    """The first :data:`DETAILS_KEPT` issues and how many there were, so a row stays small."""

    kept: list[ItemIssue] = field(default_factory=list)
    total: int = 0

    def add(self, issue: ItemIssue) -> None:
        """Count the issue and keep it while there is room."""
        self.total += 1
        if len(self.kept) < DETAILS_KEPT:
            self.kept.append(issue)

    def to_json(self) -> dict[str, Any]:
        """Return count and lines as the log row's ``error_details`` holds them."""
        return {"total": self.total, "first": [issue.to_json() for issue in self.kept]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Everything written into a log row when its run ends."""

    status: SyncStatus
    counts: Counts
    error_message: str | None = None
    error_details: Mapping[str, Any] | None = None
    request_payload: Mapping[str, Any] | None = None
    response_summary: Mapping[str, Any] | None = None
    credential_id: int | None = None


def storable(text: str) -> str:
    """Return the text without what PostgreSQL cannot hold: U+0000 and halves of characters."""
    return text.replace("\0", "").encode(errors="replace").decode()
