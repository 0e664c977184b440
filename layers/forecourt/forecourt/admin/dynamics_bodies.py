"""What a request may say about a dealership's connection to Dynamics 365."""

import re
from typing import Annotated, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509 import load_pem_x509_certificate
from pydantic import AfterValidator, Field, SecretStr

from forecourt.problem import FieldError
from forecourt.security.certificates import SHORTEST_RSA_KEY
from forecourt.security.dynamics_records import DynamicsChanges, DynamicsRecord
from forecourt.validation import RequestBody, invalid_fields, wrong_value

_HOSTS = (".dynamics.com", ".microsoftdynamics.us", ".appsplatform.us", ".dynamics.cn")
"""Whose organisations Dataverse serves; a token is shown to no other host."""

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_ANY_HOST = re.compile(r"[a-z0-9.-]{1,253}|\[[0-9a-f:]{2,45}\]")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,99}")
_CUSTOM_COLUMN = re.compile(r"[a-z][a-z0-9]{1,7}_[a-z0-9_]{1,90}")
_NO_PORT = "must be https:// and the organisation's host alone, as https://org.crm6.dynamics.com"


def _environment_url(value: str) -> str:
    """Return scheme and host in lower case; whether such a host is allowed is the route's."""
    address = value.lower().removesuffix("/")
    scheme, separator, rest = address.partition("://")
    host, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        host, port = rest, "0"
    readable = separator and port.isascii() and port.isdecimal() and len(port) <= len("65535")
    if scheme not in {"http", "https"} or not readable or not _ANY_HOST.fullmatch(host):
        raise wrong_value(cure=_NO_PORT)
    return address


def _guid(value: str) -> str:
    if _GUID.fullmatch(value.lower()) is None:
        raise wrong_value(cure="must be a GUID such as 7d1c6c1e-5a53-4f0e-8a1b-0a2f6a9d1c01")
    return value.lower()


def _tenant(value: str) -> str:
    lower = value.lower()
    if _GUID.fullmatch(lower) is None and _DOMAIN.fullmatch(lower) is None:
        raise wrong_value(
            cure="must be the directory's GUID or domain; common, organizations and consumers "
            "name no tenant"
        )
    return lower


def _api_version(value: str) -> str:
    if re.fullmatch(r"v9\.[0-9]{1,2}", value) is None:
        raise wrong_value(cure="must be v9.0 or newer of version 9, normally v9.2")
    return value


def _column(value: str) -> str:
    if _COLUMN.fullmatch(value) is None:
        raise wrong_value(cure="must be a column's logical name: lower-case letters, digits and _")
    return value


def _custom_column(value: str) -> str:
    if _CUSTOM_COLUMN.fullmatch(value) is None:
        raise wrong_value(
            cure="must be the logical name of a custom column with its publisher's prefix, "
            "such as hnt_forecourtid"
        )
    return value


def _one_line(value: SecretStr) -> SecretStr:
    if any(letter < " " for letter in value.get_secret_value()):
        raise wrong_value(cure="must hold no control characters")
    return value


def _certificate(value: SecretStr) -> SecretStr:
    """Let a PEM text pass whose certificate belongs to its RSA key."""
    text = value.get_secret_value().encode()
    try:
        certificate = load_pem_x509_certificate(text)
        key = serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise wrong_value(
            cure="must be a PEM text with the certificate and its private key without a password"
        ) from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < SHORTEST_RSA_KEY:
        raise wrong_value(
            cure=f"must have an RSA key of {SHORTEST_RSA_KEY} bits or more, which is what Entra "
            "takes"
        )
    if certificate.public_key() != key.public_key():
        raise wrong_value(cure="must hold the private key of its own certificate")
    return value


type _Guid = Annotated[str, AfterValidator(_guid)]
type _Column = Annotated[str, AfterValidator(_column)]
type _Label = Annotated[str, Field(min_length=1, max_length=200)]
type _Option = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]


class DynamicsConfig(RequestBody):
    """What is each tenant's own: option integers by column and label, and columns to send or not.

    Both win over what the tenant's metadata says. With ``duplicateDetection`` the tenant's rules
    may refuse a lead of ours; a person then decides.
    """

    duplicate_detection: bool = False
    option_sets: Annotated[
        dict[_Column, Annotated[dict[_Label, _Option], Field(max_length=200)]],
        Field(default_factory=dict, max_length=100),
    ]
    columns: Annotated[dict[_Column, bool], Field(default_factory=dict, max_length=200)]


class DynamicsConnectionBody(RequestBody):
    """The body of PUT. What is left out stays, or has its default in a first connection.

    A first connection needs ``environmentUrl``, ``tenantId``, ``clientId`` and one of
    ``clientSecret`` and ``certificate``. ``appId`` null opens leads in the default app.
    """

    environment_url: (
        Annotated[str, Field(max_length=300), AfterValidator(_environment_url)] | None
    ) = None
    tenant_id: Annotated[str, AfterValidator(_tenant)] | None = None
    client_id: _Guid | None = None
    client_secret: (
        Annotated[SecretStr, Field(min_length=1, max_length=500), AfterValidator(_one_line)] | None
    ) = None
    certificate: (
        Annotated[SecretStr, Field(min_length=1, max_length=20_000), AfterValidator(_certificate)]
        | None
    ) = None
    api_version: Annotated[str, AfterValidator(_api_version)] | None = None
    key_column: Annotated[str, AfterValidator(_custom_column)] | None = None
    config: DynamicsConfig | None = None
    app_id: _Guid | None = None
    enabled: bool | None = None

    def to_changes(
        self, present: DynamicsRecord | None, *, takes_any_address: bool
    ) -> DynamicsChanges:
        """Return what to store.

        Parameters
        ----------
        present
            The connection there is; None for a first one.
        takes_any_address
            Whether every connection is served by a local address, so that a host is only a name.

        Raises
        ------
        Problem
            422 naming what is missing or does not go together.
        """
        errors = [*self._missing(present), *self._contradictions(present)]
        if not takes_any_address and not _is_of_dataverse(self.environment_url):
            errors.append(FieldError("environmentUrl", _NO_PORT))
        if errors:
            raise invalid_fields(errors)
        return DynamicsChanges(
            values=self._values(), client_secret=self.client_secret, certificate=self.certificate
        )

    def _missing(self, present: DynamicsRecord | None) -> list[FieldError]:
        if present is not None:
            return []
        needed = {
            "environmentUrl": self.environment_url,
            "tenantId": self.tenant_id,
            "clientId": self.client_id,
            "clientSecret": self.client_secret or self.certificate,
        }
        return [FieldError(name, "is required") for name, value in needed.items() if value is None]

    def _contradictions(self, present: DynamicsRecord | None) -> list[FieldError]:
        if self.client_secret is not None and self.certificate is not None:
            cure = "must be left out where clientSecret is given: a connection has one of the two"
            return [FieldError("certificate", cure)]
        if present is None or self.client_secret is not None or self.certificate is not None:
            return []
        given = (self.tenant_id or present.tenant_id, self.client_id or present.client_id)
        if given == (present.tenant_id, present.client_id):
            return []
        cure = "must be given with another tenantId or clientId: the stored one is the former's"
        return [FieldError("clientSecret", cure)]

    def _values(self) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "environment_url": self.environment_url,
            "tenant_id": self.tenant_id,
            "client_id": self.client_id,
            "api_version": self.api_version,
            "key_column": self.key_column,
            "is_active": self.enabled,
        }
        values = {name: value for name, value in plain.items() if value is not None}
        if self.config is not None:
            values |= self.config.model_dump()
        if "app_id" in self.model_fields_set:
            values["app_id"] = self.app_id
        return values


class DynamicsSetup(RequestBody):
    """The body of ``POST …/connection/setup``; nothing is created while ``dryRun`` is true.

    ``withColumns`` creates the columns of ours that the lead table lacks, too.
    """

    dry_run: bool = True
    with_columns: bool = False


def _is_of_dataverse(environment_url: str | None) -> bool:
    if environment_url is None:
        return True
    scheme, _, host = environment_url.partition("://")
    return scheme == "https" and _DOMAIN.fullmatch(host) is not None and host.endswith(_HOSTS)
