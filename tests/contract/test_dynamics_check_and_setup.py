"""Check and setup against the Dataverse simulator, with each thing broken in turn."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from forecourt.dynamics.company_columns import OWN_ID, company_wishes, sync_wishes
from forecourt.dynamics.our_columns import CREATED_BY_HAND, DRAFTS, LABELS_SENT
from forecourt.dynamics.setup_client import DynamicsSetupClient
from forecourt.dynamics.tenant import DynamicsTenant
from forecourt.leads.dynamics.check import CheckLine, CheckReport, ConnectionCheck, Result
from forecourt.leads.dynamics.setup import ConnectionSetup, SetupReport, State
from forecourt.security.dynamics_connections import DynamicsConnection
from local.dataverse_simulator import Account, DataverseSimulator
from tests.support.dataverse_connection import connection_to

KEY = "hnt_forecourtid"
NOBODY = "99999999-9999-4999-8999-999999999999"


@pytest.fixture(scope="module")
def running() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: DataverseSimulator) -> DataverseSimulator:
    running.reset()
    return running


def connection_of(account: Account, **changes: Any) -> DynamicsConnection:
    made = connection_to(account, columns=dict.fromkeys(CREATED_BY_HAND, False))
    return replace(made, **changes)


def check(address: str, connection: DynamicsConnection) -> CheckReport:
    with DynamicsSetupClient(address) as client:
        return ConnectionCheck(DynamicsTenant(client)).run(
            connection, is_enabled=True, pushes_enabled=True
        )


def set_up(
    address: str, connection: DynamicsConnection, *, with_columns: bool = False
) -> SetupReport:
    with DynamicsSetupClient(address) as client:
        return ConnectionSetup(DynamicsTenant(client)).run(
            connection, dry_run=False, with_columns=with_columns
        )


def build_in(simulator: DataverseSimulator, *, polls: int) -> None:
    """Let an index of the stock tenant be ready after it was looked at so often."""
    table = simulator.table(simulator.accounts()[1].environment_url)
    table.pace = replace(table.pace, seconds=0.0, polls=polls)


def first_failure(report: CheckReport) -> CheckLine:
    return next(line for line in report.lines if line.result is Result.FAIL)


def test_a_tenant_that_is_ready_passes(simulator: DataverseSimulator) -> None:
    report = check(simulator.url, connection_of(simulator.accounts()[0]))

    assert report.ok, report.to_json()
    assert {line.name for line in report.lines if line.result is not Result.PASS} <= {"columns"}
    assert simulator.leads() == []


def remove_column(simulator: DataverseSimulator, _account: Account) -> None:
    simulator.table().remove_key(KEY)
    simulator.table().remove_column("hnt_forecourtid")


type Break = Callable[[DataverseSimulator, Account], object]

BROKEN: dict[str, tuple[Break, dict[str, Any], str, str]] = {
    "wrong secret": (
        lambda *_: None, {"client_secret": SecretStr("planted-wrong")}, "token", "client secret",
    ),
    "wrong tenant": (lambda *_: None, {"tenant_id": NOBODY}, "token", "tenant id"),
    "wrong client": (lambda *_: None, {"client_id": NOBODY}, "token", "client id"),
    "no application user": (
        lambda simulator, account: simulator.change_account(
            account.client_id, application_user=False
        ),
        {}, "WhoAmI", "Create an application user",
    ),
    "no role": (
        lambda simulator, account: simulator.change_account(
            account.client_id, privileges=frozenset()
        ),
        {}, "leads", "security role",
    ),
    "may not create": (
        lambda simulator, account: simulator.change_account(
            account.client_id, privileges=account.privileges - {"prvCreateLead"}
        ),
        {}, "privileges", "Create, Read and Write",
    ),
    "demanded column missing": (
        lambda *_: None, {"columns": {"hnt_prioritycategory": True}}, "columns", "Create them",
    ),
    "wrong integer": (
        lambda *_: None, {"option_sets": {"hnt_source": {"Manual": 2}}}, "option sets", "--config",
    ),
    "key pending": (
        lambda simulator, _: simulator.table().set_key_status(KEY, "Pending"),
        {}, "alternate key", "Wait until it is Active",
    ),
    "key failed": (
        lambda simulator, _: simulator.table().set_key_status(KEY, "Failed"),
        {}, "alternate key", "reactivate",
    ),
    "key missing": (
        lambda simulator, _: simulator.table().remove_key(KEY),
        {}, "alternate key", "forecourt dynamics setup",
    ),
    "key column missing": (remove_column, {}, "alternate key", "forecourt dynamics setup"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_each_thing_broken_fails_its_line_and_names_the_cure(
    simulator: DataverseSimulator, name: str
) -> None:
    breaks, changes, failed, cure = BROKEN[name]
    account = simulator.accounts()[0]
    breaks(simulator, account)

    report = check(simulator.url, connection_of(account, **changes))

    line = first_failure(report)
    assert not report.ok
    assert line.name == failed
    assert cure in (line.cure or ""), line
    assert "planted" not in str(report.to_json())
    assert account.client_secret not in str(report.to_json())
    assert simulator.leads() == []


def test_an_address_nobody_answers_at_fails_the_token(simulator: DataverseSimulator) -> None:
    report = check("http://127.0.0.1:9", connection_of(simulator.accounts()[0]))

    line = first_failure(report)
    assert line.name == "token"
    assert "reachable" in (line.cure or "")


def test_an_environment_nobody_knows_is_named(simulator: DataverseSimulator) -> None:
    account = simulator.accounts()[0]
    elsewhere = connection_of(account, environment_url="https://elsewhere.crm6.dynamics.com")

    line = first_failure(check(simulator.url, elsewhere))

    assert line.name in {"token", "WhoAmI"}
    assert line.cure


def test_a_missing_column_of_ours_only_warns(simulator: DataverseSimulator) -> None:
    simulator.table().remove_column("hnt_finalscore")

    report = check(simulator.url, connection_of(simulator.accounts()[0]))

    (line,) = [one for one in report.lines if one.name == "columns"]
    assert report.ok
    assert line.result is Result.WARN
    assert "hnt_finalscore" in line.detail


def test_a_stock_tenant_is_set_up_and_then_passes(simulator: DataverseSimulator) -> None:
    connection = connection_of(simulator.accounts()[1])
    build_in(simulator, polls=0)

    report = set_up(simulator.url, connection)

    assert report.ready, report.to_json()
    assert {step.state for step in report.steps} <= {State.DONE, State.CREATED}
    assert check(simulator.url, connection).ok
    assert set_up(simulator.url, connection).ready


def test_every_column_of_ours_can_be_created(simulator: DataverseSimulator) -> None:
    connection = connection_of(simulator.accounts()[1])
    build_in(simulator, polls=0)
    report = set_up(simulator.url, connection, with_columns=True)
    for _ in range(5):
        if not report.goes_on:
            break
        report = set_up(simulator.url, connection, with_columns=True)

    assert report.ready, report.to_json()
    found = check(simulator.url, connection)
    assert {line.name: line.result for line in found.lines} == dict.fromkeys(
        [line.name for line in found.lines], Result.PASS
    )


def test_an_index_being_built_is_waited_for(simulator: DataverseSimulator) -> None:
    connection = connection_of(simulator.accounts()[1])
    build_in(simulator, polls=2)

    reports = [set_up(simulator.url, connection)]
    while reports[-1].goes_on and len(reports) < 10:
        reports.append(set_up(simulator.url, connection))

    assert len(reports) > 1
    assert reports[0].goes_on
    assert reports[-1].ready
    assert check(simulator.url, connection).ok


def test_who_may_not_change_the_table_is_told_so(simulator: DataverseSimulator) -> None:
    account = simulator.accounts()[1]
    simulator.change_account(
        account.client_id, privileges=account.privileges - {"prvCreateAttribute"}
    )

    report = set_up(simulator.url, connection_of(account))

    assert not report.ready
    (step,) = [one for one in report.steps if one.state is State.BY_HAND]
    assert step.name == "key column"
    assert "System Customizer" in (step.cure or "")


def test_our_columns_are_those_a_lead_can_fill() -> None:
    company = {"domain": "obrien.example", "readiness_score": 1}
    wishes = [
        *company_wishes(company),
        *sync_wishes(attempts=1, remote_id=None, now=datetime(2026, 3, 1, tzinfo=UTC)),
    ]
    filled = {wish.column for wish in wishes if wish.column.startswith("hnt_")}

    assert filled | {OWN_ID} == {*DRAFTS, *CREATED_BY_HAND}
    assert all(
        set(labels) <= set(DRAFTS[name].options or ())
        for name, labels in LABELS_SENT.items()
        if name in DRAFTS
    )
