"""Which vehicle has which VIN, and another stock number for one that is known again by it."""

from collections.abc import Collection, Mapping

from forecourt.stock.renumbering import VinHolder
from forecourt.storage.postgres import Connection

_HOLDERS = """
SELECT upper(btrim(easycars_vin)), easycars_stock_number, data_source = 'EasyCars'
FROM vehicle
WHERE dealership_id = %(dealership_id)s AND btrim(easycars_vin) <> ''
  AND (data_source <> 'EasyCars'
       OR (removed_from_feed_at IS NULL AND easycars_stock_number = ANY(%(missing)s)))
"""

# A hash of nothing: the vehicle is written under its new number, even if all else is as it was.
_RENUMBER = """
UPDATE vehicle v
SET easycars_stock_number = n.new, content_hash = NULL
FROM unnest(%(old)s::text[], %(new)s::text[]) AS n (old, new)
WHERE v.dealership_id = %(dealership_id)s AND v.easycars_stock_number = n.old
  AND v.data_source = 'EasyCars' AND v.removed_from_feed_at IS NULL
  AND NOT EXISTS (SELECT FROM vehicle o
                  WHERE o.dealership_id = v.dealership_id AND o.easycars_stock_number = n.new)
RETURNING n.old
"""


def vin_holders(
    connection: Connection, dealership_id: int, missing: Collection[str]
) -> list[VinHolder]:
    """Return whose VIN counts: vehicles entered by hand, and the feed's that are ``missing``."""
    names = {"dealership_id": dealership_id, "missing": list(missing)}
    return [VinHolder(*row) for row in connection.execute(_HOLDERS, names)]


def renumber(
    connection: Connection, dealership_id: int, numbers: Mapping[str, str]
) -> frozenset[str]:
    """Give vehicles their new stock numbers, by the old; returns the old of those that got one."""
    names = {
        "dealership_id": dealership_id,
        "old": list(numbers.keys()),
        "new": list(numbers.values()),
    }
    return frozenset(row[0] for row in connection.execute(_RENUMBER, names))
