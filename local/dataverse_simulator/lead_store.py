"""The leads of one environment, their versions and what alternate keys hold apart."""

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.dataverse_simulator.table import Key

type Values = Mapping[str, Any]
"""Column names and values; what is not there is null."""


@dataclass(frozen=True, slots=True)
class LeadRecord:
    """A lead as Dataverse keeps it.

    Parameters
    ----------
    version
        Goes up with every write; the ETag.
    writes
        How many creates and updates it has seen, whoever made them.
    """

    lead_id: str
    version: int
    values: Values = field(default_factory=dict)
    writes: int = 1

    @property
    def etag(self) -> str:
        """The version as HTTP writes it."""
        return f'W/"{self.version}"'

    def as_json(self) -> dict[str, Any]:
        """Write it for the control API and the journal."""
        return {
            "leadId": self.lead_id,
            "version": self.version,
            "writes": self.writes,
            "values": dict(self.values),
        }


class KeyTakenError(Exception):
    """Another lead has the same values in a key's columns."""

    def __init__(self, key: Key, lead_id: str) -> None:
        super().__init__(key.name)
        self.key = key
        self.lead_id = lead_id


class LeadStore:
    """Keeps leads; a write that a key forbids changes nothing.

    Parameters
    ----------
    keys
        Gives the keys whose index is built now.
    write
        Called with an entry for the journal before anyone can see the change.
    """

    def __init__(
        self, keys: Callable[[], Iterable[Key]], write: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self.lock = threading.RLock()
        self._keys = keys
        self._write = write
        self._records: dict[str, LeadRecord] = {}
        self._by_key: dict[tuple[str, ...], dict[tuple[Any, ...], str]] = {}
        self._last_version = 1_000

    def lead(self, lead_id: str) -> LeadRecord | None:
        """Find a lead by its GUID."""
        with self.lock:
            return self._records.get(lead_id)

    def leads(self) -> list[LeadRecord]:
        """List all leads in the order they were created."""
        with self.lock:
            return list(self._records.values())

    def find(self, columns: tuple[str, ...], values: Values) -> LeadRecord | None:
        """Find the lead that has these values in a key's columns; case is ignored in texts."""
        with self.lock:
            folded = _folded(columns, values)
            lead_id = None if folded is None else self._index(columns).get(folded)
            return None if lead_id is None else self._records[lead_id]

    def create(self, values: Values, lead_id: str | None = None) -> LeadRecord:
        """Add a lead.

        Raises
        ------
        KeyTakenError
            A key forbids it.
        """
        with self.lock:
            kept = {name: value for name, value in values.items() if value is not None}
            record = LeadRecord(lead_id or str(uuid.uuid4()), self._next_version(), kept)
            self._store(record)
            return record

    def change(self, lead_id: str, changes: Values) -> LeadRecord:
        """Set some columns of a lead there is; None clears one. Raises as :meth:`create`."""
        with self.lock:
            old = self._records[lead_id]
            kept = {
                name: value
                for name, value in {**old.values, **changes}.items()
                if value is not None
            }
            record = LeadRecord(lead_id, self._next_version(), kept, old.writes + 1)
            self._store(record)
            return record

    def delete(self, lead_id: str) -> None:
        """Take a lead away, as staff do."""
        with self.lock:
            self._write({"deleted": lead_id})
            self._forget(lead_id)

    def clear(self) -> None:
        """Forget all leads."""
        with self.lock:
            self._records.clear()
            self._by_key.clear()

    def restore(self, entry: Mapping[str, Any]) -> None:
        """Take up what an entry of the journal says."""
        with self.lock:
            if "deleted" in entry:
                self._forget(entry["deleted"])
                return
            given = entry["lead"]
            record = LeadRecord(given["leadId"], given["version"], given["values"], given["writes"])
            self._last_version = max(self._last_version, record.version)
            self._take(record)

    def _store(self, record: LeadRecord) -> None:
        for key in self._keys():
            folded = _folded(key.columns, record.values)
            holder = None if folded is None else self._index(key.columns).get(folded)
            if holder not in (None, record.lead_id):
                raise KeyTakenError(key, str(holder))
        self._write({"lead": record.as_json()})
        self._take(record)

    def _take(self, record: LeadRecord) -> None:
        old = self._records.get(record.lead_id)
        for columns, index in self._by_key.items():
            if old is not None:
                _drop(index, _folded(columns, old.values), record.lead_id)
            if (folded := _folded(columns, record.values)) is not None:
                index.setdefault(folded, record.lead_id)
        self._records[record.lead_id] = record

    def _forget(self, lead_id: str) -> None:
        record = self._records.pop(lead_id, None)
        if record is not None:
            for columns, index in self._by_key.items():
                _drop(index, _folded(columns, record.values), lead_id)

    def _index(self, columns: tuple[str, ...]) -> dict[tuple[Any, ...], str]:
        if columns not in self._by_key:
            index: dict[tuple[Any, ...], str] = {}
            for record in self._records.values():
                if (folded := _folded(columns, record.values)) is not None:
                    index.setdefault(folded, record.lead_id)
            self._by_key[columns] = index
        return self._by_key[columns]

    def _next_version(self) -> int:
        self._last_version += 1
        return self._last_version


def _folded(columns: tuple[str, ...], values: Values) -> tuple[Any, ...] | None:
    """Give what a key compares; None when a column is null, which no key holds apart."""
    given = [values.get(name) for name in columns]
    if any(value is None for value in given):
        return None
    return tuple(value.casefold() if isinstance(value, str) else value for value in given)


def _drop(index: dict[tuple[Any, ...], str], folded: tuple[Any, ...] | None, lead_id: str) -> None:
    if folded is not None and index.get(folded) == lead_id:
        del index[folded]
