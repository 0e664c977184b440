"""Judge what Dynamics answers: a success, or which of Forecourt's errors it is.

The tables below are the Dataverse reference, 1.4, 1.6 and 1.7, row by row. A code counts before its
status: 0x80040333 comes with 412 and with 500, and is never worth another try. What the vendor
*says* is never repeated, since it may quote a record; only its code is, and names of columns we
sent, of privileges and the ids of matching records.

A write that may be repeated (an upsert by the alternate key) is *retryable* where its outcome is
unknown; an update by id is *unknown*, because nobody knows then which fields arrived.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from forecourt.dynamics.error_body import ErrorBody, read_error, read_object
from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from forecourt.leads.dynamics.reasons import DynamicsReason
from forecourt.network.exchange import Answer, NoAnswer
from forecourt.network.silence import Silence


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an answer means, and for a person: why, and what to do.

    ``may_be_done`` says that the write may have happened all the same.
    """

    kind: type[ForecourtError]
    reason: DynamicsReason
    sentence: str
    may_be_done: bool = False


_R = DynamicsReason

_TOKEN_REFUSED = Ruling(
    AuthenticationError,
    _R.TOKEN_REFUSED,
    "Dynamics refuses a fresh token; make an application user for this client id in the"
    " environment, and check the environment URL",
)
_PRIVILEGE_MISSING = Ruling(
    AuthenticationError,
    _R.PRIVILEGE_MISSING,
    "the application user may not do this; give its security role Create, Read and Write on Lead"
    " at organisation level",
)
_RATE_LIMITED = Ruling(
    RetryableError, _R.RATE_LIMITED, "a service protection limit is reached; it passes by itself"
)
_WRONG_ADDRESS = Ruling(
    PermanentError,
    _R.WRONG_ADDRESS,
    "there is no such thing at this address; check environment URL and API version"
    " with 'forecourt dynamics check'",
)
_KEY_NOT_ACTIVE = Ruling(
    PermanentError,
    _R.KEY_NOT_ACTIVE,
    "the alternate key on our lead id is missing or not Active; see to it with 'forecourt dynamics"
    " setup'",
)
_DELETED = Ruling(
    PermanentError,
    _R.DELETED_IN_DYNAMICS,
    "the lead was deleted in Dynamics; retry it to have it created anew",
)
_COLUMN_UNKNOWN = Ruling(
    PermanentError,
    _R.COLUMN_UNKNOWN,
    "the lead table has no such column, or not any more; create it with 'forecourt dynamics setup'"
    " or leave it out in the connection's columns",
)
_SQL_BUSY = Ruling(
    RetryableError, _R.SQL_BUSY, "its database was busy and wrote nothing; it passes by itself"
)
_AWAY = Ruling(
    RetryableError, _R.VENDOR_AWAY_HTTP, "Dynamics is away; it passes by itself", may_be_done=True
)

_BAD_QUERY = "0x80060888"
"""A key, property or segment that does not exist."""

BY_CODE: Mapping[str, Ruling] = {
    "0x80040333": Ruling(
        PermanentError,
        _R.DUPLICATE_FOUND,
        "a duplicate detection rule matches another record; merge the two in Dynamics or switch"
        " duplicate detection off for this connection, then push it again",
    ),
    "0x80060892": Ruling(
        RetryableError,
        _R.KEY_RACE,
        "another request was creating the same lead; the next try updates it",
    ),
    "0x80040237": Ruling(
        PermanentError,
        _R.UNIQUENESS_REFUSED,
        "another record has the same unique value; find it in Dynamics and change or delete it",
    ),
    "0x80044150": _SQL_BUSY,
    "0x80044151": _SQL_BUSY,
    "0x80044331": Ruling(
        PermanentError,
        _R.TEXT_TOO_LONG,
        "a text is longer than its column; read the metadata anew with 'forecourt dynamics check'",
    ),
    "0x8004431a": Ruling(
        PermanentError,
        _R.OPTION_REFUSED,
        "a choice column has no such option; correct the connection's optionSets",
    ),
    "0x80040220": _PRIVILEGE_MISSING,
    "0x80048306": _PRIVILEGE_MISSING,
    "0x80072560": _TOKEN_REFUSED,
    _BAD_QUERY: _WRONG_ADDRESS,
    "0x8006088a": _WRONG_ADDRESS,
    "0x80072321": _RATE_LIMITED,
    "0x80072322": _RATE_LIMITED,
    "0x80072326": _RATE_LIMITED,
}
"""Whatever the status."""

BY_STATUS: Mapping[int, Ruling] = {
    400: Ruling(
        PermanentError,
        _R.REQUEST_REFUSED,
        "Dynamics refuses what was sent; compare the lead with the table's columns",
    ),
    401: _TOKEN_REFUSED,
    403: _PRIVILEGE_MISSING,
    404: _WRONG_ADDRESS,
    405: _WRONG_ADDRESS,
    408: _AWAY,
    413: Ruling(PermanentError, _R.TOO_LARGE, "the lead is larger than Dynamics takes"),
    429: _RATE_LIMITED,
    500: Ruling(
        RetryableError,
        _R.SERVER_ERROR,
        "Dynamics failed; if it goes on, look for a plug-in or flow on Lead that fails",
        may_be_done=True,
    ),
    502: _AWAY,
    503: _AWAY,
    504: _AWAY,
}
"""Where the code says nothing."""

_MALFORMED = frozenset({"", "0x0", "0x80048d19", _BAD_QUERY})
"""Codes that may stand for a column the table does not have; its name in the words then tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the judge must know about a call.

    Parameters
    ----------
    name
        What was tried, as the beginning of a sentence.
    by_id
        It is about one record we know by its id: 404 means that it is gone.
    by_key
        It finds its record by the alternate key, which has to exist.
    repeatable
        Doing it twice does no more than doing it once; so do reads.
    answer_seconds
        For the whole answer.
    answer_bytes
        The largest honest answer.
    """

    name: str
    by_id: bool = False
    by_key: bool = False
    repeatable: bool = True
    answer_seconds: float = 30.0
    answer_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """A success: its JSON object (empty without one), status and headers."""

    fields: dict[str, Any] = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(repr=False)


def judge(
    outcome: Answer | NoAnswer, operation: Operation, columns: Collection[str] = ()
) -> Success:
    """Return the success that `outcome` is, or raise what it is instead.

    Parameters
    ----------
    columns
        Logical names that were sent; they alone are named in an error.
    """
    if isinstance(outcome, NoAnswer):
        raise _without_answer(outcome, operation)
    status = outcome.status
    if status == HTTPStatus.NO_CONTENT:
        return Success(fields={}, status=status, headers=outcome.headers)
    if status in {HTTPStatus.OK, HTTPStatus.CREATED}:
        fields = read_object(outcome.body)
        if fields is None:
            detail = "a success without a JSON object"
            raise _error(
                RetryableError if operation.repeatable else OutcomeUnknownError,
                _R.UNREADABLE_ANSWER,
                operation,
                detail,
            )
        return Success(fields=fields, status=status, headers=outcome.headers)
    if status < HTTPStatus.BAD_REQUEST:
        # A redirect leads to a page for people, or away from who may see the token.
        detail = f"HTTP {status}, which is not followed: {_WRONG_ADDRESS.sentence}"
        raise _error(PermanentError, _R.WRONG_ADDRESS, operation, detail)
    error = read_error(outcome.body)
    ruling = _ruling(status, error, operation, columns)
    kind: type[ForecourtError] = ruling.kind
    if ruling.may_be_done and not operation.repeatable:
        kind = OutcomeUnknownError
    raise _error(
        kind,
        ruling.reason,
        operation,
        _sentence(status, error, ruling, columns),
        outcome.retry_after,
    )


def _ruling(
    status: int, error: ErrorBody, operation: Operation, columns: Collection[str]
) -> Ruling:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS}:
        return BY_STATUS[status]
    if error.code in _MALFORMED and error.unknown_property in columns:
        return _COLUMN_UNKNOWN
    if error.code == _BAD_QUERY and operation.by_key:
        return _KEY_NOT_ACTIVE
    return BY_CODE.get(error.code) or _ruling_by_status(status, operation)


def _ruling_by_status(status: int, operation: Operation) -> Ruling:
    if status == HTTPStatus.NOT_FOUND and operation.by_id:
        return _DELETED
    whole_class = 500 if status >= HTTPStatus.INTERNAL_SERVER_ERROR else 400
    return BY_STATUS.get(status, BY_STATUS[whole_class])


def _sentence(status: int, error: ErrorBody, ruling: Ruling, columns: Collection[str]) -> str:
    said = [f"HTTP {status}"]
    if error.code:
        said.append(error.code)
    match ruling.reason:
        case _R.DUPLICATE_FOUND:
            said += [f"matching record {record}" for record in error.records]
        case _R.PRIVILEGE_MISSING:
            said += error.privileges
        case _R.TEXT_TOO_LONG | _R.COLUMN_UNKNOWN | _R.OPTION_REFUSED | _R.REQUEST_REFUSED:
            said += [column for column in sorted(columns) if column in error.words]
    return f"{', '.join(said)}: {ruling.sentence}"


def _without_answer(outcome: NoAnswer, operation: Operation) -> ForecourtError:
    kind: type[ForecourtError] = RetryableError
    if outcome.was_sent and not operation.repeatable:
        kind = OutcomeUnknownError
    return _error(kind, outcome.reason, operation, outcome.detail)


def _error(
    kind: type[ForecourtError],
    reason: DynamicsReason | Silence,
    operation: Operation,
    detail: str,
    retry_after: float | None = None,
) -> ForecourtError:
    return kind(
        str(reason), f"{operation.name}: {detail}.", target="Dynamics", retry_after=retry_after
    )
