"""What the stock sync needs of the world; adapters in easycars, storage and aws provide it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol
from uuid import UUID

import msgspec

from forecourt.errors import SkippableError
from forecourt.images.ports import ImageRequest
from forecourt.security.credentials import EasyCarsCredentials
from forecourt.stock.renumbering import VinHolder
from forecourt.stock.run import Closing, Counts, SyncResult, SyncRun


class StockFeed(Protocol):
    """One complete answer of the vendor, its items sliced out of the body but not parsed."""

    @property
    def items(self) -> Sequence[msgspec.Raw]:
        """One JSON object per vehicle, each a view into the body."""
        ...

    @property
    def warning(self) -> str | None:
        """The vendor's words where it answered Code 5, redacted."""
        ...

    @property
    def body_bytes(self) -> int:
        """Size of the body."""
        ...


class StockSource(Protocol):
    """Where a dealership's stock comes from."""

    def fetch_stock(
        self, credentials: EasyCarsCredentials, *, deadline: float | None = None
    ) -> StockFeed:
        """Return the whole feed; ``deadline`` is in seconds of ``time.monotonic()``.

        Raises
        ------
        RetryableError, PermanentError
            The vendor is away, or refuses.
        """
        ...


class CredentialSource(Protocol):
    """Where a dealership's credentials come from."""

    def load(self, dealership_id: int) -> EasyCarsCredentials | None:
        """Return the active credentials, or None where there are none."""
        ...

    def mark_synced(self, credential_id: int) -> None:
        """Note that a sync with these credentials has just reached its end."""
        ...


class VehicleDraft(Protocol):
    """What the mapping made of one item: attributes named as the ``vehicle`` columns, and more."""

    @property
    def easycars_stock_number(self) -> str:
        """The match key."""
        ...

    @property
    def easycars_raw_data(self) -> str:
        """The item as JSON text that jsonb can hold."""
        ...

    @property
    def easycars_vin(self) -> str | None:
        """In capitals, None where the item has none that fits."""
        ...

    @property
    def features(self) -> Sequence[str]:
        """What the vehicle has, in the vendor's order."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """One sentence per value that was cut, replaced or dropped."""
        ...


class StockMapping(Protocol):
    """The rules that make a vehicle of a feed item."""

    @property
    def version(self) -> int:
        """Raised whenever the rules change, so that every vehicle is written again."""
        ...

    def stock_number_of(self, raw: msgspec.Raw) -> str:
        """Return an item's stock number without parsing the rest of it.

        Raises
        ------
        SkippableError
            It has none.
        """
        ...

    def draft(self, raw: msgspec.Raw) -> VehicleDraft:
        """Parse and map one item.

        Raises
        ------
        SkippableError
            It cannot be a vehicle.
        """
        ...


class KnownVehicle(NamedTuple):
    """What the database says of one stock number before a run writes.

    ``content_hash`` is None where the vehicle has to be written whatever the feed says: it was
    never hashed, was removed, or came from another yard, account or environment, which is when
    ``in_scope`` is false. ``removed`` says that an earlier feed no longer held it. ``pictures_due``
    also stands where pictures of another vehicle of the dealership are to be deleted.
    """

    content_hash: bytes | None
    from_easycars: bool
    created_by_job: bool
    written_by_job: bool
    in_scope: bool = True
    removed: bool = False
    removed_by_job: bool = False
    pictures_due: bool = False


@dataclass(frozen=True, slots=True)
class VehicleWrite:
    """One changed vehicle, ready to be stored; ``position`` counts from 1 in the feed."""

    position: int
    stock_number: str
    content_hash: bytes
    draft: VehicleDraft


class WriteOutcome(Enum):
    """What the database did with one write."""

    CREATED = "created"
    UPDATED = "updated"
    KEPT = "kept"
    """Nothing: since the comparison, somebody stored the same or made the vehicle their own."""


class ImageQueue(Protocol):
    """Where vehicles wait for their pictures."""

    def send(self, requests: Sequence[ImageRequest]) -> int:
        """Queue them; say how many the queue took. The rest is due again in the next run."""
        ...


class StockStore(Protocol):
    """The log row that is the lock, and the vehicles it protects."""

    def open_run(self, job_id: UUID, dealership_id: int) -> SyncRun | SyncResult:
        """Take the dealership's lock, or return how this job's run already ended.

        Raises
        ------
        PermanentError
            ``ALREADY_RUNNING``: another job holds the lock; ``UNKNOWN_DEALERSHIP``.
        """
        ...

    def known_vehicles(self, run: SyncRun, source_scope: str) -> dict[str, KnownVehicle]:
        """Return every vehicle of the dealership that has a stock number, by that number."""
        ...

    def write_vehicles(
        self,
        run: SyncRun,
        source_scope: str,
        chunk: Iterable[VehicleWrite],
        progress: Counts,
    ) -> list[tuple[VehicleWrite, WriteOutcome | SkippableError]]:
        """Store a chunk in one transaction, renew the lease, and tell each vehicle's fate.

        Takes the chunk piece by piece, so what yields it works while the database stores.

        Raises
        ------
        PermanentError
            ``LEASE_LOST``: another run holds the row now; nothing of the chunk was stored.
        """
        ...

    def vin_holders(self, run: SyncRun, missing: Collection[str]) -> Sequence[VinHolder]:
        """Return the dealership's vehicles with a VIN that are entered by hand or ``missing``."""
        ...

    def renumber_vehicles(
        self, run: SyncRun, numbers: Mapping[str, str], progress: Counts
    ) -> Collection[str]:
        """Give vehicles their new stock numbers, by the old; returns the old of those renumbered.

        Raises
        ------
        PermanentError
            ``LEASE_LOST``: another run holds the row now; nothing was changed.
        """
        ...

    def remove_vehicles(self, run: SyncRun, stock_numbers: Sequence[str], progress: Counts) -> int:
        """Mark vehicles sold because the feed no longer holds them; say how many were.

        Raises
        ------
        PermanentError
            ``LEASE_LOST``: another run holds the row now; nothing was changed.
        """
        ...

    def proposed_removals(self, run: SyncRun, log_id: int) -> Collection[str]:
        """Return the stock numbers an earlier run of the dealership proposed to remove."""
        ...

    def due_images(self, run: SyncRun) -> Sequence[ImageRequest]:
        """Return the vehicles whose pictures are due; none while image sync is switched off."""
        ...

    def last_received(self, run: SyncRun) -> int:
        """Return how many items the dealership's last finished run received, 0 for none."""
        ...

    def close_run(self, run: SyncRun, closing: Closing) -> bool:
        """End the run if it still holds its row; say whether it did."""
        ...
