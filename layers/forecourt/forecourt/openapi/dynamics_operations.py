"""The document's part for signed-in people: everything under ``/api/admin/dynamics/``."""

from http import HTTPStatus

from forecourt.admin.dynamics_bodies import DynamicsConnectionBody, DynamicsSetup
from forecourt.admin.dynamics_ports import PushStatus
from forecourt.admin.dynamics_pushes import DynamicsPush
from forecourt.leads.dynamics.categories import Category
from forecourt.leads.dynamics.check import Result
from forecourt.leads.dynamics.setup import State
from forecourt.openapi.admin_routes import DYNAMICS, WHOSE, describe
from forecourt.openapi.operations import Parameter
from forecourt.openapi.shapes import list_of, record, words

_CONNECTION = record(
    "id:int dealershipId:int environmentUrl:text tenantId:text clientId:text apiVersion:text"
    " keyColumn:text appId:text? enabled:bool holdReason:text? holdUntil:time?"
    " metadataReadAt:time? lastCheckedAt:time? lastCheck:object? createdAt:time updatedAt:time",
    secret=record("changedAt:time", kind=words("clientSecret", "certificate"))
    | {"description": "What is set and when it changed last; never the secret itself."},
    config=record("optionSets:object columns:object duplicateDetection:bool"),
)
_STATUS = words(*PushStatus)
_JOB = Parameter(
    name="jobId",
    place="query",
    schema={"type": "string", "format": "uuid"},
    description="Only the leads this push made due, and no later push since.",
)

DYNAMICS_OPERATIONS = (
    describe(
        "GET",
        f"{DYNAMICS}/connection",
        "Describe a dealership's connection to Dynamics 365 without its secret",
        _CONNECTION,
        WHOSE,
    ),
    describe(
        "PUT",
        f"{DYNAMICS}/connection",
        "Store a dealership's first connection, or change what is named of it",
        _CONNECTION,
        WHOSE,
        body=(DynamicsConnectionBody,),
        conflict="credentials-unreadable: the stored secret cannot be read; give it again.",
    ),
    describe(
        "DELETE",
        f"{DYNAMICS}/connection",
        "Remove a dealership's connection; its deliveries stay, those that wait are parked",
        record("waitingLeads:int message:text"),
        WHOSE,
    ),
    describe(
        "POST",
        f"{DYNAMICS}/connection/check",
        "Look at a connection line by line, from its settings to its alternate key",
        record(
            "ok:bool",
            lines=list_of(record("name:text detail:text cure:text?", result=words(*Result))),
        ),
        WHOSE,
        conflict="credentials-unreadable: the stored secret cannot be read; give it again.",
    ),
    describe(
        "POST",
        f"{DYNAMICS}/connection/setup",
        "Create what the tenant's lead table lacks; to be repeated while goesOn is true",
        record(
            "ready:bool goesOn:bool",
            steps=list_of(record("name:text detail:text cure:text?", state=words(*State))),
        ),
        WHOSE,
        body=(DynamicsSetup,),
        conflict="credentials-unreadable: the stored secret cannot be read; give it again.",
    ),
    describe(
        "POST",
        f"{DYNAMICS}/push",
        "Make up to 500 leads due for Dynamics 365 now; 403 dynamics-switched-off while it is off",
        record("jobId:uuid", leads=list_of(record("leadId:uuid", status=_STATUS))),
        WHOSE,
        status=HTTPStatus.ACCEPTED,
        body=(DynamicsPush,),
    ),
    describe(
        "POST",
        f"{DYNAMICS}/retry/{{leadId}}",
        "Try one lead again now; what was deleted in Dynamics 365 is created there again",
        record("jobId:uuid leadId:uuid", status=_STATUS),
        WHOSE,
        status=HTTPStatus.ACCEPTED,
        conflict="in-progress, spam, lead-erased, not-connected: the detail says what to do.",
    ),
    describe(
        "GET",
        f"{DYNAMICS}/status",
        "Count deliveries to Dynamics 365 by state, and those in trouble by its category",
        record(
            "enabled:bool total:int errorCodes:object",
            jobId={"type": ["string", "null"], "format": "uuid"},
            states=record("pending:int in_progress:int delivered:int failed:int"),
            errors=record(" ".join(f"{category}:int" for category in Category)),
        ),
        WHOSE,
        _JOB,
    ),
)
