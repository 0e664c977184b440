"""A stack of this machine with dealerships on it, for whole nightly runs.

Everything is what `forecourt up` serves; EasyCars is the simulator in a process of its own.
Pictures are switched off: they are queued to a function of their own, and moto's queues are slow
when they are deep.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import psycopg

from benchmarks.lead_delivery import VENDORS, vendor_process
from local.commands.target import StackTarget

type Trouble = tuple[str, Mapping[str, Any]]
"""The code it is recorded with, and the simulator's fault; without one, a wrong client secret."""

_CREDENTIALS = "/api/admin/easycars/credentials"
_ENROLLERS = 4
_SAVING_TRIES = 6
_SAVING_PAUSE = 2.0
_SAMPLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One execution: the report the command printed, how it ended, how long it took.

    ``seconds`` are Step Functions' own, from the start of the execution to its end.
    """

    report: Mapping[str, Any]
    exit_code: int
    status: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealer:
    """A dealership, its credentials row and its account."""

    dealership_id: int
    credential_id: int
    account: Mapping[str, Any]


class Night:
    """A running stack and the dealerships enrolled on it."""

    def __init__(self, ready: Mapping[str, Any], process: psutil.Process) -> None:
        self._ready = ready
        self._process = process
        self._data = Path(ready["data"])
        token = self._command("token", "--admin")["token"]
        self._admin = httpx.Client(
            base_url=ready["url"], headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        self._vendor = httpx.Client(base_url=ready["easycars_url"], timeout=60)

    def close(self) -> None:
        """Ask no more."""
        self._admin.close()
        self._vendor.close()

    def set_up(self, *, concurrency: int) -> None:
        """Choose how many dealerships are synced at once, without their pictures."""
        settings = {"syncConcurrency": concurrency, "imageSyncEnabled": False}
        self._admin.put("/api/admin/settings", json=settings).raise_for_status()

    def enrol(self) -> list[Dealer]:
        """Add a dealership for every account of the vendor."""
        accounts = self._vendor.get("/_control/accounts").json()["accounts"]
        added = self.rows(
            "INSERT INTO dealership (name) SELECT unnest(%s::text[]) RETURNING id",
            [account["name"] for account in accounts],
        )
        with ThreadPoolExecutor(_ENROLLERS) as several:
            return list(several.map(self._save, (row[0] for row in added), accounts))

    def set_client_secret(self, dealer: Dealer, client_secret: str) -> None:
        """Save a dealership's credentials with this client secret."""
        self._admin.put(
            f"{_CREDENTIALS}/{dealer.credential_id}",
            params={"dealershipId": dealer.dealership_id},
            json=_credentials(dealer.account, client_secret),
        ).raise_for_status()

    def trouble(self, dealers: Sequence[Dealer], troubles: Sequence[Trouble]) -> dict[int, str]:
        """Let dealerships fail in turn as the troubles say; returns the code of each."""
        expected = {}
        for dealer, (code, fault) in zip(dealers, cycle(troubles), strict=False):
            expected[dealer.dealership_id] = code
            if not fault:
                self.set_client_secret(dealer, str(uuid.uuid4()))
                continue
            self._vendor.post(
                "/_control/faults",
                json={
                    **fault,
                    "operation": "GetAdvertisementStocks",
                    "account": dealer.account["accountNumber"],
                    "times": None,
                },
            ).raise_for_status()
        return expected

    def cure(self, dealers: Sequence[Dealer]) -> None:
        """End every trouble."""
        self._vendor.delete("/_control/faults").raise_for_status()
        for dealer in dealers:
            self.set_client_secret(dealer, dealer.account["clientSecret"])

    def sync(self, *options: str) -> Ran:
        """Run ``forecourt sync stock`` and wait for its end."""
        done = self._run("sync", "stock", *options)
        report = json.loads(done.stdout)
        target = StackTarget.find(self._data, None)
        machine = target.resource("SyncStateMachine").replace(":stateMachine:", ":execution:")
        execution = target.client("stepfunctions").describe_execution(
            executionArn=f"{machine}:{report['jobId']}"
        )
        return Ran(
            report=report,
            exit_code=done.returncode,
            status=execution["status"],
            seconds=(execution["stopDate"] - execution["startDate"]).total_seconds(),
        )

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self._ready["database_url"]) as connection:
            return connection.execute(query, values).fetchall()

    def memory(self) -> int:
        """Add up what the stack's processes hold, shared pages by their share, in bytes."""
        total = 0
        for process in [self._process, *self._process.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue  # it ended meanwhile
        return total

    def _save(self, dealership_id: int, account: Mapping[str, Any]) -> Dealer:
        """Save credentials, again while the machine is too busy to answer."""
        whose = {"dealershipId": dealership_id}
        body = _credentials(account, account["clientSecret"])
        for _ in range(_SAVING_TRIES):
            saved = self._admin.post(_CREDENTIALS, params=whose, json=body)
            if saved.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(_SAVING_PAUSE)
        if saved.status_code == httpx.codes.CONFLICT:  # an earlier try had saved them
            saved = self._admin.get(_CREDENTIALS, params=whose)
        credential_id = saved.raise_for_status().json()["id"]
        return Dealer(dealership_id=dealership_id, credential_id=credential_id, account=account)

    def _command(self, *words: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self._run(*words).stdout)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local.cli", *words, "--json", "--data", str(self._data)],
            capture_output=True,
            text=True,
            check=False,
        )


def _credentials(account: Mapping[str, Any], client_secret: str) -> dict[str, Any]:
    return {
        "clientId": account["clientId"],
        "clientSecret": client_secret,
        "accountNumber": account["accountNumber"],
        "accountSecret": account["accountSecret"],
        "environment": "Test",
    }


class MemoryWatch:
    """Asks a stack for its memory every second while inside ``with``; ``peak`` in bytes."""

    def __init__(self, night: Night) -> None:
        self._night = night
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look once more."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, self._night.memory())
            if self._ended.wait(_SAMPLE_SECONDS):
                return


@contextmanager
def night_stack(
    dealerships: int, *, vehicles: int = 50, latency: float = 0.0, concurrency: int
) -> Iterator[Night]:
    """Start the vendor and a stack with as many sandboxes as dealerships run at once.

    Parameters
    ----------
    latency
        Seconds every answer of the vendor takes.
    """
    options = ("--accounts", str(dealerships), "--vehicles", str(vehicles))
    with (
        tempfile.TemporaryDirectory() as folder,
        vendor_process(VENDORS["simulator"], latency, *options) as vendor,
        _stack(Path(folder) / "data", vendor, concurrency) as night,
    ):
        night.set_up(concurrency=concurrency)
        yield night


@contextmanager
def _stack(data: Path, vendor: str, sandboxes: int) -> Iterator[Night]:
    command = [sys.executable, "-m", "local.cli", "up", "--json", "--port", "0"]
    options = ["--data", str(data), "--easycars-url", vendor, "--sandboxes", str(sandboxes)]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=said, text=True
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            said.seek(0)
            raise RuntimeError(said.read().decode())
        night = Night(json.loads(line), psutil.Process(process.pid))
        try:
            yield night
        finally:
            night.close()
            process.terminate()
            process.wait()
