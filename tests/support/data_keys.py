"""A key service in memory that binds its keys to their context, as KMS does."""

import secrets
from collections import Counter
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from forecourt.errors import PermanentError, RetryableError
from forecourt.security.credentials import Environment
from forecourt.security.data_keys import DataKey


@dataclass
class MemoryDataKeys:
    """Port ``DataKeys``; ``calls`` counts, ``away`` makes every call fail."""

    away: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    _master: AESGCM = field(default_factory=lambda: AESGCM(AESGCM.generate_key(256)), repr=False)

    def generate(self, dealership_id: int, environment: str) -> DataKey:
        self._count("generate")
        plaintext = secrets.token_bytes(32)
        nonce = secrets.token_bytes(12)
        sealed = self._master.encrypt(nonce, plaintext, f"{dealership_id}{environment}".encode())
        return DataKey(plaintext=plaintext, encrypted=nonce + sealed)

    def decrypt(self, encrypted: bytes, dealership_id: int, environment: str) -> bytes:
        self._count("decrypt")
        context = f"{dealership_id}{environment}".encode()
        try:
            return self._master.decrypt(encrypted[:12], encrypted[12:], context)
        except (InvalidTag, ValueError):
            raise PermanentError(
                code="CREDENTIALS_UNREADABLE", detail="Not this key.", target="KMS"
            ) from None

    def _count(self, operation: str) -> None:
        self.calls[operation] += 1
        if self.away:
            raise RetryableError(code="KMS_AWAY", detail="Away.", target="KMS")


class BlindDataKeys(MemoryDataKeys):
    """A key service that ignores its context, so that only the envelope's own binding is left."""

    def generate(self, dealership_id: int, environment: str) -> DataKey:
        return super().generate(0, Environment.TEST)

    def decrypt(self, encrypted: bytes, dealership_id: int, environment: str) -> bytes:
        return super().decrypt(encrypted, 0, Environment.TEST)
