"""Routes of a dealership's EasyCars credentials (reference 3.2 and 3.7)."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic.alias_generators import to_camel

from forecourt.admin.access import not_found, not_woken
from forecourt.admin.lead_ports import Replays, WakeUps
from forecourt.admin.ports import ConnectionProbe, Credentials, Dealerships
from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.admin.whole_numbers import whole_number
from forecourt.errors import AuthenticationError, ForecourtError, RetryableError
from forecourt.logs import get_logger
from forecourt.security.credential_records import (
    SECRET_FIELDS,
    CredentialChanges,
    CredentialRecord,
)
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.validation import RequestBody, wrong_value

_PROBE_SECONDS = 10.0
_LARGEST_CREDENTIAL_ID = 2**31 - 1
_NETWORK_CODES = frozenset({"CONNECT_FAILED", "CONNECTION_CUT"})

type _Client = Annotated[SecretStr, Field(min_length=1, max_length=200)]
type _AccountNumber = Annotated[SecretStr, Field(min_length=1, max_length=20)]
type _AccountSecret = Annotated[SecretStr, Field(min_length=1, max_length=50)]
type _Environment = Annotated[Environment, Field(strict=False)]


class _Body(RequestBody):
    @field_validator(*SECRET_FIELDS, mode="after", check_fields=False)
    @classmethod
    def _no_blank_inside(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and any(letter < " " for letter in value.get_secret_value()):
            raise wrong_value(cure="must hold no control characters")
        return value


class CredentialTest(_Body):
    """The four values and the environment they are for; lengths are the vendor's and ours."""

    client_id: _Client
    client_secret: _Client
    account_number: _AccountNumber
    account_secret: _AccountSecret
    environment: _Environment

    @property
    def secrets(self) -> CredentialSecrets:
        """The four values alone."""
        return CredentialSecrets(
            client_id=self.client_id,
            client_secret=self.client_secret,
            account_number=self.account_number,
            account_secret=self.account_secret,
        )


class NewCredentials(CredentialTest):
    """The body of POST."""

    yard_code: Annotated[str, Field(max_length=50)] | None = None
    is_active: bool = True


class ChangedCredentials(_Body):
    """The body of PUT: any subset; ``yardCode`` null or blank means every yard."""

    client_id: _Client | None = None
    client_secret: _Client | None = None
    account_number: _AccountNumber | None = None
    account_secret: _AccountSecret | None = None
    environment: _Environment | None = None
    is_active: bool | None = None
    yard_code: Annotated[str, Field(max_length=50)] | None = None

    def to_changes(self) -> CredentialChanges:
        """Tell apart a yard that is cleared from one that was not mentioned."""
        values: dict[str, Any] = {
            name: getattr(self, name) for name in (*SECRET_FIELDS, "environment", "is_active")
        }
        return CredentialChanges(
            **values,
            yard_code=self.yard_code or None,
            clear_yard="yard_code" in self.model_fields_set and not self.yard_code,
        )


class CredentialRoutes:
    """Answers ``/api/admin/easycars/credentials`` and below it.

    Saving calls no vendor; what waited for credentials becomes due again.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        dealerships: Dealerships,
        replays: Replays,
        wake_ups: WakeUps,
        probe: ConnectionProbe,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._dealerships = dealerships
        self._replays = replays
        self._wake_ups = wake_ups
        self._probe = probe
        self._clock = clock

    def show(self, request: AdminRequest) -> Reply:
        """Describe a dealership's credentials; 404 where it has none."""
        record = self._credentials.describe(request.dealership_id)
        if record is None:
            raise not_found(what="set of credentials")
        shown = _document(record)
        shown["hasCredentials"] = True
        shown["configuredAt"] = record.created_at
        return Reply(HTTPStatus.OK, shown)

    def save(self, request: AdminRequest) -> Reply:
        """Store the first credentials of a dealership; 409 where it has some."""
        request.caller.require_manager()
        dealership_id = request.dealership_id
        body = request.fields(NewCredentials)
        if not self._dealerships.exists(dealership_id):
            raise not_found(what="dealership")
        record = self._credentials.save(
            dealership_id,
            body.secrets,
            body.environment,
            body.yard_code or None,
            actor=request.actor,
            is_active=body.is_active,
        )
        self._wake(record)
        return Reply(HTTPStatus.CREATED, _document(record))

    def change(self, request: AdminRequest) -> Reply:
        """Change some of the values."""
        request.caller.require_manager()
        dealership_id = request.dealership_id
        changes = request.fields(ChangedCredentials).to_changes()
        record = self._credentials.update(
            _credential_id(request), dealership_id, changes, actor=request.actor
        )
        if record is None:
            raise not_found(what="set of credentials")
        self._wake(record)
        return Reply(HTTPStatus.OK, _document(record))

    def delete(self, request: AdminRequest) -> Reply:
        """Remove a dealership's credentials for good."""
        request.caller.require_manager()
        dealership_id = request.dealership_id
        if not self._credentials.delete(
            _credential_id(request), dealership_id, actor=request.actor
        ):
            raise not_found(what="set of credentials")
        return Reply(HTTPStatus.NO_CONTENT)

    def test(self, request: AdminRequest) -> Reply:
        """Try values without storing them: buy a token and fetch the stock, in 10 seconds.

        200 also when the vendor refuses: it was the vendor that refused, not this API. Fetching
        the stock proves the account pair; the token alone proves the client pair only.
        """
        request.caller.require_manager()
        dealership_id = request.dealership_id
        body = request.fields(CredentialTest)
        values = EasyCarsCredentials(
            credential_id=0,
            dealership_id=dealership_id,
            environment=body.environment,
            client_id=body.client_id,
            client_secret=body.client_secret,
            account_number=body.account_number,
            account_secret=body.account_secret,
        )
        answer: dict[str, Any] = {"environment": body.environment}
        try:
            self._probe.fetch_stock(values, deadline=self._clock() + _PROBE_SECONDS)
        except ForecourtError as error:
            answer |= {"success": False, "message": error.detail, "errorCode": _test_code(error)}
        else:
            answer |= {"success": True, "message": "EasyCars accepts these credentials."}
        return Reply(HTTPStatus.OK, answer)

    def _wake(self, record: CredentialRecord) -> None:
        if not record.is_active:
            return
        scope = self._account_scope(record)
        if self._wake_ups.send_wake_ups(self._replays.release_waiting(record.dealership_id, scope)):
            raise not_woken()

    def _account_scope(self, record: CredentialRecord) -> str | None:
        try:
            saved = self._credentials.load(record.dealership_id)
        except ForecourtError as error:  # they are saved; saving once more releases the rest
            get_logger("admin_api").warning(
                "Leads of a former account not released",
                dealership_id=record.dealership_id,
                code=error.code,
            )
            return None
        return None if saved is None else saved.account_scope


def _credential_id(request: AdminRequest) -> int:
    number = whole_number(request.path["credentialId"], largest=_LARGEST_CREDENTIAL_ID)
    if number is None:
        raise not_found(what="set of credentials")
    return number


def _document(record: CredentialRecord) -> dict[str, Any]:
    return {
        to_camel(name): getattr(record, name)
        for name in (
            *("id", "dealership_id", "environment", "is_active", "yard_code", "hold_reason"),
            *("hold_until", "created_at", "updated_at", "last_synced_at"),
        )
    }


def _test_code(error: ForecourtError) -> str:
    if isinstance(error, AuthenticationError):
        return "AUTH_FAILED"
    if error.code in {"TIMEOUT", "NO_TIME_LEFT"}:
        return "TIMEOUT"
    if error.code in _NETWORK_CODES:
        return "NETWORK_ERROR"
    return "UNEXPECTED_ERROR" if isinstance(error, RetryableError) else "ERROR"
