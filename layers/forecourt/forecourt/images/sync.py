"""Make one vehicle's pictures what its feed item names (design 5.2)."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from forecourt.errors import RetryableError, SkippableError
from forecourt.images.formats import PictureFormat, format_of
from forecourt.images.ports import (
    Galleries,
    Gallery,
    ImageCounts,
    ImageRequest,
    ImageSource,
    ImageStore,
    Outcome,
    Picture,
    PictureState,
)
from forecourt.logs import get_logger

MOST_TRIES = 9
"""Failed fetches of one address, over several nights, before it is given up."""

_SECONDS_FOR_ONE = 60.0
"""With less time left no further fetch begins: a picture may take 30 s to come and 25 s to keep."""

_log = get_logger("image_sync")


def gallery_digest(urls: Sequence[str]) -> str:
    """Return what tells one list of addresses from another: order counts."""
    return hashlib.sha256("\n".join(urls).encode(errors="replace")).hexdigest()


class ImageSync:
    """Fetches, keeps and shows pictures, a vehicle at a time."""

    def __init__(
        self,
        *,
        source: ImageSource,
        store: ImageStore,
        galleries: Galleries,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._store = store
        self._galleries = galleries
        self._clock = clock

    def run(self, request: ImageRequest, *, seconds_left: float) -> bool:
        """Bring one vehicle's pictures up to date; say whether nothing is left to do.

        An address that is stored or was refused is not fetched again. While one fails for a
        passing reason the website keeps the old pictures, or shows what there is if it had none;
        so one broken address takes no other picture with it.

        Raises
        ------
        RetryableError
            The database or the store is away.
        """
        gallery = self._galleries.load(request)
        if gallery is None:
            return True
        until = self._clock() + seconds_left
        done: dict[str, Picture] = {}
        counts: Counter[str] = Counter()
        for position, url in _by_turns(gallery):
            picture = gallery.pictures.get(url)
            if picture is None or picture.state is PictureState.PENDING:
                if self._clock() + _SECONDS_FOR_ONE > until:
                    break
                outcome, what = self._fetch(request, url, picture.tries if picture else 0)
                counts[what] += 1
                self._galleries.record(request, url, position, outcome)
                picture = Picture(state=outcome.state, tries=outcome.tries, stored=outcome.stored)
            done[url] = picture
        complete = self._show(request, gallery, done)
        if complete:
            for key in self._galleries.orphans(request, gallery.urls):
                self._store.remove(key)
        self._galleries.count(request, ImageCounts(**counts))
        return complete

    def _fetch(self, request: ImageRequest, url: str, tries: int) -> tuple[Outcome, str]:
        try:
            body = self._source.fetch(url)
            kind = _known_format(body)
        except SkippableError as error:
            return self._refuse(request, error, tries), "refused"
        except RetryableError as error:
            if tries + 1 >= MOST_TRIES:
                return self._refuse(request, error, tries + 1), "refused"
            _log.warning("Picture could not be fetched", **_facts(request), code=error.code)
            return Outcome(state=PictureState.PENDING, tries=tries + 1, code=error.code), "failed"
        content_hash = hashlib.sha256(body).digest()
        stored = self._galleries.stored_content(request, content_hash)
        what = "fetched" if stored is None else "reused"
        if stored is None:
            try:
                stored = self._store.put(request, content_hash, kind, body)
            except SkippableError as error:
                return self._refuse(request, error, tries), "refused"
        outcome = Outcome(
            state=PictureState.STORED,
            tries=tries,
            stored=stored,
            content_hash=content_hash,
            media_type=kind.media_type,
            size_bytes=len(body),
        )
        return outcome, what

    def _refuse(
        self, request: ImageRequest, error: SkippableError | RetryableError, tries: int
    ) -> Outcome:
        _log.warning("Picture refused", **_facts(request), code=error.code, detail=error.detail)
        return Outcome(state=PictureState.REFUSED, tries=tries, code=error.code)

    def _show(self, request: ImageRequest, gallery: Gallery, done: dict[str, Picture]) -> bool:
        ready = [done[url].stored for url in gallery.urls if url in done]
        urls = [stored.url for stored in ready if stored is not None]
        complete = len(done) == len(gallery.urls) and not any(
            picture.state is PictureState.PENDING for picture in done.values()
        )
        if complete and (urls or not gallery.urls):
            shown: list[str] | None = urls
        else:  # what there is beats nothing, and the old pictures beat a part of the new ones
            shown = urls if urls and not gallery.shown else None
        self._galleries.show(request, gallery.wanted, shown, complete=complete)
        return complete


def _by_turns(gallery: Gallery) -> list[tuple[int, str]]:
    """Return positions and addresses, those that failed before last.

    So however many are slow to fail, the others do not wait for them to be given up.
    """

    def tries(entry: tuple[int, str]) -> int:
        picture = gallery.pictures.get(entry[1])
        return picture.tries if picture and picture.state is PictureState.PENDING else 0

    return sorted(enumerate(gallery.urls, start=1), key=tries)


def _known_format(body: bytes) -> PictureFormat:
    kind = format_of(body)
    if kind is None:
        detail = "the file is no JPEG, PNG, GIF or WebP"
        raise SkippableError(code="NOT_A_PICTURE", detail=detail, target="EasyCars")
    return kind


def _facts(request: ImageRequest) -> dict[str, Any]:
    return {"dealership_id": request.dealership_id, "vehicle_id": request.vehicle_id}
