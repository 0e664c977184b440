"""What ``check`` says of a connection with each thing broken in turn."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from forecourt.errors import AuthenticationError, PermanentError, RetryableError
from forecourt.leads.dynamics.check import CheckLine, CheckReport, ConnectionCheck, Result
from forecourt.security.dynamics_connections import DynamicsConnection
from tests.support.certificates import certificate_pem
from tests.support.dynamics_tenant import MemoryTenant, text_column

CONNECTION = DynamicsConnection(
    connection_id=1,
    dealership_id=1,
    environment_url="https://obrien.crm6.dynamics.com",
    tenant_id="8f1d3f6e-3a59-4f0e-9e0b-0a2f6a9d1c01",
    client_id="7d1c6c1e-5a53-4f0e-8a1b-0a2f6a9d1c02",
    client_secret=SecretStr("q8~planted-secret"),
    columns={"hnt_segment": False},
)
NAMES = [
    "configuration", "switches", "token", "WhoAmI", "leads", "privileges", "columns",
    "option sets", "alternate key",
]  # fmt: skip


def check(
    tenant: MemoryTenant,
    connection: DynamicsConnection = CONNECTION,
    *,
    is_enabled: bool = True,
    pushes_enabled: bool = True,
) -> CheckReport:
    return ConnectionCheck(tenant).run(
        connection, is_enabled=is_enabled, pushes_enabled=pushes_enabled
    )


def troubles(report: CheckReport) -> dict[str, CheckLine]:
    return {line.name: line for line in report.lines if line.result is not Result.PASS}


def test_a_working_connection_passes_every_line() -> None:
    report = check(MemoryTenant())

    assert [line.name for line in report.lines] == NAMES
    assert report.ok
    assert troubles(report) == {}
    assert report.metadata
    assert "subject" in report.metadata["columns"]


def test_no_line_says_a_secret() -> None:
    assert "planted" not in str(check(MemoryTenant()).to_json())


def test_every_line_that_does_not_pass_has_a_cure() -> None:
    tenant = MemoryTenant(keys=[], columns={"subject": text_column()}, privileges=set())

    report = check(tenant, pushes_enabled=False)

    assert all(line.cure for line in troubles(report).values())
    assert troubles(report).keys() >= {"switches", "privileges", "columns", "alternate key"}


@pytest.mark.parametrize(
    ("method", "line", "skipped"),
    [
        ("fetch_token", "token", 6),
        ("who_am_i", "WhoAmI", 5),
        ("can_read_leads", "leads", 0),
        ("read_metadata", "columns", 2),
    ],
)
@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (AuthenticationError("TOKEN_DENIED", "No.", target="Dynamics"), "app registration"),
        (AuthenticationError("TOKEN_REFUSED", "No.", target="Dynamics"), "application user"),
        (AuthenticationError("PRIVILEGE_MISSING", "No.", target="Dynamics"), "security role"),
        (PermanentError("WRONG_ADDRESS", "No.", target="Dynamics"), "environment URL"),
        (RetryableError("CONNECT_FAILED", "No.", target="Dynamics"), "reachable"),
        (RetryableError("RATE_LIMITED", "No.", target="Dynamics"), "check again"),
        (PermanentError("NEVER_HEARD_OF", "No.", target="Dynamics"), "log"),
    ],
    ids=lambda value: value.code if hasattr(value, "code") else "",
)
def test_a_refusal_fails_its_line_and_skips_what_depends_on_it(
    method: str, line: str, skipped: int, error: Any, cure: str
) -> None:
    report = check(MemoryTenant(refusals={method: error}))

    found = troubles(report)
    assert not report.ok
    assert [one.name for one in report.lines] == NAMES
    assert (found[line].result, found[line].detail) == (Result.FAIL, "No.")
    assert cure in (found[line].cure or "")
    assert sum(one.result is Result.SKIPPED for one in found.values()) == skipped


def test_without_an_application_user_the_cure_is_one() -> None:
    refused = AuthenticationError("PRIVILEGE_MISSING", "HTTP 403.", target="Dynamics")

    cure = troubles(check(MemoryTenant(refusals={"who_am_i": refused})))["WhoAmI"].cure

    assert "Create an application user" in (cure or "")


@pytest.mark.parametrize("missing", ["prvReadLead", "prvCreateLead", "prvWriteLead"])
def test_a_missing_privilege_is_named(missing: str) -> None:
    tenant = MemoryTenant()
    tenant.privileges.remove(missing)

    line = troubles(check(tenant))["privileges"]

    assert line.result is Result.FAIL
    assert missing in line.detail
    assert "Create, Read and Write on Lead" in (line.cure or "")


def test_privileges_nobody_tells_of_only_warn() -> None:
    unknown = PermanentError("WRONG_ADDRESS", "No such function.", target="Dynamics")

    report = check(MemoryTenant(refusals={"has_privilege": unknown}))

    assert report.ok
    assert troubles(report)["privileges"].result is Result.WARN


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": SecretStr("<your secret>")},
        {"client_secret": SecretStr("changeme")},
        {"tenant_id": "00000000-0000-0000-0000-000000000000"},
        {"environment_url": "https://yourorg.crm6.dynamics.com"},
    ],
)
def test_a_placeholder_fails_the_configuration(change: dict[str, Any]) -> None:
    line = troubles(check(MemoryTenant(), replace(CONNECTION, **change)))["configuration"]

    assert line.result is Result.FAIL
    assert "placeholder" in line.detail
    assert "changeme" not in line.detail


@pytest.fixture(scope="module")
def certificate_until_july() -> SecretStr:
    return SecretStr(certificate_pem(end=datetime(2026, 7, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("now", "result"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), None),
        (datetime(2026, 6, 10, tzinfo=UTC), Result.WARN),
        (datetime(2026, 7, 2, tzinfo=UTC), Result.FAIL),
    ],
    ids=["good", "ends soon", "over"],
)
def test_a_certificate_is_told_before_it_ends(
    certificate_until_july: SecretStr, now: datetime, result: Result | None
) -> None:
    connection = replace(CONNECTION, client_secret=None, certificate=certificate_until_july)
    report = ConnectionCheck(MemoryTenant(), now=lambda: now).run(
        connection, is_enabled=True, pushes_enabled=True
    )

    line = troubles(report).get("configuration")
    assert (None if line is None else line.result) == result
    assert "2026-07-01" in report.lines[0].detail


@pytest.mark.parametrize(
    ("switches", "cure"),
    [({"pushes_enabled": False}, "dynamicsPushEnabled"), ({"is_enabled": False}, "--enabled")],
    ids=["system", "connection"],
)
def test_what_is_switched_off_warns(switches: dict[str, bool], cure: str) -> None:
    report = ConnectionCheck(MemoryTenant()).run(
        CONNECTION, **{"is_enabled": True, "pushes_enabled": True} | switches
    )

    assert report.ok
    line = troubles(report)["switches"]
    assert (line.result, cure in (line.cure or "")) == (Result.WARN, True)


def test_a_missing_column_of_ours_warns_and_a_demanded_one_fails() -> None:
    tenant = MemoryTenant()
    del tenant.columns["hnt_domain"]

    warned = troubles(check(tenant))["columns"]
    demanded = replace(CONNECTION, columns={"hnt_domain": True})
    failed = troubles(check(tenant, demanded))["columns"]
    silenced = replace(CONNECTION, columns={"hnt_domain": False, "hnt_segment": False})

    assert (warned.result, "hnt_domain" in warned.detail) == (Result.WARN, True)
    assert (failed.result, "hnt_domain" in failed.detail) == (Result.FAIL, True)
    assert "columns" not in troubles(check(tenant, silenced))


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"hnt_domain"}, "setup 1 --with-columns creates them"),
        ({"hnt_domain", "hnt_segment"}, "creates them but for hnt_segment, which are made by hand"),
        ({"hnt_segment"}, "They are made by hand in Power Apps"),
    ],
    ids=["by setup", "some by hand", "by hand"],
)
def test_setup_is_named_for_what_setup_creates(missing: set[str], said: str) -> None:
    tenant = MemoryTenant()
    tenant.columns["hnt_segment"] = {"type": "Picklist", "options": {}}
    for name in missing:
        del tenant.columns[name]

    cure = troubles(check(tenant, replace(CONNECTION, columns={})))["columns"].cure or ""

    assert said in cure
    assert ("--with-columns" in cure) == ("hnt_domain" in missing)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hnt_source": {"Manual": 1}}, "hnt_source has no 1 (Manual), only 816940000, 816940001"),
        ({"hnt_nothing": {"Manual": 1}}, "there is no column hnt_nothing"),
        ({"subject": {"Manual": 1}}, "subject is no choice"),
    ],
)
def test_an_option_the_tenant_does_not_have_fails(
    options: dict[str, dict[str, int]], said: str
) -> None:
    line = troubles(check(MemoryTenant(), replace(CONNECTION, option_sets=options)))["option sets"]

    assert line.result is Result.FAIL
    assert said in line.detail
    assert "--config" in (line.cure or "")


def test_a_label_without_an_integer_warns() -> None:
    tenant = MemoryTenant()
    tenant.columns["hnt_source"]["options"] = {"Partner Center": 816940000, "Von Hand": 816940001}
    mapped = replace(CONNECTION, option_sets={"hnt_source": {"Manual": 816940001}})

    line = troubles(check(tenant))["option sets"]

    assert (line.result, "hnt_source: Manual" in line.detail) == (Result.WARN, True)
    assert "option sets" not in troubles(check(tenant, mapped))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([], "no alternate key on hnt_forecourtid alone"),
        ([["hnt_forecourtid", "subject"], "Active"], "no alternate key"),
        ([["hnt_forecourtid"], "Pending"], "not ready: Pending"),
        ([["hnt_forecourtid"], "InProgress"], "not ready: InProgress"),
        ([["hnt_forecourtid"], "Failed"], "failed"),
    ],
    ids=["none", "on two columns", "pending", "in progress", "failed"],
)
def test_a_key_that_cannot_be_used_fails(keys: list[Any], said: str) -> None:
    made = [{"name": "key", "columns": keys[0], "status": keys[1]}] if keys else []

    line = troubles(check(MemoryTenant(keys=made)))["alternate key"]

    assert line.result is Result.FAIL
    assert said in line.detail
    assert line.cure


def test_of_two_keys_on_the_column_the_active_one_counts() -> None:
    keys = [
        {"name": name, "columns": ["hnt_forecourtid"], "status": status}
        for name, status in (("a", "Failed"), ("b", "Active"))
    ]

    assert troubles(check(MemoryTenant(keys=keys))) == {}


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (None, "no column hnt_forecourtid"),
        (text_column(20), "cannot hold our lead id of 36"),
        ({"type": "Integer"}, "cannot hold"),
    ],
    ids=["missing", "too short", "a number"],
)
def test_a_column_that_cannot_hold_our_id_fails(column: dict[str, Any] | None, said: str) -> None:
    tenant = MemoryTenant()
    if column is None:
        del tenant.columns["hnt_forecourtid"]
    else:
        tenant.columns["hnt_forecourtid"] = column

    line = troubles(check(tenant))["alternate key"]

    assert (line.result, said in line.detail) == (Result.FAIL, True)
