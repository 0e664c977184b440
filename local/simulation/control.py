"""The control API, ``/_control/…``: what a test or a demo does to a vendor from outside.

JSON both ways, no credentials: a simulator listens on this machine only and holds nothing real.
"""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from local.simulation.faults import PlannedFault, fault_as_json, fault_from_json
from local.simulation.service import SimulatedVendor
from local.simulation.wire import HTML, Answer

_PREFIX = "/_control/"
_ENCODER = msgspec.json.Encoder(decimal_format="number")

type Given = Mapping[str, Any]
type Answered = dict[str, Any]
type Route = Callable[[Given], Answered]
type Routes = dict[str, dict[str, Route]]


class ControlPages:
    """Answers what is not the vendor's own: the control API and the page at ``/``.

    Parameters
    ----------
    routes
        By name and method.
    page
        Writes the page for people.
    """

    def __init__(self, routes: Routes, page: Callable[[], str]) -> None:
        self._routes = routes
        self._page = page

    def answer(self, method: str, path: str, query: str, body: bytes) -> Answer | None:
        """Answer a request, or None when it is the vendor's."""
        if path == "/" and method in ("GET", "HEAD"):
            headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
            return Answer(self._page().encode(), content_type=HTML, headers=headers)
        if not path.startswith(_PREFIX):
            return None
        return self._control(method, path, query, body)

    def _control(self, method: str, path: str, query: str, body: bytes) -> Answer:
        routes = self._routes.get(path.removeprefix(_PREFIX))
        if routes is None:
            return _problem(HTTPStatus.NOT_FOUND, f"There are {', '.join(self._routes)}.")
        route = routes.get(method)
        if route is None:
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, f"It takes {', '.join(routes)}.")
        try:
            return Answer(_ENCODER.encode(route(_given(query, body))))
        except ValueError as error:
            return _problem(HTTPStatus.BAD_REQUEST, str(error))
        except LookupError as error:
            return _problem(HTTPStatus.NOT_FOUND, str(error.args[0]))


def common_routes[Fault: PlannedFault](
    simulator: SimulatedVendor[Fault], fault_type: type[Fault], **shown: object
) -> Routes:
    """Give the routes every vendor has: faults, requests, clock, latency.

    Parameters
    ----------
    shown
        What ``GET faults`` tells besides the faults and their kinds.
    """

    def faults(_given: Given) -> Answered:
        return {
            "faults": [fault_as_json(fault, left) for fault, left in simulator.faults()],
            "kinds": {"http_NNN": "answer with this HTTP status", **fault_type.KINDS},
            **shown,
        }

    def add_fault(given: Given) -> Answered:
        fault = fault_from_json(fault_type, given)
        simulator.put_fault(fault)
        return fault_as_json(fault, fault.times)

    def requests(given: Given) -> Answered:
        return {
            "requests": [each.as_json() for each in simulator.requests(given.get("operation"))],
            "invalid": [each.as_json() for each in simulator.invalid_requests()],
            "counts": simulator.counts(),
            "peakConcurrency": simulator.peak_concurrency(),
        }

    def clock(_given: Given) -> Answered:
        return {"now": simulator.clock.now()}

    def advance_clock(given: Given) -> Answered:
        if "letPass" in given:
            simulator.let_time_pass(number(given, "letPass"))
        else:
            simulator.advance_clock(number(given, "advance"))
        return clock(given)

    def latency(_given: Given) -> Answered:
        return {"seconds": simulator.latency}

    def set_latency(given: Given) -> Answered:
        seconds = number(given, "seconds")
        if seconds < 0:
            message = "seconds must not be negative."
            raise ValueError(message)
        simulator.latency = seconds
        return latency(given)

    return {
        "faults": {"GET": faults, "POST": add_fault, "DELETE": done(simulator.clear_faults)},
        "requests": {"GET": requests, "DELETE": done(simulator.clear_requests)},
        "clock": {"GET": clock, "POST": advance_clock},
        "latency": {"GET": latency, "POST": set_latency},
    }


def done(act: Callable[[], None]) -> Route:
    """Make a route of something that takes and gives nothing."""

    def route(_given: Given) -> Answered:
        act()
        return {}

    return route


def number(given: Given, name: str) -> float:
    """Take a number of seconds; anything else is a ValueError."""
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"{name} must be a number of seconds."
        raise ValueError(message)  # noqa: TRY004 - becomes a 400 like every other bad value
    return float(value)


def _given(query: str, body: bytes) -> dict[str, Any]:
    """Take what the query and the JSON body say together."""
    given: dict[str, Any] = dict(parse_qsl(query))
    if body:
        try:
            posted = json.loads(body)
        except ValueError as error:
            message = "The body is not JSON."
            raise ValueError(message) from error
        if not isinstance(posted, dict):
            message = "The body must be a JSON object."
            raise ValueError(message)
        given |= posted
    return given


def _problem(status: HTTPStatus, message: str) -> Answer:
    return Answer(_ENCODER.encode({"error": message}), status=status)
