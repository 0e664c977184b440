"""libpq's check of the server's certificate, with a server that does the TLS part for real."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from forecourt.storage.database_settings import trusted_certificates
from forecourt.storage.postgres import open_connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SSL_REQUEST_BYTES = 8


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Write a key and a certificate for 127.0.0.1 that only itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "server.pem", folder / "server.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


@contextmanager
def tls_server(certificate: Path, key: Path, seen: list[bytes]) -> Iterator[int]:
    """Agree to TLS as PostgreSQL does, keep what the client says inside it, then hang up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        plain, _ = listener.accept()
        plain.recv(SSL_REQUEST_BYTES)
        plain.sendall(b"S")
        try:
            with context.wrap_socket(plain, server_side=True) as inside:
                seen.append(inside.recv(1024))
        except (ssl.SSLError, OSError):
            plain.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(timeout=10)
        listener.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path)


def said_inside_tls(certificate: tuple[Path, Path], authorities: str | None) -> list[bytes]:
    seen: list[bytes] = []
    with tls_server(*certificate, seen) as port, pytest.raises(psycopg.OperationalError):
        open_connection(
            host="127.0.0.1",
            port=port,
            name="forecourt",
            username="forecourt",
            password=SecretStr("s3cret"),
            sslmode="verify-full",
            sslrootcert=trusted_certificates(authorities),
        )
    return seen


def test_a_server_vouched_for_by_the_secret_s_authorities_is_spoken_to(
    certificate: tuple[Path, Path],
) -> None:
    seen = said_inside_tls(certificate, certificate[0].read_text())

    assert len(seen) == 1
    assert b"forecourt" in seen[0]


def test_a_server_nobody_vouches_for_hears_nothing(certificate: tuple[Path, Path]) -> None:
    assert said_inside_tls(certificate, None) == []
