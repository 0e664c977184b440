"""Routes of single vehicles: what a dealer keeps through the nightly runs."""

from http import HTTPStatus
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, Field

from forecourt.admin.access import not_found
from forecourt.admin.audit import Actor
from forecourt.admin.documents import to_document
from forecourt.admin.ports import Row
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.admin.whole_numbers import whole_number
from forecourt.problem import FieldError
from forecourt.validation import RequestBody, invalid_fields, wrong_value

type Lockable = Literal["price", "title", "description", "status", "images"]

_LARGEST_ID = 2**31 - 1
_LARGEST_PRICE = 99_999_999.99


def _web_address(value: str) -> str:
    if not value.startswith("https://") or any(character.isspace() for character in value):
        raise wrong_value(cure="must be an https address without blanks")
    return value


class VehicleChange(RequestBody):
    """The body of ``PATCH /api/admin/vehicles/{vehicleId}``; what is left out stays.

    A field that is set is locked: nightly runs leave it alone until it is unlocked. ``price`` is
    in AUD, 0 meaning "contact us". ``lock`` keeps a field as it is now.
    """

    price: Annotated[float, Field(ge=0, le=_LARGEST_PRICE)] | None = None
    title: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    description: Annotated[str, Field(max_length=5000)] | None = None
    status: Literal["active", "pending", "sold", "draft"] | None = None
    images: (
        Annotated[
            list[Annotated[str, Field(max_length=2000), AfterValidator(_web_address)]],
            Field(max_length=100),
        ]
        | None
    ) = None
    lock: list[Lockable] = Field(default_factory=list, max_length=5)
    unlock: list[Lockable] = Field(default_factory=list, max_length=5)

    @property
    def values(self) -> dict[str, Any]:
        """What is set, by column."""
        return self.model_dump(exclude_none=True, exclude={"lock", "unlock"})


class VehicleEdits(Protocol):
    """Single vehicles. ``scope`` is one dealership, None for all."""

    def show(self, vehicle_id: int, scope: int | None) -> Row | None:
        """Return one vehicle with the feed item it came from."""
        ...

    def change(
        self,
        vehicle_id: int,
        scope: int | None,
        *,
        values: dict[str, Any],
        lock: set[str],
        unlock: set[str],
        actor: Actor,
    ) -> bool:
        """Set columns, lock and unlock; False where there is no such vehicle."""
        ...


class VehicleRoutes:
    """Answers ``/api/admin/vehicles/{vehicleId}``."""

    def __init__(self, *, vehicles: VehicleEdits) -> None:
        self._vehicles = vehicles

    def show(self, request: AdminRequest) -> Reply:
        """Show one vehicle, its locked fields, and the feed item beside it."""
        row = self._vehicles.show(_vehicle_id(request), request.scope)
        if row is None:
            raise not_found(what="vehicle")
        return Reply(HTTPStatus.OK, to_document(row))

    def change(self, request: AdminRequest) -> Reply:
        """Set, lock and unlock fields; what is unlocked follows the feed from the next run on."""
        request.caller.require_manager()
        body = request.fields(VehicleChange)
        values = body.values
        lock: set[str] = {*values, *body.lock}
        unlock: set[str] = set(body.unlock)
        if lock & unlock:
            message = "names a field that is set or locked by the same request"
            raise invalid_fields([FieldError("unlock", message)])
        if not lock | unlock:
            message = "nothing to change: set a field, or name one in lock or unlock"
            raise invalid_fields([FieldError("(body)", message)])
        changed = self._vehicles.change(
            _vehicle_id(request),
            request.scope,
            values=values,
            lock=lock,
            unlock=unlock,
            actor=request.actor,
        )
        if not changed:
            raise not_found(what="vehicle")
        return self.show(request)


def _vehicle_id(request: AdminRequest) -> int:
    number = whole_number(request.path["vehicleId"], largest=_LARGEST_ID)
    if number is None:
        raise not_found(what="vehicle")
    return number
