"""How Dataverse refuses: a status, a code of its own and a sentence (Dataverse reference, 1.7).

Codes the reference does not name are those of Microsoft's list of web service error codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

BAD_QUERY = "0x80060888"
"""A key there is not, an unknown property in a query, a filter that cannot be read."""
BAD_PAYLOAD = "0x80048d19"
"""An unknown column or a value of the wrong type in a body."""
NO_SUCH_SET = "0x8006088a"
NO_SUCH_RECORD = "0x80040217"
NO_SUCH_KEY_VALUE = "0x80060891"
TEXT_TOO_LONG = "0x80044331"
OPTION_OUT_OF_RANGE = "0x8004431a"
INTEGER_OUT_OF_RANGE = "0x8004432f"
DECIMAL_OUT_OF_RANGE = "0x80044330"
DATE_OUT_OF_RANGE = "0x80044329"
INVALID_ARGUMENT = "0x80040203"
"""Also a lead that is closed, and metadata that cannot be made as asked."""
BAD_STATUS_FOR_STATE = "0x80048408"
PRIVILEGE_MISSING = "0x80040220"
ACCESS_DENIED = "0x80048306"
NO_MEMBER = "0x80072560"
"""There is no application user for the client."""
VERSION_MISMATCH = "0x80060882"
KEY_TAKEN = "0x80060892"
RECORD_EXISTS = "0x80040237"
DUPLICATE_FOUND = "0x80040333"
DUPLICATE_NAME = "0x80044363"
"""A column or key of that name exists."""
NO_CODE = ""
TOO_MANY_REQUESTS = "0x80072322"
TOO_MUCH_TIME = "0x80072321"
TOO_MANY_AT_ONCE = "0x80072326"


@dataclass
class DataverseError(Exception):
    """Dataverse refuses.

    Parameters
    ----------
    against_documents
        Whether a client that knows the documents and the table never sends such a request.
    annotations
        What ``Prefer: odata.include-annotations`` adds to the body.
    """

    status: int
    code: str
    message: str
    against_documents: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


def bad_request(code: str, message: str) -> DataverseError:
    """Refuse what breaks the documents."""
    return DataverseError(HTTPStatus.BAD_REQUEST, code, message, against_documents=True)


def not_found(code: str, message: str, *, against_documents: bool = False) -> DataverseError:
    """Refuse what is not there."""
    return DataverseError(HTTPStatus.NOT_FOUND, code, message, against_documents)


def no_such_segment(segment: str) -> DataverseError:
    """Refuse an address that leads nowhere."""
    message = f"Resource not found for the segment '{segment}'."
    return not_found(NO_SUCH_SET, message, against_documents=True)


def precondition_failed(code: str, message: str) -> DataverseError:
    """Refuse because of what is there already."""
    return DataverseError(HTTPStatus.PRECONDITION_FAILED, code, message)


def forbidden(code: str, message: str) -> DataverseError:
    """Refuse for want of a right."""
    return DataverseError(HTTPStatus.FORBIDDEN, code, message)
