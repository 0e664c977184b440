"""Routes of a dealership's site keys and of the web origins that may use them."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from forecourt.admin.access import not_found
from forecourt.admin.documents import to_document
from forecourt.admin.ports import Dealerships, Row, SiteKeys
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.admin.site_files import SiteFiles
from forecourt.admin.whole_numbers import LARGEST_DEALERSHIP_ID, whole_number
from forecourt.problem import Problem
from forecourt.security.origins import normal_origin
from forecourt.security.site_keys import RememberedKeyRing, is_key_id, new_key_id
from forecourt.validation import RequestBody, wrong_value

_NOT_TOLD = (
    "intake was not told of it and goes on as before; send the same request again in a moment."
)
_KEY_NOT_TOLD = (
    "intake was not told of the key, so it is not shown. Ask for another key in a moment, "
    "and revoke this one: "
)

_MOST_REFUSALS = 5

type _Label = Annotated[str, Field(min_length=1, max_length=100)]


def _as_browsers_write_it(value: str) -> str:
    origin = normal_origin(value)
    if origin is None:
        raise wrong_value(
            cure="must be a web origin like https://www.dealer.example, without a path"
        )
    return origin


type Origin = Annotated[str, AfterValidator(_as_browsers_write_it)]


class Origins(RequestBody):
    """Web origins as browsers write them, each once; none means that pages of any may post."""

    origins: list[Origin] = Field(max_length=50)

    @field_validator("origins")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(value))


class NewSiteKey(RequestBody):
    """The body of POST; ``label`` is for people, e.g. the website's name."""

    label: _Label | None = None


class ChangedSiteKey(RequestBody):
    """The body of PATCH; what is left out stays."""

    label: _Label | None = None
    rate_per_second: Annotated[int, Field(ge=1, le=1000)] | None = None
    burst: Annotated[int, Field(ge=1, le=10_000)] | None = None


class SiteKeyRoutes:
    """Answers ``/api/admin/dealerships/{dealershipId}/site-keys`` and ``…/origins``."""

    def __init__(
        self,
        *,
        site_keys: SiteKeys,
        dealerships: Dealerships,
        files: SiteFiles,
        key_ring: RememberedKeyRing,
    ) -> None:
        self._site_keys = site_keys
        self._dealerships = dealerships
        self._files = files
        self._key_ring = key_ring

    def list(self, request: AdminRequest) -> Reply:
        """List keys, revoked ones too, without what is secret in them.

        Each with the requests refused in the last 24 hours and what for, and whether its website
        only fails.
        """
        dealership_id = self._dealership(request)
        refused = self._site_keys.refusals(dealership_id)
        failing = self._site_keys.failing(dealership_id)
        shown = [
            {
                **self._shown(row),
                "refusedLast24Hours": _refused(
                    [r for r in refused if r["key_id"] == row["key_id"]]
                ),
                "onlyFails": row["key_id"] in failing,
            }
            for row in self._site_keys.list(dealership_id)
        ]
        return Reply(HTTPStatus.OK, {"siteKeys": shown})

    def add(self, request: AdminRequest) -> Reply:
        """Make a key and show it, this once; 409 beyond 50 active ones."""
        request.caller.require_manager()
        dealership_id = self._dealership(request)
        body = request.fields(NewSiteKey)
        ring = self._key_ring.current()
        key_id = new_key_id()
        row = self._site_keys.add(
            dealership_id,
            key_id=key_id,
            label=body.label,
            secret_version=ring.newest_version,
            actor=request.actor,
        )
        if row is None:
            raise Problem(
                HTTPStatus.CONFLICT,
                "too-many-site-keys",
                "The dealership has 50 active site keys; revoke those its website does not use.",
            )
        self._files.publish(dealership_id, cure=f"{_KEY_NOT_TOLD}{key_id}.")
        shown = {**self._shown(row), "siteKey": ring.make(dealership_id, key_id)}
        return Reply(HTTPStatus.CREATED, shown)

    def change(self, request: AdminRequest) -> Reply:
        """Change a key's label, rate a second or burst."""
        request.caller.require_admin()
        dealership_id = self._dealership(request)
        changes = request.fields(ChangedSiteKey).model_dump(exclude_none=True)
        row = self._site_keys.change(dealership_id, _key_id(request), changes, actor=request.actor)
        if row is None:
            raise not_found(what="site key")
        self._files.publish(dealership_id, cure=_NOT_TOLD)
        return Reply(HTTPStatus.OK, self._shown(row))

    def revoke(self, request: AdminRequest) -> Reply:
        """End a key; every sandbox of intake refuses it within a minute. May be repeated."""
        request.caller.require_manager()
        dealership_id = self._dealership(request)
        if not self._site_keys.revoke(dealership_id, _key_id(request), actor=request.actor):
            raise not_found(what="site key")
        self._files.publish(dealership_id, cure=_NOT_TOLD)
        return Reply(HTTPStatus.NO_CONTENT)

    def show_origins(self, request: AdminRequest) -> Reply:
        """Show which web origins may post; none means any."""
        return self._origins(self._dealership(request))

    def set_origins(self, request: AdminRequest) -> Reply:
        """Let pages of these origins post and no others; in force within a minute."""
        request.caller.require_manager()
        dealership_id = self._dealership(request)
        body = request.fields(Origins)
        self._site_keys.set_origins(dealership_id, body.origins, actor=request.actor)
        self._files.publish(dealership_id, cure=_NOT_TOLD)
        return self._origins(dealership_id)

    def _dealership(self, request: AdminRequest) -> int:
        number = whole_number(request.path["dealershipId"], largest=LARGEST_DEALERSHIP_ID)
        if number is None:
            raise not_found(what="dealership")
        dealership_id = request.caller.one_dealership(number)
        if not self._dealerships.exists(dealership_id):
            raise not_found(what="dealership")
        return dealership_id

    def _origins(self, dealership_id: int) -> Reply:
        origins = self._site_keys.origins(dealership_id)
        return Reply(HTTPStatus.OK, {"dealershipId": dealership_id, "origins": origins})

    def _shown(self, row: Row) -> dict[str, Any]:
        """Show a key; one signed with a retired secret is refused though nobody revoked it."""
        retired = row["secret_version"] not in self._key_ring.current().versions
        return {**to_document(row), "isActive": row["revoked_at"] is None and not retired}


def _key_id(request: AdminRequest) -> str:
    key_id = request.path["keyId"]
    if not is_key_id(key_id):
        raise not_found(what="site key")
    return key_id


def _refused(rows: Sequence[Row]) -> dict[str, Any]:
    """Sum a key's refusals up and name the most frequent; a sum over all fields has no field."""
    sums = [row for row in rows if not row["field"]]
    fields = [row for row in rows if row["field"]]
    named = {row["reason"] for row in fields}
    most = sorted(
        [*fields, *(row for row in sums if row["reason"] not in named)],
        key=lambda row: row["requests"],
        reverse=True,
    )
    return {
        "requests": sum(row["requests"] for row in sums),
        "lastAt": max((row["last_at"] for row in rows), default=None),
        "most": [
            {"reason": row["reason"], "field": row["field"] or None, "requests": row["requests"]}
            for row in most[:_MOST_REFUSALS]
        ],
    }
