"""What a person may change of a lead, and what follows from it (design 5.1.8).

Absent fields stay, null or blank ones are cleared, as in a JSON merge patch (RFC 7396). What is
given is checked as intake checks it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from forecourt.admin.request import AdminRequest
from forecourt.leads.lead import FinanceStatus, LeadStatus, Rating, VehicleInterest
from forecourt.leads.submission import (
    AddressLine,
    AddressPart,
    Email,
    Message,
    Name,
    Phone,
    PostCode,
    StockNumber,
    VehicleId,
)
from forecourt.problem import FieldError, Problem
from forecourt.validation import RequestBody, invalid_fields, wrong_value

type StatusWord = Literal["received", "in progress", "won", "lost", "deleted"]
type FindVehicle = Callable[[int | None, str | None], Mapping[str, Any] | None]
"""Finds a vehicle of the lead's dealership by its id or its stock number."""

_LARGEST_VERSION = 2**31 - 1
_ENTITY_TAG = re.compile(r'(?:W/)?"?([1-9][0-9]{0,9})"?')
_MOVED = "Forecourt: the lead is now about "

# A key left out of UpdateLead stays as it is, and null must not be sent (Lead API, section 1.6).
_CANNOT_BE_EMPTIED = {
    "phone": "EasyCars keeps the number it has: no update can empty it.",
    "message": "EasyCars keeps the old text unless other notes take its place.",
    "finance_status": "EasyCars keeps what it has: no update can empty it.",
    "rating": "EasyCars keeps the rating it has: no update can empty it.",
    "address_line": "EasyCars keeps the line it has: no update can empty it.",
    "address_city": "EasyCars keeps the city it has: no update can empty it.",
    "address_state": "EasyCars keeps the state it has: no update can empty it.",
    "address_post_code": "EasyCars keeps the post code it has: no update can empty it.",
}
_PLACES = {
    "finance_status": "financeStatus",
    "address_line": "address.line",
    "address_city": "address.city",
    "address_state": "address.state",
    "address_post_code": "address.postCode",
}
_VEHICLE_STAYS = (
    "EasyCars keeps the stock number, make, model and year the lead was created with; "
    "its Notes and price tell of the other vehicle."
)


class _Patch(RequestBody):
    @model_validator(mode="wrap")
    @classmethod
    def _blank_is_null(cls, value: object, build: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, dict):
            value = {
                name: None if isinstance(item, str) and not item.strip() else item
                for name, item in value.items()
            }
        return build(value)


class AddressPatch(_Patch):
    """``address``: each part by itself."""

    line: AddressLine | None = None
    city: AddressPart | None = None
    state: AddressPart | None = None
    post_code: PostCode | None = None


class LeadPatch(_Patch):
    """The body of ``PATCH /api/admin/leads/{leadId}``.

    ``version`` is the one the caller has seen; without it the last writer wins.
    """

    version: Annotated[int, Field(ge=1, le=_LARGEST_VERSION)] | None = None
    status: StatusWord | None = None
    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    message: Message | None = None
    vehicle_id: VehicleId | None = None
    stock_number: StockNumber | None = None
    vehicle_interest: Annotated[VehicleInterest, Field(strict=False)] | None = None
    finance_status: Annotated[FinanceStatus, Field(strict=False)] | None = None
    rating: Annotated[Rating, Field(strict=False)] | None = None
    address: AddressPatch | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"version"}:
            raise wrong_value(cure="must name a field to change")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadChange:
    """What to write.

    Parameters
    ----------
    columns
        New values by column of ``lead``; empty where nothing differs.
    fields
        What changed, in the words of the API.
    kept_by_easycars
        What will not change there, and why.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    kept_by_easycars: tuple[FieldError, ...] = ()

    @property
    def status(self) -> str | None:
        """The new status; None where it stays."""
        return self.columns.get("status")


def read_patch(request: AdminRequest) -> LeadPatch:
    """Read the body and ``If-Match``, which may carry the version instead.

    Raises
    ------
    Problem
        400 for an If-Match that is no version; 422 naming every bad field.
    """
    patch = request.fields(LeadPatch)
    errors = [
        FieldError(name, "is required and cannot be cleared")
        for name in ("status", "name", "email")
        if name in patch.model_fields_set and getattr(patch, name) is None
    ]
    if patch.vehicle_id is not None and patch.stock_number is not None:
        errors.append(FieldError("stockNumber", "give vehicleId or stockNumber, not both"))
    header = _version_of_header(request.http.headers.get("if-match"))
    if None not in (patch.version, header) and patch.version != header:
        errors.append(FieldError("version", "must be the one of the If-Match header"))
    if errors:
        raise invalid_fields(errors)
    return patch if header is None else patch.model_copy(update={"version": header})


def plan_change(patch: LeadPatch, lead: Mapping[str, Any], find_vehicle: FindVehicle) -> LeadChange:
    """Work out what a patch changes of a lead.

    Parameters
    ----------
    lead
        The row of ``lead`` as it is, with ``may_be_at_easycars``.
    find_vehicle
        Only asked where the patch names a vehicle.

    Raises
    ------
    Problem
        409 for a version that is not the present one, and for a lead that is deleted or erased;
        422 for a vehicle that is not the dealership's.
    """
    if patch.version not in (None, lead["version"]):
        raise Problem(
            HTTPStatus.CONFLICT,
            "version-conflict",
            f"Somebody has changed the lead: it is at version {lead['version']} now. "
            "Read it again and repeat the change.",
        )
    columns = _columns(patch) | _vehicle(lead, patch, find_vehicle)
    changed = {name: value for name, value in columns.items() if value != lead[name]}
    if changed:
        _refuse_what_is_over(lead)
    return LeadChange(
        columns=changed,
        fields=tuple(sorted(_names(changed))),
        kept_by_easycars=_kept(lead, changed) if lead["may_be_at_easycars"] else (),
    )


def _columns(patch: LeadPatch) -> dict[str, Any]:
    given = patch.model_fields_set
    columns: dict[str, Any] = {
        name: getattr(patch, name)
        for name in ("status", "name", "email", "finance_status", "rating")
        if name in given
    }
    # These columns take no NULL; the ledger's mapping reads "" as nothing.
    columns |= {name: getattr(patch, name) or "" for name in ("phone", "message") if name in given}
    if "vehicle_interest" in given:
        columns["vehicle_interest_type"] = patch.vehicle_interest
    if "finance_status" in given:
        columns["finance_interested"] = patch.finance_status is FinanceStatus.YES
    if "address" in given:
        address = patch.address
        parts = AddressPatch.model_fields if address is None else address.model_fields_set
        columns |= {f"address_{part}": getattr(address, part, None) for part in parts}
    return columns


def _vehicle(
    lead: Mapping[str, Any], patch: LeadPatch, find_vehicle: FindVehicle
) -> dict[str, Any]:
    if not patch.model_fields_set & {"vehicle_id", "stock_number"}:
        return {}
    columns: dict[str, Any] = {"vehicle_id": None, "requested_stock_number": None}
    about = "no vehicle in particular"
    vehicle = None
    if patch.vehicle_id is not None or patch.stock_number is not None:
        vehicle = find_vehicle(patch.vehicle_id, patch.stock_number)
        if vehicle is None and patch.vehicle_id is not None:
            raise invalid_fields([FieldError("vehicleId", "is no vehicle of this dealership")])
        about = f"stock number {patch.stock_number}"
    if vehicle is not None:
        columns["vehicle_id"] = vehicle["id"]
        number = vehicle["easycars_stock_number"]
        about = f"the {vehicle['year']} {vehicle['make']} {vehicle['model']}"
        about += f", stock number {number}" if number else ""
    else:
        columns["requested_stock_number"] = patch.stock_number
    moved = any(columns[name] != lead[name] for name in columns)
    if moved and lead["may_be_at_easycars"]:
        notes = [note for note in lead["delivery_notes"] if not note.startswith(_MOVED)]
        columns["delivery_notes"] = [*notes, f"{_MOVED}{about}."]
    return columns


def _refuse_what_is_over(lead: Mapping[str, Any]) -> None:
    if lead["erased_at"] is not None:
        kind, what = "lead-erased", "The lead's personal data have been erased"
    elif lead["status"] == LeadStatus.DELETED:
        kind, what = "lead-deleted", "The lead is deleted, here and at EasyCars"
    else:
        return
    raise Problem(HTTPStatus.CONFLICT, kind, f"{what}; that is final, and nothing changes it.")


def _names(changed: Mapping[str, Any]) -> set[str]:
    names = {_PLACES.get(name, name) for name in changed if name != "finance_interested"}
    if names & {"vehicle_id", "requested_stock_number", "delivery_notes"}:
        names -= {"vehicle_id", "requested_stock_number", "delivery_notes"}
        names.add("vehicle")
    if "vehicle_interest_type" in names:
        names ^= {"vehicle_interest_type", "vehicleInterest"}
    return names


def _kept(lead: Mapping[str, Any], changed: Mapping[str, Any]) -> tuple[FieldError, ...]:
    kept = [
        FieldError(_PLACES.get(name, name), reason)
        for name, reason in _CANNOT_BE_EMPTIED.items()
        if name in changed and lead[name] and not changed[name]
    ]
    if {"vehicle_id", "requested_stock_number"} & changed.keys():
        kept.append(FieldError("vehicle", _VEHICLE_STAYS))
    return tuple(kept)


def _version_of_header(header: str | None) -> int | None:
    text = (header or "").strip()
    if text in ("", "*"):
        return None
    match = _ENTITY_TAG.fullmatch(text)
    if match is None:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "invalid-header",
            'If-Match must be the version you have seen, such as If-Match: "3".',
            errors=(FieldError("If-Match", "must be a version"),),
        )
    return int(match[1])
