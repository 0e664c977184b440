"""The simulator under many callers, stopped, killed and started again."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.easycars_simulator import EasyCarsSimulator, default_accounts
from tests.support.vendor_caller import LEAD, VendorCaller


@pytest.fixture
def simulator() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(accounts=default_accounts(3, vehicles=40)) as running:
        yield running


def test_sixty_callers_are_served_at_once(simulator: EasyCarsSimulator) -> None:
    simulator.latency = 1.0
    with VendorCaller(simulator) as vendor, ThreadPoolExecutor(64) as threads:
        vendor.token(LEAD)
        assert {each["Code"] for each in threads.map(create_numbered(vendor), range(64))} == {0}
    assert simulator.peak_concurrency() >= 60


def test_many_callers_get_as_many_different_numbers(simulator: EasyCarsSimulator) -> None:
    simulator.latency = 0.05
    with VendorCaller(simulator) as vendor, ThreadPoolExecutor(32) as threads:
        vendor.token(LEAD)
        started = time.monotonic()
        answers = list(threads.map(create_numbered(vendor), range(400)))
        seconds = time.monotonic() - started
    assert sorted(each["LeadNumber"] for each in answers) == [
        f"{number:06}" for number in range(1, 401)
    ]
    assert len({each["CustomerNo"] for each in answers}) == 100
    assert seconds < 10


def test_stopping_waits_for_no_slow_answer(simulator: EasyCarsSimulator) -> None:
    with VendorCaller(simulator) as vendor, ThreadPoolExecutor(1) as thread:
        vendor.token(LEAD)
        simulator.latency = 30
        waiting = thread.submit(vendor.create_lead)
        while simulator.under_way() < 1:
            time.sleep(0.01)
        started = time.monotonic()
        simulator.stop()
        assert time.monotonic() - started < 3
        with pytest.raises(httpx.TransportError):
            waiting.result(timeout=10)


def test_a_stopped_vendor_refuses_connections_and_knows_everything_when_back() -> None:
    simulator = EasyCarsSimulator(accounts=default_accounts(1, vehicles=3))
    with pytest.raises(RuntimeError):
        _ = simulator.url
    with simulator, VendorCaller(simulator) as vendor:
        vendor.create_lead()
        simulator.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.post(f"{vendor.url}/{LEAD}/RequestToken")
        simulator.start()
        assert vendor.create_lead()["LeadNumber"] == "000002"


def test_killed_and_started_again_it_still_has_every_lead_it_confirmed(tmp_path: Path) -> None:
    state = tmp_path / "easycars.jsonl"
    process = start_process("--vehicles", "3", "--accounts", "1", "--state", str(state))
    try:
        url = read_line(process)
        account = default_accounts(1, vehicles=3)[0]
        with VendorCaller(EasyCarsSimulator(port=int(url.rsplit(":", 1)[1])), account) as vendor:
            number = vendor.create_lead(ExternalID="kept")["LeadNumber"]
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)
    with (
        EasyCarsSimulator(accounts=[account], state_path=state) as again,
        VendorCaller(again) as vendor,
    ):
        assert vendor.call("GetLeadDetail", LeadNumber=number)["ExternalID"] == "kept"
        assert vendor.create_lead()["LeadNumber"] == "000002"


def test_the_command_serves_until_sigterm_and_names_a_port_in_use() -> None:
    process = start_process("--vehicles", "1", "--accounts", "2")
    url = read_line(process)
    try:
        assert len(httpx.get(f"{url}/_control/accounts").json()["accounts"]) == 2
        port = url.rsplit(":", 1)[1]
        second = start_process("--port", port)
        _, told = second.communicate(timeout=20)
        assert second.returncode == 1
        assert f"Port {port} cannot be used" in told
        assert "Traceback" not in told
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0


def create_numbered(vendor: VendorCaller) -> Callable[[int], dict[str, Any]]:
    """Create leads of a hundred customers."""
    return lambda number: vendor.create_lead(
        LeadCustomer={"Name": "n", "Email": f"{number % 100}@x.au"}
    )


def start_process(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.easycars_simulator", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()
