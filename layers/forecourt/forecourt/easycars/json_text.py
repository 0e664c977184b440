r"""Repair JSON text that cannot be parsed or stored because of a character that is no text.

JSON's grammar lets pass a lone surrogate escape (``\ud83d`` without its other half), which neither
msgspec nor PostgreSQL takes, and U+0000, which PostgreSQL does not take.
"""

import re

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)",
    re.DOTALL,
)
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_NULL = rb"\u0000"


def repair_text(text: bytes | bytearray) -> tuple[bytes, int]:
    """Put U+FFFD for lone surrogate escapes and for bytes that are not UTF-8; count the repairs."""
    repairs = 0
    try:
        text.decode()
    except UnicodeDecodeError:
        text = text.decode(errors="replace").encode()
        repairs += 1

    def repair(match: re.Match[bytes]) -> bytes:
        nonlocal repairs
        escape = match.group()
        if _LONE_SURROGATE.fullmatch(escape) is None:
            return escape
        repairs += 1
        return rb"\ufffd"

    return _ESCAPE.sub(repair, text), repairs


def drop_nulls(text: bytes) -> tuple[bytes, bool]:
    r"""Drop U+0000, which JSON writes as ``\u0000``; say whether there was one."""
    if _NULL not in text:
        return text, False
    cleaned = _ESCAPE.sub(lambda match: b"" if match.group() == _NULL else match.group(), text)
    return cleaned, cleaned != text
