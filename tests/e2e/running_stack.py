"""A stack started as a person starts it, with the commands to work on it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "local.cli"]


@dataclass(frozen=True, slots=True)
class RunningStack:
    """`forecourt up --json` in a process of its own; ``ready`` is the line it printed."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    data: Path

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self.run_anywhere(*arguments, "--data", self.data)

    @staticmethod
    def run_anywhere(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def json(self, *arguments: object, exit_code: int = 0) -> Any:
        finished = self.run(*arguments, "--json")
        assert finished.returncode == exit_code, finished.stderr
        return json.loads(finished.stdout)

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        with psycopg.connect(
            self.ready["database_url"], row_factory=psycopg.rows.dict_row
        ) as connection:
            return connection.execute(query, parameters).fetchall()

    def simulator(self, path: str) -> Any:
        return httpx.get(f"{self.ready['easycars_url']}/_control/{path}", timeout=20).json()

    def play_fault(self, fault: dict[str, Any]) -> None:
        httpx.post(
            f"{self.ready['easycars_url']}/_control/faults", json=fault, timeout=20
        ).raise_for_status()

    def post_lead(self, site_key: str, body: Any, **headers: str) -> httpx.Response:
        return httpx.post(
            f"{self.ready['url']}/api/leads",
            json=body,
            headers={"X-Site-Key": site_key, **headers},
            timeout=30,
        )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running_stack(data: Path, *arguments: str) -> Iterator[RunningStack]:
    errors = data.parent / f"{data.name}.stderr"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            [*COMMAND, "up", "--json", "--port", str(free_port()), "--data", str(data), *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, errors.read_text()
            yield RunningStack(process, json.loads(line), data)
        finally:
            process.terminate()
            process.wait(timeout=30)
