"""What the mapping makes of a lead, the strict simulator takes, whatever columns a tenant has."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.dynamics.client import DynamicsClient
from forecourt.dynamics.lead_sink import DynamicsLeadSink
from forecourt.leads.dynamics.sink import DynamicsPush, Standing
from forecourt.leads.lead import Lead, LeadAddress, Rating, VehicleInterest
from forecourt.security.dynamics_connections import DEFAULT_KEY_COLUMN, DynamicsConnection
from local.dataverse_simulator import Account, DataverseSimulator
from local.dataverse_simulator.columns import Column, Kind, hunter_columns, later_columns
from local.dataverse_simulator.table import LeadTable
from tests.support.dataverse_connection import connection_to
from tests.support.dynamics_leads import accepted_leads, older_leads
from tests.support.dynamics_tenants import COMPANY, FIRST_TRY
from tests.support.easycars import LEAD

SECONDS = 30.0


@dataclass(frozen=True)
class Tenant:
    """One environment of the simulator, and how Forecourt is connected to it."""

    simulator: DataverseSimulator
    sink: DynamicsLeadSink
    connection: DynamicsConnection

    def push(self, lead: Lead, standing: Standing) -> tuple[DynamicsPush, Standing]:
        """Prepare and send as delivery does, and say where the lead stands then."""
        push = self.sink.prepare(lead, self.connection, standing)
        remote_id = standing.remote_id
        if push.fields:
            receipt = self.sink.send(push, self.connection, seconds=SECONDS)
            remote_id = receipt.remote_id
        return push, Standing(
            remote_id=remote_id,
            delivered_fields=json.loads(json.dumps(dict(push.confirmed))),
            payload_hash=push.payload_hash,
            attempts=standing.attempts + 1,
        )

    def there(self, lead: Lead) -> dict[str, Any]:
        """What the simulator holds of a lead."""
        found = [
            one["values"]
            for one in self.simulator.leads(self.connection.environment_url)
            if one["values"][DEFAULT_KEY_COLUMN] == str(lead.external_id)
        ]
        assert len(found) == 1
        return dict(found[0])


@pytest.fixture(scope="module")
def simulator() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as simulator:
        simulator.set_limits(requests=10**9, execution_seconds=1e9)
        yield simulator


def furnish(table: LeadTable, columns: str) -> None:
    """Give a tenant a set of columns, and the key in any case."""
    table.use_set(columns)
    if DEFAULT_KEY_COLUMN not in table.columns():
        table.add_column(Column(DEFAULT_KEY_COLUMN, Kind.STRING, max_length=100))
    if table.active_key([DEFAULT_KEY_COLUMN]) is None:
        table.add_key("hnt_forecourt", [DEFAULT_KEY_COLUMN], status="Active")


@contextmanager
def connect(simulator: DataverseSimulator, account: Account, columns: str) -> Iterator[Tenant]:
    furnish(simulator.table(account.environment_url), columns)
    connection = connection_to(account)
    with DynamicsClient(simulator.url) as client:
        sink = DynamicsLeadSink(client)
        metadata = sink.read_metadata(connection, seconds=SECONDS)
        yield Tenant(simulator, sink, replace(connection, metadata=metadata))


@pytest.fixture(scope="module", params=["all", "stock"])
def tenant(request: pytest.FixtureRequest, simulator: DataverseSimulator) -> Iterator[Tenant]:
    account = simulator.accounts()[0 if request.param == "all" else 1]
    with connect(simulator, account, request.param) as connected:
        yield connected


@pytest.fixture(scope="module")
def odd_account(simulator: DataverseSimulator) -> Account:
    """An environment of its own, whose table changes as the others' must not."""
    account = replace(
        simulator.accounts()[0], environment_url="https://odd.crm6.dynamics.com", columns="all"
    )
    simulator.add_account(account)
    return account


def numbered(lead: Lead, name: str) -> Lead:
    """The lead with an id of its own, the same in every run."""
    return replace(lead, external_id=uuid5(LEAD.external_id, name))


WHOLE = replace(
    LEAD,
    rating=Rating.HOT,
    vehicle_interest=VehicleInterest.TEST_DRIVE,
    address=LeadAddress(line="1 High St", city="Perth", state="WA", post_code="6000"),
    source_page_url="https://dealer.example/inventory/12?a=1&b='2'",
    consent={"marketing": True},
)


@pytest.mark.parametrize(
    ("name", "lead"),
    [
        ("plain", WHOLE),
        ("company", replace(WHOLE, company=dict(COMPANY))),
        ("odd-company", replace(WHOLE, company={"domain": "no domain", "tenant_size": "huge"})),
        ("long", replace(WHOLE, name="Zoë " + "x" * 251, message="\U0001f600" * 10_000)),
        ("quotes", replace(WHOLE, name="Siobhán O'Connor", email="o'brien+t&x=1@mail.example")),
        ("bare", replace(LEAD, phone="", message="", vehicle=None)),
    ],
)
def test_a_lead_is_created_completed_and_then_left_alone(
    tenant: Tenant, name: str, lead: Lead
) -> None:
    lead = numbered(lead, f"{tenant.connection.environment_url}/{name}")
    first, standing = tenant.push(lead, FIRST_TRY)
    second, standing = tenant.push(lead, standing)
    third, _ = tenant.push(lead, standing)

    assert bool(second.fields) == (not first.complete)
    assert (third.fields, third.complete) == ({}, True)
    assert tenant.simulator.invalid_requests() == []
    there = tenant.there(lead)
    wanted = dict(first.fields) | dict(second.fields)
    volatile = {"hnt_lastsynctime"}
    assert {n: there.get(n) for n in wanted if n not in volatile} == {
        n: v for n, v in wanted.items() if n not in volatile
    }
    has_own_id = "hnt_d365leadid" in tenant.connection.metadata["columns"]  # type: ignore[index]
    if lead.company and has_own_id:
        assert there["hnt_d365leadid"] == str(standing.remote_id)
        assert there["hnt_syncattemptcount"] == 2


def test_an_edit_changes_and_empties_columns(tenant: Tenant) -> None:
    lead = numbered(replace(WHOLE, company=dict(COMPANY)), f"{tenant.connection.stamp}/edit")
    _, standing = tenant.push(lead, FIRST_TRY)
    _, standing = tenant.push(lead, standing)
    edited = replace(lead, version=2, rating=None, phone="", name="李明")

    push, standing = tenant.push(edited, standing)

    there = tenant.there(lead)
    for column in ("firstname", "telephone1", "mobilephone", "leadqualitycode"):
        assert push.fields[column] is None
        assert there.get(column) is None
    assert there["lastname"] == "李明"
    assert there["emailaddress1"] == lead.email
    unknown = replace(standing, delivered_fields=None, payload_hash=None)
    again, _ = tenant.push(edited, unknown)
    assert again.fields["telephone1"] is None
    assert tenant.there(lead)["lastname"] == "李明"
    assert tenant.simulator.invalid_requests() == []


@settings(deadline=None, max_examples=40)
@given(lead=accepted_leads | older_leads, later=accepted_leads, number=st.uuids(version=4))
def test_no_lead_makes_an_invalid_request(
    tenant: Tenant, lead: Lead, later: Lead, number: Any
) -> None:
    lead = replace(lead, external_id=number)
    _, standing = tenant.push(lead, FIRST_TRY)
    _, standing = tenant.push(lead, standing)
    edited = replace(later, external_id=number, version=9)
    _, standing = tenant.push(edited, standing)

    assert tenant.push(edited, standing)[0].fields == {}
    assert tenant.simulator.invalid_requests() == []
    assert tenant.there(lead)["lastname"]


def altered(column: Column) -> st.SearchStrategy[dict[str, Any] | None]:
    """How another tenant may have made a custom column, or None for not at all."""
    changes: st.SearchStrategy[dict[str, Any]] = st.just({})
    if column.kind in {Kind.STRING, Kind.MEMO}:
        changes = st.integers(1, 300).map(lambda length: {"maxLength": length})
    elif column.kind is Kind.PICKLIST:
        labels = st.lists(st.sampled_from([*(column.options or {}), "Other words"]), unique=True)
        changes = labels.map(
            lambda kept: {"options": {label: 5 + at for at, label in enumerate(kept)}}
        )
    elif column.kind in {Kind.INTEGER, Kind.DECIMAL}:
        changes = st.integers(1, 90).map(lambda most: {"min": 0, "max": most})
    return st.none() | changes


TENANTS = st.fixed_dictionaries({
    column.name: altered(column)
    for column in (*hunter_columns(), *later_columns())
    if column.name != DEFAULT_KEY_COLUMN
})  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(changes=TENANTS, lead=accepted_leads, number=st.uuids(version=4))
def test_no_tenant_is_too_odd(
    simulator: DataverseSimulator,
    odd_account: Account,
    changes: dict[str, Any],
    lead: Lead,
    number: Any,
) -> None:
    with connect(simulator, odd_account, "all") as tenant:
        table = simulator.table(tenant.connection.environment_url)
        for name, change in changes.items():
            if change is None:
                table.remove_column(name)
            else:
                table.change_column(name, change)
        metadata = tenant.sink.read_metadata(tenant.connection, seconds=SECONDS)
        odd = replace(tenant, connection=replace(tenant.connection, metadata=metadata))
        lead = replace(lead, external_id=number)

        _, standing = odd.push(lead, FIRST_TRY)
        _, standing = odd.push(lead, standing)

        assert odd.push(lead, standing)[0].fields == {}
        assert simulator.invalid_requests() == []
