"""From rows to the JSON of the admin API: camelCase names, RFC 3339 times in UTC."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_camel


def to_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Rename a row's columns; what is inside a JSON column stays as it was stored."""
    return {to_camel(name): value for name, value in row.items()}


def to_json(document: Any) -> str:  # noqa: ANN401 - any JSON value
    """Write a document; prices are numbers in AUD."""
    return json.dumps(document, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> str | float:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case UUID():
            return str(value)
        case Decimal():
            return float(value)
        case Enum():
            return str(value.value)
        case _:
            raise TypeError(type(value).__name__)
