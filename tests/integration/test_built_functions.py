"""What `sam build` made, alone with its layers under the Lambda Runtime Interface Emulator.

A module that a layer lacks, a file that the build left out, or a wheel for another platform shows
here and nowhere else: every other test finds the packages of ``.venv``.
"""

import ast
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.built_functions import BuiltFunction
from local.emulator import Emulator
from tests.support.built import up_to_date_build
from tests.support.sam_template import ROOT

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="the emulator is a Linux program"),
]

FIRST_EVENT = {
    "LeadIntakeFunction": "lead_intake/valid.json",
    "LeadDeliveryFunction": "lead_delivery/one_lead.json",
    "DynamicsDeliveryFunction": "dynamics_delivery/wake_up.json",
    "DeliverySweeperFunction": "delivery_sweeper/sweep.json",
    "SyncPlannerFunction": "sync_planner/scheduled.json",
    "StockSyncFunction": "stock_sync/dealership.json",
    "ImageSyncFunction": "image_sync/vehicle.json",
    "LeadRefreshFunction": "lead_refresh/dealership.json",
    "SyncSummaryFunction": "sync_summary/job.json",
    "AdminApiFunction": "admin_api/list_deliveries.json",
    "CatchUpFunction": "catch_up/look.json",
    "MigrateFunction": "migrate/upgrade.json",
}


@pytest.fixture(scope="module")
def built() -> dict[str, BuiltFunction]:
    return up_to_date_build()


@pytest.fixture(scope="module")
def nobody() -> Iterator[str]:
    """Host and port where connections are refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def event(logical_id: str) -> Any:
    return json.loads((ROOT / "events" / FIRST_EVENT[logical_id]).read_text("utf-8"))


def complete_environment(nobody: str) -> dict[str, str]:
    """Every variable in its right form, and nothing behind any of them."""
    host, port = nobody.split(":")
    arn = "arn:aws:{}:ap-southeast-2:123456789012:{}"
    return {
        "AWS_ENDPOINT_URL": f"http://{nobody}",
        "DATABASE_HOST": host,
        "DATABASE_PORT": port,
        "DATABASE_NAME": "forecourt",
        "DATABASE_SECRET_ARN": arn.format("secretsmanager", "secret:database"),
        "DATABASE_SSLMODE": "disable",
        "LEADS_QUEUE_URL": f"http://{nobody}/123456789012/leads",
        "LEADS_DLQ_URL": f"http://{nobody}/123456789012/dead",
        "DYNAMICS_QUEUE_URL": f"http://{nobody}/123456789012/dynamics",
        "DYNAMICS_DLQ_URL": f"http://{nobody}/123456789012/dynamics-dead",
        "RUN_BUCKET": "runs",
        "SITE_KEY_SECRET_ARN": arn.format("secretsmanager", "secret:site-key"),
        "CREDENTIALS_KEY_ARN": arn.format("kms", "key/1"),
        "EASYCARS_TEST_URL": f"http://{nobody}/TestECService",
        "EASYCARS_PRODUCTION_URL": f"http://{nobody}/ECService",
        "ALERT_TOPIC_ARN": arn.format("sns", "alerts"),
        "LEAD_EVENTS_TOPIC_ARN": arn.format("sns", "lead-events"),
        "IMAGES_QUEUE_URL": f"http://{nobody}/123456789012/images",
        "IMAGE_ORIGINS": f"http://{nobody}",
        "IMAGE_BUCKET": "pictures",
        "IMAGE_BASE_URL": f"http://{nobody}/pictures",
        "SCHEDULE_GROUP": "forecourt",
        "STATE_MACHINE_ARN": arn.format("states", "stateMachine:sync"),
    }


def test_every_function_is_built(built: dict[str, BuiltFunction]) -> None:
    assert set(built) == set(FIRST_EVENT)
    for function in built.values():
        assert (function.code / "app.py").is_file()
        assert [layer.name for layer in function.layers] == ["DependenciesLayer", "ForecourtLayer"]


def test_migrations_are_built_into_their_function(built: dict[str, BuiltFunction]) -> None:
    migrations = built["MigrateFunction"].code / "migrations"
    source = ROOT / "migrations"

    assert not migrations.is_symlink()
    assert {p.relative_to(migrations) for p in migrations.rglob("*.py")} == {
        p.relative_to(source) for p in source.rglob("*.py")
    }


@pytest.mark.parametrize("logical_id", FIRST_EVENT)
def test_without_an_environment_a_function_loads_and_names_what_it_lacks(
    built: dict[str, BuiltFunction], logical_id: str
) -> None:
    with Emulator(built[logical_id], {}) as emulator:
        done = emulator.invoke(event(logical_id))

    assert done.payload["errorType"] == "PermanentError", done
    assert "SETTINGS_INVALID" in done.payload["errorMessage"]
    assert "is missing: set it to" in done.payload["errorMessage"]


@pytest.mark.parametrize("logical_id", FIRST_EVENT)
def test_with_nothing_behind_it_a_function_says_what_is_away(
    built: dict[str, BuiltFunction], logical_id: str, nobody: str
) -> None:
    with Emulator(built[logical_id], complete_environment(nobody)) as emulator:
        done = emulator.invoke(event(logical_id))

    said = json.dumps(done.payload) + done.log
    assert "AWS_AWAY" in said or done.payload.get("statusCode") == 503, done
    assert "ModuleNotFoundError" not in said
    assert "ImportError" not in said


def imported_outside(path: Path) -> Iterator[str]:
    """Top-level names of what a file imports when it runs, inside functions too."""
    to_do: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while to_do:
        node = to_do.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            to_do += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        to_do += ast.iter_child_nodes(node)


def test_the_layers_hold_every_module_that_is_imported_anywhere(
    built: dict[str, BuiltFunction],
) -> None:
    for function in built.values():
        there = {
            entry.name.split(".")[0]
            for folder in function.import_path
            for entry in folder.iterdir()
        }
        sources = [
            *function.code.rglob("*.py"),
            *(function.layers[-1] / "python").rglob("*.py"),
        ]
        wanted = {name for source in sources for name in imported_outside(source)}
        assert wanted - there - sys.stdlib_module_names == set()


def test_a_module_missing_from_a_layer_is_noticed(
    built: dict[str, BuiltFunction], tmp_path: Path
) -> None:
    whole = built["StockSyncFunction"]
    (tmp_path / "python").mkdir()
    for entry in (whole.layers[0] / "python").iterdir():
        if not entry.name.startswith("psycopg"):
            (tmp_path / "python" / entry.name).symlink_to(entry)
    lacking = BuiltFunction(
        logical_id=whole.logical_id,
        code=whole.code,
        layers=(tmp_path, *whole.layers[1:]),
        handler=whole.handler,
        timeout=whole.timeout,
        memory=whole.memory,
    )

    with Emulator(lacking, {}) as emulator:
        done = emulator.invoke(event("StockSyncFunction"))

    assert done.payload["errorType"] == "Runtime.ImportModuleError"
    assert "psycopg" in done.payload["errorMessage"]


def test_dependencies_fit_into_lambda(built: dict[str, BuiltFunction]) -> None:
    """Function and layers together may have 250 MB unzipped (Lambda quotas)."""
    for function in built.values():
        size = sum(
            path.stat().st_size
            for folder in (function.code, *function.layers)
            for path in folder.rglob("*")
            if path.is_file()
        )
        assert size < 200 * 1024 * 1024
