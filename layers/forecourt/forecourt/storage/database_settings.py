"""From a function's settings to its database."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import certifi

from forecourt.aws.secrets import SecretStore
from forecourt.storage.postgres import Connection, Database, open_connection


class DatabaseSettings(Protocol):
    """The settings every function with a database has (``DATABASE_*``)."""

    @property
    def database_host(self) -> str: ...  # noqa: D102 - named by its variable
    @property
    def database_port(self) -> int: ...  # noqa: D102
    @property
    def database_name(self) -> str: ...  # noqa: D102
    @property
    def database_secret_arn(self) -> str: ...  # noqa: D102
    @property
    def database_sslmode(self) -> str: ...  # noqa: D102


def database_login(settings: DatabaseSettings) -> Callable[[], Connection]:
    """Make what opens a connection with these settings; nothing is asked before it is called.

    The login is read from Secrets Manager each time, so a rotated password is picked up by the
    sandboxes that run.
    """
    secrets = SecretStore()

    def connect() -> Connection:
        login = secrets.database_login(settings.database_secret_arn)
        return open_connection(
            host=settings.database_host,
            port=settings.database_port,
            name=settings.database_name,
            username=login.username,
            password=login.password,
            sslmode=settings.database_sslmode,
            sslrootcert=trusted_certificates(login.authorities),
        )

    return connect


def trusted_certificates(authorities: str | None) -> str:
    """Return the file of authorities that libpq checks the server's certificate against.

    RDS Proxy shows a certificate of a public authority, which certifi knows. An RDS instance shows
    one of Amazon's own; its bundle stands in the database secret (``ca``), because Lambda's image
    does not have it, and is written to the sandbox's temporary folder once.
    """
    if authorities is None:
        return certifi.where()
    digest = hashlib.sha256(authorities.encode()).hexdigest()[:16]
    file = Path(tempfile.gettempdir()) / f"forecourt-authorities-{digest}.pem"
    if not file.exists():
        part = file.with_suffix(f".{os.getpid()}")
        part.write_text(authorities, encoding="ascii")
        part.replace(file)
    return str(file)


def open_database(settings: DatabaseSettings) -> Database:
    """Build the database of these settings; neither secret nor server is asked before first use."""
    return Database(database_login(settings))
