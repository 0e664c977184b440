"""The HTTP API on this machine: finds the route, checks the token, calls the function."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from local.http_events import HttpAnswer, gateway_message, http_answer, http_event
from local.jwt_authorizer import JwtAuthorizer, TokenChecker, UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from local.functions import Functions
    from local.queues import Environ

_LARGEST_BODY = 10 * 1024 * 1024
_ANY = "ANY"
_VARIABLE = re.compile(r"\{([^}+]+)(\+?)\}")
_FUNCTION_IN_URI = re.compile(r"/functions/(arn:[^/]+)/invocations")
_LAMBDA_PAYLOAD_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True)
class Route:
    """One route of the HTTP API.

    Attributes
    ----------
    method
        An HTTP method or ``ANY``.
    path
        The path with its variables, ``{name}`` or ``{name+}``; ``$default`` catches everything.
    function
        The ARN of the function behind it.
    authorizer
        What a token must satisfy; None for an open route.
    """

    method: str
    path: str
    function: str
    authorizer: JwtAuthorizer | None

    @property
    def key(self) -> str:
        """The route key as events name it."""
        return self.path if self.path == "$default" else f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the path's variables, or None when the route does not fit."""
        if self.method not in {method, _ANY}:
            return None
        if self.path == "$default":
            return {}
        pattern, end = "", 0
        for variable in _VARIABLE.finditer(self.path):
            pattern += re.escape(self.path[end : variable.start()])
            pattern += "(.+)" if variable[2] else "([^/]+)"
            end = variable.end()
        found = re.fullmatch(pattern + re.escape(self.path[end:]), path)
        if found is None:
            return None
        names = [variable[1] for variable in _VARIABLE.finditer(self.path)]
        return dict(zip(names, found.groups(), strict=True))

    @property
    def rank(self) -> tuple[Any, ...]:
        """Sorts the most specific route first, as the gateway picks: full match, then greedy."""
        greedy = "+}" in self.path
        variables = len(_VARIABLE.findall(self.path))
        is_default = self.path == "$default"
        return (is_default, greedy, variables, -len(self.path), self.method == _ANY)


def routes_of(body: Mapping[str, Any]) -> list[Route]:
    """Read the routes from an HTTP API's OpenAPI document, its intrinsics already resolved."""
    schemes = body.get("components", {}).get("securitySchemes", {})
    routes = []
    for path, operations in body.get("paths", {}).items():
        for verb, operation in operations.items():
            integration = operation.get("x-amazon-apigateway-integration", {})
            target = _FUNCTION_IN_URI.search(str(integration.get("uri", "")))
            if target is None:
                continue
            method = _ANY if verb == "x-amazon-apigateway-any-method" else verb.upper()
            authorizer = _authorizer(operation.get("security", []), schemes)
            routes.append(Route(method, path, target[1], authorizer))
    return sorted(routes, key=lambda route: route.rank)


def _authorizer(
    security: Sequence[Mapping[str, Sequence[str]]], schemes: Mapping[str, Any]
) -> JwtAuthorizer | None:
    for requirement in security:
        for name, scopes in requirement.items():
            extension = schemes.get(name, {}).get("x-amazon-apigateway-authorizer", {})
            settings = extension.get("jwtConfiguration")
            if settings:
                audience = settings.get("audience", [])
                audiences = [audience] if isinstance(audience, str) else audience
                return JwtAuthorizer(settings["issuer"], tuple(audiences), tuple(scopes))
    return None


class Gateway:
    """A WSGI application that answers as the HTTP API of the template.

    Parameters
    ----------
    routes
        The routes, the most specific first.
    functions
        What is called.
    api_id, account
        What request contexts name.
    """

    def __init__(
        self, routes: Sequence[Route], functions: Functions, *, api_id: str, account: str
    ) -> None:
        self._routes = routes
        self._functions = functions
        self._api_id = api_id
        self._account = account
        self._tokens = TokenChecker()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's callable
        """Answer one request."""
        answer = self._answer(environ)
        headers = [*answer.headers, ("content-length", str(len(answer.body)))]
        start_response(answer.status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: Environ) -> HttpAnswer:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        found = self._find(environ["REQUEST_METHOD"], path)
        if found is None:
            return gateway_message(HTTPStatus.NOT_FOUND, "Not Found")
        route, variables = found
        claims = None
        if route.authorizer is not None:
            try:
                claims = self._tokens.check(route.authorizer, environ.get("HTTP_AUTHORIZATION"))
            except UnauthorizedError:
                refusal = gateway_message(HTTPStatus.UNAUTHORIZED, "Unauthorized")
                refusal.headers.append(("www-authenticate", "Bearer"))
                return refusal
        size = int(environ.get("CONTENT_LENGTH") or 0)
        if size > _LARGEST_BODY:
            return gateway_message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
        event = http_event(
            environ,
            environ["wsgi.input"].read(size),
            route_key=route.key,
            path_parameters=variables,
            api_id=self._api_id,
            account=self._account,
            claims=claims,
            scopes=route.authorizer.scopes if route.authorizer else (),
        )
        return self._call(route.function, json.dumps(event, ensure_ascii=False))

    def _find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        for route in self._routes:
            variables = route.match(method, path)
            if variables is not None:
                return route, variables
        return None

    def _call(self, function: str, event: str) -> HttpAnswer:
        if len(event.encode()) > _LAMBDA_PAYLOAD_BYTES:
            return gateway_message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
        answer = self._functions.invoke(function, event)
        if answer.status == "timeout":
            return gateway_message(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")
        if answer.error is not None:
            return gateway_message(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
        try:
            return http_answer(answer.payload)
        except (TypeError, ValueError):
            return gateway_message(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
