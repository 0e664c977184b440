"""JSON from outside, read without guessing.

Python's parser lets the last of two equal keys win, knows ``NaN``, makes infinity
of ``1e999``, and passes on U+0000 and lone
surrogates, which PostgreSQL and the vendor refuse much later. Here each is named at once.

The work a body can cause grows no faster than its length: its site key stands in a public page.
"""

import json
import math
from collections import Counter
from http import HTTPStatus
from typing import Any, NoReturn

from forecourt.problem import FieldError, Problem, shown_place

_DEEPEST = 20
_MOST_MEMBERS = 200


def parse_object(body: bytes) -> tuple[dict[str, Any], list[FieldError]]:
    """Read a JSON object in UTF-8 (a byte order mark is forgiven).

    Returns
    -------
    tuple
        The object, and an error for every key that is given twice and every text that holds
        U+0000 or a lone surrogate.

    Raises
    ------
    Problem
        400: not UTF-8, not JSON, a number too large, not an object, nested more than 20 deep, more
        than 200 members in one object.
    """
    doubled: list[str] = []

    def to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(pairs) > _MOST_MEMBERS:
            raise _broken(detail=f"An object may have at most {_MOST_MEMBERS} members.")
        members = dict(pairs)
        if len(members) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            doubled.extend(sorted(name for name, count in counts.items() if count > 1))
        return members

    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=to_dict,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
        )
    except (ValueError, RecursionError):
        raise _broken(detail="The body is not valid JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise _broken(detail="The body must be a JSON object.")
    errors = [FieldError(name, "is given twice; keep one") for name in doubled]
    errors += _unstorable(value, "", _DEEPEST)
    return value, errors


def _unstorable(value: Any, path: str, depth: int) -> list[FieldError]:  # noqa: ANN401 - JSON
    if depth == 0:
        raise _broken(detail="The body is nested too deeply.")
    if isinstance(value, str):
        return [FieldError(path, message) for message in [_complaint(value)] if message]
    if isinstance(value, list):
        found = [_unstorable(item, f"{path}.{at}", depth - 1) for at, item in enumerate(value)]
        return [error for errors in found for error in errors]
    if isinstance(value, dict):
        errors = []
        for name, item in value.items():
            place = shown_place(f"{path}.{name}" if path else name)
            message = _complaint(name)
            if message:
                errors.append(FieldError(place, f"its name {message}"))
            errors += _unstorable(item, place, depth - 1)
        return errors
    return []


def _complaint(text: str) -> str | None:
    if "\0" in text:
        return "contains the character U+0000; remove it"
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "contains half of a surrogate pair; send whole characters"
    return None


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _broken(*, detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "broken-json", detail=detail)
