"""The template parameters a deployment is given, as this machine answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from local.issuer import AUDIENCE

if TYPE_CHECKING:
    from local.backing import DatabaseAddress


def template_parameters(
    *,
    database: DatabaseAddress,
    database_secret_arn: str,
    easycars_url: str,
    dynamics_url: str,
    issuer_url: str,
    pictures_url: str,
) -> dict[str, Any]:
    """Return values for the parameters of ``template.yaml``.

    Parameters
    ----------
    database
        The database in use.
    database_secret_arn
        The secret with its user name and password.
    easycars_url, dynamics_url
        Where the vendors answer; both EasyCars environments share one address.
    issuer_url
        The local sign-in issuer.
    pictures_url
        Where the stack serves vehicles' pictures.
    """
    vendor = urlsplit(easycars_url)
    return {
        "DatabaseHost": database.host,
        "DatabasePort": str(database.port),
        "DatabaseName": database.name,
        "DatabaseSecretArn": database_secret_arn,
        "DatabaseSslMode": database.sslmode,
        "EasyCarsTestUrl": easycars_url,
        "EasyCarsProductionUrl": easycars_url,
        "DynamicsUrl": dynamics_url,
        # The vendor in use serves its own pictures, whatever network it is on.
        "ImageOrigins": f"{vendor.scheme}://{vendor.netloc}",
        "ImageBaseUrl": pictures_url,
        # No CloudFront runs on this machine.
        "Edge": "off",
        # Whoever comes beyond the machine's places waits for one.
        "StockSyncReservedConcurrency": "1000",
        "JwtIssuer": issuer_url,
        "JwtAudience": AUDIENCE,
    }
