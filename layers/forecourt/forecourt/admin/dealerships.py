"""Routes of dealerships and of settings."""

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field
from pydantic.alias_generators import to_camel

from forecourt.admin.access import Role, not_found
from forecourt.admin.documents import to_document
from forecourt.admin.ports import Dealerships, Settings
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.admin.site_files import SiteFiles
from forecourt.admin.site_keys import Origins
from forecourt.leads.sites import Rate, site_document
from forecourt.leads.status import ConflictStrategy
from forecourt.security.site_keys import RememberedKeyRing, new_key_id
from forecourt.validation import RequestBody

_NOT_ADDED = "The dealership was not added: intake cannot be told of it. Try again in a moment."


class NewDealership(Origins):
    """The body of ``POST /api/admin/dealerships``."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    origins: list[str] = Field(default_factory=list, max_length=50)


class DealershipSettings(RequestBody):
    """The dealership's part of ``PUT /api/admin/settings``."""

    auto_sync_enabled: bool


class SystemSettings(RequestBody):
    """The administrator's part of ``PUT /api/admin/settings``; what is left out stays."""

    sync_enabled: bool | None = None
    sync_concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    image_sync_enabled: bool | None = None
    lead_status_conflict_strategy: Annotated[ConflictStrategy, Field(strict=False)] | None = None

    def to_rows(self) -> dict[str, str]:
        """Return keys and texts of ``system_settings``."""
        return {
            f"easycar_{name}": str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self.model_dump(exclude_none=True).items()
        }


class DealershipRoutes:
    """Answers ``/api/admin/dealerships`` and ``/api/admin/settings``."""

    def __init__(
        self,
        *,
        dealerships: Dealerships,
        settings: Settings,
        files: SiteFiles,
        key_ring: RememberedKeyRing,
    ) -> None:
        self._dealerships = dealerships
        self._settings = settings
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

    def show_settings(self, request: AdminRequest) -> Reply:
        """Show the dealership's settings, and the system's to an administrator."""
        scope = request.scope
        shown: dict[str, Any] = {}
        if request.caller.role is Role.ADMIN:
            shown["system"] = self._system_settings()
        if scope is not None:
            self._require_dealership(scope)
            shown["dealership"] = {
                "dealershipId": scope,
                "autoSyncEnabled": self._settings.auto_sync_enabled(scope),
            }
        return Reply(HTTPStatus.OK, shown)

    def change_settings(self, request: AdminRequest) -> Reply:
        """Change the dealership's settings, or without one named the system's."""
        request.caller.require_manager()
        scope = request.scope
        if scope is None:
            rows = request.fields(SystemSettings).to_rows()
            self._settings.change_system(rows, actor=request.actor)
        else:
            body = request.fields(DealershipSettings)
            self._require_dealership(scope)
            self._settings.set_auto_sync(scope, enabled=body.auto_sync_enabled, actor=request.actor)
        return self.show_settings(request)

    def _system_settings(self) -> dict[str, Any]:
        return {
            to_camel(key.removeprefix("easycar_")): _typed(value)
            for key, value in self._settings.system().items()
        }

    def _require_dealership(self, dealership_id: int) -> None:
        if not self._dealerships.exists(dealership_id):
            raise not_found(what="dealership")


def _typed(value: str | None) -> str | bool | int | None:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value is not None and value.isdecimal() else value
