"""Fit a value to a tenant's column, or say why it cannot stand there.

A tenant's own types, lengths, ranges and options decide (Dataverse reference, 1.7 and 2.4): what
Dataverse would refuse with 400 is never sent. Text is cut where that does no harm and left out
where it would (an id, an address); a choice is left out rather than guessed.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from forecourt.dynamics.metadata import Column
from forecourt.text_limits import shorten_utf16, utf16_length

type Value = str | int | float | bool | None

# What a column takes where its own description is silent: the lengths Dataverse gives a new text
# column (reference, 2.3), the ends of its whole numbers and of its decimals.
_SINGLE_LINE_LENGTH = 100
_MULTI_LINE_LENGTH = 2000
_LARGEST_WHOLE = 2**31 - 1
_LARGEST_NUMBER = 100_000_000_000

_TEXTS = frozenset({"String", "Memo"})
_CHOICES = frozenset({"Picklist", "State", "Status"})
_WHOLE_NUMBERS = frozenset({"Integer", "BigInt"})
_NUMBERS = frozenset({"Decimal", "Double", "Money"})

# What is no character of XML 1.0; one of them and Dataverse refuses the text (0x80040278).
_REFUSED_CHARACTERS = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BETWEEN_WORDS = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one column is to hold, before the tenant was asked.

    Parameters
    ----------
    column
        Its logical name.
    value
        None empties it. A text for a choice is the option's label.
    integer
        Dataverse's own integer for that label, of a choice that every tenant has.
    other_labels
        Further names of the same option, tried in this order after ``value``.
    is_ours
        Whether the labels are words of ours, which a note may show; a visitor's are not shown.
    only_configured
        Whether only an integer from the connection's configuration will do.
    is_whole
        Whether a text says something else when cut: it is left out instead.
    line
        The line that goes to the description where the column cannot hold all of the text.
    """

    column: str
    value: Value
    integer: int | None = None
    other_labels: tuple[str, ...] = ()
    is_ours: bool = False
    only_configured: bool = False
    is_whole: bool = False
    line: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a column will hold.

    ``note`` is None where that is all of what was wished; else it goes on after the column's name,
    and says nothing of a visitor.
    """

    value: Value
    note: str | None = None


def fit(wish: Wish, column: Column, options: Mapping[str, int]) -> Fitted:
    """Fit a wish to the tenant's column.

    Parameters
    ----------
    options
        The configured integers of this column's labels; they win over the tenant's metadata.
    """
    value = wish.value
    if isinstance(value, str):
        value = clean_text(value, lines=column.type == "Memo")
    if value is None:
        return Fitted(value=None)
    if column.type in _CHOICES:
        return _fit_choice(wish, column, options)
    if column.type in _TEXTS:
        return _fit_text(wish, column, value)
    if column.type in _WHOLE_NUMBERS | _NUMBERS:
        return _fit_number(column, value)
    kind = {"Boolean": bool, "DateTime": str}.get(column.type)
    if kind is not None and isinstance(value, kind):
        return Fitted(value=value)
    return Fitted(value=None, note=f"left out, as a column of type {column.type} cannot hold it.")


def clean_text(text: str, *, lines: bool) -> str | None:
    """Return a text as Dataverse takes it; None where nothing is left.

    Characters it refuses are dropped, or are a space where they part words. Without `lines`, all
    blanks between words are single spaces.
    """
    kept = _REFUSED_CHARACTERS.sub(lambda found: " " if found[0].isspace() else "", text)
    kept = kept.strip() if lines else " ".join(kept.split())
    return kept or None


def text_length(column: Column) -> int:
    """Return how many UTF-16 code units a text column takes."""
    if column.max_length is not None:
        return max(column.max_length, 0)
    return _MULTI_LINE_LENGTH if column.type == "Memo" else _SINGLE_LINE_LENGTH


def _fit_text(wish: Wish, column: Column, value: str | float) -> Fitted:
    if isinstance(value, bool):
        return Fitted(value=None, note="left out, as a text column cannot hold yes or no.")
    text = str(value)
    limit = text_length(column)
    if utf16_length(text) <= limit:
        return Fitted(value=text)
    if wish.is_whole:
        return Fitted(value=None, note=f"left out, as it has more than {limit} characters.")
    return Fitted(value=shorten_utf16(text, limit) or None, note=f"cut to {limit} characters.")


def _fit_number(column: Column, value: str | float) -> Fitted:
    if isinstance(value, bool | str) or not math.isfinite(value):
        return Fitted(value=None, note="left out, as it is no number.")
    if column.type in _WHOLE_NUMBERS and int(value) != value:
        return Fitted(value=None, note="left out, as it is no whole number.")
    largest = _LARGEST_WHOLE if column.type in _WHOLE_NUMBERS else _LARGEST_NUMBER
    low = -largest if column.minimum is None else column.minimum
    high = largest if column.maximum is None else column.maximum
    if not low <= value <= high:
        return Fitted(value=None, note=f"left out, as it is not from {low} to {high}.")
    return Fitted(value=int(value) if column.type in _WHOLE_NUMBERS else value)


def _fit_choice(wish: Wish, column: Column, options: Mapping[str, int]) -> Fitted:
    value = wish.value
    labels = (value, *wish.other_labels) if isinstance(value, str) else ()
    configured = _integer_of(labels, options)
    allowed = frozenset((column.options or {}).values())
    if configured is not None and allowed and configured not in allowed:
        note = f"left out, as the tenant has no option {configured}, which is configured for it."
        return Fitted(value=None, note=note)
    if configured is not None:
        return Fitted(value=configured)
    if not wish.only_configured:
        if wish.integer is not None and (not allowed or wish.integer in allowed):
            return Fitted(value=wish.integer)
        found = _integer_of(labels, column.options or {})
        if found is not None:
            return Fitted(value=found)
    shown = f'"{value}"' if wish.is_ours else "the lead's value"
    missing = f"no integer for {shown} in the connection's optionSets"
    if not wish.only_configured:
        missing += " and no such option in the tenant"
    return Fitted(value=None, note=f"left out, as there is {missing}.")


def _integer_of(labels: tuple[str, ...], options: Mapping[str, int]) -> int | None:
    """Return the integer of the first label that exactly one option has."""
    for label in labels:
        wanted = _plain_label(label)
        found = {number for name, number in options.items() if _plain_label(name) == wanted}
        if len(found) == 1:
            return found.pop()
    return None


def _plain_label(label: str) -> str:
    """Return a label without what no two words differ by: case, blanks, hyphens, underscores."""
    return _BETWEEN_WORDS.sub(" ", label).strip().casefold()
