"""OData's ``$filter``, read by its grammar and judged by the table's columns (reference, 1.5).

Supported: ``eq ne gt ge lt le``, ``and or not``, parentheses, ``contains startswith endswith``,
literals of texts, numbers, GUIDs, moments, ``true false null``. Anything else is a 400, so that
what broke out of a literal shows.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn

from local.dataverse_simulator.columns import LOOKUP_KINDS, OPTION_KINDS, Column, Kind
from local.dataverse_simulator.errors import BAD_QUERY, bad_request
from local.dataverse_simulator.lead_store import LeadRecord

type Predicate = Callable[[LeadRecord], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<moment>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2}))"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<mark>[(),]))"
)
_MAX_LENGTH = 32_768
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: bool(left == right),
    "ne": lambda left, right: bool(left != right),
    "gt": lambda left, right: bool(left > right),
    "ge": lambda left, right: bool(left >= right),
    "lt": lambda left, right: bool(left < right),
    "le": lambda left, right: bool(left <= right),
}
_FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}
_NUMBERS = frozenset({Kind.INTEGER, Kind.BIG_INTEGER, Kind.DECIMAL, Kind.MONEY, *OPTION_KINDS})
_LITERALS = {
    **dict.fromkeys((Kind.STRING, Kind.MEMO), "text"),
    **dict.fromkeys(_NUMBERS, "number"),
    **dict.fromkeys((Kind.UNIQUE_ID, *LOOKUP_KINDS), "guid"),
    Kind.DATE_TIME: "moment",
    Kind.BOOLEAN: "boolean",
}
"""The literal each type of column is compared with."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def read_filter(text: str, columns: Mapping[str, Column]) -> Predicate:
    """Read a filter.

    Parameters
    ----------
    text
        The value of ``$filter``, percent-decoded.

    Raises
    ------
    DataverseError
        400: it does not follow the grammar, names no column, or compares different types.
    """
    return _Reader(_tokens(text), columns).whole()


def sort_value(value: Any) -> tuple[bool, Any]:  # noqa: ANN401 - any value of a column
    """Order values of one column as Dataverse does: null first, case of texts ignored."""
    return (value is not None, value.casefold() if isinstance(value, str) else value)


class _Reader:
    """Reads tokens from left to right; each method reads one rule of the grammar."""

    def __init__(self, tokens: list[_Token], columns: Mapping[str, Column]) -> None:
        self._tokens = tokens
        self._at = 0
        self._columns = {column.property_name: column for column in columns.values()}

    def whole(self) -> Predicate:
        predicate = self._either()
        if self._at < len(self._tokens):
            _fail(f"Syntax error at '{self._tokens[self._at].text}'")
        return predicate

    def _either(self) -> Predicate:
        left = self._both()
        while self._takes("or"):
            left = _any_of(left, self._both())
        return left

    def _both(self) -> Predicate:
        left = self._unary()
        while self._takes("and"):
            left = _all_of(left, self._unary())
        return left

    def _unary(self) -> Predicate:
        if self._takes("not"):
            inner = self._unary()
            return lambda lead: not inner(lead)
        if self._takes("("):
            inner = self._either()
            self._expect(")")
            return inner
        word = self._next("word")
        if word in _FUNCTIONS:
            return self._function(word)
        return self._comparison(self._column(word))

    def _function(self, name: str) -> Predicate:
        self._expect("(")
        column = self._column(self._next("word"))
        self._expect(",")
        part = self._literal(column)
        self._expect(")")
        if not isinstance(part, str) or _LITERALS[column.kind] != "text":
            _fail(f"No function signature for the function with name '{name}' matches")
        holds, wanted = _FUNCTIONS[name], part.casefold()
        return lambda lead: holds(str(_value(lead, column) or "").casefold(), wanted)

    def _comparison(self, column: Column) -> Predicate:
        operator = self._next("word")
        if operator not in _COMPARE:
            _fail(f"Syntax error at '{operator}'")
        wanted = self._literal(column)
        compare = _COMPARE[operator]
        if wanted is None or operator in ("eq", "ne"):
            if wanted is None and operator not in ("eq", "ne"):
                return lambda _lead: False
            return lambda lead: compare(_folded(_value(lead, column)), _folded(wanted))
        return lambda lead: (
            (value := _value(lead, column)) is not None and compare(_folded(value), _folded(wanted))
        )

    def _column(self, name: str) -> Column:
        if name not in self._columns:
            message = (
                f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.lead'."
            )
            raise bad_request(BAD_QUERY, message)
        return self._columns[name]

    def _literal(self, column: Column) -> Any:  # noqa: ANN401 - of the column's type
        token = self._tokens[self._at] if self._at < len(self._tokens) else _Token("end", "")
        self._at += 1
        if token == _Token("word", "null"):
            return None
        kind = "boolean" if token.text in ("true", "false") else token.kind
        if kind != _LITERALS[column.kind]:
            _fail(
                "A binary operator with incompatible types was detected at "
                f"'{token.text}' for '{column.name}'"
            )
        return _READ[kind](token.text)

    def _next(self, kind: str) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at].kind != kind:
            found = self._tokens[self._at].text if self._at < len(self._tokens) else "the end"
            _fail(f"Syntax error at '{found}'")
        self._at += 1
        return self._tokens[self._at - 1].text

    def _takes(self, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].text == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._takes(text):
            _fail(f"'{text}' expected")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        _fail(f"Unrecognized 'Edm.DateTimeOffset' literal '{text}'")


_READ: Mapping[str, Callable[[str], Any]] = {
    "text": lambda text: text[1:-1].replace("''", "'"),
    "number": Decimal,
    "guid": str.lower,
    "moment": _moment,
    "boolean": lambda text: text == "true",
}


def _tokens(text: str) -> list[_Token]:
    if len(text) > _MAX_LENGTH:
        _fail("The filter is too long")
    tokens = []
    at = 0
    rest = text.rstrip()
    while at < len(rest):
        match = _TOKEN.match(rest, at)
        if match is None:
            _fail(f"Syntax error at position {at}")
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match[kind]))
        at = match.end()
    return tokens


def _value(lead: LeadRecord, column: Column) -> Any:  # noqa: ANN401 - any value of a column
    value = lead.lead_id if column.name == "leadid" else lead.values.get(column.name)
    return datetime.fromisoformat(value) if column.kind is Kind.DATE_TIME and value else value


def _folded(value: Any) -> Any:  # noqa: ANN401 - any value of a column
    return value.casefold() if isinstance(value, str) else value


def _any_of(left: Predicate, right: Predicate) -> Predicate:
    return lambda lead: left(lead) or right(lead)


def _all_of(left: Predicate, right: Predicate) -> Predicate:
    return lambda lead: left(lead) and right(lead)


def _fail(message: str) -> NoReturn:
    raise bad_request(BAD_QUERY, f"{message}.")
