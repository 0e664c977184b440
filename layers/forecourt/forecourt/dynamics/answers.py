"""Read what a success of Dynamics holds; what is missing is an answer nobody can use."""

import re
from typing import Any
from uuid import UUID

from forecourt.dynamics.verdict import Operation, Success
from forecourt.errors import RetryableError
from forecourt.leads.dynamics.reasons import DynamicsReason

_GUID_AT_THE_END = re.compile(r"\(([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\)")


def written_id(success: Success) -> UUID | None:
    """Read a written lead's id, from the body or from ``OData-EntityId``.

    That header may repeat the alternate key instead (Dataverse reference, 1.3): then None.
    """
    told = parse_guid(success.fields.get("leadid"))
    if told is not None:
        return told
    found = _GUID_AT_THE_END.search(success.headers.get("OData-EntityId", ""))
    return UUID(found.group(1)) if found else None


def rows_of(success: Success, operation: Operation, name: str = "value") -> list[dict[str, Any]]:
    """Read a list of objects.

    Raises
    ------
    RetryableError
        ``UNREADABLE_ANSWER``: there is no list.
    """
    rows = success.fields.get(name)
    if not isinstance(rows, list):
        raise _without(operation, name)
    return [row for row in rows if isinstance(row, dict)]


def guid_of(success: Success, operation: Operation, name: str) -> UUID:
    """Read a GUID; raises as :func:`rows_of`."""
    value = parse_guid(success.fields.get(name))
    if value is None:
        raise _without(operation, name)
    return value


def parse_guid(value: object) -> UUID | None:
    """Read a GUID; None for anything else."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _without(operation: Operation, name: str) -> RetryableError:
    return RetryableError(
        DynamicsReason.UNREADABLE_ANSWER,
        f"{operation.name}: a success without {name}.",
        target="Dynamics",
    )
