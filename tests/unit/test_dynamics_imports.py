"""What the adapter of Dynamics loads, and what only who needs it pays for."""

import subprocess
import sys

import pytest

from tests.support.handlers import ROOT

_LOAD = """
import sys
import forecourt.dynamics.lead_sink, forecourt.dynamics.setup_client
from forecourt.dynamics.client import DynamicsClient
DynamicsClient("http://127.0.0.1:1")
print("\\n".join(sys.modules))
"""


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    finished = subprocess.run(
        [sys.executable, "-c", _LOAD],
        capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT / "layers/forecourt"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return set(finished.stdout.split())


@pytest.mark.parametrize("name", ["msal", "requests", "cryptography", "psycopg", "boto3"])
def test_a_client_that_has_called_nobody_has_not_paid_for(loaded: set[str], name: str) -> None:
    assert "forecourt.dynamics.tokens" in loaded
    assert name not in loaded
