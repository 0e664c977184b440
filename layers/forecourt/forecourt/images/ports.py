"""What the image sync needs of the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from forecourt.images.formats import PictureFormat


class PictureState(StrEnum):
    """Where one picture stands (``vehicle_image.state``)."""

    PENDING = "pending"
    STORED = "stored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """One vehicle whose pictures are not what its feed item names.

    ``log_id`` is the sync log row that asked, where the counts go.
    """

    dealership_id: int
    vehicle_id: int
    log_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A picture in the store: its key there, and the address a website shows it from."""

    key: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is known of one address of a vehicle; ``tries`` counts fetches that failed."""

    state: PictureState
    tries: int
    stored: Stored | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """A vehicle's pictures as they stand.

    ``wanted`` is the digest of the addresses in ``urls``, in the feed's order; ``shown`` is how
    many pictures the vehicle has on the website now.
    """

    wanted: str
    urls: Sequence[str]
    pictures: Mapping[str, Picture]
    shown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one fetch: stored, refused for good, or to be tried again."""

    state: PictureState
    tries: int
    stored: Stored | None = None
    content_hash: bytes | None = None
    media_type: str | None = None
    size_bytes: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCounts:
    """What one pass over a vehicle did, in pictures."""

    fetched: int = 0
    reused: int = 0
    refused: int = 0
    failed: int = 0


class ImageSource(Protocol):
    """Where pictures come from."""

    def fetch(self, url: str) -> bytes:
        """Return one picture's bytes.

        Raises
        ------
        SkippableError
            There is none to be had: the address may not be asked, there is nothing, it is too
            large or no picture.
        RetryableError
            The server is away.
        """
        ...


class ImageStore(Protocol):
    """Where pictures are kept for websites to show."""

    def put(
        self, request: ImageRequest, content_hash: bytes, kind: PictureFormat, body: bytes
    ) -> Stored:
        """Keep a picture; the same content again is the same picture.

        Raises
        ------
        RetryableError
            The store is away.
        SkippableError
            It does not take this picture.
        """
        ...

    def remove(self, key: str) -> None:
        """Forget a picture; it need not be there. RetryableError when away."""
        ...


class Galleries(Protocol):
    """The vehicles' galleries in the database; each method is one short transaction."""

    def load(self, request: ImageRequest) -> Gallery | None:
        """Return a vehicle's gallery.

        None where the vehicle is gone or a person's own, and while image sync is switched off.
        """
        ...

    def stored_content(self, request: ImageRequest, content_hash: bytes) -> Stored | None:
        """Find the same content among the vehicle's pictures under another address."""
        ...

    def record(self, request: ImageRequest, url: str, position: int, outcome: Outcome) -> None:
        """Note what became of one address; ``position`` counts from 1."""
        ...

    def show(
        self, request: ImageRequest, wanted: str, urls: Sequence[str] | None, *, complete: bool
    ) -> None:
        """Set what the website shows, None to leave it, unless a person locked the pictures.

        ``complete`` says that nothing is left to do for this digest; it is noted only while the
        vehicle still wants it.
        """
        ...

    def orphans(self, request: ImageRequest, urls: Sequence[str]) -> Sequence[str]:
        """Forget addresses the feed dropped a week ago; gives the store's keys nobody needs."""
        ...

    def count(self, request: ImageRequest, counts: ImageCounts) -> None:
        """Add to the counts of the run that asked."""
        ...
