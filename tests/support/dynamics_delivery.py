"""What deliveries to Dynamics need to be tried: connections, and a Dynamics that can be told."""

from typing import Any

from tests.support.lead_delivery import Scene

ORGANISATION = "https://bayside.crm6.dynamics.com"


def connect_dynamics(
    scene: Scene, dealership_id: int, *, active: bool = True, url: str = ORGANISATION
) -> int:
    """Give a dealership a connection whose secrets nobody opens."""
    row = scene.one(
        "INSERT INTO dynamics_connection (dealership_id, base_url, tenant_id, client_id,"
        " client_secret_encrypted, encryption_iv, data_key_encrypted, is_active, budget_scope)"
        " VALUES (%s, %s, 'tenant', 'client', 'sealed', 'iv', 'key', %s, %s) RETURNING id",
        dealership_id,
        url,
        active,
        f"scope of {url}",
    )
    connection_id: int = row["id"]
    return connection_id


def dynamics_row(scene: Scene, lead: str) -> dict[str, Any]:
    """Return a lead's delivery to Dynamics, its times in seconds from now."""
    return scene.one(
        "SELECT d.*, extract(epoch FROM d.next_attempt_at - now())::float8 AS due_in,"
        " extract(epoch FROM d.lease_until - now())::float8 AS lease_left,"
        " extract(epoch FROM d.woken_until - now())::float8 AS woken_for"
        " FROM lead_delivery d JOIN lead l ON l.id = d.lead_id"
        " WHERE l.external_id = %s AND d.target = 'Dynamics'",
        lead,
    )
