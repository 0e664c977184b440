"""What a field of a request or an answer may hold.

A request is strict: it refuses what the vendor would refuse, before anything is sent. An answer is
tolerant: null, ``""`` and odd types may stand anywhere (spec, 1.7), so a value that cannot be read
as what it should be is None, and an unknown field is ignored.
"""

import threading
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)
from pydantic.alias_generators import to_pascal

from forecourt.easycars.reasons import Reason
from forecourt.errors import PermanentError
from forecourt.text_limits import utf16_length

_DATE_FORMAT = "%d/%m/%Y"
_DOTNET_DECIMAL_DIGITS = 28
_LARGEST_INT32 = 2**31 - 1


class _BuiltOnFirstUse(BaseModel):
    """A model whose validator is built when it is first needed, by one thread at a time.

    Building every model costs more than the rest of an import. Pydantic builds a deferred one
    without a lock: a second thread would find it half made, and read or refuse by that.
    """

    model_config = ConfigDict(defer_build=True)

    _building: ClassVar[threading.RLock] = threading.RLock()
    _is_built: ClassVar[bool] = False

    @classmethod
    def model_validate(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401 - as inherited
        """Validate as pydantic does, with a validator that is whole."""
        if "_is_built" not in cls.__dict__:
            with cls._building:
                cls.model_rebuild()
                cls._is_built = True
        return super().model_validate(*args, **kwargs)


class EasyCarsRequest(_BuiltOnFirstUse):
    """A request body without AccountNumber and AccountSecret, which only the client knows."""

    model_config = ConfigDict(
        alias_generator=to_pascal,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Build the request from the vendor's field names.

        Raises
        ------
        PermanentError
            Code ``INVALID_REQUEST``: the vendor would refuse it. The detail names each field and
            what it may be, never its value.
        """
        try:
            return cls.model_validate(dict(fields))
        except ValidationError as error:
            refusals = error.errors(include_url=False, include_context=False, include_input=False)
        detail = "; ".join(
            f"{'.'.join(map(str, refusal['loc'])) or cls.__name__}: "
            + refusal["msg"].removeprefix("Value error, ")
            for refusal in refusals
        )
        raise PermanentError(Reason.INVALID_REQUEST, detail, target="EasyCars")

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object to send; what is None is left out, as null would change it."""
        return self.model_dump(mode="python", by_alias=True, exclude_none=True)


class EasyCarsAnswer(_BuiltOnFirstUse):
    """A part of an answer that is worth having with any of its fields missing."""

    model_config = ConfigDict(
        alias_generator=to_pascal,
        validate_by_name=True,
        validate_by_alias=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )


class _LongestText:
    """At most `limit` UTF-16 code units, counted the way the vendor counts."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def __call__(self, value: str) -> str:
        if utf16_length(value) > self._limit:
            reason = f"may be at most {self._limit} characters"
            raise ValueError(reason)
        return value


def _encodable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        reason = "may not hold half a surrogate pair"
        raise ValueError(reason) from None
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        reason = "may not be blank"
        raise ValueError(reason)
    return value


def _not_a_flag(value: object) -> object:
    if isinstance(value, bool):
        reason = "must be a number, not true or false"
        raise ValueError(reason)  # noqa: TRY004 - pydantic reports ValueError, not TypeError
    return value


def _vendor_date(value: object) -> object:
    if isinstance(value, str):
        return datetime.strptime(value, _DATE_FORMAT).date()  # noqa: DTZ007 - a date has no zone
    return value


Required = AfterValidator(_not_blank)
Text = Annotated[str, AfterValidator(_encodable)]
Text10 = Annotated[Text, AfterValidator(_LongestText(10))]
Text20 = Annotated[Text, AfterValidator(_LongestText(20))]
Text22 = Annotated[Text, AfterValidator(_LongestText(22))]
Text30 = Annotated[Text, AfterValidator(_LongestText(30))]
Text3 = Annotated[Text, AfterValidator(_LongestText(3))]
Text50 = Annotated[Text, AfterValidator(_LongestText(50))]
Text65 = Annotated[Text, AfterValidator(_LongestText(65))]
Text100 = Annotated[Text, AfterValidator(_LongestText(100))]
Text200 = Annotated[Text, AfterValidator(_LongestText(200))]
Text400 = Annotated[Text, AfterValidator(_LongestText(400))]
Text1000 = Annotated[Text, AfterValidator(_LongestText(1000))]
Amount = Annotated[Decimal, BeforeValidator(_not_a_flag), Field(max_digits=_DOTNET_DECIMAL_DIGITS)]
Whole = Annotated[
    int, BeforeValidator(_not_a_flag), Field(ge=-_LARGEST_INT32 - 1, le=_LARGEST_INT32)
]
Flag = Annotated[bool, Field(strict=True)]
VendorDate = Annotated[
    date,
    BeforeValidator(_vendor_date),
    PlainSerializer(lambda value: value.strftime(_DATE_FORMAT), return_type=str),
]
MonthAndYear = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])/\d{2}$")]


def read_text(value: object) -> str | None:
    """Read `value` as text: numbers as they are written, None where blank or no text at all."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    return None


def read_number(value: object) -> Decimal | None:
    """Read `value` as a finite number, from text too; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def read_whole(value: object) -> int | None:
    """Read `value` as a whole number, from text or ``5.0`` too; None where it is none."""
    number = read_number(value)
    if number is None or number.adjusted() > _DOTNET_DECIMAL_DIGITS:
        return None
    return int(number) if number == number.to_integral_value() else None


_FLAG_WORDS = {"true": True, "1": True, "false": False, "0": False}


def read_flag(value: object) -> bool | None:
    """Read `value` as a flag, from 0, 1 and their words too; None where it is none."""
    if isinstance(value, bool):
        return value
    text = read_text(value)
    return None if text is None else _FLAG_WORDS.get(text.strip().lower())


AnswerText = Annotated[str | None, BeforeValidator(read_text)]
AnswerNumber = Annotated[Decimal | None, BeforeValidator(read_number)]
AnswerWhole = Annotated[int | None, BeforeValidator(read_whole)]
AnswerFlag = Annotated[bool | None, BeforeValidator(read_flag)]
