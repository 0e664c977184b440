"""Data keys: what encrypts one credential row, itself encrypted by a key nobody can take away."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DataKey:
    """A fresh 256-bit key: ``plaintext`` to use now, ``encrypted`` to store beside the data."""

    plaintext: bytes = field(repr=False)
    encrypted: bytes


class DataKeys(Protocol):
    """Makes and opens data keys that are bound to one dealership and environment.

    The environment names the system the secrets are for: ``Test``, ``Production``, ``Dynamics``.
    """

    def generate(self, dealership_id: int, environment: str) -> DataKey:
        """Make a new data key.

        Raises
        ------
        RetryableError
            The key service is away or refuses us.
        """
        ...

    def decrypt(self, encrypted: bytes, dealership_id: int, environment: str) -> bytes:
        """Open a stored data key.

        Raises
        ------
        PermanentError
            ``CREDENTIALS_UNREADABLE``: it was made for another dealership or environment, by
            another key, or was changed.
        RetryableError
            The key service is away or refuses us.
        """
        ...


class RememberedDataKeys:
    """Data keys that are opened once per sandbox, so a run over many leads calls KMS once.

    Plain keys live in this object's memory only; the oldest leaves when ``capacity`` is reached.
    A new write has a new data key, so nothing ever has to be forgotten for being stale.
    """

    def __init__(self, keys: DataKeys, *, capacity: int = 512) -> None:
        self._keys = keys
        self._capacity = capacity
        self._opened: OrderedDict[tuple[bytes, int, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def generate(self, dealership_id: int, environment: str) -> DataKey:
        """Make a new data key; it is remembered as well."""
        key = self._keys.generate(dealership_id, environment)
        self._remember((key.encrypted, dealership_id, environment), key.plaintext)
        return key

    def decrypt(self, encrypted: bytes, dealership_id: int, environment: str) -> bytes:
        """Open a stored data key, from memory where this dealership's was opened before."""
        address = (encrypted, dealership_id, environment)
        with self._lock:
            plaintext = self._opened.get(address)
            if plaintext is not None:
                self._opened.move_to_end(address)
                return plaintext
        plaintext = self._keys.decrypt(encrypted, dealership_id, environment)
        self._remember(address, plaintext)
        return plaintext

    def _remember(self, address: tuple[bytes, int, str], plaintext: bytes) -> None:
        with self._lock:
            self._opened[address] = plaintext
            self._opened.move_to_end(address)
            while len(self._opened) > self._capacity:
                self._opened.popitem(last=False)
