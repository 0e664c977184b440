"""How a route of the admin API is described: what its refusals follow from."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel

from forecourt.openapi.operations import Operation, Parameter
from forecourt.openapi.shapes import Schema, words

type Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

EASYCARS = "/api/admin/easycars"
DYNAMICS = "/api/admin/dynamics"

WHOSE = Parameter(
    name="dealershipId",
    place="query",
    schema={"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    description="Whose data; people of a dealership see their own without it.",
)
PAGE = (
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


def limit(*, usual: int, most: int) -> Parameter:
    """Describe ``limit``, how many a list holds at most."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": usual}
    return Parameter(name="limit", place="query", schema=schema)


def choice(name: str, *allowed: str) -> Parameter:
    """Describe a parameter of the query string that is one of a few words."""
    return Parameter(name=name, place="query", schema=words(*allowed))


FLAG = ("true", "false")
_PROBLEMS: Mapping[HTTPStatus, str] = {
    HTTPStatus.UNAUTHORIZED: "The token is missing or not valid.",
    HTTPStatus.FORBIDDEN: "unknown-role, forbidden: the person may not do this.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal-error: an error of ours, found in the logs by "
    "correlationId.",
    HTTPStatus.SERVICE_UNAVAILABLE: "try-again: something we need is away.",
}


def describe(
    method: Method,
    path: str,
    summary: str,
    answer: Schema | None,
    *parameters: Parameter,
    status: HTTPStatus = HTTPStatus.OK,
    body: tuple[type[BaseModel], ...] = (),
    body_required: bool = True,
    conflict: str = "",
    limited: str = "",
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
    if in_path or names_others or WHOSE in parameters:
        problems[HTTPStatus.NOT_FOUND] = "not-found: it is not there, or is somebody else's."
    if body:
        problems[HTTPStatus.REQUEST_ENTITY_TOO_LARGE] = "body-too-large: over 64 KiB."
        problems[HTTPStatus.UNPROCESSABLE_ENTITY] = (
            "invalid-fields: errors names every field and its cure."
        )
    if conflict:
        problems[HTTPStatus.CONFLICT] = conflict
    if limited:
        problems[HTTPStatus.TOO_MANY_REQUESTS] = limited
    return Operation(
        method=method,
        path=path,
        tag=path.removeprefix(f"{EASYCARS}/").removeprefix("/api/admin/").split("/")[0],
        summary=summary,
        answers={status: answer},
        problems=dict(sorted(problems.items())),
        parameters=(
            *(Parameter(name=n, place="path", schema=_id(n), required=True) for n in in_path),
            *parameters,
        ),
        body=body,
        body_required=body_required,
        security=({"token": []},),
    )


def _id(name: str) -> dict[str, Any]:
    if name in {"leadId", "jobId"}:
        return {"type": "string", "format": "uuid"}
    if name in {"keyId", "messageId"}:
        return {"type": "string", "minLength": 1}
    return {"type": "integer", "minimum": 1}
