"""The admin API on a real PostgreSQL and an AWS account in memory."""

from collections.abc import Iterator

import psycopg.conninfo
import pytest

from local.easycars_simulator import EasyCarsSimulator, default_accounts
from tests.support.admin_api import AdminClient
from tests.support.aws_account import REGION, AwsAccount, aws_account
from tests.support.handlers import new_sandbox
from tests.support.lead_desk import LeadDesk, lead_desk
from tests.support.started_runs import CREDENTIALS, EASYCARS


@pytest.fixture
def account(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAccount]:
    """The account, with the functions' environment pointing at it and at the database."""
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    login = {"username": str(parts["user"]), "password": str(parts["password"])}
    with aws_account(login) as opened:
        environment = {
            **opened.environment,
            "DATABASE_HOST": str(parts["host"]),
            "DATABASE_PORT": str(parts["port"]),
            "DATABASE_NAME": str(parts["dbname"]),
            "DATABASE_SSLMODE": "disable",
            "EASYCARS_TEST_URL": "http://127.0.0.1:9/test",
            "EASYCARS_PRODUCTION_URL": "http://127.0.0.1:9/production",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield opened


@pytest.fixture
def admin(account: AwsAccount) -> Iterator[AdminClient]:
    """The admin API in a new sandbox."""
    sandbox = new_sandbox("admin_api")
    yield AdminClient(sandbox.handler)
    for connection in sandbox.connections():
        connection.close()


@pytest.fixture
def dealership(admin: AdminClient) -> int:
    """A dealership without anything."""
    added = admin("POST", "/api/admin/dealerships", {"name": "O'Brien Motors"})
    dealership_id: int = added.body["id"]
    return dealership_id


@pytest.fixture
def connected(admin: AdminClient, dealership: int) -> int:
    """The dealership, with credentials."""
    admin("POST", f"{EASYCARS}/credentials", CREDENTIALS, dealershipId=dealership)
    return dealership


@pytest.fixture
def vendor(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> Iterator[EasyCarsSimulator]:
    """A vendor with two accounts, in the place of both environments."""
    with EasyCarsSimulator(accounts=default_accounts(2, vehicles=3)) as running:
        monkeypatch.setenv("EASYCARS_TEST_URL", running.url)
        monkeypatch.setenv("EASYCARS_PRODUCTION_URL", running.url)
        yield running


@pytest.fixture
def desk(
    vendor: EasyCarsSimulator,
    admin: AdminClient,
    dealership: int,
    account: AwsAccount,
    database_url: str,
) -> Iterator[LeadDesk]:
    """The dealership, connected to the vendor's first account, and a delivery of its leads."""
    with lead_desk(admin, dealership, vendor, database_url, account.key_arn) as lent:
        yield lent
