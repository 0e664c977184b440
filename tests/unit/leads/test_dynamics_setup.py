"""What ``setup`` creates in a tenant, and what it leaves to people and to later runs."""

from dataclasses import replace
from typing import Any

import pytest

from forecourt.errors import (
    AuthenticationError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from forecourt.leads.dynamics.setup import ConnectionSetup, SetupReport, State
from tests.support.dynamics_tenant import MemoryTenant, text_column
from tests.unit.leads.test_dynamics_check import CONNECTION


def bare_tenant(**settings: Any) -> MemoryTenant:
    return MemoryTenant(columns={"subject": text_column()}, keys=[], **settings)


def set_up(
    tenant: MemoryTenant, *, dry_run: bool = False, with_columns: bool = False
) -> SetupReport:
    return ConnectionSetup(tenant).run(CONNECTION, dry_run=dry_run, with_columns=with_columns)


def states(report: SetupReport) -> dict[str, State]:
    return {step.name: step.state for step in report.steps}


def test_a_bare_tenant_gets_the_column_and_its_key() -> None:
    tenant = bare_tenant()

    report = set_up(tenant)

    assert tenant.created == ["hnt_forecourtid", "key"]
    assert states(report) == {
        "access": State.DONE,
        "key column": State.CREATED,
        "alternate key": State.CREATED,
    }
    assert (report.ready, report.goes_on) == (True, False)
    assert report.metadata
    assert report.metadata["keys"]


def test_a_dry_run_creates_nothing_and_says_what_it_would() -> None:
    tenant = bare_tenant()

    report = set_up(tenant, dry_run=True, with_columns=True)

    assert tenant.created == []
    assert states(report)["key column"] is State.PLANNED
    assert states(report)["alternate key"] is State.PLANNED
    assert (report.ready, report.goes_on) == (False, True)


def test_run_again_it_finds_everything_there() -> None:
    tenant = bare_tenant()
    set_up(tenant)

    report = set_up(tenant)

    assert tenant.created == ["hnt_forecourtid", "key"]
    assert set(states(report).values()) == {State.DONE}
    assert report.ready


def test_an_index_that_is_being_built_is_waited_for() -> None:
    tenant = bare_tenant(first_status="Pending")

    first = set_up(tenant)
    tenant.later = ["InProgress", "Active"]
    second, third = set_up(tenant), set_up(tenant)

    assert [states(one)["alternate key"] for one in (first, second, third)] == [
        State.WAITING,
        State.WAITING,
        State.DONE,
    ]
    assert [one.ready for one in (first, second, third)] == [False, False, True]
    assert [one.goes_on for one in (first, second, third)] == [True, True, False]
    assert tenant.created == ["hnt_forecourtid", "key"]


def test_an_index_that_failed_is_for_a_person() -> None:
    tenant = MemoryTenant()
    tenant.keys[0]["status"] = "Failed"

    report = set_up(tenant)

    assert states(report)["alternate key"] is State.BY_HAND
    assert "reactivate" in (report.steps[-1].cure or "")
    assert not report.goes_on


def test_columns_of_ours_are_created_where_asked_for() -> None:
    tenant = bare_tenant()

    report = set_up(tenant, with_columns=True)

    assert set(tenant.created) == {"hnt_forecourtid", "key", "hnt_domain", "hnt_source"}
    assert report.ready


def test_what_only_the_tenant_knows_is_left_to_a_person() -> None:
    tenant = bare_tenant()
    asked = replace(CONNECTION, columns={})

    report = ConnectionSetup(tenant).run(asked, dry_run=False, with_columns=True)

    assert states(report)["column hnt_segment"] is State.BY_HAND
    assert "hnt_segment" not in tenant.created
    assert report.ready


@pytest.mark.parametrize(
    ("method", "step"),
    [("create_key_column", "key column"), ("create_key", "alternate key")],
)
@pytest.mark.parametrize(
    ("error", "state"),
    [
        (AuthenticationError("PRIVILEGE_MISSING", "No.", target="Dynamics"), State.BY_HAND),
        (PermanentError("REQUEST_REFUSED", "No.", target="Dynamics"), State.BY_HAND),
        (OutcomeUnknownError("TIMEOUT", "No.", target="Dynamics"), State.WAITING),
        (RetryableError("RATE_LIMITED", "No.", target="Dynamics"), State.WAITING),
    ],
    ids=lambda value: value.code if hasattr(value, "code") else "",
)
def test_what_dynamics_refuses_is_for_a_person_and_what_it_does_not_answer_for_later(
    method: str, step: str, error: Any, state: State
) -> None:
    report = set_up(bare_tenant(refusals={method: error}))

    assert states(report)[step] is state
    assert not report.ready
    assert "No." in next(one for one in report.steps if one.name == step).detail


def test_who_may_not_change_the_table_is_told_which_role_may() -> None:
    refused = AuthenticationError("PRIVILEGE_MISSING", "No.", target="Dynamics")

    report = set_up(bare_tenant(refusals={"create_key_column": refused}))

    assert "System Customizer" in (report.steps[1].cure or "")


def test_without_an_application_user_nothing_else_is_tried() -> None:
    refused = AuthenticationError("PRIVILEGE_MISSING", "HTTP 403.", target="Dynamics")
    tenant = bare_tenant(refusals={"who_am_i": refused})

    report = set_up(tenant)

    assert states(report) == {"access": State.BY_HAND}
    assert "application user" in (report.steps[0].cure or "")
    assert tenant.created == []
    assert not report.ready


def test_a_column_that_cannot_hold_our_id_gets_no_key() -> None:
    tenant = bare_tenant()
    tenant.columns["hnt_forecourtid"] = text_column(20)

    report = set_up(tenant)

    assert tenant.created == []
    assert states(report)["alternate key"] is State.BY_HAND


def test_nothing_is_begun_that_this_run_has_no_time_for() -> None:
    seconds = iter([0.0, *([22.0] * 50)])
    tenant = bare_tenant()

    report = ConnectionSetup(tenant, clock=lambda: next(seconds)).run(
        CONNECTION, dry_run=False, with_columns=False
    )

    assert tenant.created == []
    assert report.goes_on
