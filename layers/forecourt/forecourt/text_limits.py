"""Cut text to a limit without breaking a character in two.

Both vendors run .NET, whose string lengths count UTF-16 code units (an emoji is two); PostgreSQL's
``varchar(n)`` counts code points. Both cuts step back over what belongs to the last character:
half a surrogate pair, combining marks, variation selectors, skin tones, joined emoji.
"""

import unicodedata

ELLIPSIS = "\u2026"
"""One code unit; ends a text that goes on elsewhere or was cut."""

_JOINER = "\u200d"
_LONGEST_STEP_BACK = 16  # a cluster longer than this is no letter a person wrote


def utf16_length(text: str) -> int:
    """Count `text` as .NET does, in UTF-16 code units."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut_utf16(text: str, limit: int) -> str:
    """Return the start of `text` that fits in `limit` UTF-16 code units, blanks at its end gone."""
    if utf16_length(text) <= limit:
        return text
    units = 0
    for index, character in enumerate(text):
        units += 2 if character > "\uffff" else 1
        if units > limit:
            return _cut_between_characters(text, index)
    return text


def shorten_utf16(text: str, limit: int) -> str:
    """Return `text`, or as much of its start as fits in `limit` UTF-16 code units with an ellipsis.

    Examples
    --------
    >>> shorten_utf16("Is it still there?", 12)
    'Is it still…'
    """
    if utf16_length(text) <= limit:
        return text
    return cut_utf16(text, limit - 1) + ELLIPSIS if limit > 0 else ""


def cut_code_points(text: str, limit: int) -> str:
    """Return the start of `text` that fits in `limit` code points, blanks at its end gone."""
    return text if len(text) <= limit else _cut_between_characters(text, limit)


def _cut_between_characters(text: str, index: int) -> str:
    start = index
    while start > 0 and index - start < _LONGEST_STEP_BACK and _belongs_together(text, start):
        start -= 1
    if start == 0 or _belongs_together(text, start):
        start = index
    return text[:start].rstrip()


def _belongs_together(text: str, index: int) -> bool:
    follower = text[index]
    return (
        unicodedata.combining(follower) != 0
        or unicodedata.category(follower) == "Mn"
        or follower == _JOINER
        or text[index - 1] == _JOINER
        or "\U0001f3fb" <= follower <= "\U0001f3ff"
    )
