"""Read a Dataverse error, and of its words only what identifies nobody (reference, 1.7).

::

    {"error": {"code": "0x80040333", "message": "…", "@Microsoft.PowerApps.CDS.…": "…"}}
"""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

_CODE = re.compile(r"0x[0-9a-f]{1,8}")
_GUID = re.compile(r"(?<![0-9a-f-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f-])")
_PRIVILEGE = re.compile(r"\bprv[A-Z][A-Za-z]{2,60}\b")
_WORD = re.compile(r"[a-z][a-z0-9_]{1,127}")
_UNKNOWN_PROPERTY = re.compile(
    r"(?:undeclared |invalid )?property (?:named )?'([a-z][a-z0-9_]{0,127})'", re.IGNORECASE
)
_LONGEST_MESSAGE = 10_000
_MOST_RECORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """What may be told of an error.

    Parameters
    ----------
    code
        In lower case, e.g. ``0x80040333``; empty where there is none.
    unknown_property
        The logical name the message says the table does not have.
    words
        What could be a logical name; meant to be compared with names that were sent.
    privileges
        Names such as ``prvCreateLead``.
    records
        Ids of matching records.
    """

    code: str = ""
    unknown_property: str | None = None
    words: frozenset[str] = frozenset()
    privileges: tuple[str, ...] = ()
    records: tuple[UUID, ...] = ()


def read_object(body: bytes | bytearray) -> dict[str, Any] | None:
    """Parse a JSON object; None where there is none."""
    try:
        value = msgspec.json.decode(bytes(body).removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_error(body: bytes | bytearray) -> ErrorBody:
    """Read an error; an empty one where the body is none."""
    error = (read_object(body) or {}).get("error")
    if not isinstance(error, dict):
        return ErrorBody()
    code, message = error.get("code"), error.get("message")
    code = code.strip().lower() if isinstance(code, str) else ""
    message = message[:_LONGEST_MESSAGE] if isinstance(message, str) else ""
    unknown = _UNKNOWN_PROPERTY.search(message)
    return ErrorBody(
        code=code if _CODE.fullmatch(code) else "",
        unknown_property=unknown.group(1) if unknown else None,
        words=frozenset(_WORD.findall(message)),
        privileges=tuple(dict.fromkeys(_PRIVILEGE.findall(message)))[:_MOST_RECORDS],
        records=_records_of(error, message),
    )


def _records_of(error: dict[str, Any], message: str) -> tuple[UUID, ...]:
    # Other annotations hold ids of plug-ins and activities.
    told = [str(value) for name, value in error.items() if "duplicate" in name.lower()]
    text = " ".join([*told, message]).lower()[:_LONGEST_MESSAGE]
    return tuple(UUID(guid) for guid in dict.fromkeys(_GUID.findall(text)))[:_MOST_RECORDS]
