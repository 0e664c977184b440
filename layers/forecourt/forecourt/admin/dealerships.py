"""Routes of dealerships and of settings."""

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic.alias_generators import to_camel

from forecourt.admin.access import Role, not_found
from forecourt.admin.documents import to_document
from forecourt.admin.ports import Dealerships, Documents, Settings
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.errors import ForecourtError
from forecourt.leads.sites import site_path
from forecourt.logs import get_logger
from forecourt.security.origins import normal_origin
from forecourt.security.site_keys import RememberedKeyRing, new_key_id
from forecourt.validation import RequestBody, wrong_value


class NewDealership(RequestBody):
    """The body of ``POST /api/admin/dealerships``."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    origins: list[str] = Field(default_factory=list, max_length=50)

    @field_validator("origins")
    @classmethod
    def _as_browsers_write_them(cls, value: list[str]) -> list[str]:
        normal = [normal_origin(origin) for origin in value]
        if None in normal:
            raise wrong_value(
                cure="must hold web origins like https://www.dealer.example, without a path"
            )
        return [origin for origin in dict.fromkeys(normal) if origin is not None]


class DealershipSettings(RequestBody):
    """The dealership's part of ``PUT /api/admin/settings``."""

    auto_sync_enabled: bool


class SystemSettings(RequestBody):
    """The administrator's part of ``PUT /api/admin/settings``; what is left out stays."""

    sync_enabled: bool | None = None
    sync_concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    image_sync_enabled: bool | None = None

    def to_rows(self) -> dict[str, str]:
        """Return keys and texts of ``system_settings``."""
        return {
            f"easycar_{name}": str(value).lower()
            for name, value in self.model_dump(exclude_none=True).items()
        }


class DealershipRoutes:
    """Answers ``/api/admin/dealerships`` and ``/api/admin/settings``."""

    def __init__(
        self,
        *,
        dealerships: Dealerships,
        settings: Settings,
        documents: Documents,
        key_ring: RememberedKeyRing,
    ) -> None:
        self._dealerships = dealerships
        self._settings = settings
        self._documents = documents
        self._key_ring = key_ring

    def add(self, request: AdminRequest) -> Reply:
        """Add a dealership with its first site key, and tell intake of it."""
        request.caller.require_admin()
        body = request.fields(NewDealership)
        ring = self._key_ring.current()
        key_id = new_key_id()
        dealership_id = self._dealerships.add(
            body.name,
            body.origins,
            key_id=key_id,
            secret_version=ring.newest_version,
            actor=request.actor,
        )
        self._publish_site(dealership_id)
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

    def _publish_site(self, dealership_id: int) -> None:
        # Without the file, intake trusts the key's signature; so the dealership works already.
        try:
            document = self._dealerships.site_document(dealership_id)
            self._documents.put(site_path(dealership_id), document)
        except ForecourtError as error:
            get_logger("admin_api").warning(
                "Site file not written", dealership_id=dealership_id, code=error.code
            )


def _typed(value: str | None) -> str | bool | int | None:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value is not None and value.isdecimal() else value
