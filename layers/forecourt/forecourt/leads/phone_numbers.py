"""Tell a visitor's mobile number from other phone numbers (EasyCars reference, 2.2)."""

import re
from dataclasses import dataclass

from forecourt.text_limits import utf16_length

_LIMIT = 20
_SEPARATORS = re.compile(r"[\s().\-\u2010-\u2015]+")
_NUMBER = re.compile(r"\+?[0-9]+")
_TRUNK_ZERO = re.compile(r"\+610(?=[0-9]{9}\Z)")
_MOBILE = re.compile(r"04[0-9]{8}|\+614[0-9]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneFields:
    """At most one of the three is set; ``unplaced`` is what fits neither field and goes to Notes.

    ``phone`` and ``mobile`` are digits, perhaps with a leading plus, at most 20 characters.
    """

    phone: str | None = None
    mobile: str | None = None
    unplaced: str | None = None


def sort_phone(text: str) -> PhoneFields:
    """Decide where a phone number as typed goes.

    Blanks, dots, dashes and brackets are left out, and so is the zero of ``+61 (0)4…``. A number
    with letters or other signs, two numbers in one, or one over 20 characters, is unplaced.

    Examples
    --------
    >>> sort_phone("+61 412 345 678").mobile
    '+61412345678'
    >>> sort_phone("(02) 9999 1234").phone
    '0299991234'
    >>> sort_phone("9999 1234 ext. 5").unplaced
    '9999 1234 ext. 5'
    """
    typed = " ".join(text.split())
    if not typed:
        return PhoneFields()
    number = _TRUNK_ZERO.sub("+61", _SEPARATORS.sub("", typed))
    if _NUMBER.fullmatch(number) is None or utf16_length(number) > _LIMIT:
        return PhoneFields(unplaced=typed)
    if _MOBILE.fullmatch(number):
        return PhoneFields(mobile=number)
    return PhoneFields(phone=number)
