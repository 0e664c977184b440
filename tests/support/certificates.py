"""Certificates with their private keys, as PEM texts."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

type PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def certificate_pem(
    *,
    key: PrivateKey | None = None,
    shown_key: PrivateKey | None = None,
    password: bytes | None = None,
    end: datetime | None = None,
) -> str:
    """A certificate for `key` with the private key, or with another one that is not its own."""
    own_key = key or rsa_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "planted-certificate")])
    last = end or datetime.now(UTC) + timedelta(days=365)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own_key.public_key())
        .serial_number(1)
        .not_valid_before(last - timedelta(days=730))
        .not_valid_after(last)
        .sign(own_key, hashes.SHA256())
    )
    encryption = (
        serialization.NoEncryption()
        if password is None
        else serialization.BestAvailableEncryption(password)
    )
    private = (shown_key or own_key).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode() + private.decode()
