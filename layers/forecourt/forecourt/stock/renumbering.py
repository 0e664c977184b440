"""Know a vehicle again that got another stock number, by its VIN (reference 3.3).

The stock number is the key. The VIN is looked at only for numbers the database has not seen, only
among vehicles of the same dealership, and only where it leaves no doubt: one new item has it, and
one vehicle that is missing from the feed. That one keeps its locks, pictures and leads under its
new number. A vehicle that left the feed on an earlier night is another listing and stays sold.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class VinHolder(NamedTuple):
    """A vehicle of the dealership whose VIN a new item may have; ``vin`` in capitals."""

    vin: str
    stock_number: str | None
    from_easycars: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAgain:
    """What the VINs of new items tell.

    Parameters
    ----------
    renumbered
        New stock number by the one the vehicle has had.
    dealer_owned
        New stock numbers whose VIN a vehicle entered by hand has: that one is left as it is.
    """

    renumbered: Mapping[str, str] = field(default_factory=dict)
    dealer_owned: Collection[str] = frozenset()


def know_again(holders: Iterable[VinHolder], vins: Mapping[str, str]) -> KnownAgain:
    """Match new items with vehicles by VIN.

    Parameters
    ----------
    holders
        The dealership's vehicles that were entered by hand or are missing from the feed.
    vins
        VIN by new stock number, for the new items that have one.

    Examples
    --------
    >>> know_again([VinHolder("V1", "12", True)], {"99": "V1"}).renumbered
    {'12': '99'}
    """
    by_vin: dict[str, list[VinHolder]] = {}
    for holder in holders:
        by_vin.setdefault(holder.vin, []).append(holder)
    doubled = {vin for vin, count in Counter(vins.values()).items() if count > 1}
    renumbered: dict[str, str] = {}
    dealer_owned: set[str] = set()
    for new, vin in vins.items():
        found = by_vin.get(vin, [])
        if any(not holder.from_easycars for holder in found):
            dealer_owned.add(new)
        elif len(found) == 1 and vin not in doubled and found[0].stock_number is not None:
            renumbered[found[0].stock_number] = new
    return KnownAgain(renumbered=renumbered, dealer_owned=dealer_owned)
