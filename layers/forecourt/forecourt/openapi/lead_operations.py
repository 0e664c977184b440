"""The document's part for websites: ``POST`` and ``OPTIONS /api/leads``."""

from http import HTTPStatus
from typing import Any, Final

from forecourt.leads.intake import IDEMPOTENCY_KEY, LEADS_PATH, MAX_BODY_BYTES
from forecourt.leads.submission import LeadSubmission
from forecourt.openapi.operations import Operation, Parameter
from forecourt.openapi.shapes import record

_ORIGIN = Parameter(
    name="Origin",
    place="header",
    schema={"type": "string"},
    description="Browsers send it. A server sends none and is not asked for one.",
)

_CORS: Final[dict[str, Any]] = {
    "Access-Control-Allow-Origin": {
        "description": "The Origin of the request, so that the page can read every answer, "
        "refusals too; absent where the request had none.",
        "schema": {"type": "string"},
    },
    "Vary": {"description": "Origin, always.", "schema": {"type": "string"}},
}

_DESCRIPTION = f"""\
Takes one enquiry from a dealership's website. 202 means that it is stored and will be delivered.

**Texts** lose blanks at both ends, and null or a blank text counts as not sent, so a form may post
its empty fields. The one exception is `consent.text`, which is stored as it was sent. Lengths are
in characters; the body may have {MAX_BODY_BYTES} bytes. Unknown fields are refused by name.

**Idempotency-Key**: with the same key and the same body the answer names the same lead, and there
is one lead however often it is sent; the order of members and blanks at the ends of texts make no
other body. With the same key and another body there is a second lead, which staff see marked as
sharing its key with the first: nothing is dropped. Without a key every request is a lead of its
own. A form draws one key when it is shown and sends it with every try.

**Consent**: leave `consent` out where the visitor was not asked; absent means unknown, and unknown
is never passed on as a yes. What is sent is stored with the time we received it and the page it
came from (`sourcePageUrl`, else the Origin).

**Company**: what is known of the visitor's company, for Dynamics 365. The members listed are
checked, each may be written in camelCase or with underscores, but not both. Others are kept, flat.

**Honeypot**: `website` is for a field people do not see. A lead with it is answered 202, shown to
staff as spam, and delivered nowhere.

**Try again** after 429, 500, 503 and where no answer came, with the same Idempotency-Key; never
change a refused lead blindly, `errors` names every field and its cure."""

LEAD_OPERATIONS = (
    Operation(
        method="POST",
        path=LEADS_PATH,
        tag="leads",
        summary="Send a lead",
        description=_DESCRIPTION,
        security=({"siteKey": []},),
        parameters=(
            Parameter(
                name="Idempotency-Key",
                place="header",
                schema={"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
                description="1 to 200 ASCII characters without blanks, e.g. a UUID.",
            ),
            _ORIGIN,
        ),
        body=(LeadSubmission,),
        example={
            "name": "Aoife Ní Bhriain",
            "email": "aoife@example.com",
            "phone": "0412 345 678",
            "message": "Is it still there?",
            "stockNumber": "12",
            "vehicleInterest": "TestDrive",
            "sourcePageUrl": "https://www.dealer.example/stock/12",
            "consent": {"marketing": False, "text": "Send me offers.", "version": "2026-03"},
            "website": "",
        },
        headers=_CORS,
        answers={
            HTTPStatus.ACCEPTED: record("leadId:uuid", status={"type": "string", "const": "queued"})
        },
        problems={
            HTTPStatus.BAD_REQUEST: "broken-json, broken-body: not a JSON object in UTF-8, a "
            "number too large, nested more than 20 deep, or more than 200 members in one object.",
            HTTPStatus.UNAUTHORIZED: "site-key-refused: X-Site-Key is missing, wrong or revoked.",
            HTTPStatus.FORBIDDEN: "origin-not-allowed: pages of this origin may not post for this "
            "dealership.",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"body-too-large: over {MAX_BODY_BYTES} bytes.",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported-content-type: send application/json "
            "in UTF-8.",
            HTTPStatus.UNPROCESSABLE_ENTITY: "invalid-fields: errors names every field and cure.",
            HTTPStatus.TOO_MANY_REQUESTS: "too-many-leads: this key sends faster than it may.",
            HTTPStatus.INTERNAL_SERVER_ERROR: "defect: an error of ours; the lead was not taken.",
            HTTPStatus.SERVICE_UNAVAILABLE: "try-again: the lead could not be stored just now.",
        },
    ),
    Operation(
        method="OPTIONS",
        path=LEADS_PATH,
        tag="leads",
        summary="Ask whether a page may post (CORS preflight)",
        description="Any origin is told yes; the POST decides, so that a page can read a refusal.",
        parameters=(_ORIGIN,),
        headers={
            **_CORS,
            **{
                f"Access-Control-{name}": {"schema": {"type": "string"}}
                for name in ("Allow-Methods", "Allow-Headers", "Max-Age")
            },
        },
        answers={HTTPStatus.NO_CONTENT: None},
        problems={HTTPStatus.INTERNAL_SERVER_ERROR: "defect: an error of ours."},
    ),
)
