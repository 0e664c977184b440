"""The control API, ``/_control/…``: what a test or a demo does to the vendor from outside.

JSON both ways, no credentials: the simulator listens on this machine only and holds nothing real.
"""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from local.easycars_simulator.accounts import account_from_json
from local.easycars_simulator.dealer_stock import StockChangeError
from local.easycars_simulator.faults import KINDS, VARIANTS, fault_as_json, fault_from_json
from local.easycars_simulator.page import page_for_people
from local.easycars_simulator.replies import HTML, Answer
from local.easycars_simulator.request_tables import LEAD_STATUSES

if TYPE_CHECKING:
    from local.easycars_simulator.simulator import EasyCarsSimulator

_PREFIX = "/_control/"
_ENCODER = msgspec.json.Encoder(decimal_format="number")

type Given = Mapping[str, Any]
type Answered = dict[str, Any]
type Route = Callable[[Given], Answered]


class ControlApi:
    """Answers what is not the vendor's own: the control API and the page at ``/``."""

    def __init__(self, simulator: "EasyCarsSimulator") -> None:
        self._simulator = simulator
        self._routes: dict[str, dict[str, Route]] = {
            "accounts": {"GET": self._accounts, "POST": self._add_account},
            "faults": {
                "GET": self._faults,
                "POST": self._add_fault,
                "DELETE": self._done(simulator.clear_faults),
            },
            "requests": {"GET": self._requests, "DELETE": self._done(simulator.clear_requests)},
            "leads": {"GET": self._leads, "POST": self._add_foreign_lead},
            "lead-edits": {"POST": self._edit_lead},
            "customers": {"GET": self._customers},
            "quotations": {"GET": self._quotations},
            "stock": {"GET": self._stock, "POST": self._change_stock},
            "clock": {"GET": self._clock, "POST": self._advance_clock},
            "latency": {"GET": self._latency, "POST": self._set_latency},
            "revoke-tokens": {"POST": self._revoke_tokens},
            "reset": {"POST": self._done(simulator.reset)},
        }

    def answer(self, method: str, path: str, query: str, body: bytes) -> Answer | None:
        """Answer a request, or None when it is the vendor's."""
        if path == "/" and method in ("GET", "HEAD"):
            headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
            page = page_for_people(self._simulator).encode()
            return Answer(page, content_type=HTML, headers=headers)
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
            return _json(route(_given(query, body)))
        except (ValueError, StockChangeError) as error:
            return _problem(HTTPStatus.BAD_REQUEST, str(error))
        except LookupError as error:
            return _problem(HTTPStatus.NOT_FOUND, str(error.args[0]))

    def _accounts(self, _given: Given) -> Answered:
        return {"accounts": [account.as_json() for account in self._simulator.accounts()]}

    def _add_account(self, given: Given) -> Answered:
        account = account_from_json(given)
        self._simulator.add_account(account)
        return account.as_json()

    def _faults(self, _given: Given) -> Answered:
        return {
            "faults": [fault_as_json(fault, left) for fault, left in self._simulator.faults()],
            "kinds": {"http_NNN": "answer with this HTTP status", **KINDS},
            "variants": VARIANTS,
        }

    def _add_fault(self, given: Given) -> Answered:
        fault = fault_from_json(given)
        self._simulator.put_fault(fault)
        return fault_as_json(fault, fault.times)

    def _requests(self, given: Given) -> Answered:
        simulator = self._simulator
        return {
            "requests": [each.as_json() for each in simulator.requests(given.get("operation"))],
            "invalid": [each.as_json() for each in simulator.invalid_requests()],
            "counts": simulator.counts(),
            "peakConcurrency": simulator.peak_concurrency(),
        }

    def _leads(self, given: Given) -> Answered:
        return {"leads": self._simulator.leads(given.get("account"))}

    def _add_foreign_lead(self, given: Given) -> Answered:
        return {"leadNumber": self._simulator.add_foreign_lead(_account(given))}

    def _edit_lead(self, given: Given) -> Answered:
        status, fields = given.get("status"), given.get("fields") or {}
        if status not in (None, *LEAD_STATUSES) or not isinstance(fields, dict):
            message = "status must be 10, 30, 50, 60 or 90, and fields an object."
            raise ValueError(message)
        number = str(given.get("leadNumber"))
        self._simulator.edit_lead(_account(given), number, status=status, fields=fields)
        return {}

    def _customers(self, given: Given) -> Answered:
        return {"customers": self._simulator.customers(_account(given))}

    def _quotations(self, given: Given) -> Answered:
        return {"quotations": self._simulator.quotations(_account(given))}

    def _stock(self, given: Given) -> Answered:
        return {"stock": self._simulator.stock(_account(given))}

    def _change_stock(self, given: Given) -> Answered:
        account = _account(given)
        change = {name: value for name, value in given.items() if name not in ("account", "action")}
        action = str(given.get("action"))
        return {"stockNumbers": self._simulator.change_stock(account, action, **change)}

    def _clock(self, _given: Given) -> Answered:
        return {"now": self._simulator.clock.now()}

    def _advance_clock(self, given: Given) -> Answered:
        if "letPass" in given:
            self._simulator.let_time_pass(_seconds(given, "letPass"))
        else:
            self._simulator.advance_clock(_seconds(given, "advance"))
        return self._clock(given)

    def _latency(self, _given: Given) -> Answered:
        return {"seconds": self._simulator.latency}

    def _set_latency(self, given: Given) -> Answered:
        seconds = _seconds(given, "seconds")
        if seconds < 0:
            message = "seconds must not be negative."
            raise ValueError(message)
        self._simulator.latency = seconds
        return self._latency(given)

    def _revoke_tokens(self, given: Given) -> Answered:
        self._simulator.revoke_tokens(given.get("account"))
        return {}

    @staticmethod
    def _done(act: Callable[[], None]) -> Route:
        def route(_given: Given) -> Answered:
            act()
            return {}

        return route


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


def _account(given: Given) -> str:
    account = given.get("account")
    if not isinstance(account, str):
        message = "account must be an account number."
        raise ValueError(message)  # noqa: TRY004 - becomes a 400 like every other bad value
    return account


def _seconds(given: Given, name: str) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"{name} must be a number of seconds."
        raise ValueError(message)  # noqa: TRY004 - becomes a 400 like every other bad value
    return float(value)


def _json(value: Answered) -> Answer:
    return Answer(_ENCODER.encode(value))


def _problem(status: HTTPStatus, message: str) -> Answer:
    return Answer(_ENCODER.encode({"error": message}), status=status)
