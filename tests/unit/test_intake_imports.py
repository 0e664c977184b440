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
_PEER = """
import boto3, pydantic
boto3.client("sqs", region_name="ap-southeast-2")
class Lead(pydantic.BaseModel):
    name: str
"""
_TOLD = """
import json, sys, time
print(json.dumps({"cpu": time.process_time() - started, "modules": sorted(sys.modules)}))
"""
_TRIES = 5


def load(code: str) -> dict[str, object]:
    told = subprocess.run(
        [sys.executable, "-c", "import time; started = time.process_time()" + code + _TOLD],
        capture_output=True, text=True, check=True, cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "layers/forecourt"), "PATH": "/usr/bin:/bin"},
    ).stdout  # fmt: skip
    result: dict[str, object] = json.loads(told)
    return result


@pytest.mark.parametrize(
    "name", ["psycopg", "httpx", "httpcore", "cryptography", "sqlalchemy", "msgspec",
             "forecourt.storage", "forecourt.easycars", "aws_lambda_powertools.event_handler"],
)  # fmt: skip
def test_intake_loads_nothing_it_does_not_need(name: str) -> None:
    modules = load(_INTAKE)["modules"]

    assert isinstance(modules, list)
    assert "forecourt.leads.intake" in modules
    assert name not in modules


def test_the_import_stays_within_its_budget() -> None:
    # Processor time and the best of several, because the machine that tests is never idle.
    intake = min(float(str(load(_INTAKE)["cpu"])) for _ in range(_TRIES))
    peer = min(float(str(load(_PEER)["cpu"])) for _ in range(_TRIES))

    assert intake <= 1.3 * peer


def test_nothing_is_read_or_connected_at_import() -> None:
    refuse = """
import os, socket, boto3
def refuse(*_, **__):
    raise AssertionError("at import")
socket.socket.connect = boto3.client = boto3.Session = os.urandom = refuse
"""
    assert load(refuse + _INTAKE)["modules"]
