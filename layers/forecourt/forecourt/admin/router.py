"""Finds the function that answers an admin request."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from forecourt.admin.access import not_found
from forecourt.admin.request import AdminRequest
from forecourt.problem import Problem


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and the JSON document that goes with it; None for no body."""

    status: HTTPStatus
    document: Any = None


type Route = Callable[[AdminRequest], Reply]

_VARIABLE = re.compile(r"\{(\w+)\}")


class Router:
    """A table of method and path template to function; ``{name}`` stands for one segment."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Route]] = []

    def add(self, method: str, template: str, route: Route) -> None:
        """Add a route, e.g. ``GET`` and ``/api/admin/leads/{leadId}``."""
        pattern = re.compile(_VARIABLE.sub(r"(?P<\1>[^/]+)", template))
        self._routes.append((method, pattern, route))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and the variable parts of the path.

        Raises
        ------
        Problem
            404, or 405 with ``Allow`` where the path is known under other methods.
        """
        others = set()
        for route_method, pattern, route in self._routes:
            match = pattern.fullmatch(path.rstrip("/"))
            if match is None:
                continue
            if route_method == method:
                return route, match.groupdict()
            others.add(route_method)
        if others:
            raise Problem(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "method-not-allowed",
                f"Here one can only {', '.join(sorted(others))}.",
                headers={"Allow": ", ".join(sorted(others))},
            )
        raise not_found(what="route")
