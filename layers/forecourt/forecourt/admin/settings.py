"""Routes of settings, and what follows from changing one."""

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic.alias_generators import to_camel

from forecourt.admin.access import Role, not_found
from forecourt.admin.documents import to_document
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


_PREFIX = "easycar_"

LEAST_MINUTES = 15
"""Between two stock runs of a dealership whose owner sets the times; administrators may do as they
like."""

CronText = Annotated[str, Field(max_length=100), AfterValidator(_readable_cron)]
ZoneName = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]


class DealershipSettings(RequestBody):
    """The dealership's part of ``PUT /api/admin/settings``; what is left out stays.

    With ``syncCron`` its stock is synced by a schedule of its own, in ``syncTimezone`` or else in
    the system's zone of that day, and no longer at night; null ends that.
    """

    auto_sync_enabled: bool | None = None
    sync_cron: CronText | None = None
    sync_timezone: ZoneName | None = None


class SystemSettings(RequestBody):
    """The administrator's part of ``PUT /api/admin/settings``; what is left out stays.

    ``syncCron`` and ``leadSyncCron`` are crons of five fields in ``syncTimezone``. While
    ``dynamicsPushEnabled`` is false nothing goes to Dynamics 365; leads wait.
    """

    sync_enabled: bool | None = None
    sync_concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    sync_cron: CronText | None = None
    sync_timezone: ZoneName | None = None
    lead_sync_cron: CronText | None = None
    image_sync_enabled: bool | None = None
    lead_status_conflict_strategy: Annotated[ConflictStrategy, Field(strict=False)] | None = None
    dynamics_push_enabled: bool | None = None

    def to_rows(self) -> dict[str, str]:
        """Return keys and texts of ``system_settings``."""
        return {
            _key_of(name): str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self.model_dump(exclude_none=True).items()
        }


class SettingRoutes:
    """Answers ``/api/admin/settings``.

    Parameters
    ----------
    settings, dealerships, schedules
        The ports, and what keeps the schedules.
    capacity
        How many dealerships the functions have reserved room for.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        dealerships: Dealerships,
        schedules: ScheduleChanges,
        capacity: int,
    ) -> None:
        self._settings = settings
        self._capacity = capacity
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
                **to_document(self._settings.dealership(scope)),
            }
        return Reply(HTTPStatus.OK, shown)

    def change(self, request: AdminRequest) -> Reply:
        """Change the dealership's settings, or without one named the system's."""
        request.caller.require_manager()
        scope = request.scope
        if scope is None:
            self._change_system(request)
        else:
            self._change_dealership(request, scope)
        return self.show(request)

    def _change_system(self, request: AdminRequest) -> None:
        body = request.fields(SystemSettings)
        if body.sync_concurrency is not None and body.sync_concurrency > self._capacity:
            cure = f"must be {self._capacity} or less; for more raise StockSyncReservedConcurrency"
            raise invalid_fields([FieldError("syncConcurrency", cure)])
        rows = body.to_rows()
        concerns_schedules = not rows.keys().isdisjoint(DEFAULTS)
        if concerns_schedules:
            stored = {key: value for key, value in self._settings.system().items() if value}
            times = DEFAULTS | stored | rows
            _require_keepable(
                times[ZONE_KEY], syncCron=times[CRON_KEY], leadSyncCron=times[LEAD_CRON_KEY]
            )
        self._settings.change_system(rows, actor=request.actor)
        if concerns_schedules:
            self._schedules.apply_system()

    def _change_dealership(self, request: AdminRequest, dealership_id: int) -> None:
        body = request.fields(DealershipSettings)
        self._require_dealership(dealership_id)
        values: dict[str, Any] = {}
        if body.auto_sync_enabled is not None:
            values["auto_sync_enabled"] = body.auto_sync_enabled
        concerns_schedule = not body.model_fields_set.isdisjoint({"sync_cron", "sync_timezone"})
        if concerns_schedule:
            values |= self._own_times(dealership_id, body)
            if request.caller.role is not Role.ADMIN:
                _require_calm(values["sync_cron"])
        self._settings.change_dealership(dealership_id, values, actor=request.actor)
        if concerns_schedule:
            self._schedules.apply_own(dealership_id)

    def _own_times(self, dealership_id: int, body: DealershipSettings) -> dict[str, str | None]:
        """Return cron and zone as they are to be stored; both are, so that neither moves later."""
        stored = self._settings.dealership(dealership_id)
        cron = body.sync_cron if "sync_cron" in body.model_fields_set else stored["sync_cron"]
        if cron is None:
            if body.sync_timezone is not None:
                cure = "is for a syncCron of its own; send that too"
                raise invalid_fields([FieldError("syncTimezone", cure)])
            return {"sync_cron": None, "sync_timezone": None}
        zone = body.sync_timezone or stored["sync_timezone"]
        zone = zone or self._settings.system().get(ZONE_KEY) or DEFAULTS[ZONE_KEY]
        _require_keepable(zone, syncCron=cron)
        return {"sync_cron": cron, "sync_timezone": zone}

    def _system_settings(self) -> dict[str, Any]:
        return {_field_of(key): _typed(value) for key, value in self._settings.system().items()}

    def _require_dealership(self, dealership_id: int) -> None:
        if not self._dealerships.exists(dealership_id):
            raise not_found(what="dealership")


def _require_calm(cron: str | None) -> None:
    """Refuse a dealer's cron that would ask the vendor for everything every few minutes."""
    if cron is not None and Cron(cron).shortest_wait < LEAST_MINUTES:
        cure = f"must leave at least {LEAST_MINUTES} minutes between two runs"
        raise invalid_fields([FieldError("syncCron", cure)])


def _require_keepable(zone: str, **crons: str) -> None:
    """Refuse a change that would meet a stored cron or zone nobody can keep."""
    errors = []
    for field, text in crons.items():
        try:
            Cron(text)
        except CronError as error:
            errors.append(FieldError(field, f"must {error}"))
    try:
        time_zone(zone)
    except CronError as error:
        errors.append(FieldError("syncTimezone", f"must {error}"))
    if errors:
        raise invalid_fields(errors)


def _key_of(name: str) -> str:
    return name if name.startswith("dynamics_") else f"{_PREFIX}{name}"


def _field_of(key: str) -> str:
    return to_camel(key.removeprefix(_PREFIX))


def _typed(value: str | None) -> str | bool | int | None:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value is not None and value.isdecimal() else value
