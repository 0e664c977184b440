"""The state machine's definition as npm's asl-validator sees it: schema, targets and paths."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.sam_template import ROOT

FOLDER = ROOT / "tests/asl"
VALIDATOR = FOLDER / "node_modules/.bin/asl-validator"
DEFINITION = ROOT / "statemachines/sync.asl.json"


def complaints(definition: Path) -> str:
    """What the validator says; empty where it is content."""
    if not VALIDATOR.exists():
        missing = "asl-validator is not installed; `make test` installs it"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    own = Path(sys.executable).parent
    ended = subprocess.run(
        [VALIDATOR, "--json-path", definition],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"PATH": f"{os.environ['PATH']}:{own}"},
    )
    return f"{ended.stdout}{ended.stderr}" if ended.returncode else ""


def lose_a_target(machine: dict[str, Any]) -> None:
    machine["States"]["PlanSync"]["Next"] = "Nowhere"


def lose_a_target_of_a_child(machine: dict[str, Any]) -> None:
    child = machine["States"]["SyncEachDealership"]["ItemProcessor"]["States"]
    child["IsItStockOrLeads"]["Default"] = "Nowhere"


def break_a_path(machine: dict[str, Any]) -> None:
    machine["States"]["SyncEachDealership"]["MaxConcurrencyPath"] = "$.concurrency["


def reach_a_state_no_more(machine: dict[str, Any]) -> None:
    machine["States"]["DidAnyDealershipFail"]["Choices"][0]["Next"] = "SyncSucceeded"


def misspell_a_member(machine: dict[str, Any]) -> None:
    machine["States"]["PlanSync"]["TimeoutSecond"] = machine["States"]["PlanSync"].pop(
        "TimeoutSeconds"
    )


def test_it_has_no_complaint() -> None:
    assert complaints(DEFINITION) == ""


@pytest.mark.parametrize(
    "spoil",
    [
        lose_a_target,
        lose_a_target_of_a_child,
        break_a_path,
        reach_a_state_no_more,
        misspell_a_member,
    ],
)
def test_it_sees_a_mistake(spoil: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    machine = copy.deepcopy(json.loads(DEFINITION.read_text("utf-8")))
    spoil(machine)
    spoilt = tmp_path / "spoilt.asl.json"
    spoilt.write_text(json.dumps(machine), "utf-8")
    assert complaints(spoilt) != ""


def test_its_lock_file_holds_hashes_and_no_address() -> None:
    text = (FOLDER / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    assert "://" not in text, "make it with `npm run lock` in tests/asl"
    assert all(one.get("integrity") for path, one in packages.items() if path)
