"""The envelope the secrets of a dealership's connections are stored in.

Each write makes a new data key (:mod:`forecourt.security.data_keys`) and a new 96-bit base nonce.
Field *i* is encrypted with AES-256-GCM under nonce ``base XOR i``, so no two fields share one
(NIST SP 800-38D, section 8). The associated data names dealership, environment, field and key
version: a value copied to another row, environment or column does not decrypt.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from forecourt.errors import PermanentError
from forecourt.security.credentials import Environment
from forecourt.security.data_keys import DataKeys

KEY_VERSION: Final = 1
"""Version of this envelope's rules; stored per row as ``key_version``."""

_NONCE_BYTES = 12
_FIELDS = ("client_id", "client_secret", "account_number", "account_secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSecrets:
    """The four secret values in the clear; never shown in a repr."""

    client_id: SecretStr
    client_secret: SecretStr
    account_number: SecretStr
    account_secret: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecrets:
    """The columns of ``dealership_easycars_credentials`` the envelope owns; texts are base64."""

    client_id_encrypted: str = field(repr=False)
    client_secret_encrypted: str = field(repr=False)
    account_number_encrypted: str = field(repr=False)
    account_secret_encrypted: str = field(repr=False)
    encryption_iv: str
    data_key_encrypted: str = field(repr=False)
    key_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFields:
    """Any fields sealed by one write; ``texts`` holds each field's base64."""

    texts: Mapping[str, str] = field(repr=False)
    encryption_iv: str
    data_key_encrypted: str = field(repr=False)
    key_version: int


def seal_secrets(
    values: CredentialSecrets, dealership_id: int, environment: Environment, keys: DataKeys
) -> SealedSecrets:
    """Encrypt all four values under a new data key and a new nonce.

    Raises
    ------
    RetryableError
        The key service is away or refuses us.
    """
    plain = {name: getattr(values, name) for name in _FIELDS}
    sealed = seal_fields(plain, dealership_id, environment, keys)
    return SealedSecrets(
        **{f"{name}_encrypted": text for name, text in sealed.texts.items()},
        encryption_iv=sealed.encryption_iv,
        data_key_encrypted=sealed.data_key_encrypted,
        key_version=sealed.key_version,
    )


def open_secrets(
    sealed: SealedSecrets, dealership_id: int, environment: Environment, keys: DataKeys
) -> CredentialSecrets:
    """Decrypt all four values of a row that belongs to this dealership and environment.

    Raises
    ------
    PermanentError
        ``CREDENTIALS_UNREADABLE``: the row was changed, or copied from another dealership,
        environment or field.
    RetryableError
        The key service is away or refuses us.
    """
    fields = SealedFields(
        texts={name: getattr(sealed, f"{name}_encrypted") for name in _FIELDS},
        encryption_iv=sealed.encryption_iv,
        data_key_encrypted=sealed.data_key_encrypted,
        key_version=sealed.key_version,
    )
    return CredentialSecrets(**open_fields(fields, dealership_id, environment, keys))


def seal_fields(
    values: Mapping[str, SecretStr], dealership_id: int, environment: str, keys: DataKeys
) -> SealedFields:
    """Encrypt named values under a new data key and a new nonce.

    Parameters
    ----------
    environment
        Which system the values are for, e.g. ``Test`` or ``Dynamics``.

    Raises
    ------
    RetryableError
        The key service is away or refuses us.
    """
    key = keys.generate(dealership_id, environment)
    cipher = AESGCM(key.plaintext)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return SealedFields(
        texts={
            name: _encode(
                cipher.encrypt(
                    _field_nonce(nonce, index),
                    value.get_secret_value().encode(),
                    _associated_data(dealership_id, environment, name, KEY_VERSION),
                )
            )
            for index, (name, value) in enumerate(values.items())
        },
        encryption_iv=_encode(nonce),
        data_key_encrypted=_encode(key.encrypted),
        key_version=KEY_VERSION,
    )


def open_fields(
    sealed: SealedFields, dealership_id: int, environment: str, keys: DataKeys
) -> dict[str, SecretStr]:
    """Decrypt what :func:`seal_fields` sealed; ``texts`` has the order it had there.

    Raises
    ------
    PermanentError
        ``CREDENTIALS_UNREADABLE``: the row was changed, or copied from another dealership,
        environment or field.
    RetryableError
        The key service is away or refuses us.
    """
    nonce = _decode(sealed.encryption_iv)
    if len(nonce) != _NONCE_BYTES:
        raise _unreadable()
    cipher = AESGCM(keys.decrypt(_decode(sealed.data_key_encrypted), dealership_id, environment))
    opened = {}
    for index, (name, text) in enumerate(sealed.texts.items()):
        try:
            value = cipher.decrypt(
                _field_nonce(nonce, index),
                _decode(text),
                _associated_data(dealership_id, environment, name, sealed.key_version),
            )
        except InvalidTag:
            raise _unreadable() from None
        opened[name] = SecretStr(value.decode())
    return opened


def _field_nonce(base: bytes, index: int) -> bytes:
    return base[:-1] + bytes([base[-1] ^ index])


def _associated_data(dealership_id: int, environment: str, name: str, key_version: int) -> bytes:
    return f"forecourt|{dealership_id}|{environment}|{name}|{key_version}".encode()


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _decode(value: str) -> bytes:
    try:
        decoded = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable() from None
    if _encode(decoded) != value:  # the unused bits of the last letter were changed
        raise _unreadable()
    return decoded


def _unreadable() -> PermanentError:
    return PermanentError(
        code="CREDENTIALS_UNREADABLE",
        detail="The stored credentials cannot be decrypted for this dealership and environment; "
        "enter them again.",
        target="Credentials",
    )
