"""From a JSON object to a Pydantic model, or to a problem that names every bad field."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from forecourt.problem import FieldError, Problem

# Pydantic's error types, said as what to do; those of our own checks say it themselves.
_CURES = {
    "missing": "is required",
    "extra_forbidden": "is not a known field; remove it",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} members",
    "too_long": "must have at most {max_length} members",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
}


def wrong_value(*, cure: str) -> PydanticCustomError:
    """Return what a validator raises; ``cure`` goes on after the field's name, "must …"."""
    return PydanticCustomError("wrong_value", cure)


class RequestBody(BaseModel):
    """A JSON object of a request, or a part of one.

    Strict, in camelCase, texts without blanks at their ends but for those of ``verbatim``; a
    complaint repeats no value.
    """

    verbatim: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _strip(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {
            name: item.strip() if isinstance(item, str) and name not in cls.verbatim else item
            for name, item in value.items()
        }


def validate_fields[Model: BaseModel](
    model: type[Model], body: Mapping[str, Any], errors: Iterable[FieldError] = ()
) -> Model:
    """Build a model of a JSON object.

    Parameters
    ----------
    model
        A model with ``hide_input_in_errors``.
    body
        The object.
    errors
        What was already found wrong with it; it is told together with the rest.

    Raises
    ------
    Problem
        422 naming every bad field with its cure.
    """
    found = {error.field: error for error in errors}
    valid = None
    try:
        valid = model.model_validate(dict(body))
    except ValidationError as error:
        for one in map(_field_error, error.errors(include_url=False)):
            found.setdefault(one.field, one)
    if found or valid is None:
        raise invalid_fields(found.values())
    return valid


def invalid_fields(errors: Iterable[FieldError]) -> Problem:
    """Return the problem that names these fields."""
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid-fields",
        "Some fields cannot be taken as they are; errors names them all.",
        errors=tuple(errors),
    )


def _field_error(error: ErrorDetails) -> FieldError:
    place = ".".join(str(part) for part in error["loc"] if part != "[key]")
    return FieldError(place or "(body)", _message(error))


def _message(error: ErrorDetails) -> str:
    kind, limits = error["type"], error.get("ctx", {})
    if limits.get("field_type") == "Value":  # a secret: its members are characters
        kind = f"string_{kind}"
    if kind in {"string_too_short", "too_short"} and limits["min_length"] == 1:
        return "must not be empty"
    cure = _CURES.get(kind)
    return error["msg"] if cure is None else cure.format_map(limits)
