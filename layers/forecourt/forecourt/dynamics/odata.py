"""Parts of a Dataverse address, written so that no value can leave its place (reference, 1.5)."""

import re
from urllib.parse import quote
from uuid import UUID

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,127}")


def lead_by_id(lead_id: UUID) -> str:
    """Address one lead by its GUID, which stands unquoted."""
    return f"leads({lead_id})"


def lead_by_key(column: str, value: UUID) -> str:
    """Address one lead by its alternate key.

    Our own lead id is the value: a UUID has none of the characters that break a key (reference,
    1.4), which an e-mail has.
    """
    return f"leads({checked_column(column)}='{value}')"


def equals(column: str, text: str) -> str:
    """Write a comparison as it stands behind ``$filter=``, percent-encoded.

    First each quote in the text is doubled, then everything is encoded, so that neither a quote
    ends the literal nor an ``&`` the parameter.

    Examples
    --------
    >>> equals("emailaddress1", "o'neil+b&c@d.example")
    'emailaddress1%20eq%20%27o%27%27neil%2Bb%26c%40d.example%27'
    """
    doubled = text.replace("'", "''")
    return quote(f"{checked_column(column)} eq '{doubled}'", safe="")


def checked_column(name: str) -> str:
    """Return a logical name that may stand in an address.

    Raises
    ------
    ValueError
        It is none; the name is not repeated, because nobody knows what it holds instead.
    """
    if _COLUMN.fullmatch(name) is None:
        reason = "a column's logical name has lower-case letters, digits and underscores only"
        raise ValueError(reason)
    return name
