"""What a cold start of lead_intake has to load."""

import json
import subprocess
import sys

import pytest

from tests.support.handlers import ROOT

_INTAKE = f"""
import importlib.util
spec = importlib.util.spec_from_file_location("app", {str(ROOT / "functions/lead_intake/app.py")!r})
spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""
_TOLD = """
import json, sys
print(json.dumps(sorted(sys.modules)))
"""


def load(code: str) -> list[str]:
    told = subprocess.run(
        [sys.executable, "-c", code + _TOLD],
        capture_output=True, text=True, check=True, cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "layers/forecourt"), "PATH": "/usr/bin:/bin"},
    ).stdout  # fmt: skip
    modules: list[str] = json.loads(told)
    return modules


@pytest.mark.parametrize(
    "name", ["psycopg", "httpx", "httpcore", "cryptography", "sqlalchemy", "msgspec", "msal",
             "forecourt.storage", "forecourt.easycars", "aws_lambda_powertools.event_handler"],
)  # fmt: skip
def test_intake_loads_nothing_it_does_not_need(name: str) -> None:
    modules = load(_INTAKE)

    assert "forecourt.leads.intake" in modules
    assert name not in modules


def test_nothing_is_read_or_connected_at_import() -> None:
    refuse = """
import os, socket, boto3
def refuse(*_, **__):
    raise AssertionError("at import")
socket.socket.connect = boto3.client = boto3.Session = os.urandom = refuse
"""
    assert "forecourt.leads.intake" in load(refuse + _INTAKE)
