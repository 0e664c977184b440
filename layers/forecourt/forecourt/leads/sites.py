"""What a dealership's website may do: its active keys, their rates, its web origins.

The admin API writes ``sites/{dealershipId}.json``; intake reads it and needs no database.
"""

import time
from collections.abc import Callable, Mapping
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
        self._known: dict[int, tuple[Site | None, float]] = {}

    def find(self, dealership_id: int) -> Site | None:
        """Return what is known of a dealership's site, None for "the signature alone"."""
        now = self._clock()
        site, good_until = self._known.get(dealership_id, (None, -1.0))
        if now < good_until:
            return site
        try:
            document = self._documents.get(site_path(dealership_id))
            site = None if document is None else Site.from_document(document)
            good_until = now + self._keep_seconds
        except (ForecourtError, KeyError, TypeError, ValueError):
            good_until = now + self._pause_seconds
        if len(self._known) >= self._capacity:
            self._known.pop(next(iter(self._known)))
        self._known[dealership_id] = (site, good_until)
        return site
