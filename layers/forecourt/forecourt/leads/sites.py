"""What a dealership's website may do: its active keys, their rates, its web origins.

The admin API writes ``sites/{dealershipId}.json``; intake reads it and needs no database.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from forecourt.errors import ForecourtError


class Documents(Protocol):
    """A store of JSON documents."""

    def get(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return a document, None where there is none; ForecourtError where nobody can say."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many leads one key may post in one sandbox."""

    per_second: float = 20.0
    burst: float = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One site file. With no origin listed, pages of any origin may post."""

    keys: Mapping[str, Rate]
    origins: frozenset[str]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Site":
        """Read the file's JSON; KeyError, TypeError or ValueError where it is not one."""
        return cls(
            keys={
                str(key["keyId"]): Rate(
                    per_second=float(key["ratePerSecond"]), burst=float(key["burst"])
                )
                for key in document["keys"]
            },
            origins=frozenset(map(str, document["origins"])),
        )

    def allows_origin(self, origin: str) -> bool:
        """Say whether a page of this origin may post."""
        return not self.origins or origin in self.origins


def site_path(dealership_id: int) -> str:
    """Return the key of a dealership's site file."""
    return f"sites/{dealership_id}.json"


def site_document(
    dealership_id: int, keys: Mapping[str, Rate], origins: Iterable[str]
) -> dict[str, Any]:
    """Return what the site file has to say, as :meth:`Site.from_document` reads it.

    Parameters
    ----------
    keys
        Rate by id of an active key.
    origins
        As ``normal_origin`` writes them.
    """
    return {
        "dealershipId": dealership_id,
        "keys": [
            {"keyId": key_id, "ratePerSecond": rate.per_second, "burst": rate.burst}
            for key_id, rate in keys.items()
        ],
        "origins": list(origins),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """What one reading found; ``failed`` where the store did not say, and the copy is older."""

    site: Site | None
    read_at: float
    failed: bool


class SiteDirectory:
    """Site files, each remembered for a minute.

    When the store is away the last copy goes on serving, and it is asked again only after a
    pause, so that a slow store does not slow every lead. Without any copy, or where no file was
    ever written, the key's signature alone decides.

    Parameters
    ----------
    documents
        Where the files lie.
    clock
        Monotonic seconds.
    keep_seconds, pause_seconds
        How long a copy is trusted, and how long a store that failed is left alone.
    capacity
        Most dealerships remembered at once.
    """

    def __init__(
        self,
        documents: Documents,
        *,
        clock: Callable[[], float] = time.monotonic,
        keep_seconds: float = 60.0,
        pause_seconds: float = 10.0,
        capacity: int = 2000,
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._pause_seconds = pause_seconds
        self._capacity = capacity
        self._known: dict[int, _Copy] = {}

    def find(self, dealership_id: int, *, at_most_old: float | None = None) -> Site | None:
        """Return what is known of a dealership's site, None for "the signature alone".

        ``at_most_old`` asks for a copy of at most that many seconds, before somebody is refused
        by what may have changed a moment ago.
        """
        now = self._clock()
        copy = self._known.get(dealership_id)
        keep_seconds = self._keep_seconds if at_most_old is None else at_most_old
        if copy is not None and now - copy.read_at < (
            self._pause_seconds if copy.failed else keep_seconds
        ):
            return copy.site
        try:
            document = self._documents.get(site_path(dealership_id))
            site = None if document is None else Site.from_document(document)
            failed = False
        except (ForecourtError, KeyError, TypeError, ValueError):
            site = None if copy is None else copy.site
            failed = True
        if len(self._known) >= self._capacity:
            self._known.pop(next(iter(self._known)))
        self._known[dealership_id] = _Copy(site=site, read_at=now, failed=failed)
        return site
