"""Which texts of a request are a person's, so that they can be cut out of the vendor's messages."""

from collections.abc import Iterator, Mapping
from typing import Any

_PERSONAL_FIELDS = frozenset({
    "CustomerNo", "Name", "Email", "Address", "City", "PostCode", "Fax", "Phone", "Mobile", "ABN",
    "Notes", "VehicleSourcePageURL", "SpecialConditions", "FinanceNote", "RegoNum", "VIN",
})  # fmt: skip
_SHORTEST_WORD = 3


def personal_texts(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield every personal text in a request body, and its lines and a name's words alone.

    The vendor may echo only a part: the first name, or one line of the notes.
    """
    for field, value in fields.items():
        if isinstance(value, Mapping):
            yield from personal_texts(value)
        elif isinstance(value, list):
            for part in value:
                if isinstance(part, Mapping):
                    yield from personal_texts(part)
        elif isinstance(value, str) and field in _PERSONAL_FIELDS:
            yield value
            yield from (line.strip() for line in value.splitlines())
            if field == "Name":
                yield from (word for word in value.split() if len(word) >= _SHORTEST_WORD)
