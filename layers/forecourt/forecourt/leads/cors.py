"""What a browser needs to let a page of another origin send a lead and read the answer."""

from http import HTTPStatus

from forecourt.http_request import HttpRequest
from forecourt.problem import Answer


def preflight(request: HttpRequest) -> Answer:
    """Answer a CORS preflight of any origin; the POST itself decides (Fetch standard, 4.8)."""
    return Answer(
        status=HTTPStatus.NO_CONTENT.value,
        headers={
            **cors_headers(request),
            "Access-Control-Allow-Methods": "POST, OPTIONS",
            "Access-Control-Allow-Headers": "content-type, x-site-key, idempotency-key",
            "Access-Control-Max-Age": "7200",
        },
    )


def cors_headers(request: HttpRequest) -> dict[str, str]:
    """Return the headers that let the page read our answer, also a refusal; none for a server."""
    origin = request.headers.get("origin")
    if origin is None:
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }
