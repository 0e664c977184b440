"""Which vehicles leave the website because the feed no longer holds them (design 5.2).

A feed that is short by mistake looks like a feed of sold cars. So a large gap is not acted on: it
is proposed, and a person accepts it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from forecourt.stock.ports import KnownVehicle

MANY_SHARE = 0.30
MANY_COUNT = 20
"""More than this share and more than this many vehicles gone at once are held …"""

MOST_SHARE = 0.70
MOST_COUNT = 5
"""… and so are more than this share if they are at least this many: half a small yard may sell
in a day, three quarters of it do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removals:
    """What one run removes, and what it only proposes; stock numbers in feed-independent order.

    Parameters
    ----------
    now
        To be marked sold in this run.
    held
        Missing from the feed, but too many at once.
    elsewhere
        Came from another yard, account or environment than this feed and are not in it.
    """

    now: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @property
    def proposed(self) -> list[str]:
        """What waits for a person."""
        return sorted(self.held + self.elsewhere)


def plan_removals(
    known: Mapping[str, KnownVehicle],
    seen: Collection[str],
    *,
    accepted: Collection[str] = frozenset(),
) -> Removals:
    """Decide about the vehicles of a dealership that a complete feed does not hold.

    Parameters
    ----------
    known
        The dealership's vehicles by stock number, before the run wrote any.
    seen
        Every stock number in the feed, also of items that could not be used.
    accepted
        Proposed by an earlier run and accepted by a person: those go whatever their number.

    Examples
    --------
    >>> car = KnownVehicle(b"", True, created_by_job=False, written_by_job=False)
    >>> plan_removals({"1": car, "2": car}, {"2"}).now
    ['1']
    """
    present = standing(known)
    missing = sorted(present.keys() - seen)
    agreed = [number for number in missing if number in accepted]
    open_ = [number for number in missing if number not in accepted]
    gone = [number for number in open_ if present[number].in_scope]
    elsewhere = [number for number in open_ if not present[number].in_scope]
    in_scope = sum(vehicle.in_scope for vehicle in present.values())
    if _too_many(len(gone), in_scope):
        return Removals(now=agreed, held=gone, elsewhere=elsewhere)
    return Removals(now=agreed + gone, elsewhere=elsewhere)


def standing(known: Mapping[str, KnownVehicle]) -> dict[str, KnownVehicle]:
    """Return the vehicles that a feed brought and none has dropped yet."""
    return {
        number: vehicle
        for number, vehicle in known.items()
        if vehicle.from_easycars and not vehicle.removed
    }


def _too_many(gone: int, in_all: int) -> bool:
    if gone > MANY_COUNT and gone > MANY_SHARE * in_all:
        return True
    return gone >= MOST_COUNT and gone > MOST_SHARE * in_all
