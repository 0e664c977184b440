"""The lead table's metadata: columns, alternate keys and how far a key's index is."""

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from local.dataverse_simulator.columns import (
    COLUMN_SETS,
    KEY_COLUMN,
    KEY_KINDS,
    Column,
    Kind,
    column_from_json,
)

ACTIVE, FAILED = "Active", "Failed"
_STAGES = ("Pending", "InProgress", ACTIVE)
_NAMESPACE = uuid.UUID("1f7f5c1e-59a8-5f5d-8e39-6b0f0a2e9d10")
MAX_KEYS = 10
MAX_KEY_COLUMNS = 16
MAX_KEY_BYTES = 900
_BYTES_PER_UNIT = 2
_BYTES_OF_OTHERS = 17


class TableChangeError(ValueError):
    """The table cannot be changed like that; says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """An alternate key.

    Parameters
    ----------
    made_at
        Seconds since 1970 on the vendor's clock when its index began to be built.
    fixed_status
        What its index is whatever the time; None lets it go from Pending over InProgress to
        Active.
    polls
        How often its status has been read, which counts when the build is paced by polls.
    """

    name: str
    columns: tuple[str, ...]
    made_at: float = 0.0
    fixed_status: str | None = ACTIVE
    polls: int = 0

    def as_json(self) -> dict[str, Any]:
        """Write it for the control API and the journal."""
        return {
            "name": self.name,
            "columns": list(self.columns),
            "madeAt": self.made_at,
            "status": self.fixed_status,
        }


@dataclass(frozen=True, slots=True)
class IndexPace:
    """How long a new key's index takes.

    Parameters
    ----------
    seconds
        Seconds of the vendor's clock in each of Pending and InProgress.
    polls
        How often the status is read in each of them, besides; 0 leaves it to the time.
    """

    seconds: float = 2.0
    polls: int = 0


class LeadTable:
    """Columns and keys; changed one at a time, by staff or over the Web API.

    Parameters
    ----------
    columns
        Name of a column set: ``stock``, ``hunter`` (with the tenant's columns and an active key
        on ``hnt_forecourtid``) or ``all`` (with the six later ones as well).
    now
        The vendor's clock.
    """

    def __init__(self, columns: str, now: Callable[[], float]) -> None:
        self.pace = IndexPace()
        self._now = now
        self._lock = threading.RLock()
        self._columns: dict[str, Column] = {}
        self._keys: dict[str, Key] = {}
        self.use_set(columns)

    def use_set(self, columns: str) -> None:
        """Start again from a column set."""
        if columns not in COLUMN_SETS:
            message = f"columns must be one of {', '.join(COLUMN_SETS)}."
            raise TableChangeError(message)
        with self._lock:
            made: list[Column] = COLUMN_SETS[columns]()
            self._columns = {column.name: column for column in made}
            has_key = KEY_COLUMN in self._columns
            self._keys = {KEY_COLUMN: Key(KEY_COLUMN, (KEY_COLUMN,))} if has_key else {}

    def columns(self) -> Mapping[str, Column]:
        """Give the columns by name; the mapping never changes."""
        with self._lock:
            return self._columns

    def alternate_keys(self) -> list[tuple[Key, str]]:
        """List the keys, each with the status of its index."""
        with self._lock:
            return [(key, self._status(key)) for key in self._keys.values()]

    def poll_keys(self) -> list[tuple[Key, str]]:
        """List the keys for a caller that waits for them to become active."""
        with self._lock:
            listed = self.alternate_keys()
            self._keys = {
                name: replace(key, polls=key.polls + 1) for name, key in self._keys.items()
            }
            return listed

    def active_key(self, columns: Iterable[str]) -> Key | None:
        """Find the key over exactly these columns, if its index is built."""
        wanted = frozenset(columns)
        for key, status in self.alternate_keys():
            if frozenset(key.columns) == wanted and status == ACTIVE:
                return key
        return None

    def active_keys(self) -> list[Key]:
        """List the keys that hold values apart."""
        return [key for key, status in self.alternate_keys() if status == ACTIVE]

    def add_column(self, column: Column) -> None:
        """Add a column, or raise TableChangeError when there is one of that name."""
        with self._lock:
            if column.name in self._columns:
                message = f"A column with the name {column.name} already exists."
                raise TableChangeError(message)
            self._columns = {**self._columns, column.name: column}

    def change_column(self, name: str, changes: Mapping[str, Any]) -> None:
        """Change what staff may change: lengths, bounds, options, rights."""
        with self._lock:
            changed = column_from_json(changes, self._known(name))
            self._columns = {**self._columns, name: changed}

    def remove_column(self, name: str) -> None:
        """Take a column away, and the keys over it."""
        with self._lock:
            self._known(name)
            self._columns = {each: c for each, c in self._columns.items() if each != name}
            self._keys = {each: k for each, k in self._keys.items() if name not in k.columns}

    def add_key(self, name: str, columns: Iterable[str], *, status: str | None = None) -> Key:
        """Add a key, whose index is built from now on unless a status is given.

        Raises
        ------
        TableChangeError
            The reference's 1.4 does not allow such a key.
        """
        with self._lock:
            key = Key(name, tuple(columns), self._now(), status)
            self._check(key)
            self._keys = {**self._keys, name: key}
            return key

    def set_key_status(self, name: str, status: str | None) -> None:
        """Hold the status of a key's index; None builds it anew."""
        with self._lock:
            if name not in self._keys:
                message = f"There is no key {name!r}."
                raise TableChangeError(message)
            if status not in (None, *_STAGES, FAILED):
                message = f"status must be null or one of {', '.join((*_STAGES, FAILED))}."
                raise TableChangeError(message)
            renewed = replace(self._keys[name], made_at=self._now(), fixed_status=status, polls=0)
            self._keys = {**self._keys, name: renewed}

    def remove_key(self, name: str) -> None:
        """Take a key away."""
        with self._lock:
            self._keys = {each: key for each, key in self._keys.items() if each != name}

    def as_json(self) -> dict[str, Any]:
        """Write it for the journal."""
        with self._lock:
            return {
                "columns": [column.as_json() for column in self._columns.values()],
                "keys": [key.as_json() for key in self._keys.values()],
            }

    def restore(self, given: Mapping[str, Any]) -> None:
        """Take up what :meth:`as_json` wrote."""
        with self._lock:
            columns = [column_from_json(each) for each in given["columns"]]
            self._columns = {column.name: column for column in columns}
            self._keys = {
                each["name"]: Key(
                    each["name"], tuple(each["columns"]), each["madeAt"], each["status"]
                )
                for each in given["keys"]
            }

    def _known(self, name: str) -> Column:
        if name not in self._columns:
            message = f"There is no column {name!r}."
            raise TableChangeError(message)
        return self._columns[name]

    def _status(self, key: Key) -> str:
        if key.fixed_status is not None:
            return key.fixed_status
        stage = len(_STAGES) - 1
        if self.pace.seconds:
            stage = min(stage, int((self._now() - key.made_at) // self.pace.seconds))
        if self.pace.polls:
            stage = min(stage, key.polls // self.pace.polls)
        return _STAGES[stage]

    def _check(self, key: Key) -> None:
        columns = [self._known(name) for name in key.columns]
        size = sum(
            _BYTES_PER_UNIT * (column.max_length or 0)
            if column.kind is Kind.STRING
            else _BYTES_OF_OTHERS
            for column in columns
        )
        same = {frozenset(each.columns) for each in self._keys.values()}
        checks = (
            (key.name in self._keys, f"A key with the name {key.name} already exists."),
            (frozenset(key.columns) in same, "A key over the same columns already exists."),
            (len(self._keys) >= MAX_KEYS, f"A table has at most {MAX_KEYS} keys."),
            (
                not 1 <= len(columns) <= MAX_KEY_COLUMNS,
                f"A key has 1 to {MAX_KEY_COLUMNS} columns.",
            ),
            (size > MAX_KEY_BYTES, f"A key has at most {MAX_KEY_BYTES} bytes; this has {size}."),
            (
                any(column.kind not in KEY_KINDS for column in columns),
                "A column of the key has a type no key can have.",
            ),
        )
        for wrong, message in checks:
            if wrong:
                raise TableChangeError(message)


def metadata_id(*names: str) -> str:
    """Give the id a column or key goes by, the same for the same names."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(names)))
