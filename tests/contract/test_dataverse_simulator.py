"""The Dataverse simulator over HTTP: tokens, the probe, writes and reads that are right."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from local.dataverse_simulator import DataverseSimulator
from tests.support.dynamics import ECHO, KEY, LEAD, DataverseCaller, code_of


@pytest.fixture
def simulator() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as running:
        yield running


@pytest.fixture
def caller(simulator: DataverseSimulator) -> Iterator[DataverseCaller]:
    with DataverseCaller(simulator) as made:
        yield made


def test_a_token_says_how_long_it_is_good(caller: DataverseCaller) -> None:
    answer = caller.ask_token()
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 3599
    assert "refresh_token" not in answer.json()


def test_who_am_i_tells_three_ids_and_how_many_calls_are_wise(caller: DataverseCaller) -> None:
    answer = caller.call("GET", "WhoAmI")
    assert answer.status_code == 200
    for name in ("BusinessUnitId", "UserId", "OrganizationId"):
        UUID(answer.json()[name])
    assert answer.headers["x-ms-dop-hint"] == "50"


def test_who_am_i_is_not_found_by_post(caller: DataverseCaller) -> None:
    assert caller.call("POST", "WhoAmI", {}).status_code == 404


def test_a_create_answers_only_the_address(caller: DataverseCaller) -> None:
    answer = caller.call("POST", "leads", LEAD)
    assert (answer.status_code, answer.content) == (204, b"")
    address, _, rest = answer.headers["OData-EntityId"].rpartition("(")
    assert address.endswith("/api/data/v9.2/leads")
    assert caller.read(rest.rstrip(")"))["subject"] == "Toyota Corolla"


def test_a_create_that_echoes_has_the_lead_and_no_address(caller: DataverseCaller) -> None:
    answer = caller.call("POST", "leads", LEAD, ECHO, **{"$select": "leadid"})
    assert answer.status_code == 201
    assert "OData-EntityId" not in answer.headers
    assert answer.json().keys() == {"@odata.context", "@odata.etag", "leadid"}


def test_an_upsert_without_echo_does_not_tell_created_from_updated(
    caller: DataverseCaller,
) -> None:
    answers = [caller.upsert("a-1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert all(answer.headers["OData-EntityId"].endswith(f"({KEY}='a-1')") for answer in answers)


def test_an_upsert_that_echoes_tells_created_from_updated(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    answers = [caller.upsert("a-1", None, ECHO, **{"$select": "leadid"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json()["leadid"] == answers[1].json()["leadid"]
    [lead] = simulator.leads()
    assert lead["values"][KEY] == "a-1"
    assert lead["writes"] == 2
    assert simulator.invalid_requests() == []


def test_an_upsert_by_guid_creates_under_that_guid(caller: DataverseCaller) -> None:
    guid = str(uuid4())
    assert caller.call("PATCH", f"leads({guid})", LEAD).status_code == 204
    assert caller.read(guid)["leadid"] == guid


def test_an_update_with_if_match_never_creates(caller: DataverseCaller) -> None:
    lead_id = caller.create()
    changed = caller.call("PATCH", f"leads({lead_id})", {"subject": "x"}, {"If-Match": "*"})
    assert (changed.status_code, changed.content) == (204, b"")
    assert changed.headers["OData-EntityId"].endswith(f"({lead_id})")
    missing = caller.call("PATCH", f"leads({uuid4()})", {"subject": "x"}, {"If-Match": "*"})
    assert code_of(missing) == (404, "0x80040217")
    by_key = caller.call("PATCH", f"leads({KEY}='none')", {"subject": "x"}, {"If-Match": "*"})
    assert code_of(by_key) == (404, "0x80060891")
    assert len(caller.simulator.leads()) == 1


def test_an_update_that_echoes_answers_200(caller: DataverseCaller) -> None:
    lead_id = caller.create()
    headers = {"If-Match": "*", **ECHO}
    answer = caller.call("PATCH", f"leads({lead_id})", {"subject": "x"}, headers)
    assert answer.status_code == 200
    assert answer.json()["subject"] == "x"
    assert answer.headers["Preference-Applied"] == "return=representation"


def test_null_clears_a_column_and_what_is_not_named_stays(caller: DataverseCaller) -> None:
    lead_id = caller.create()
    caller.call("PATCH", f"leads({lead_id})", {"emailaddress1": None}, {"If-Match": "*"})
    lead = caller.read(lead_id)
    assert (lead["emailaddress1"], lead["subject"]) == (None, "Toyota Corolla")


def test_a_version_that_differs_is_412(caller: DataverseCaller) -> None:
    lead_id = caller.create()
    etag = caller.read(lead_id)["@odata.etag"]
    path = f"leads({lead_id})"
    assert caller.call("PATCH", path, {"subject": "1"}, {"If-Match": etag}).status_code == 204
    stale = caller.call("PATCH", path, {"subject": "2"}, {"If-Match": etag})
    assert code_of(stale) == (412, "0x80060882")
    assert caller.read(lead_id)["subject"] == "1"


def test_an_insert_only_is_412_when_the_lead_exists(caller: DataverseCaller) -> None:
    headers = {"If-None-Match": "*"}
    assert caller.upsert("a-1", LEAD, headers).status_code == 204
    assert code_of(caller.upsert("a-1", {"subject": "x"}, headers)) == (412, "0x80040237")
    assert caller.simulator.leads()[0]["values"]["subject"] == "Toyota Corolla"


def test_a_read_can_be_answered_with_not_modified(caller: DataverseCaller) -> None:
    lead_id = caller.create()
    etag = caller.read(lead_id)["@odata.etag"]
    answer = caller.call("GET", f"leads({lead_id})", None, {"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_lead_is_read_by_its_key(caller: DataverseCaller) -> None:
    caller.upsert("it''s")
    answer = caller.call("GET", f"leads({KEY}='it''s')", None, None, **{"$select": KEY})
    assert answer.json()[KEY] == "it's"
    assert code_of(caller.call("GET", f"leads({KEY}='none')")) == (404, "0x80060891")


def test_keys_are_compared_without_case(caller: DataverseCaller) -> None:
    caller.upsert("ABC")
    assert caller.upsert("abc", LEAD, ECHO).status_code == 200
    assert len(caller.simulator.leads()) == 1
