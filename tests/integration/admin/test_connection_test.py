"""Trying credentials against the vendor's simulator: what each failure is called, and how soon."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from forecourt.storage.postgres import Database
from local.easycars_simulator import Account, EasyCarsSimulator
from tests.support.admin_api import AdminClient, Answered
from tests.support.aws_account import AwsAccount
from tests.support.handlers import new_sandbox

ROUTE = "/api/admin/easycars/credentials/test-connection"
DEALER = Account(
    client_id="6f1c7f0e-planted-client",
    client_secret="planted/secret+of&client",
    account_number="EC900123",
    account_secret="planted-account-secret",
    name="Bayside Marine",
    vehicles=3,
)
BODY = {
    "clientId": DEALER.client_id,
    "clientSecret": DEALER.client_secret,
    "accountNumber": DEALER.account_number,
    "accountSecret": DEALER.account_secret,
    "environment": "Test",
}


@pytest.fixture
def vendor() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(accounts=[DEALER]) as simulator:
        yield simulator


@pytest.fixture
def admin(
    account: AwsAccount, vendor: EasyCarsSimulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AdminClient]:
    """The admin API with the simulator as both of the vendor's systems."""
    assert account.key_arn
    monkeypatch.setenv("EASYCARS_TEST_URL", vendor.url)
    monkeypatch.setenv("EASYCARS_PRODUCTION_URL", vendor.url)
    sandbox = new_sandbox("admin_api")
    yield AdminClient(sandbox.handler)
    for connection in sandbox.connections():
        connection.close()


def try_out(admin: AdminClient, dealership: int, **changes: str) -> Answered:
    tested = admin("POST", ROUTE, BODY | changes, dealershipId=dealership)
    assert tested.status == 200
    return tested


def verdict(tested: Answered) -> tuple[bool, str | None]:
    return tested.body["success"], tested.body.get("errorCode")


def test_right_credentials_succeed_and_are_not_stored(
    admin: AdminClient, dealership: int, vendor: EasyCarsSimulator, database: Database
) -> None:
    tested = try_out(admin, dealership)

    assert verdict(tested) == (True, None)
    assert tested.body["environment"] == "Test"
    assert set(vendor.counts()) == {"RequestToken", "GetAdvertisementStocks"}
    assert not vendor.invalid_requests()
    stored = database.connection().execute("SELECT * FROM dealership_easycars_credentials")
    assert stored.fetchall() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"clientId": "00000000-0000-0000-0000-000000000000"},
        {"clientSecret": "wrong-planted"},
        {"accountSecret": "wrong-planted"},
        {"accountNumber": "EC900999"},
    ],
)
def test_each_wrong_value_is_refused_also_after_the_right_ones_were_tried(
    admin: AdminClient, dealership: int, wrong: dict[str, str]
) -> None:
    assert verdict(try_out(admin, dealership)) == (True, None)

    assert verdict(try_out(admin, dealership, **wrong)) == (False, "AUTH_FAILED")


@pytest.mark.parametrize("operation", ["RequestToken", "GetAdvertisementStocks"])
def test_a_vendor_that_says_nothing_times_out_within_ten_seconds(
    admin: AdminClient, dealership: int, vendor: EasyCarsSimulator, operation: str
) -> None:
    vendor.add_fault("hang", operation=operation)
    began = time.monotonic()

    tested = try_out(admin, dealership)

    assert verdict(tested) == (False, "TIMEOUT")
    assert time.monotonic() - began < 11


@pytest.mark.parametrize("operation", ["RequestToken", "GetAdvertisementStocks"])
def test_a_connection_that_is_cut_is_the_networks_fault(
    admin: AdminClient, dealership: int, vendor: EasyCarsSimulator, operation: str
) -> None:
    vendor.add_fault("cut_after", operation=operation, times=None)

    assert verdict(try_out(admin, dealership)) == (False, "NETWORK_ERROR")


def test_a_vendor_that_is_not_there_is_the_networks_fault(
    admin: AdminClient, dealership: int, vendor: EasyCarsSimulator
) -> None:
    vendor.stop()

    assert verdict(try_out(admin, dealership)) == (False, "NETWORK_ERROR")


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("code", {"code": 1, "operation": "RequestToken"}),
        ("code", {"code": 9}),
        ("code", {"code": 7}),
        ("http_500", {}),
        ("html", {}),
        ("cut_after", {}),
    ],
)
def test_no_failure_shows_or_logs_a_secret(
    admin: AdminClient,
    dealership: int,
    vendor: EasyCarsSimulator,
    capfd: pytest.CaptureFixture[str],
    fault: str,
    options: dict[str, Any],
) -> None:
    vendor.add_fault(fault, times=None, **options)

    tested = try_out(admin, dealership)

    shown = f"{tested.body} {capfd.readouterr()}"
    assert tested.body["success"] is False
    assert tested.body["message"]
    assert not [secret for secret in BODY.values() if secret != "Test" and secret in shown]
