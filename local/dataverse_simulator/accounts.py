"""App registrations of Entra tenants and what each may do in one environment."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local.dataverse_simulator.columns import COLUMN_SETS

_NAMESPACE = uuid.UUID("8f0a1c64-0a7e-5b1d-a0c7-f2f3a5d1b6c3")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMES = ("Parramatta Motor Group", "Bayside Marine & Caravans")

PRIVILEGES = (
    *("prvReadLead", "prvCreateLead", "prvWriteLead", "prvAppendLead", "prvAppendToLead"),
    *("prvAssignLead", "prvReadEntity", "prvReadAttribute", "prvCreateAttribute"),
    "prvCreateEntityKey",
)
"""What an application user's role may hold (reference, 1.1, and metadata's own)."""

ACCESS_LEVELS = ("organization", "own")


@dataclass(frozen=True, slots=True)
class Account:
    """One app registration and its application user in one environment.

    Parameters
    ----------
    certificate
        PEM of the certificate whose key signs client assertions, if it has one.
    columns
        Column set the environment begins with; the first account of an environment decides.
    application_user
        False: Entra gives tokens, the environment does not know the client.
    privileges
        Which of :data:`PRIVILEGES` its role has.
    access
        ``own``: it reaches only leads it owns.
    """

    environment_url: str
    tenant_id: str
    client_id: str
    client_secret: str
    name: str = ""
    certificate: str | None = None
    columns: str = "hunter"
    application_user: bool = True
    privileges: frozenset[str] = field(default=frozenset(PRIVILEGES))
    access: str = "organization"

    def __repr__(self) -> str:
        return f"Account({self.environment_url!r}, {self.client_id!r})"

    @property
    def user_id(self) -> str:
        """The id of its application user."""
        return str(uuid.uuid5(_NAMESPACE, f"user/{self.environment_url}/{self.client_id}"))

    def as_json(self) -> dict[str, Any]:
        """Write it for the control API and the journal, the secret included."""
        return {
            "environmentUrl": self.environment_url,
            "tenantId": self.tenant_id,
            "clientId": self.client_id,
            "clientSecret": self.client_secret,
            "name": self.name,
            "certificate": self.certificate,
            "columns": self.columns,
            "applicationUser": self.application_user,
            "privileges": sorted(self.privileges),
            "access": self.access,
        }


def account_from_json(given: Mapping[str, Any]) -> Account:
    """Read what :meth:`Account.as_json` wrote, or what a person posted.

    Raises
    ------
    ValueError
        Names the field that is missing or wrong.
    """
    environment_url = environment_address(given.get("environmentUrl"))
    privileges = given.get("privileges", list(PRIVILEGES))
    certificate = given.get("certificate")
    secret = given.get("clientSecret")
    checks = (
        (not isinstance(secret, str) or not secret, "clientSecret must be a string."),
        (
            not isinstance(privileges, list) or not set(privileges) <= set(PRIVILEGES),
            f"privileges must be a list of {', '.join(PRIVILEGES)}.",
        ),
        (
            given.get("columns", "hunter") not in COLUMN_SETS,
            f"columns must be one of {', '.join(COLUMN_SETS)}.",
        ),
        (
            given.get("access", "organization") not in ACCESS_LEVELS,
            f"access must be one of {', '.join(ACCESS_LEVELS)}.",
        ),
        (
            certificate is not None and not isinstance(certificate, str),
            "certificate must be PEM, or null.",
        ),
        (
            not isinstance(given.get("applicationUser", True), bool),
            "applicationUser must be true or false.",
        ),
    )
    for wrong, message in checks:
        if wrong:
            raise ValueError(message)
    return Account(
        environment_url=environment_url,
        tenant_id=_guid(given, "tenantId"),
        client_id=_guid(given, "clientId"),
        client_secret=str(secret),
        name=str(given.get("name", "")),
        certificate=certificate,
        columns=given.get("columns", "hunter"),
        application_user=given.get("applicationUser", True),
        privileges=frozenset(privileges),
        access=given.get("access", "organization"),
    )


def environment_address(given: object) -> str:
    """Read an environment's URL: scheme and host, no path, no slash at the end.

    Raises
    ------
    ValueError
        It is none.
    """
    parts = urlsplit(given) if isinstance(given, str) else urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query:
        message = "environmentUrl must be like https://org.crm6.dynamics.com."
        raise ValueError(message)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def default_accounts() -> list[Account]:
    """Make two environments: one with the tenant's columns and key, one with stock columns only.

    The same on every start; ``GET /_control/accounts`` shows their secrets.
    """
    return [
        Account(
            environment_url=f"https://{host}.crm6.dynamics.com",
            tenant_id=_made_up("tenant", host),
            client_id=_made_up("client", host),
            client_secret=_made_up("secret", host),
            name=name,
            columns=columns,
        )
        for host, name, columns in (
            ("parramatta-motors", _NAMES[0], "hunter"),
            ("bayside-marine", _NAMES[1], "stock"),
        )
    ]


def _made_up(purpose: str, host: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{purpose}/{host}"))


def _guid(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not _GUID.fullmatch(value.lower()):
        message = f"{key} must be a GUID."
        raise ValueError(message)
    return value.lower()
