"""A connection's secret or certificate as msal takes it (Dataverse reference, 1.1)."""

import re

from forecourt.dynamics.addresses import invalid_connection
from forecourt.security.dynamics_connections import DynamicsConnection

_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)


def credential_of(connection: DynamicsConnection) -> str | dict[str, str]:
    """Return the secret, or the parts of the certificate's PEM.

    Raises
    ------
    AuthenticationError
        ``CONNECTION_INVALID``: there is none, or the certificate cannot sign.
    """
    if connection.client_secret is not None:
        return connection.client_secret.get_secret_value()
    pem = "" if connection.certificate is None else connection.certificate.get_secret_value()
    private_key, certificates = _blocks_of(pem)
    problem = _why_it_cannot_sign(private_key, certificates)
    if problem is not None:
        raise invalid_connection(problem)
    return {"private_key": private_key, "public_certificate": certificates}


def _blocks_of(pem: str) -> tuple[str, str]:
    blocks = [(match.group(1), match.group()) for match in _PEM_BLOCK.finditer(pem)]
    keys = [block for name, block in blocks if name.endswith("PRIVATE KEY")]
    certificates = [block for name, block in blocks if name == "CERTIFICATE"]
    if len(keys) != 1 or not certificates:
        problem = "there must be a client secret, or a PEM with one private key and its certificate"
        raise invalid_connection(problem)
    return keys[0], "\n".join(certificates)


def _why_it_cannot_sign(private_key: str, certificates: str) -> str | None:
    from cryptography.exceptions import (  # noqa: PLC0415 - for those with a certificate only
        UnsupportedAlgorithm,
    )
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    from forecourt.security.certificates import SHORTEST_RSA_KEY  # noqa: PLC0415

    try:
        key = load_pem_private_key(private_key.encode(), password=None)
        public_key = load_pem_x509_certificate(certificates.encode()).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "private key or certificate cannot be read, or need a password"
    if not isinstance(key, RSAPrivateKey) or key.key_size < SHORTEST_RSA_KEY:
        return f"the certificate's key must be an RSA key of {SHORTEST_RSA_KEY} bits or more"
    if key.public_key() != public_key:
        return "the first certificate in the PEM does not belong to its private key"
    return None
