"""``forecourt dynamics connect``: what it sends to the admin API, and what it says of it."""

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from local.commands.dynamics import app

ENVIRONMENT = "DYNAMICS_CLIENT_SECRET"


class AdminApi:
    """Takes the place of the running stack's function, and keeps the bodies it was sent."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.bodies: list[dict[str, Any]] = []
        self.enabled = True
        self.errors: list[dict[str, str]] = []

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        self.bodies.append(json.loads(event["body"]))
        if self.errors:
            refusal = {"title": "Unprocessable Content", "errors": self.errors}
            return {"statusCode": 422, "body": json.dumps(refusal)}
        saved = {"environmentUrl": "https://obrien.crm6.dynamics.com", "enabled": self.enabled}
        return {"statusCode": 200, "body": json.dumps(saved)}

    def connect(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["connect", "3", "--data", str(self.data), *arguments])


@pytest.fixture
def api(tmp_path: Path) -> Iterator[AdminApi]:
    api = AdminApi(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(api.answer(event)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        state = {
            "pid": os.getpid(),
            "aws_endpoint_url": f"http://127.0.0.1:{server.server_port}",
            "resources": {"AdminApiFunction": "admin-api"},
        }
        (tmp_path / "stack.json").write_text(json.dumps(state))
        Thread(target=server.serve_forever, daemon=True).start()
        yield api
        server.shutdown()


@pytest.mark.parametrize(
    ("arguments", "is_sent"),
    [
        ([], True),
        (["--client-id", "7d1c6c1e-5a53-4f0e-8a1b-0a2f6a9d1c02"], True),
        (["--disabled"], False),
        (["--key-column", "hnt_key"], False),
        (["--url", "https://obrien.crm6.dynamics.com"], False),
    ],
)
def test_a_secret_left_in_the_environment_goes_with_its_registration_only(
    api: AdminApi, monkeypatch: pytest.MonkeyPatch, arguments: list[str], *, is_sent: bool
) -> None:
    monkeypatch.setenv(ENVIRONMENT, "planted-secret")

    done = api.connect(*arguments)

    assert done.exit_code == 0, done.output
    [body] = api.bodies
    assert body.get("clientSecret") == ("planted-secret" if is_sent else None)
    assert ("new secret is stored encrypted" in " ".join(done.output.split())) == is_sent
    assert "planted" not in done.output


def test_a_certificate_is_sent_without_the_secret_of_the_environment(
    api: AdminApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(ENVIRONMENT, "planted-secret")
    certificate = tmp_path / "app.pem"
    certificate.write_text("a certificate")

    api.connect("--client-id", "7d1c6c1e", "--certificate", str(certificate))

    assert api.bodies == [{"clientId": "7d1c6c1e", "certificate": "a certificate"}]


def test_a_connection_that_is_switched_off_says_so(api: AdminApi) -> None:
    api.enabled = False

    said = " ".join(api.connect("--disabled").output.split())

    assert api.bodies == [{"enabled": False}]
    assert "switched off" in said
    assert "dynamics connect 3 --enabled" in said


def test_each_complaint_ends_where_the_next_begins(api: AdminApi) -> None:
    api.errors = [{"field": name, "message": "is required"} for name in ("tenantId", "clientId")]

    refused = api.connect()

    assert str(refused.exception) == (
        "Unprocessable Content. tenantId: is required; clientId: is required."
    )
