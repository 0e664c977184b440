"""The page that says which test shows what names tests there are."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs/dynamics.md"
WEAKNESSES = 41
"""How many part 4 of the Dataverse reference lists."""


def rows() -> list[tuple[str, str, str]]:
    _, _, table = PAGE.read_text().partition("## What earlier work got wrong")
    found: list[tuple[str, str, str]] = re.findall(
        r"^\| (.+) \| `(\S+)::(\w+)` \|$", table, re.MULTILINE
    )
    return found


def test_every_weakness_has_its_row() -> None:
    assert len({weakness for weakness, _, _ in rows()}) == WEAKNESSES


def test_every_test_that_is_named_exists() -> None:
    missing = [
        (path, name) for _, path, name in rows() if f"def {name}(" not in (TESTS / path).read_text()
    ]
    assert missing == []
