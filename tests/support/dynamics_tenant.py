"""A tenant in memory behind the port of check and setup, that can be told to refuse."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from forecourt.errors import ForecourtError
from forecourt.security.dynamics_connections import DynamicsConnection


def text_column(length: int = 100) -> dict[str, Any]:
    return {"type": "String", "maxLength": length, "create": True, "update": True}


@dataclass(frozen=True)
class Described:
    document: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return self.document


@dataclass(frozen=True)
class Somebody:
    user_id: UUID
    business_unit_id: UUID
    organization_id: UUID


@dataclass
class MemoryTenant:
    """Port ``Tenant``: ``refusals`` by method, ``columns`` and ``keys`` as metadata has them.

    A new key has ``first_status`` and gets the next of ``later`` each time the table is read.
    """

    columns: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "subject": text_column(),
            "hnt_forecourtid": text_column(),
            "hnt_domain": text_column(255),
            "hnt_source": {
                "type": "Picklist",
                "options": {"Partner Center": 816940000, "Manual": 816940001},
            },
        }
    )
    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"name": "key", "columns": ["hnt_forecourtid"], "status": "Active"}
        ]
    )
    privileges: set[str] = field(
        default_factory=lambda: {"prvReadLead", "prvCreateLead", "prvWriteLead"}
    )
    refusals: dict[str, ForecourtError] = field(default_factory=dict)
    first_status: str = "Active"
    later: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)

    our_columns: Mapping[str, str] = field(
        default_factory=lambda: {
            "hnt_domain": "a line of text",
            "hnt_source": "a choice",
            "hnt_segment": "a choice",
        }
    )
    created_by_hand: Collection[str] = ("hnt_segment",)
    our_labels: Mapping[str, Collection[str]] = field(
        default_factory=lambda: {"hnt_source": ("Partner Center", "Manual")}
    )

    def fetch_token(self, _connection: DynamicsConnection, *, seconds: float) -> None:
        self._ask("fetch_token", seconds)

    def who_am_i(self, _connection: DynamicsConnection, *, seconds: float) -> Somebody:
        self._ask("who_am_i", seconds)
        return Somebody(*(UUID(int=number) for number in (1, 2, 3)))

    def can_read_leads(self, _connection: DynamicsConnection, *, seconds: float) -> bool:
        self._ask("can_read_leads", seconds)
        return True

    def has_privilege(
        self, _connection: DynamicsConnection, _user: UUID, privilege: str, *, seconds: float
    ) -> bool:
        self._ask("has_privilege", seconds)
        return privilege in self.privileges

    def read_metadata(self, _connection: DynamicsConnection, *, seconds: float) -> Described:
        self._ask("read_metadata", seconds)
        if self.later and self.keys:
            self.keys[-1]["status"] = self.later.pop(0)
        keys = [dict(key) for key in self.keys]
        return Described({"columns": dict(self.columns), "keys": keys})

    def create_key_column(self, connection: DynamicsConnection, *, seconds: float) -> None:
        self._ask("create_key_column", seconds)
        self.created.append(connection.key_column)
        self.columns[connection.key_column] = text_column()

    def create_key(self, connection: DynamicsConnection, *, seconds: float) -> None:
        self._ask("create_key", seconds)
        self.created.append("key")
        columns = [connection.key_column]
        self.keys.append({"name": "key", "columns": columns, "status": self.first_status})

    def create_column(self, _connection: DynamicsConnection, name: str, *, seconds: float) -> None:
        self._ask("create_column", seconds)
        self.created.append(name)
        self.columns[name] = text_column()

    def _ask(self, method: str, seconds: float) -> None:
        assert seconds > 0
        if method in self.refusals:
            raise self.refusals[method]
