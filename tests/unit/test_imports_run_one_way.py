"""Imports run one way: functions, logic, ports; adapters implement ports (design section 2)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/forecourt/forecourt"
LOGIC = ("leads", "stock", "admin", "schedules", "security", "images")
ADAPTERS = ("aws", "cloudinary", "dynamics", "easycars", "storage")
OUTSIDE = {
    "alembic",
    "boto3",
    "botocore",
    "cloudinary",
    "httpx",
    "msal",
    "psycopg",
    "sqlalchemy",
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "aws_lambda_powertools.utilities.parameters",
    "aws_lambda_powertools.utilities.parser",
}


def imports(path: Path) -> Iterator[str]:
    """Full names of what a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (PACKAGE / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "layers/forecourt"))


@pytest.mark.parametrize("path", files(*LOGIC), ids=name_of)
def test_logic_knows_no_network_database_or_event(path: Path) -> None:
    assert [n for n in imports(path) if any(is_within(n, outside) for outside in OUTSIDE)] == []


@pytest.mark.parametrize("path", files(*LOGIC), ids=name_of)
def test_logic_imports_no_adapter(path: Path) -> None:
    adapters = [f"forecourt.{name}" for name in (*ADAPTERS, "network")]

    assert [n for n in imports(path) if any(is_within(n, adapter) for adapter in adapters)] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=name_of)
def test_the_package_imports_neither_functions_nor_what_is_never_deployed(path: Path) -> None:
    above = ("functions", "local", "tests", "benchmarks", "migrations")

    assert [n for n in imports(path) if any(is_within(n, package) for package in above)] == []


@pytest.mark.parametrize("folder", ADAPTERS)
def test_adapters_know_each_other_only_to_log_in_to_the_database(folder: str) -> None:
    others = [f"forecourt.{name}" for name in ADAPTERS if name != folder]
    found = {
        (path.name, name)
        for path in files(folder)
        for name in imports(path)
        if any(is_within(name, other) for other in others)
    }

    assert found <= {
        ("database_settings.py", "forecourt.aws.secrets"),
        ("database_settings.py", "forecourt.aws.secrets.SecretStore"),
    }


IMPORT_EACH_ALONE = """
import importlib, sys
for name in sys.argv[1:]:
    for loaded in [m for m in sys.modules if m.split(".")[0] == "forecourt"]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""


def test_nothing_is_imported_in_a_circle() -> None:
    modules = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
    }
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_EACH_ALONE, *sorted(modules)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr


HANDLERS = sorted((ROOT / "functions").glob("*/app.py"))


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_is_settings_wiring_and_one_call(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    code = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    lines = sum((node.end_lineno or 0) - node.lineno + 1 for node in code)

    assert lines <= (110 if path.parent.name == "admin_api" else 45)  # it wires many rooms
    assert not any(isinstance(node, ast.For | ast.While | ast.ClassDef) for node in ast.walk(tree))


LIST_LOADED = """
import runpy, sys
runpy.run_path(sys.argv[1])
print("\\n".join(sys.modules))
"""


def loaded_by(path: Path) -> set[str]:
    """Names of the modules that importing a handler loads."""
    finished = subprocess.run(
        [sys.executable, "-c", LIST_LOADED, str(path)],
        env={"PYTHONPATH": str(ROOT / "layers/forecourt")},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(finished.stdout.split())


def test_intake_loads_neither_database_nor_vendor() -> None:
    loaded = loaded_by(ROOT / "functions/lead_intake/app.py")

    assert not loaded & {"psycopg", "httpx", "sqlalchemy", "alembic", "forecourt.storage"}


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_only_migrations_load_alembic(path: Path) -> None:
    assert ("alembic" in loaded_by(path)) <= (path.parent.name == "migrate")
