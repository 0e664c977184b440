"""Routes of settings, and what follows from changing one."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic.alias_generators import to_camel

from forecourt.admin.access import Role, not_found
from forecourt.admin.ports import Dealerships, Settings
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.admin.schedule_changes import ScheduleChanges
from forecourt.leads.status import ConflictStrategy
from forecourt.problem import FieldError
from forecourt.schedules.cron import Cron, CronError, time_zone
from forecourt.schedules.timetable import CRON_KEY, DEFAULTS, LEAD_CRON_KEY, ZONE_KEY
from forecourt.validation import RequestBody, invalid_fields, wrong_value


def _readable_cron(text: str) -> str:
    """Return it with single blanks; what cannot be kept is named with its cure."""
    try:
        return " ".join(Cron(text).text.split())
    except CronError as error:
        raise wrong_value(cure=f"must {error}") from None


def _known_zone(name: str) -> str:
    try:
        time_zone(name)
    except CronError as error:
        raise wrong_value(cure=f"must {error}") from None
    return name


CronText = Annotated[str, Field(max_length=100), AfterValidator(_readable_cron)]
ZoneName = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]


class DealershipSettings(RequestBody):
    """The dealership's part of ``PUT /api/admin/settings``."""

    auto_sync_enabled: bool


class SystemSettings(RequestBody):
    """The administrator's part of ``PUT /api/admin/settings``; what is left out stays.

    ``syncCron`` and ``leadSyncCron`` are crons of five fields in ``syncTimezone``.
    """

    sync_enabled: bool | None = None
    sync_concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    sync_cron: CronText | None = None
    sync_timezone: ZoneName | None = None
    lead_sync_cron: CronText | None = None
    image_sync_enabled: bool | None = None
    lead_status_conflict_strategy: Annotated[ConflictStrategy, Field(strict=False)] | None = None

    def to_rows(self) -> dict[str, str]:
        """Return keys and texts of ``system_settings``."""
        return {
            f"easycar_{name}": str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self.model_dump(exclude_none=True).items()
        }


class SettingRoutes:
    """Answers ``/api/admin/settings``."""

    def __init__(
        self, *, settings: Settings, dealerships: Dealerships, schedules: ScheduleChanges
    ) -> None:
        self._settings = settings
        self._dealerships = dealerships
        self._schedules = schedules

    def show(self, request: AdminRequest) -> Reply:
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

    def change(self, request: AdminRequest) -> Reply:
        """Change the dealership's settings, or without one named the system's."""
        request.caller.require_manager()
        scope = request.scope
        if scope is None:
            self._change_system(request)
        else:
            body = request.fields(DealershipSettings)
            self._require_dealership(scope)
            self._settings.set_auto_sync(scope, enabled=body.auto_sync_enabled, actor=request.actor)
        return self.show(request)

    def _change_system(self, request: AdminRequest) -> None:
        rows = request.fields(SystemSettings).to_rows()
        concerns_schedules = not rows.keys().isdisjoint(DEFAULTS)
        if concerns_schedules:
            _require_keepable({**self._settings.system(), **rows})
        self._settings.change_system(rows, actor=request.actor)
        if concerns_schedules:
            self._schedules.apply_system()

    def _system_settings(self) -> dict[str, Any]:
        return {_field_of(key): _typed(value) for key, value in self._settings.system().items()}

    def _require_dealership(self, dealership_id: int) -> None:
        if not self._dealerships.exists(dealership_id):
            raise not_found(what="dealership")


def _require_keepable(settings: Mapping[str, str | None]) -> None:
    """Refuse a change that would meet a stored cron or zone nobody can keep."""
    errors = []
    for key, check in ((CRON_KEY, Cron), (LEAD_CRON_KEY, Cron), (ZONE_KEY, time_zone)):
        try:
            check(settings.get(key) or DEFAULTS[key])
        except CronError as error:
            errors.append(FieldError(_field_of(key), f"must {error}"))
    if errors:
        raise invalid_fields(errors)


def _field_of(key: str) -> str:
    return to_camel(key.removeprefix("easycar_"))


def _typed(value: str | None) -> str | bool | int | None:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value is not None and value.isdecimal() else value
