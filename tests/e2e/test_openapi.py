"""The OpenAPI document against the running stack: schemathesis asks what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.e2e.running_stack import RunningStack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack with a lead, its delivery and a refusal, so that lists hold something."""
    with running_stack(tmp_path_factory.mktemp("openapi") / "data") as running:
        added = running.json("dealership", "add", "--name", "O'Brien Motors")
        running.post_lead(added["siteKey"], {"name": "Aoife"})
        lead = {"name": "Aoife", "email": "aoife@example.com", "consent": {"marketing": True}}
        running.post_lead(added["siteKey"], lead)
        connect_to_dynamics(running, added["id"])
        yield running


def connect_to_dynamics(stack: RunningStack, dealership: int) -> None:
    """Connect the dealership to the first tenant of the simulator."""
    accounts = httpx.get(f"{stack.ready['dynamics_url']}/_control/accounts", timeout=20).json()
    account = accounts["accounts"][0]
    stack.json(
        *("dynamics", "connect", dealership, "--url", account["environmentUrl"]),
        *("--tenant", account["tenantId"], "--client-id", account["clientId"]),
        *("--client-secret", account["clientSecret"]),
    )


def faults(stack: RunningStack, header: str, *selection: str, examples: int) -> str:
    """What schemathesis finds wrong with a part of the API; nothing where it conforms."""
    finished = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis",
            *("run", f"{stack.ready['url']}/api/openapi.json"),
            *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(examples), "--generation-deterministic"),
            *("--request-timeout", "30", "--header", header, "--no-color", *selection),
        ],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
        cwd=stack.data,
    )
    return finished.stdout[-6000:] + finished.stderr if finished.returncode else ""


def test_leads_are_taken_and_refused_as_the_document_says(stack: RunningStack) -> None:
    made = stack.json("site-key", "new", 1)

    key = f"X-Site-Key: {made['siteKey']}"
    assert faults(stack, key, "--include-path", "/api/leads", examples=30) == ""


def test_the_admin_api_answers_as_the_document_says(stack: RunningStack) -> None:
    bearer = f"Authorization: Bearer {stack.json('token', '--admin')['token']}"
    admin = ("--include-path-regex", "^/api/(admin/(?!dynamics)|openapi)")

    assert faults(stack, bearer, *admin, examples=3) == ""


def test_the_routes_of_dynamics_answer_as_the_document_says(stack: RunningStack) -> None:
    bearer = f"Authorization: Bearer {stack.json('token', '--admin')['token']}"
    dynamics = ("--include-path-regex", "^/api/admin/dynamics")

    assert faults(stack, bearer, *dynamics, examples=3) == ""


def test_any_page_may_read_the_document(stack: RunningStack) -> None:
    answer = httpx.get(
        f"{stack.ready['url']}/api/openapi.json", headers={"Origin": "https://a.example"}
    )

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    document: dict[str, Any] = answer.json()
    assert document["openapi"] == "3.1.0"
    assert {"/api/leads", "/api/admin/leads"} <= document["paths"].keys()
