"""The document's part for signed-in people: everything under ``/api/admin/``."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel

from forecourt.admin.conflicts import ResolveBody
from forecourt.admin.credentials import ChangedCredentials, CredentialTest, NewCredentials
from forecourt.admin.dead_letters import Redrive
from forecourt.admin.dealerships import DealershipSettings, NewDealership, SystemSettings
from forecourt.admin.deliveries import Resolution
from forecourt.admin.lead_changes import LeadPatch
from forecourt.admin.site_keys import ChangedSiteKey, NewSiteKey, Origins
from forecourt.admin.vehicles import VehicleChange
from forecourt.openapi import admin_records as records
from forecourt.openapi.operations import Operation, Parameter
from forecourt.openapi.shapes import Schema, list_of, page_of, record, words

type Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_EASYCARS = "/api/admin/easycars"
_DEALERSHIP = "/api/admin/dealerships/{dealershipId}"
_STATES = ("pending", "in_progress", "unconfirmed", "delivered", "failed")

_WHOSE = Parameter(
    name="dealershipId",
    place="query",
    schema={"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    description="Whose data; people of a dealership see their own without it.",
)
_PAGE = (
    Parameter(
        name="page",
        place="query",
        schema={"type": "integer", "minimum": 1, "maximum": 100_000, "default": 1},
    ),
    Parameter(
        name="pageSize",
        place="query",
        schema={"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    ),
)


def _limit(*, usual: int, most: int) -> Parameter:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": usual}
    return Parameter(name="limit", place="query", schema=schema)


def _choice(name: str, *allowed: str) -> Parameter:
    return Parameter(name=name, place="query", schema=words(*allowed))


_FLAG = ("true", "false")
_PROBLEMS: Mapping[HTTPStatus, str] = {
    HTTPStatus.UNAUTHORIZED: "The token is missing or not valid.",
    HTTPStatus.FORBIDDEN: "unknown-role, forbidden: the person may not do this.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal-error: an error of ours, found in the logs by "
    "correlationId.",
    HTTPStatus.SERVICE_UNAVAILABLE: "try-again: something we need is away.",
}


def _operation(
    method: Method,
    path: str,
    summary: str,
    answer: Schema | None,
    *parameters: Parameter,
    status: HTTPStatus = HTTPStatus.OK,
    body: tuple[type[BaseModel], ...] = (),
    conflict: str = "",
    names_others: bool = False,
) -> Operation:
    """Describe a route; which refusals it can give follows from what it takes.

    ``names_others`` is for a body that names what may not be there.
    """
    in_path = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    problems = dict(_PROBLEMS)
    if parameters or body:
        problems[HTTPStatus.BAD_REQUEST] = (
            "invalid-parameter, dealership-missing, broken-json, broken-body, invalid-header, "
            "no-credentials: errors names the parameter."
        )
    if in_path or names_others or _WHOSE in parameters:
        problems[HTTPStatus.NOT_FOUND] = "not-found: it is not there, or is somebody else's."
    if body:
        problems[HTTPStatus.REQUEST_ENTITY_TOO_LARGE] = "body-too-large: over 64 KiB."
        problems[HTTPStatus.UNPROCESSABLE_ENTITY] = (
            "invalid-fields: errors names every field and its cure."
        )
    if conflict:
        problems[HTTPStatus.CONFLICT] = conflict
    return Operation(
        method=method,
        path=path,
        tag=path.removeprefix(f"{_EASYCARS}/").removeprefix("/api/admin/").split("/")[0],
        summary=summary,
        answers={status: answer},
        problems=dict(sorted(problems.items())),
        parameters=(
            *(Parameter(name=n, place="path", schema=_id(n), required=True) for n in in_path),
            *parameters,
        ),
        body=body,
        security=({"token": []},),
    )


def _id(name: str) -> dict[str, Any]:
    if name in {"leadId", "jobId"}:
        return {"type": "string", "format": "uuid"}
    if name in {"keyId", "messageId"}:
        return {"type": "string", "minLength": 1}
    return {"type": "integer", "minimum": 1}


ADMIN_OPERATIONS = (
    _operation(
        "GET",
        "/api/admin/leads",
        "List leads, newest first",
        page_of("leads", records.LEAD_IN_LIST),
        _WHOSE,
        *_PAGE,
        _choice("status", "received", "in progress", "won", "lost", "deleted"),
        _choice("spam", *_FLAG),
    ),
    _operation(
        "GET",
        "/api/admin/leads/{leadId}",
        "Show a lead with its deliveries and every try",
        records.LEAD,
        _WHOSE,
    ),
    _operation(
        "PATCH",
        "/api/admin/leads/{leadId}",
        "Change a lead's status or correct it; EasyCars is told what changed",
        records.CHANGED_LEAD,
        _WHOSE,
        Parameter(
            name="If-Match",
            place="header",
            schema={"type": "string"},
            description="The version you have seen, instead of the member version.",
        ),
        body=(LeadPatch,),
        conflict="version-conflict, lead-deleted, lead-erased: look at the lead again.",
    ),
    _operation(
        "GET",
        "/api/admin/deliveries",
        "List deliveries, last changed first",
        record("", deliveries=list_of(records.DELIVERY)),
        _WHOSE,
        _choice("state", *_STATES),
        _limit(usual=50, most=100),
    ),
    _operation(
        "GET",
        "/api/admin/deliveries/{deliveryId}",
        "Show a delivery with every try",
        records.DELIVERY_WITH_ATTEMPTS,
        _WHOSE,
    ),
    _operation(
        "POST",
        "/api/admin/deliveries/{deliveryId}/retry",
        "Try a failed delivery again now",
        records.DELIVERY,
        _WHOSE,
        status=HTTPStatus.ACCEPTED,
        conflict="It is not failed, or a retry could double the lead; the detail says what to do.",
    ),
    _operation(
        "POST",
        "/api/admin/deliveries/{deliveryId}/resend",
        "Create a lead again of which nobody knows whether EasyCars has it",
        records.DELIVERY,
        _WHOSE,
        status=HTTPStatus.ACCEPTED,
        conflict="There is no doubt about the delivery; the detail says what to do.",
    ),
    _operation(
        "POST",
        "/api/admin/deliveries/{deliveryId}/resolve",
        "Say which number a lead of unknown outcome has at EasyCars",
        records.DELIVERY,
        _WHOSE,
        body=(Resolution,),
        conflict="The number is another lead's, or the delivery is not in doubt.",
    ),
    _operation(
        "GET",
        "/api/admin/dead-letters",
        "List dead letters, newest first, without what they say",
        record("hidden:int", messages=list_of(records.DEAD_LETTER)),
        _limit(usual=100, most=1000),
        _choice("archived", *_FLAG),
    ),
    _operation(
        "GET",
        "/api/admin/dead-letters/{messageId}",
        "Show one dead letter with its body; the audit log notes who looks",
        records.WHOLE_DEAD_LETTER,
        _choice("archived", *_FLAG),
    ),
    _operation(
        "POST",
        "/api/admin/dead-letters/redrive",
        "Put dead letters back on the leads queue; a dry run unless dryRun is false",
        record(
            "dryRun:bool",
            messages=list_of(records.DEAD_LETTER),
            failed=list_of(record("messageId:text detail:text")),
        ),
        body=(Redrive,),
        names_others=True,
    ),
    _operation(
        "GET",
        "/api/admin/vehicles",
        "List vehicles by id",
        page_of("vehicles", records.VEHICLE),
        _WHOSE,
        *_PAGE,
        _choice("status", "active", "sold", "pending", "draft"),
    ),
    _operation(
        "GET",
        "/api/admin/vehicles/{vehicleId}",
        "Show a vehicle, its locked fields and the feed item beside it",
        records.ONE_VEHICLE,
        _WHOSE,
    ),
    _operation(
        "PATCH",
        "/api/admin/vehicles/{vehicleId}",
        "Set, lock and unlock fields of a vehicle",
        records.ONE_VEHICLE,
        _WHOSE,
        body=(VehicleChange,),
    ),
    _operation(
        "GET",
        "/api/admin/dealerships",
        "List dealerships",
        record("", dealerships=list_of(records.DEALERSHIP)),
        _WHOSE,
    ),
    _operation(
        "POST",
        "/api/admin/dealerships",
        "Add a dealership; its first site key is shown this once",
        record("id:int name:text origins:texts siteKey:text"),
        status=HTTPStatus.CREATED,
        body=(NewDealership,),
    ),
    _operation(
        "GET",
        f"{_DEALERSHIP}/site-keys",
        "List site keys and what their websites are refused for",
        record("", siteKeys=list_of(records.SITE_KEY_IN_LIST)),
    ),
    _operation(
        "POST",
        f"{_DEALERSHIP}/site-keys",
        "Make a site key, shown this once",
        records.NEW_SITE_KEY,
        status=HTTPStatus.CREATED,
        body=(NewSiteKey,),
        conflict="too-many-site-keys: the dealership has 50 active ones.",
    ),
    _operation(
        "PATCH",
        f"{_DEALERSHIP}/site-keys/{{keyId}}",
        "Change a site key's label, rate or burst",
        records.SITE_KEY,
        body=(ChangedSiteKey,),
    ),
    _operation(
        "DELETE",
        f"{_DEALERSHIP}/site-keys/{{keyId}}",
        "Revoke a site key; in force within a minute, may be repeated",
        None,
        status=HTTPStatus.NO_CONTENT,
    ),
    _operation(
        "GET",
        f"{_DEALERSHIP}/origins",
        "Show which web origins may post leads; none listed means any",
        record("dealershipId:int origins:texts"),
    ),
    _operation(
        "PUT",
        f"{_DEALERSHIP}/origins",
        "Let pages of these web origins post leads and no others",
        record("dealershipId:int origins:texts"),
        body=(Origins,),
    ),
    _operation("GET", "/api/admin/settings", "Show settings", records.SETTINGS, _WHOSE),
    _operation(
        "PUT",
        "/api/admin/settings",
        "Change a dealership's settings, or without one named the system's",
        records.SETTINGS,
        _WHOSE,
        body=(DealershipSettings, SystemSettings),
    ),
    _operation(
        "GET",
        f"{_EASYCARS}/credentials",
        "Describe a dealership's credentials without them",
        records.CREDENTIALS_SHOWN,
        _WHOSE,
    ),
    _operation(
        "POST",
        f"{_EASYCARS}/credentials",
        "Store a dealership's first credentials",
        records.CREDENTIALS,
        _WHOSE,
        status=HTTPStatus.CREATED,
        body=(NewCredentials,),
        conflict="credentials-exist: change those that are there.",
    ),
    _operation(
        "POST",
        f"{_EASYCARS}/credentials/test-connection",
        "Ask EasyCars whether it takes credentials, without storing them",
        record("environment:text success:bool message:text"),
        _WHOSE,
        body=(CredentialTest,),
    ),
    _operation(
        "PUT",
        f"{_EASYCARS}/credentials/{{credentialId}}",
        "Change some of the values",
        records.CREDENTIALS,
        _WHOSE,
        body=(ChangedCredentials,),
        conflict="credentials-unreadable: what is stored cannot be read; give all four values.",
    ),
    _operation(
        "DELETE",
        f"{_EASYCARS}/credentials/{{credentialId}}",
        "Remove a dealership's credentials",
        None,
        _WHOSE,
        status=HTTPStatus.NO_CONTENT,
    ),
    _operation(
        "POST",
        f"{_EASYCARS}/sync/stock",
        "Start a stock run of one dealership",
        records.STARTED_RUN,
        _WHOSE,
        status=HTTPStatus.ACCEPTED,
    ),
    _operation(
        "POST",
        f"{_EASYCARS}/sync/leads",
        "Start a refresh of one dealership's open leads",
        records.STARTED_RUN,
        _WHOSE,
        status=HTTPStatus.ACCEPTED,
    ),
    _operation(
        "GET",
        f"{_EASYCARS}/sync/status",
        "Show whether a dealership is set up and how its last runs went",
        records.SYNC_STATUS,
        _WHOSE,
    ),
    _operation(
        "GET",
        f"{_EASYCARS}/sync/logs",
        "List runs, newest first",
        page_of("logs", records.SYNC_LOG),
        _WHOSE,
        *_PAGE,
        _choice("syncType", "Stock", "Lead"),
        _choice("direction", "Inbound", "Outbound"),
        _choice("status", "Success", "Failed", "Warning", "InProgress"),
    ),
    _operation(
        "GET",
        f"{_EASYCARS}/sync/logs/{{logId}}",
        "Show one run with its errors and redacted payloads",
        records.WHOLE_SYNC_LOG,
        _WHOSE,
    ),
    _operation(
        "GET",
        f"{_EASYCARS}/sync/jobs/{{jobId}}",
        "Show one run over many dealerships",
        records.SYNC_JOB,
        _WHOSE,
    ),
    _operation(
        "GET",
        f"{_EASYCARS}/lead-sync-conflicts",
        "List status conflicts, newest first",
        page_of("conflicts", records.CONFLICT),
        _WHOSE,
        *_PAGE,
        _choice("resolved", *_FLAG),
    ),
    _operation(
        "POST",
        f"{_EASYCARS}/lead-sync-conflicts/{{conflictId}}/resolve",
        "Settle a status conflict by our status or theirs",
        records.CONFLICT,
        _WHOSE,
        body=(ResolveBody,),
        conflict="It is settled already, or a deleted lead would have to come back.",
    ),
)
