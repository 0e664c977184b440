"""Tell whoever listens that leads were accepted: ``lead.accepted``, at least once (design 5.1.2).

What is published names the lead and nothing of its person; a subscriber that wants more reads it
over the admin API.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Protocol
from uuid import UUID

AT_ONCE = 10
"""How many events one request to SNS carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedLead:
    """A lead that is on disk; ``received_at`` is when the website was answered."""

    external_id: UUID
    dealership_id: int
    received_at: datetime


class LeadEvents(Protocol):
    """Where events are published."""

    def publish_accepted(self, leads: Sequence[AcceptedLead]) -> Collection[UUID]:
        """Publish at most ten; gives back the leads that were published."""
        ...


class AnnouncementLog(Protocol):
    """Where is noted which leads were announced."""

    def note_announced(self, external_ids: Collection[UUID]) -> None:
        """Note that leads were announced, so that the sweeper does not do it again.

        Raises
        ------
        RetryableError
            The database is away; they are announced once more.
        """
        ...


def announce(leads: Sequence[AcceptedLead], events: LeadEvents, log: AnnouncementLog) -> int:
    """Publish leads and note each ten; says how many were published.

    The first ten that do not go out whole end it: a topic that is away is not asked again for
    every lead there is.
    """
    count = 0
    for chunk in batched(leads, AT_ONCE, strict=False):
        published = events.publish_accepted(chunk)
        if published:
            log.note_announced(published)
        count += len(published)
        if len(published) < len(chunk):
            break
    return count
