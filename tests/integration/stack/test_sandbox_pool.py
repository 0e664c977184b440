"""The pool of sandboxes by itself: its limits, and what its processes leave behind."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from local.failures import StackError
from local.function_spec import FunctionSpec
from local.handler_logs import HandlerLogs
from local.sandbox_pool import SandboxPool
from tests.integration.stack.running_sample import wait_until

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = """
import os, sys, time
print("no line feed at the end", end="")
def handler(event, context):
    time.sleep(event.get("seconds", 0))
    sys.stderr.write("said " + event.get("say", "nothing"))
    return os.getpid()
"""


def make_pool(tmp_path: Path, *, at_most: int = 12, **changes: Any) -> SandboxPool:
    (tmp_path / "code").mkdir(exist_ok=True)
    (tmp_path / "code" / "app.py").write_text(HANDLER)
    spec: dict[str, Any] = {
        "logical_id": "F",
        "name": "f",
        "arn": "arn:f",
        "handler": "app.handler",
        "code": tmp_path / "code",
        "layers": (),
        "environment": {},
        "timeout": 10.0,
        "memory": 128,
        "concurrency": None,
        "region": "ap-southeast-2",
        **changes,
    }
    logs = HandlerLogs(tmp_path, on_warning=lambda _name, _record: None)
    return SandboxPool(FunctionSpec(**spec), {}, logs, at_most=at_most)


def run(pool: SandboxPool, **event: Any) -> Any:
    return json.loads(pool.invoke(json.dumps(event), "r-1").payload)


@pytest.mark.parametrize(("reserved", "at_most"), [(1, 12), (40, 1), (None, 1)])
def test_no_more_run_at_once_than_the_function_reserves_and_the_stack_allows(
    tmp_path: Path, reserved: int | None, at_most: int
) -> None:
    pool = make_pool(tmp_path, at_most=at_most, concurrency=reserved)
    pids: list[int] = []
    threads = [
        threading.Thread(target=lambda: pids.append(run(pool, seconds=0.3))) for _ in range(3)
    ]
    started = time.monotonic()

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(pids)) == 1
    assert time.monotonic() - started >= 0.9
    pool.stop()


def test_a_sandbox_that_died_while_idle_is_replaced_without_an_error(tmp_path: Path) -> None:
    pool = make_pool(tmp_path)
    first = run(pool)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: psutil.Process(first).status() == psutil.STATUS_ZOMBIE)

    assert run(pool) != first
    pool.stop()


def test_stopping_ends_idle_and_running_sandboxes(tmp_path: Path) -> None:
    pool = make_pool(tmp_path)
    answers: list[Any] = []
    idle = run(pool)
    thread = threading.Thread(target=lambda: answers.append(run(pool, seconds=60)))
    thread.start()
    wait_until(lambda: pool.running == 1)
    time.sleep(0.2)

    pool.stop()
    thread.join(timeout=5)

    assert not psutil.pid_exists(idle)
    assert answers[0]["errorType"] == "Runtime.ExitError"
    assert run(pool)["errorType"] == "Runtime.Unavailable"


def test_lines_without_a_line_feed_stay_with_their_own_invocation(tmp_path: Path) -> None:
    pool = make_pool(tmp_path)
    answers = [pool.invoke(json.dumps({"say": word}), f"r-{word}") for word in ("one", "two")]
    pool.stop()

    assert [answer.log for answer in answers] == [["said one"], ["said two"]]
    records = [json.loads(line) for line in (tmp_path / "F.log").read_text().splitlines()]
    said = {r["message"]: r["requestId"] for r in records if "message" in r}
    assert said == {
        "no line feed at the end": "",
        "said one": "r-one",
        "said two": "r-two",
    }


def test_the_projects_own_tools_are_not_importable_in_a_sandbox(tmp_path: Path) -> None:
    pool = make_pool(tmp_path)
    (tmp_path / "code" / "app.py").write_text("import local\ndef handler(e, c): return 1")

    failed = run(pool)

    assert failed["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'local'" in failed["errorMessage"]
    pool.stop()


@pytest.mark.parametrize(
    ("handler", "kind"),
    [("app.nobody", "Runtime.HandlerNotFound"), ("nowhere.handler", "Runtime.ImportModuleError")],
)
def test_a_handler_that_is_not_there_is_named(tmp_path: Path, handler: str, kind: str) -> None:
    pool = make_pool(tmp_path, handler=handler)

    assert run(pool)["errorType"] == kind
    pool.stop()


def test_missing_code_is_told_when_the_stack_starts(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"template\.yaml takes F from .* which is missing"):
        make_pool(tmp_path, code=tmp_path / "nowhere")
