"""What a certificate says of itself."""

from datetime import datetime

from cryptography.x509 import load_pem_x509_certificate
from pydantic import SecretStr

SHORTEST_RSA_KEY = 2048
"""Bits; one much shorter cannot make the signature a token is asked for with."""


def certificate_end(pem: SecretStr) -> datetime:
    """Return when a certificate stops being valid, in UTC.

    Raises
    ------
    ValueError
        The text holds no certificate.
    """
    return load_pem_x509_certificate(pem.get_secret_value().encode()).not_valid_after_utc
