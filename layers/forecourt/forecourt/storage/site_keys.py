"""The tables ``site_key`` and ``dealership_origin``, and the site file made of them."""

from collections.abc import Sequence
from typing import Any

from forecourt.storage.postgres import Connection

_ADD_KEY = "INSERT INTO site_key (dealership_id, key_id, secret_version) VALUES (%s, %s, %s)"

_ACTIVE_KEYS = """
SELECT key_id, rate_per_second, burst FROM site_key
WHERE dealership_id = %s AND revoked_at IS NULL ORDER BY id
"""

_ADD_ORIGIN = """
INSERT INTO dealership_origin (dealership_id, origin) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""

_ORIGINS = "SELECT origin FROM dealership_origin WHERE dealership_id = %s ORDER BY id"


def add_site_key(
    connection: Connection, dealership_id: int, key_id: str, secret_version: int
) -> None:
    """Insert a key with the default rate, 20 a second and bursts of 200."""
    connection.execute(_ADD_KEY, (dealership_id, key_id, secret_version))


def add_origins(connection: Connection, dealership_id: int, origins: Sequence[str]) -> None:
    """Allow more web origins; they come as ``normal_origin`` writes them."""
    for origin in origins:
        connection.execute(_ADD_ORIGIN, (dealership_id, origin))


def site_document(connection: Connection, dealership_id: int) -> dict[str, Any]:
    """Return what ``sites/{dealershipId}.json`` has to say: active keys and allowed origins."""
    keys = connection.execute(_ACTIVE_KEYS, (dealership_id,)).fetchall()
    origins = connection.execute(_ORIGINS, (dealership_id,)).fetchall()
    return {
        "dealershipId": dealership_id,
        "keys": [
            {"keyId": key_id, "ratePerSecond": rate, "burst": burst} for key_id, rate, burst in keys
        ],
        "origins": [origin for (origin,) in origins],
    }
