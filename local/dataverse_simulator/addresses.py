"""What an address of the Web API leads to (reference, 1.2 to 1.5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from local.dataverse_simulator.errors import (
    BAD_QUERY,
    NO_CODE,
    NO_SUCH_RECORD,
    DataverseError,
    bad_request,
    no_such_segment,
)
from local.dataverse_simulator.values import read_guid

_API = re.compile(r"/api/data/v(9\.[0-2])/(.*)", re.DOTALL)
_LEADS = re.compile(r"leads(?:\((.*)\))?", re.DOTALL)
_ENTITY = re.compile(r"EntityDefinitions\((?:LogicalName=)?'(\w+)'\)(?:/(.*))?", re.DOTALL)
_CAST = r"(?:/Microsoft\.Dynamics\.CRM\.(\w+AttributeMetadata))?"
_ATTRIBUTES = re.compile(r"Attributes(?:\(LogicalName='(\w+)'\))?" + _CAST)
_KEYS = re.compile(r"Keys(?:\(LogicalName='(\w+)'\))?")
_PRIVILEGES = re.compile(
    r"systemusers\(([0-9a-fA-F-]{36})\)/Microsoft\.Dynamics\.CRM\.RetrieveUserPrivileges(?:\(\))?"
)
_PAIR = re.compile(r"\s*(\w+)\s*=\s*('(?:[^']|'')*'|[^',]+)\s*(,|$)")
_BREAKS_ADDRESSES = frozenset("<>*%&:\\?+#/")
"""A key value with one of these breaks GET and PATCH (reference, 1.4)."""


class Target(StrEnum):
    """What an address leads to."""

    WHO_AM_I = "WhoAmI"
    LEADS = "leads"
    LEAD = "lead"
    TABLE = "EntityDefinitions"
    COLUMNS = "Attributes"
    KEYS = "Keys"
    PRIVILEGES = "RetrieveUserPrivileges"


@dataclass(frozen=True, slots=True)
class Address:
    """An address that leads somewhere.

    Parameters
    ----------
    version
        ``9.0`` to ``9.2``.
    lead_id
        Of a lead by GUID.
    key_values
        Of a lead by alternate key: literals as texts and numbers.
    key_text
        Those as they stand in the address.
    name
        Of one column or key, by logical name.
    cast
        The derived type that columns are cast to.
    """

    target: Target
    version: str
    lead_id: str | None = None
    key_values: Mapping[str, Any] = field(default_factory=dict)
    key_text: str = ""
    name: str | None = None
    cast: str | None = None


def read_address(path: str) -> Address:
    """Read a path as it came, not decoded yet.

    Raises
    ------
    DataverseError
        It leads nowhere, or a key value has a character that breaks addresses.
    """
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError as error:
        segment = "?"
        raise no_such_segment(segment) from error
    match = _API.fullmatch(decoded)
    if match is None:
        segment = "api"
        raise no_such_segment(segment)
    version, rest = match[1], match[2]
    if rest in {"WhoAmI", "WhoAmI()"}:
        return Address(Target.WHO_AM_I, version)
    if (leads := _LEADS.fullmatch(rest)) is not None:
        if leads[1] is None:
            return Address(Target.LEADS, version)
        return _lead(version, leads[1])
    if (privileges := _PRIVILEGES.fullmatch(rest)) is not None:
        return Address(Target.PRIVILEGES, version, lead_id=privileges[1].lower())
    if (entity := _ENTITY.fullmatch(rest)) is not None:
        return _metadata(version, entity[1], entity[2])
    if rest.startswith(("$batch", "CreateMultiple", "leads/Microsoft.")):
        message = "Batches and bulk messages are not simulated."
        status = HTTPStatus.NOT_IMPLEMENTED
        raise DataverseError(status, "", message, against_documents=True)
    raise no_such_segment(re.split(r"[(/]", rest)[0])


def _lead(version: str, inner: str) -> Address:
    guid = read_guid(inner)
    if guid is not None:
        return Address(Target.LEAD, version, lead_id=guid)
    values: dict[str, Any] = {}
    at = 0
    while at < len(inner):
        pair = _PAIR.match(inner, at)
        if pair is None or pair[1] in values:
            message = f"Bad Request - Error in query syntax: leads({inner[:40]})."
            raise bad_request(BAD_QUERY, message)
        values[pair[1]] = _literal(pair[2])
        at = pair.end()
    if not values:
        message = "Bad Request - Error in query syntax: leads()."
        raise bad_request(BAD_QUERY, message)
    return Address(Target.LEAD, version, key_values=values, key_text=inner)


def _literal(text: str) -> Any:  # noqa: ANN401 - a text or a number
    if text.startswith("'"):
        value = text[1:-1].replace("''", "'")
        broken = sorted(_BREAKS_ADDRESSES & set(value))
        if "/" in broken:
            raise no_such_segment(value.partition("/")[2])
        if broken:
            message = (
                "A potentially dangerous Request.Path value was detected from the client "
                f"({broken[0]})."
            )
            raise bad_request(NO_CODE, message)
        return value
    if re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if (guid := read_guid(text)) is not None:
        return guid
    message = "Bad Request - Error in query syntax: a text in a key needs quotes."
    raise bad_request(BAD_QUERY, message)


def _metadata(version: str, entity: str, rest: str | None) -> Address:
    if entity != "lead":
        raise DataverseError(
            HTTPStatus.NOT_FOUND,
            NO_SUCH_RECORD,
            f"Could not find an entity with the name '{entity}'.",
            against_documents=True,
        )
    if rest is None:
        return Address(Target.TABLE, version)
    if (columns := _ATTRIBUTES.fullmatch(rest)) is not None:
        return Address(Target.COLUMNS, version, name=columns[1], cast=columns[2])
    if (keys := _KEYS.fullmatch(rest)) is not None:
        return Address(Target.KEYS, version, name=keys[1])
    raise no_such_segment(rest)
