"""What a certificate says of itself."""

from datetime import datetime

from cryptography.x509 import load_pem_x509_certificate
from pydantic import SecretStr


def certificate_end(pem: SecretStr) -> datetime:
    """Return when a certificate stops being valid, in UTC.

    Raises
    ------
    ValueError
        The text holds no certificate.
    """
    return load_pem_x509_certificate(pem.get_secret_value().encode()).not_valid_after_utc
