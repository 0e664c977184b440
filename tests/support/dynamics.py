"""Calls the Dataverse simulator with plain HTTP, as any client might, Forecourt's apart."""

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from local.dataverse_simulator import Account, DataverseSimulator
from tests.support.vendor_caller import NO_CERTIFICATES

KEY = "hnt_forecourtid"
HEADERS = {
    "Accept": "application/json",
    "OData-Version": "4.0",
    "OData-MaxVersion": "4.0",
}
ECHO = {"Prefer": "return=representation"}
LEAD = {"subject": "Toyota Corolla", "lastname": "Lee", "emailaddress1": "ann@example.com"}


class DataverseCaller:
    """One app registration that asks for a token once and calls the Web API with it.

    Parameters
    ----------
    account
        The simulator's first account when None.
    """

    def __init__(self, simulator: DataverseSimulator, account: Account | None = None) -> None:
        self.simulator = simulator
        self.account = account or simulator.accounts()[0]
        self.http = httpx.Client(base_url=simulator.url, verify=NO_CERTIFICATES, timeout=10)
        self.headers = dict(HEADERS)
        self.bearer: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    def token_form(self, **changes: str) -> dict[str, str]:
        """Give the form of a right request for a token, with changes ("" leaves a field out)."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.account.client_id,
            "client_secret": self.account.client_secret,
            "scope": f"{self.account.environment_url}/.default",
            **changes,
        }
        return {name: value for name, value in form.items() if value}

    def ask_token(self, **changes: str) -> httpx.Response:
        """Ask Entra for a token."""
        tenant = changes.pop("tenant", self.account.tenant_id)
        return self.http.post(f"/{tenant}/oauth2/v2.0/token", data=self.token_form(**changes))

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **params: str,
    ) -> httpx.Response:
        """Call the Web API with the headers it wants; `path` is taken as it stands."""
        if self.bearer is None:
            self.bearer = self.ask_token().json()["access_token"]
        whole = {**self.headers, "Authorization": f"Bearer {self.bearer}"}
        if method == "GET":
            whole["If-None-Match"] = "null"
        content = None
        if body is not None:
            whole["Content-Type"] = "application/json"
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        whole |= dict(headers or {})
        return self.http.request(
            method,
            f"/api/data/v9.2/{path}",
            content=content,
            headers={name: value for name, value in whole.items() if value},
            params=params or None,
        )

    def upsert(
        self, key: str, body: Any = None, headers: Mapping[str, str] | None = None, **params: str
    ) -> httpx.Response:
        """PATCH a lead by the value of its alternate key."""
        return self.call("PATCH", f"leads({KEY}='{key}')", body or LEAD, headers, **params)

    def create(self, body: Any = None, headers: Mapping[str, str] | None = None) -> str:
        """POST a lead; answers its GUID."""
        answer = self.call("POST", "leads", body or LEAD, headers)
        assert answer.status_code == 204, answer.text
        return answer.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")

    def read(self, lead_id: str) -> dict[str, Any]:
        """GET all of a lead."""
        found: dict[str, Any] = self.call("GET", f"leads({lead_id})").json()
        return found


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Give a refusal's status and code."""
    return answer.status_code, answer.json()["error"]["code"]
