"""Count a run's items, remember what was wrong with them, and judge how the run ended."""

from collections.abc import Mapping, Sequence
from typing import Any

from forecourt.errors import ForecourtError, PermanentError, SkippableError
from forecourt.security.credentials import EasyCarsCredentials
from forecourt.stock.comparison import Comparison
from forecourt.stock.ports import KnownVehicle, StockFeed, WriteOutcome
from forecourt.stock.removal import Removals
from forecourt.stock.run import Closing, Counts, IssueList, ItemIssue, SyncStatus, storable


class RunReport:
    """The tally of one run.

    A run that takes over after a crash counts what its predecessor of the same job wrote as that
    job's: a vehicle created before the crash is ``created``, though it is unchanged by now.
    """

    def __init__(self) -> None:
        self._received = 0
        self._created = 0
        self._updated = 0
        self._unchanged = 0
        self._rejected = IssueList()
        self._warnings = IssueList()
        self._sentences: list[str] = []
        self._empty_after = 0
        self._removed = 0
        self._removals = Removals()
        self._request: dict[str, Any] | None = None
        self._response: dict[str, Any] | None = None
        self._credential_id: int | None = None

    def asked_with(self, credentials: EasyCarsCredentials) -> None:
        """Remember what was asked for, without secrets."""
        self._credential_id = credentials.credential_id
        self._request = {
            "operation": "GetAdvertisementStocks",
            "environment": credentials.environment.value,
            "yardCode": credentials.yard_code,
        }

    def answered(self, feed: StockFeed) -> None:
        """Remember what came: how much, and the vendor's own warning."""
        self._received = len(feed.items)
        self._response = {"items": len(feed.items), "bodyBytes": feed.body_bytes}
        if feed.warning is not None:
            self._sentences.append(f"EasyCars warned: {feed.warning}")

    def nothing_came(self, *, expected: int) -> None:
        """Remember an empty feed; ``expected`` is how many vehicles it held before."""
        self._empty_after = expected
        self._warnings.add(
            ItemIssue(
                position=0,
                stock_number=None,
                code="EMPTY_FEED",
                detail=f"the feed was empty and {expected} vehicles came from it; none was changed",
            )
        )

    def compared(self, comparison: Comparison, known: dict[str, KnownVehicle]) -> None:
        """Count everything the comparison settled without a write."""
        for issue in comparison.rejected:
            self._rejected.add(issue)
        for issue in comparison.dealer_owned:
            self._warnings.add(issue)
        self._unchanged += len(comparison.dealer_owned)
        for stock_number in comparison.unchanged:
            self.written(known[stock_number], WriteOutcome.KEPT)

    def removed(self, count: int, removals: Removals, known: Mapping[str, KnownVehicle]) -> None:
        """Count what left the feed, now or before a crash of this job, and what is proposed."""
        self._removed += count + sum(vehicle.removed_by_job for vehicle in known.values())
        self._removals = removals

    def images_queued(self, queued: int, due: int) -> None:
        """Note how many vehicles wait for pictures, and that some could not be queued."""
        if due:
            self._response = (self._response or {}) | {"imagesQueued": queued}
        if queued < due:
            self._sentences.append(
                f"The pictures of {due - queued} vehicles could not be queued; they are due again"
                " in the next run."
            )

    def renumbered(self, numbers: Mapping[str, str]) -> None:
        """Remember which vehicles were known again by their VIN; numbers new by old."""
        for old, new in numbers.items():
            self._warnings.add(
                ItemIssue(
                    position=0,
                    stock_number=new,
                    code="RENUMBERED",
                    detail=f"the vehicle had stock number {old} and the same VIN",
                )
            )

    def rejected(self, position: int, stock_number: str, error: SkippableError) -> None:
        """Count an item that could not be mapped or stored."""
        self._rejected.add(ItemIssue.of(position, stock_number, error))

    def altered(self, position: int, stock_number: str, sentences: Sequence[str]) -> None:
        """Remember what the mapping had to cut, replace or drop in one item."""
        for sentence in sentences:
            self._warnings.add(
                ItemIssue(
                    position=position,
                    stock_number=stock_number,
                    code="VALUE_ALTERED",
                    detail=sentence,
                )
            )

    def written(self, before: KnownVehicle | None, fate: WriteOutcome) -> None:
        """Count what the database did with one vehicle that was ``before`` so."""
        if fate is WriteOutcome.CREATED or (before is not None and before.created_by_job):
            self._created += 1
        elif fate is WriteOutcome.UPDATED or (before is not None and before.written_by_job):
            self._updated += 1
        else:
            self._unchanged += 1

    @property
    def counts(self) -> Counts:
        """The tally so far."""
        return Counts(
            received=self._received,
            created=self._created,
            updated=self._updated,
            unchanged=self._unchanged,
            failed=self._rejected.total,
            removed=self._removed,
        )

    def finished(self) -> Closing:
        """Judge a run that reached its end.

        Failed items, the vendor's own warning (Code 5), an empty feed where there used to be
        stock and proposed removals make a Warning; remarks on single values do not, or no night
        would be green.

        Raises
        ------
        PermanentError
            ``NO_USABLE_ITEM`` when items came and not one could be used; ``COUNTS_DO_NOT_ADD_UP``
            when an item is unaccounted for, which would be a fault of ours.
        """
        counts = self.counts
        if not counts.add_up:
            detail = f"received {counts.received} items but accounted for others: {counts}"
            raise PermanentError(code="COUNTS_DO_NOT_ADD_UP", detail=detail, target="Forecourt")
        sentences = list(self._sentences)
        if counts.failed:
            first = self._rejected.kept[0]
            named = (
                f"stock number {first.stock_number}" if first.stock_number else "no stock number"
            )
            sentences.append(
                f"{counts.failed} of {counts.received} items could not be used;"
                f" first: item {first.position}, {named}: {first.detail}"
            )
        if counts.received and counts.failed == counts.received:
            raise PermanentError(
                code="NO_USABLE_ITEM", detail=" ".join(sentences), target="EasyCars"
            )
        if self._empty_after:
            sentences.append(
                f"The feed was empty though {self._empty_after} vehicles came from it before;"
                " nothing was changed."
            )
        sentences += _removal_sentences(self._removals)
        return self._closing(
            SyncStatus.WARNING if sentences else SyncStatus.SUCCESS, " ".join(sentences) or None
        )

    def stopped(self, error: ForecourtError) -> Closing:
        """Describe a run that ended by ``error``, with what it had done until then."""
        return self._closing(SyncStatus.FAILED, str(error))

    def _closing(self, status: SyncStatus, error_message: str | None) -> Closing:
        details: dict[str, Any] = {}
        if self._rejected.total:
            details["failed"] = self._rejected.to_json()
        if self._warnings.total:
            details["warnings"] = self._warnings.to_json()
        proposed = self._removals.proposed
        if proposed:
            details["proposedRemovals"] = {
                "total": len(proposed),
                "stockNumbers": [storable(number) for number in proposed],
            }
        return Closing(
            status=status,
            counts=self.counts,
            error_message=None if error_message is None else storable(error_message),
            error_details=details or None,
            request_payload=self._request,
            response_summary=self._response,
            credential_id=self._credential_id,
        )


def _removal_sentences(removals: Removals) -> list[str]:
    cure = "Check the stock in EasyCars, then accept the removals or mend the feed."
    sentences = []
    if removals.held:
        sentences.append(
            f"{len(removals.held)} vehicles are no longer in the feed; they are too many at once"
            f" and stay for now. {cure}"
        )
    if removals.elsewhere:
        sentences.append(
            f"{len(removals.elsewhere)} vehicles came from another yard, account or environment"
            f" and are not in this feed; they stay for now. {cure}"
        )
    return sentences
