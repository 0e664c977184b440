"""Routes of dealerships."""

from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from forecourt.admin.documents import to_document
from forecourt.admin.ports import Dealerships
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.admin.site_files import SiteFiles
from forecourt.admin.site_keys import Origin, Origins
from forecourt.leads.sites import Rate, site_document
from forecourt.security.site_keys import RememberedKeyRing, new_key_id

_NOT_ADDED = "The dealership was not added: intake cannot be told of it. Try again in a moment."


class NewDealership(Origins):
    """The body of ``POST /api/admin/dealerships``."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    origins: list[Origin] = Field(default_factory=list, max_length=50)


class DealershipRoutes:
    """Answers ``/api/admin/dealerships``."""

    def __init__(
        self,
        *,
        dealerships: Dealerships,
        files: SiteFiles,
        key_ring: RememberedKeyRing,
    ) -> None:
        self._dealerships = dealerships
        self._files = files
        self._key_ring = key_ring

    def add(self, request: AdminRequest) -> Reply:
        """Add a dealership with its first site key.

        Intake is told first: where that fails nothing is stored, and the request can be repeated
        without leaving a second dealership or one whose origins nobody checks.
        """
        request.caller.require_admin()
        body = request.fields(NewDealership)
        ring = self._key_ring.current()
        key_id = new_key_id()
        dealership_id = self._dealerships.next_id()
        document = site_document(dealership_id, {key_id: Rate()}, body.origins)
        self._files.put(dealership_id, document, what=_NOT_ADDED)
        self._dealerships.add(
            dealership_id,
            body.name,
            body.origins,
            key_id=key_id,
            secret_version=ring.newest_version,
            actor=request.actor,
        )
        return Reply(
            HTTPStatus.CREATED,
            {
                "id": dealership_id,
                "name": body.name,
                "origins": body.origins,
                "siteKey": ring.make(dealership_id, key_id),
            },
        )

    def list(self, request: AdminRequest) -> Reply:
        """List the dealerships the caller may see."""
        rows = self._dealerships.list(request.scope)
        return Reply(HTTPStatus.OK, {"dealerships": [to_document(row) for row in rows]})
