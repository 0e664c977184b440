"""Whole numbers as addresses and claims write them."""

LARGEST_DEALERSHIP_ID = 2**31 - 1
LARGEST_ROW_ID = 2**63 - 1


def whole_number(text: str, *, largest: int) -> int | None:
    """Read a number from 1 to ``largest`` in ASCII digits; None for anything else.

    Examples
    --------
    >>> whole_number("12", largest=100)
    12
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(largest))):
        return None
    number = int(text)
    return number if 1 <= number <= largest else None
