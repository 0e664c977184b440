"""Entra's token endpoint and discovery documents (reference, 1.1)."""

import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from local.dataverse_simulator.organizations import AppRegistration, Vendor
from local.simulation.wire import Answer, RawRequest

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DEFAULT_SCOPE = "/.default"
_ASSERTION_ALGORITHMS = ["RS256", "PS256"]
_ASSERTION_CLAIMS = {"aud", "iss", "sub", "jti", "exp"}
GRANT_TYPE = "grant_type"
CLIENT_ASSERTION_TYPE = "client_assertion_type"
INVALID_REQUEST = "invalid_request"
INVALID_CLIENT = "invalid_client"
INVALID_SCOPE = "invalid_scope"
INVALID_RESOURCE = "invalid_resource"
INVALID_TENANT = "invalid_tenant"
UNAUTHORIZED_CLIENT = "unauthorized_client"
UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
_LOGIN = "https://login.microsoftonline.com"


class _LongHeaders(JWSRegistry):
    """Takes assertions whose header holds the certificate itself (``x5c``)."""

    max_header_length = 16_384

    def __init__(self) -> None:
        super().__init__(algorithms=_ASSERTION_ALGORITHMS)


@dataclass
class EntraError(Exception):
    """Entra refuses, with an OAuth error and an AADSTS number.

    Parameters
    ----------
    against_documents
        Whether a client that knows the documents never sends such a request.
    """

    error: str
    number: int
    message: str
    status: HTTPStatus = HTTPStatus.BAD_REQUEST
    against_documents: bool = True


@dataclass(frozen=True, slots=True)
class TokenCall:
    """A judged request for a token.

    Parameters
    ----------
    refusal
        How Entra refuses it, None when it gives a token.
    """

    tenant_id: str
    client_id: str | None = None
    environment_url: str | None = None
    refusal: EntraError | None = None


def judge_token_request(vendor: Vendor, tenant_id: str, request: RawRequest) -> TokenCall:
    """Judge a POST to a tenant's token endpoint."""
    client_id = None
    try:
        form = _form(request)
        client_id = form.get("client_id", "").lower() or None
        environment_url = _judge(vendor, tenant_id, form)
    except EntraError as refusal:
        known = client_id is not None and vendor.app(tenant_id, client_id) is not None
        return TokenCall(tenant_id, client_id if known else None, refusal=refusal)
    return TokenCall(tenant_id, client_id, environment_url)


def token_answer(vendor: Vendor, call: TokenCall) -> Answer:
    """Give the token, or refuse it."""
    if call.refusal is not None:
        return refusal_answer(vendor, call.refusal)
    token = vendor.issuer.issue(
        str(call.client_id),
        aud=str(call.environment_url),
        iss=f"https://sts.windows.net/{call.tenant_id}/",
        tid=call.tenant_id,
        ver="1.0",
    )
    life = int(vendor.rules.token_life)
    given = {
        "token_type": "Bearer",
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": token,
    }
    return Answer(json.dumps(given).encode(), headers={"Cache-Control": "no-store, no-cache"})


def refusal_answer(vendor: Vendor, refusal: EntraError) -> Answer:
    """Write an error as Entra does."""
    moment = datetime.fromtimestamp(vendor.clock.now(), UTC)
    trace, correlation = uuid.uuid4(), uuid.uuid4()
    body = {
        "error": refusal.error,
        "error_description": f"AADSTS{refusal.number}: {refusal.message} Trace ID: {trace} "
        f"Correlation ID: {correlation} Timestamp: {moment:%Y-%m-%d %H:%M:%SZ}",
        "error_codes": [refusal.number],
        "timestamp": f"{moment:%Y-%m-%d %H:%M:%SZ}",
        "trace_id": str(trace),
        "correlation_id": str(correlation),
        "error_uri": f"{_LOGIN}/error?code={refusal.number}",
    }
    return Answer(json.dumps(body).encode(), status=refusal.status, code=refusal.error)


def discovery_answer(vendor: Vendor, tenant_id: str, base: str) -> Answer:
    """Give a tenant's OpenID configuration, with the simulator's own token endpoint."""
    if not vendor.knows_tenant(tenant_id):
        refusal = EntraError(
            INVALID_TENANT,
            90002,
            f"Tenant '{tenant_id}' not found. Check to make sure you have the correct tenant ID.",
        )
        return refusal_answer(vendor, refusal)
    authority = f"{base}/{tenant_id}"
    document = {
        "token_endpoint": f"{authority}/oauth2/v2.0/token",
        "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
        "issuer": f"{_LOGIN}/{tenant_id}/v2.0",
        "jwks_uri": f"{authority}/discovery/v2.0/keys",
        "response_types_supported": ["code", "id_token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
    }
    return Answer(json.dumps(document).encode())


def instance_answer(base: str) -> Answer:
    """Give the instance discovery document, which names the clouds Entra has."""
    document = {
        "tenant_discovery_endpoint": f"{base}/common/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [
            {
                "preferred_network": "login.microsoftonline.com",
                "preferred_cache": "login.windows.net",
                "aliases": ["login.microsoftonline.com", "login.windows.net"],
            }
        ],
    }
    return Answer(json.dumps(document).encode())


def _form(request: RawRequest) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded" or request.query:
        raise _missing(GRANT_TYPE)
    try:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise _missing(GRANT_TYPE) from error
    form = dict(pairs)
    if len(form) != len(pairs):
        message = "The request body contains a parameter more than once."
        raise EntraError(INVALID_REQUEST, 9000411, message)
    return {name: value for name, value in form.items() if value}


def _judge(vendor: Vendor, tenant_id: str, form: Mapping[str, str]) -> str:
    for name in (GRANT_TYPE, "client_id", "scope"):
        if name not in form:
            raise _missing(name)
    if form["grant_type"] != "client_credentials":
        message = "The grant type is not supported."
        raise EntraError(UNSUPPORTED_GRANT_TYPE, 70003, message)
    if not vendor.knows_tenant(tenant_id):
        message = f"Tenant '{tenant_id}' not found."
        raise EntraError(INVALID_REQUEST, 90002, message, against_documents=False)
    client_id = form["client_id"].lower()
    app = vendor.app(tenant_id, client_id)
    if app is None:
        message = f"Application with identifier '{client_id}' was not found in the directory."
        raise EntraError(UNAUTHORIZED_CLIENT, 700016, message, against_documents=False)
    _check_proof(app, form)
    return _environment_of(vendor, tenant_id, form["scope"])


def _check_proof(app: AppRegistration, form: Mapping[str, str]) -> None:
    secret, assertion = form.get("client_secret"), form.get("client_assertion")
    if secret is not None:
        _check_secret(app, secret)
    elif assertion is not None:
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise _missing(CLIENT_ASSERTION_TYPE)
        _check_assertion(app, assertion)
    else:
        message = "The request body must contain 'client_assertion' or 'client_secret'."
        raise EntraError(INVALID_CLIENT, 7000218, message, HTTPStatus.UNAUTHORIZED)


def _check_secret(app: AppRegistration, given: str) -> None:
    for secret in app.secrets:
        if hmac.compare_digest(given.encode(), secret.text.encode()):
            if secret.expired:
                message = f"The provided client secret keys for app '{app.client_id}' are expired."
                raise _unproven(7000222, message)
            return
    message = "Invalid client secret provided."
    raise _unproven(7000215, message)


def _check_assertion(app: AppRegistration, assertion: str) -> None:
    claims: Mapping[str, Any] = {}
    for certificate in app.certificates:
        try:
            key = RSAKey.import_key(certificate.encode())
            claims = jwt.decode(assertion, key, registry=_LongHeaders()).claims
        except (JoseError, ValueError):
            continue
        break
    address = f"/{app.tenant_id}/oauth2/v2.0/token"
    if (
        not claims.keys() >= _ASSERTION_CLAIMS
        or {claims["iss"], claims["sub"]} != {app.client_id}
        or not str(claims["aud"]).endswith(address)
    ):
        raise _unproven(700027, "Client assertion failed signature validation.")


def _environment_of(vendor: Vendor, tenant_id: str, scope: str) -> str:
    if not scope.endswith(_DEFAULT_SCOPE) or " " in scope:
        message = (
            f"The provided value for scope {scope} is not valid. It must be suffixed with .default."
        )
        raise EntraError(INVALID_SCOPE, 1002012, message)
    url = scope.removesuffix(_DEFAULT_SCOPE)
    organization = vendor.organization(url)
    if organization is None or organization.tenant_id != tenant_id:
        message = f"The resource principal named {url} was not found in the tenant."
        raise EntraError(INVALID_RESOURCE, 500011, message, against_documents=url.endswith("/"))
    return url


def _missing(name: str) -> EntraError:
    message = f"The request body must contain the following parameter: '{name}'."
    return EntraError(INVALID_REQUEST, 900144, message)


def _unproven(number: int, message: str) -> EntraError:
    return EntraError(
        INVALID_CLIENT, number, message, HTTPStatus.UNAUTHORIZED, against_documents=False
    )
