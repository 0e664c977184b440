"""One request to the admin API: who asks for what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic import BaseModel

from forecourt.admin.access import Caller
from forecourt.admin.audit import Actor
from forecourt.admin.whole_numbers import LARGEST_DEALERSHIP_ID, whole_number
from forecourt.http_request import HttpRequest
from forecourt.problem import FieldError, Problem
from forecourt.strict_json import parse_object
from forecourt.validation import validate_fields

MAX_BODY_BYTES = 64 * 1024
_LARGEST_PAGE = 100_000
_LONGEST_PAGE = 100
_USUAL_PAGE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is asked for; ``number`` counts from 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows come before it."""
        return (self.number - 1) * self.size

    def describe(self, total: int) -> dict[str, int]:
        """Return the ``pagination`` member of an answer."""
        return {
            "currentPage": self.number,
            "pageSize": self.size,
            "totalRecords": total,
            "totalPages": -(-total // self.size),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminRequest:
    """What a route gets; ``path`` holds the variable parts of the route."""

    caller: Caller
    http: HttpRequest
    query: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """Who the audit log names."""
        return Actor(
            name=self.caller.subject,
            kind=self.caller.role.value,
            correlation_id=self.http.request_id or None,
        )

    @property
    def scope(self) -> int | None:
        """Whose data may be shown: one dealership's, None for everybody's."""
        return self.caller.scope(self._asked_dealership())

    @property
    def dealership_id(self) -> int:
        """The one dealership the request is about."""
        return self.caller.one_dealership(self._asked_dealership())

    def page(self) -> Page:
        """Read ``page`` (from 1) and ``pageSize`` (20, at most 100)."""
        return Page(
            number=self.number("page", default=1, largest=_LARGEST_PAGE),
            size=self.number("pageSize", default=_USUAL_PAGE, largest=_LONGEST_PAGE),
        )

    def number(self, name: str, *, default: int, largest: int) -> int:
        """Read a whole number from 1 of the query string.

        Raises
        ------
        Problem
            400 naming it.
        """
        text = self.query.get(name, "")
        if not text:
            return default
        number = whole_number(text, largest=largest)
        if number is None:
            raise bad_parameter(name, f"must be a whole number from 1 to {largest}")
        return number

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """Read one of a few words of the query string, without regard to case; None if absent.

        Raises
        ------
        Problem
            400 naming it and what is allowed.
        """
        text = self.query.get(name, "")
        if not text:
            return None
        for word in allowed:
            if word.lower() == text.lower():
                return word
        raise bad_parameter(name, f"must be one of {', '.join(allowed)}")

    def fields[Model: BaseModel](self, model: type[Model]) -> Model:
        """Read the body as a model; 400 for broken JSON, 422 naming every bad field."""
        return validate_fields(model, *parse_object(self.http.body(MAX_BODY_BYTES)))

    def _asked_dealership(self) -> int | None:
        if not self.query.get("dealershipId"):
            return None
        return self.number("dealershipId", default=0, largest=LARGEST_DEALERSHIP_ID)


def bad_parameter(name: str, message: str) -> Problem:
    """Return 400 for a parameter of the query string."""
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "invalid-parameter",
        f"The parameter {name} {message}.",
        errors=(FieldError(name, message),),
    )
