"""Every code that the way to Dynamics can end with has a category."""

import ast
from pathlib import Path

import pytest

from forecourt.leads.dynamics.categories import (
    CATEGORIES,
    MENDED_BY_A_SAVE,
    Category,
    category_of,
)
from forecourt.leads.dynamics.reasons import DynamicsReason
from forecourt.network.silence import Silence

PACKAGE = Path(__file__).parents[2] / "layers/forecourt/forecourt"
ERRORS = {
    "RetryableError", "OutcomeUnknownError", "PermanentError", "AuthenticationError",
    "SkippableError",
}  # fmt: skip
ROOMS = [
    *sorted((PACKAGE / "dynamics").rglob("*.py")),
    *sorted((PACKAGE / "leads/dynamics").rglob("*.py")),
    *sorted((PACKAGE / "storage").glob("dynamics_*.py")),
    PACKAGE / "security/envelope.py",
    PACKAGE / "aws/kms.py",
]
IN_NO_LEDGER = {"CONNECTION_INCOMPLETE", "CREDENTIALS_BUSY", "MALFORMED_MESSAGE"}
"""What is answered to a caller, or goes to the dead letters."""


def literal_codes(path: Path) -> set[str]:
    """Codes written where an error of ours is made."""
    codes = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id not in ERRORS:
            continue
        named = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        for value in (*named, *node.args[:1]):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                codes.add(value.value)
    return codes


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: path.name)
def test_every_code_written_in_a_room_is_placed(path: Path) -> None:
    assert literal_codes(path) - CATEGORIES.keys() - IN_NO_LEDGER == set()


@pytest.mark.parametrize("reason", [*DynamicsReason, *Silence], ids=str)
def test_every_reason_of_a_call_is_placed(reason: str) -> None:
    assert category_of(str(reason)) is not Category.UNKNOWN


def test_codes_are_looked_up_and_never_guessed() -> None:
    assert category_of("DUPLICATE_FOUND") is Category.DUPLICATE
    assert category_of("RATE_LIMITED") is Category.RATE_LIMIT
    assert category_of("LIMIT_IN_ITS_NAME") is Category.UNKNOWN
    assert category_of(None) is Category.UNKNOWN


def test_a_save_mends_what_is_the_connections_alone() -> None:
    assert {"TOKEN_DENIED", "PRIVILEGE_MISSING", "COLUMN_UNKNOWN"} <= MENDED_BY_A_SAVE
    assert MENDED_BY_A_SAVE.isdisjoint({"DUPLICATE_FOUND", "TIMEOUT", "DELETED_IN_DYNAMICS"})
