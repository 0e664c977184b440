"""A function's entry point as a new sandbox has it."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]

type Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def new_sandbox(function: str) -> ModuleType:
    """Import ``functions/<function>/app.py`` anew, with none of what another sandbox holds."""
    path = ROOT / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location(f"sandbox_{function}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_event(function: str, case: str) -> dict[str, Any]:
    """Read ``events/<function>/<case>.json``."""
    event: dict[str, Any] = json.loads((ROOT / "events" / function / f"{case}.json").read_text())
    return event
