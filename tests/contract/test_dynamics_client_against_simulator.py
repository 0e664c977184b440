"""The client and the Dataverse simulator, written apart from the same documents, must agree."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from forecourt.dynamics.client import DynamicsClient
from forecourt.dynamics.column_drafts import ColumnDraft, ColumnKind
from forecourt.dynamics.setup_client import DynamicsSetupClient
from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from forecourt.security.dynamics_connections import DynamicsConnection
from local.dataverse_simulator import DataverseSimulator
from tests.support.certificates import certificate_pem, rsa_key
from tests.support.dataverse_connection import connection_to

FIELDS: dict[str, Any] = {
    "subject": "Toyota Corolla & others",
    "lastname": "Nguyễn-O'Brien",
    "emailaddress1": "o'neil+a&b#c@mail.example",
    "hnt_finalscore": 90,
    "hnt_source": 816940001,
    "hnt_lastsynctime": datetime(2026, 3, 1, 2, 0, tzinfo=UTC),
    "jobtitle": None,
}


@pytest.fixture(scope="module")
def running() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: DataverseSimulator) -> Iterator[DataverseSimulator]:
    running.reset()
    yield running
    assert [(r.operation, r.reasons) for r in running.invalid_requests()] == []


@pytest.fixture
def client(simulator: DataverseSimulator) -> Iterator[DynamicsClient]:
    with DynamicsClient(simulator.url) as client:
        yield client


@pytest.fixture
def setup(simulator: DataverseSimulator) -> Iterator[DynamicsSetupClient]:
    with DynamicsSetupClient(simulator.url) as client:
        yield client


def connection_of(
    simulator: DataverseSimulator, index: int = 0, **changes: Any
) -> DynamicsConnection:
    return connection_to(simulator.accounts()[index], **changes)


@pytest.fixture
def connection(simulator: DataverseSimulator) -> DynamicsConnection:
    return connection_of(simulator)


def upsert(
    client: DynamicsClient, connection: DynamicsConnection, key: UUID | None = None, **fields: Any
) -> Any:
    return client.upsert_lead(connection, key or uuid4(), FIELDS | fields, seconds=10.0)


def values_of(simulator: DataverseSimulator, lead_id: UUID) -> dict[str, Any]:
    for lead in simulator.leads():
        if lead["leadId"] == str(lead_id):
            values: dict[str, Any] = lead["values"]
            return values
    raise LookupError(lead_id)


def requests_of(simulator: DataverseSimulator) -> list[tuple[str, int | None]]:
    return [(r.operation, r.status) for r in simulator.requests() if r.operation != "Token"]


def test_a_lead_is_created_updated_by_key_and_updated_by_id(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    key = uuid4()

    first = upsert(client, connection, key)
    second = upsert(client, connection, key, hnt_finalscore=10)
    third = client.update_lead(
        connection, first.lead_id, {"subject": "Changed", "emailaddress1": None}, seconds=10.0
    )

    assert (first.created, second.created) == (True, False)
    assert first.lead_id == second.lead_id == third.lead_id
    assert len(simulator.leads()) == 1
    values = values_of(simulator, first.lead_id)
    assert values["hnt_forecourtid"] == str(key)
    assert (values["subject"], values["hnt_finalscore"]) == ("Changed", 10)
    assert values["lastname"] == "Nguyễn-O'Brien"
    assert values.get("emailaddress1") is None
    assert values["hnt_lastsynctime"] == "2026-03-01T02:00:00Z"


def test_ten_threads_that_upsert_one_lead_make_one(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    key = uuid4()

    with ThreadPoolExecutor(10) as threads:
        written = list(threads.map(lambda _: upsert(client, connection, key), range(30)))

    assert len({each.lead_id for each in written}) == 1
    assert len(simulator.leads()) == 1


@pytest.mark.parametrize("kind", ["cut_after", "cut_midway", "http_503"])
def test_an_upsert_whose_outcome_nobody_knows_finds_its_own_lead(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection, kind: str
) -> None:
    key = uuid4()
    simulator.add_fault(kind, operation="UpsertLead", times=1)
    with pytest.raises(RetryableError):
        upsert(client, connection, key)

    again = upsert(client, connection, key)

    assert again.created is (kind == "http_503")
    assert len(simulator.leads()) == 1


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "http_502", "http_500"])
def test_an_update_whose_outcome_nobody_knows_says_so(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection, kind: str
) -> None:
    lead_id = upsert(client, connection).lead_id
    simulator.add_fault(kind, operation="UpdateLead", times=1)

    with pytest.raises(OutcomeUnknownError):
        client.update_lead(connection, lead_id, {"subject": "B"}, seconds=10.0)


def test_an_answer_without_the_id_is_asked_again(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    simulator.add_fault("without_id", operation="UpsertLead", times=1)

    written = upsert(client, connection)

    assert values_of(simulator, written.lead_id)
    assert [operation for operation, _ in requests_of(simulator)] == ["UpsertLead", "GetLead"]


def test_a_race_for_the_key_is_run_again_at_once(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    simulator.add_fault("key_race", operation="UpsertLead", times=1)

    upsert(client, connection)

    assert requests_of(simulator) == [("UpsertLead", 412), ("UpsertLead", 200)]
    assert len(simulator.leads()) == 1


def test_a_token_that_expired_is_renewed_within_the_call(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    upsert(client, connection)
    simulator.revoke_tokens()

    upsert(client, connection)

    assert [status for _, status in requests_of(simulator)] == [201, 401, 201]
    assert [r.operation for r in simulator.requests()].count("Token") == 2


def test_a_limit_is_passed_on_with_the_time_to_wait(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    simulator.set_limits(requests=1)
    upsert(client, connection)

    with pytest.raises(RetryableError) as refused:
        upsert(client, connection)

    assert refused.value.code == "RATE_LIMITED"
    assert refused.value.retry_after
    assert refused.value.retry_after > 0


def fail(client: DynamicsClient, connection: DynamicsConnection, **fields: Any) -> ForecourtError:
    with pytest.raises(ForecourtError) as refused:
        upsert(client, connection, **fields)
    return refused.value


def test_a_duplicate_is_named_where_detection_was_asked_for(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    staff = simulator.add_staff_lead({"emailaddress1": FIELDS["emailaddress1"], "lastname": "B"})
    detecting = connection_of(simulator, duplicate_detection=True)

    error = fail(client, detecting)

    assert (type(error), error.code) == (PermanentError, "DUPLICATE_FOUND")
    assert str(staff.lead_id) in error.detail
    assert "mail.example" not in error.detail
    assert upsert(client, connection).created


@pytest.mark.parametrize("state", [(1, 3), (2, 4)], ids=["qualified", "disqualified"])
def test_a_closed_lead_is_left_as_it_is(
    simulator: DataverseSimulator,
    client: DynamicsClient,
    connection: DynamicsConnection,
    state: tuple[int, int],
) -> None:
    key = uuid4()
    lead_id = upsert(client, connection, key).lead_id
    simulator.edit_lead(str(lead_id), {"statecode": state[0], "statuscode": state[1]})

    with pytest.raises(PermanentError) as by_key:
        upsert(client, connection, key, subject="B")
    with pytest.raises(PermanentError) as by_id:
        client.update_lead(connection, lead_id, {"subject": "B"}, seconds=10.0)

    assert by_key.value.code == by_id.value.code == "LEAD_CLOSED_IN_DYNAMICS"


def test_a_deleted_lead_is_told_apart(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    lead_id = upsert(client, connection).lead_id
    simulator.delete_lead(str(lead_id))

    with pytest.raises(PermanentError) as refused:
        client.update_lead(connection, lead_id, {"subject": "B"}, seconds=10.0)

    assert refused.value.code == "DELETED_IN_DYNAMICS"
    assert simulator.leads() == []


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"privileges": frozenset({"prvReadLead"})}, "PRIVILEGE_MISSING", "prv"),
        ({"application_user": False}, "TOKEN_REFUSED", "application user"),
    ],
    ids=["role", "user"],
)
def test_an_application_user_that_may_not_holds_the_connection(
    simulator: DataverseSimulator,
    client: DynamicsClient,
    connection: DynamicsConnection,
    changes: dict[str, Any],
    code: str,
    said: str,
) -> None:
    simulator.change_account(connection.client_id, **changes)

    error = fail(client, connection)

    assert (type(error), error.code) == (AuthenticationError, code)
    assert said in error.detail


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_secret": SecretStr("wrong")}, "secret is wrong"),
        ({"client_id": "99999999-0000-4000-8000-000000000009"}, "no such app registration"),
        ({"environment_url": "https://nowhere.crm6.dynamics.com"}, "check"),
    ],
    ids=["secret", "client", "environment"],
)
def test_a_client_entra_does_not_know_holds_the_connection(
    simulator: DataverseSimulator, changes: dict[str, Any], said: str
) -> None:
    with (
        DynamicsClient(simulator.url) as client,
        pytest.raises(AuthenticationError, match=said) as refused,
    ):
        upsert(client, connection_of(simulator, **changes))

    assert refused.value.code == "TOKEN_DENIED"
    simulator.clear_requests()


def test_a_certificate_buys_a_token_too(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    pem = certificate_pem(key=rsa_key())
    simulator.change_account(connection.client_id, certificate=pem.partition("-----BEGIN PRIV")[0])
    by_certificate = connection_of(simulator, client_secret=None, certificate=SecretStr(pem))
    stranger = replace(by_certificate, certificate=SecretStr(certificate_pem(key=rsa_key())))

    assert upsert(client, by_certificate).created

    with pytest.raises(AuthenticationError) as refused:
        upsert(client, stranger)
    assert refused.value.code == "TOKEN_DENIED"
    simulator.clear_requests()


def test_the_table_is_read_with_limits_options_and_keys(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    table = client.read_metadata(connection, seconds=10.0)

    columns = table.columns
    assert (columns["subject"].type, columns["subject"].max_length) == ("String", 300)
    assert columns["description"].max_length == 2000
    assert columns["hnt_finalscore"].maximum == 100
    assert (columns["hnt_source"].options or {})["Manual"] == 816940001
    assert (columns["leadqualitycode"].options or {})["Hot"] == 1
    assert "createdon" not in columns
    key = table.key_on(connection.key_column)
    assert key is not None
    assert key.is_active


def test_check_sees_who_we_are_and_what_we_may(
    simulator: DataverseSimulator, setup: DynamicsSetupClient, connection: DynamicsConnection
) -> None:
    setup.fetch_token(connection, seconds=10.0)
    who = setup.who_am_i(connection, seconds=10.0)

    assert who.parallelism == 50
    assert setup.has_privilege(connection, who.user_id, "prvCreateLead", seconds=10.0)
    assert not setup.has_privilege(connection, who.user_id, "prvDeleteLead", seconds=10.0)
    assert not setup.can_read_leads(connection, seconds=10.0)
    simulator.add_staff_lead({"lastname": "B"})
    assert setup.can_read_leads(connection, seconds=10.0)


def test_leads_are_found_by_email_whatever_it_holds(
    simulator: DataverseSimulator, setup: DynamicsSetupClient, connection: DynamicsConnection
) -> None:
    email = FIELDS["emailaddress1"]
    wanted = simulator.add_staff_lead({"emailaddress1": email, "lastname": "B"})
    simulator.add_staff_lead({"emailaddress1": "other@mail.example", "lastname": "C"})
    injected = "x' or emailaddress1 ne '"

    found = setup.find_leads_by_email(connection, email, seconds=10.0)

    assert [str(lead.lead_id) for lead in found] == [str(wanted.lead_id)]
    assert setup.find_leads_by_email(connection, injected, seconds=10.0) == []


def test_setup_makes_column_and_key_and_sees_the_index_become_active(
    simulator: DataverseSimulator, setup: DynamicsSetupClient
) -> None:
    bare = connection_of(simulator, 1)
    draft = ColumnDraft(
        name="hnt_forecourtid", kind=ColumnKind.STRING, label="Forecourt lead id", length=100
    )
    assert setup.read_keys(bare, seconds=10.0) == ()

    setup.create_column(bare, draft, seconds=10.0)
    setup.create_key(
        bare, name="hnt_forecourtkey", label="Forecourt", column="hnt_forecourtid", seconds=10.0
    )

    table = setup.read_metadata(bare, seconds=10.0)
    assert table.columns["hnt_forecourtid"].max_length == 100
    deadline = time.monotonic() + 20.0
    while not (key := setup.read_keys(bare, seconds=10.0)[0]).is_active:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert key.columns == ("hnt_forecourtid",)
    with DynamicsClient(simulator.url) as client:
        written = client.upsert_lead(bare, uuid4(), {"lastname": "B"}, seconds=10.0)
    assert written.created


@pytest.mark.parametrize("kind", [kind for kind in ColumnKind if kind is not ColumnKind.STRING])
def test_setup_makes_every_kind_of_column(
    simulator: DataverseSimulator, setup: DynamicsSetupClient, kind: ColumnKind
) -> None:
    bare = connection_of(simulator, 1)
    draft = ColumnDraft(
        name="hnt_thing", kind=kind, label="Thing", length=200, options={"Manual": 816940001}
    )

    setup.create_column(bare, draft, seconds=10.0)

    column = setup.read_metadata(bare, seconds=10.0).columns["hnt_thing"]
    assert column.type == str(kind)
    assert column.options == ({"Manual": 816940001} if kind is ColumnKind.PICKLIST else None)
    assert column.max_length == (200 if kind is ColumnKind.MEMO else None)


def test_a_key_that_is_not_active_is_said_to_be_the_trouble(
    simulator: DataverseSimulator, client: DynamicsClient, connection: DynamicsConnection
) -> None:
    ((key, _),) = simulator.table().alternate_keys()
    simulator.table().set_key_status(key.name, "Failed")

    error = fail(client, connection)

    assert (error.code, "alternate key" in error.detail) == ("KEY_NOT_ACTIVE", True)
    simulator.clear_requests()
