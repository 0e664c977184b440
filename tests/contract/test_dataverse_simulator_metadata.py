"""Metadata of the lead table: what is told of columns and keys, and making them."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.dataverse_simulator import DataverseSimulator
from local.dataverse_simulator.accounts import PRIVILEGES
from local.dataverse_simulator.table import IndexPace
from tests.support.dynamics import KEY, LEAD, DataverseCaller, code_of

TABLE = "EntityDefinitions(LogicalName='lead')"
COLUMNS = f"{TABLE}/Attributes"
KEYS = f"{TABLE}/Keys"
TYPE = "Microsoft.Dynamics.CRM"


@pytest.fixture
def simulator() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as running:
        yield running


@pytest.fixture
def caller(simulator: DataverseSimulator) -> Iterator[DataverseCaller]:
    with DataverseCaller(simulator) as made:
        yield made


@pytest.fixture
def stock(simulator: DataverseSimulator) -> Iterator[DataverseCaller]:
    """An environment with Microsoft's columns only."""
    with DataverseCaller(simulator, simulator.accounts()[1]) as made:
        yield made


def listed(caller: DataverseCaller, path: str, **options: str) -> list[dict[str, Any]]:
    params = {f"${name}": value for name, value in options.items()}
    answer = caller.call("GET", path, None, None, **params)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["value"]
    return rows


def label(text: str) -> dict[str, Any]:
    return {"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]}


def new_column(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "@odata.type": f"{TYPE}.{kind}AttributeMetadata",
        "SchemaName": name,
        "DisplayName": label(name),
        **more,
    }


def new_key(*columns: str, name: str = "hnt_OwnKey") -> dict[str, Any]:
    return {"SchemaName": name, "DisplayName": label("Key"), "KeyAttributes": list(columns)}


def test_an_environment_has_the_24_columns_and_the_keys_column(
    caller: DataverseCaller, stock: DataverseCaller
) -> None:
    def custom(of: DataverseCaller) -> set[str]:
        rows = listed(of, COLUMNS, select="LogicalName,AttributeType,IsCustomAttribute")
        return {row["LogicalName"] for row in rows if row["IsCustomAttribute"]}

    assert len(custom(caller)) == 25
    assert KEY in custom(caller)
    assert custom(stock) == set()
    assert listed(stock, KEYS) == []


def test_a_cast_tells_lengths(caller: DataverseCaller) -> None:
    def lengths(kind: str) -> dict[str, int]:
        path = f"{COLUMNS}/{TYPE}.{kind}AttributeMetadata"
        rows = listed(caller, path, select="LogicalName,MaxLength")
        return {row["LogicalName"]: row["MaxLength"] for row in rows}

    texts = lengths("String")
    assert (texts["subject"], texts["mobilephone"], texts[KEY]) == (300, 20, 100)
    assert "description" not in texts
    assert lengths("Memo")["description"] == 2000


def test_a_cast_tells_bounds(caller: DataverseCaller) -> None:
    path = f"{COLUMNS}(LogicalName='hnt_priorityscore')/{TYPE}.IntegerAttributeMetadata"
    row = caller.call("GET", path).json()
    assert (row["MinValue"], row["MaxValue"]) == (1, 7)


def test_option_sets_come_only_when_expanded(caller: DataverseCaller) -> None:
    path = f"{COLUMNS}/{TYPE}.PicklistAttributeMetadata"
    plain = listed(caller, path, select="LogicalName")
    assert all("OptionSet" not in row for row in plain)
    rows = listed(caller, path, select="LogicalName", expand="OptionSet($select=Options)")
    options = {
        row["LogicalName"]: {
            option["Label"]["UserLocalizedLabel"]["Label"]: option["Value"]
            for option in row["OptionSet"]["Options"]
        }
        for row in rows
    }
    assert options["hnt_source"]["Manual"] == 816940001
    assert options["leadqualitycode"] == {"Hot": 1, "Warm": 2, "Cold": 3}
    assert "statecode" not in options


@pytest.mark.parametrize(
    ("cast", "name"), [("State", "statecode"), ("Status", "statuscode"), ("Boolean", "donotemail")]
)
def test_other_option_sets_have_casts_of_their_own(
    caller: DataverseCaller, cast: str, name: str
) -> None:
    rows = listed(caller, f"{COLUMNS}/{TYPE}.{cast}AttributeMetadata", expand="OptionSet")
    assert name in {row["LogicalName"] for row in rows}
    assert all(row["OptionSet"]["OptionSetType"] == cast for row in rows)


@pytest.mark.parametrize(
    "path",
    [
        f"{COLUMNS}?$select=LogicalName,MaxLength",
        f"{COLUMNS}?$expand=OptionSet",
        f"{COLUMNS}/{TYPE}.PicklistAttributeMetadata?$select=MaxLength",
        f"{COLUMNS}/{TYPE}.PicklistAttributeMetadata?$expand=Choices",
        f"{COLUMNS}/{TYPE}.FancyAttributeMetadata",
        f"{COLUMNS}?$filter=nothing eq 'x'",
        f"{COLUMNS}?$filter=LogicalName like 'x'",
        f"{COLUMNS}?$top=1",
        f"{TABLE}?$expand=Everything",
        f"{TABLE}?$select=nothing",
    ],
)
def test_what_a_type_of_metadata_does_not_have_is_400(caller: DataverseCaller, path: str) -> None:
    assert code_of(caller.call("GET", path)) == (400, "0x80060888")


def test_metadata_can_be_filtered(caller: DataverseCaller) -> None:
    rows = listed(caller, COLUMNS, filter="LogicalName eq 'subject' or LogicalName eq 'revenue'")
    assert {row["LogicalName"] for row in rows} == {"subject", "revenue"}
    rows = listed(caller, COLUMNS, filter="IsCustomAttribute eq true and LogicalName eq 'subject'")
    assert rows == []


def test_the_table_expands_columns_and_keys(caller: DataverseCaller) -> None:
    params = {
        "$select": "LogicalName,EntitySetName",
        "$expand": "Attributes($select=LogicalName),Keys($select=KeyAttributes)",
    }
    table = caller.call("GET", TABLE, None, None, **params).json()
    assert table["EntitySetName"] == "leads"
    assert {"LogicalName": "subject"}.items() <= table["Attributes"][1].items()
    assert table["Keys"][0]["KeyAttributes"] == [KEY]


def test_a_column_or_key_there_is_not_is_404(caller: DataverseCaller) -> None:
    missing = caller.call("GET", f"{COLUMNS}(LogicalName='nothing')")
    assert code_of(missing) == (404, "0x80040217")
    assert code_of(caller.call("GET", f"{KEYS}(LogicalName='nothing')")) == (404, "0x80040217")


def test_a_column_that_is_made_can_be_written(stock: DataverseCaller) -> None:
    assert code_of(stock.call("POST", "leads", {**LEAD, "hnt_note": "x"}))[0] == 400
    made = stock.call("POST", COLUMNS, new_column("String", "hnt_Note", MaxLength=5))
    assert (made.status_code, made.content) == (204, b"")
    assert "/Attributes(" in made.headers["OData-EntityId"]
    assert stock.read(stock.create({**LEAD, "hnt_note": "12345"}))["hnt_note"] == "12345"
    assert code_of(stock.call("POST", "leads", {**LEAD, "hnt_note": "123456"})) == (
        400,
        "0x80044331",
    )


def test_columns_of_every_type_can_be_made(stock: DataverseCaller) -> None:
    options = {"Options": [{"Value": 816940000, "Label": label("A")}]}
    yes_no = {
        "TrueOption": {"Value": 1, "Label": label("Yes")},
        "FalseOption": {"Value": 0, "Label": label("No")},
    }
    for kind, more, value in (
        ("Memo", {"MaxLength": 10}, "text"),
        ("Integer", {"MinValue": 0, "MaxValue": 7}, 7),
        ("Decimal", {"MinValue": 0, "MaxValue": 1, "Precision": 3}, 0.125),
        ("Picklist", {"OptionSet": options}, 816940000),
        ("Boolean", {"OptionSet": yes_no}, True),
        ("DateTime", {"Format": "DateAndTime"}, "2026-01-01T00:00:00Z"),
    ):
        made = stock.call("POST", COLUMNS, new_column(kind, f"hnt_{kind}", **more))
        assert made.status_code == 204, made.text
        name = f"hnt_{kind.lower()}"
        assert stock.read(stock.create({**LEAD, name: value}))[name] == value


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"@odata.type": f"{TYPE}.StringAttributeMetadata"},
        new_column("String", "NoPrefix"),
        new_column("String", "hnt_Long", MaxLength=4001),
        new_column("Lookup", "hnt_Lookup"),
        new_column("Picklist", "hnt_Choice"),
        {**new_column("String", "hnt_Nameless"), "DisplayName": None},
    ],
)
def test_a_column_that_cannot_be_made_is_400(stock: DataverseCaller, body: dict[str, Any]) -> None:
    table = stock.simulator.table(stock.account.environment_url)
    before = table.columns()
    assert stock.call("POST", COLUMNS, body).status_code == 400
    assert table.columns() == before


def test_a_column_is_made_once(stock: DataverseCaller) -> None:
    stock.call("POST", COLUMNS, new_column("String", "hnt_Note"))
    again = stock.call("POST", COLUMNS, new_column("String", "hnt_Note"))
    assert code_of(again) == (400, "0x80044363")


def test_a_key_is_built_over_time(stock: DataverseCaller) -> None:
    stock.call("POST", COLUMNS, new_column("String", "hnt_ForecourtId", MaxLength=100))
    made = stock.call("POST", KEYS, new_key(KEY))
    assert made.status_code == 204
    assert "/Keys(" in made.headers["OData-EntityId"]
    assert code_of(stock.upsert("a")) == (400, "0x80060888")
    seen = []
    for _ in range(3):
        seen += [row["EntityKeyIndexStatus"] for row in listed(stock, KEYS)]
        stock.simulator.advance_clock(2)
    assert seen == ["Pending", "InProgress", "Active"]
    assert stock.upsert("a").status_code == 204
    assert stock.simulator.invalid_requests()[0].status == 400


def test_a_key_can_be_built_by_polls(stock: DataverseCaller) -> None:
    table = stock.simulator.table(stock.account.environment_url)
    table.pace = IndexPace(seconds=0, polls=2)
    stock.call("POST", KEYS, new_key("emailaddress1"))
    seen = [listed(stock, KEYS)[0]["EntityKeyIndexStatus"] for _ in range(5)]
    assert seen == ["Pending", "Pending", "InProgress", "InProgress", "Active"]


def test_a_key_over_values_that_are_not_unique_fails(stock: DataverseCaller) -> None:
    stock.create()
    stock.create()
    stock.call("POST", KEYS, new_key("emailaddress1"))
    assert listed(stock, KEYS)[0]["EntityKeyIndexStatus"] == "Failed"


@pytest.mark.parametrize(
    "columns",
    [
        ["nothing"],
        ["description"],
        ["donotemail"],
        ["subject", "hnt_domain", "companyname"],
        [],
        [KEY],
    ],
)
def test_a_key_the_table_cannot_have_is_400(caller: DataverseCaller, columns: list[str]) -> None:
    assert code_of(caller.call("POST", KEYS, new_key(*columns))) == (400, "0x80040203")


def test_a_table_has_ten_keys_at_most(caller: DataverseCaller) -> None:
    names = [f"address1_line{line}" for line in (1, 2, 3)] + [f"telephone{n}" for n in (1, 2, 3)]
    names += [f"emailaddress{n}" for n in (1, 2, 3)]
    for place, name in enumerate(names):
        made = caller.call("POST", KEYS, new_key(name, name=f"hnt_Key{place}"))
        assert made.status_code == 204, made.text
    refused = caller.call("POST", KEYS, new_key("fax", name="hnt_OneMore"))
    assert code_of(refused) == (400, "0x80040203")


@pytest.mark.parametrize(
    ("privilege", "path"), [("prvCreateAttribute", COLUMNS), ("prvCreateEntityKey", KEYS)]
)
def test_making_metadata_takes_privileges(
    caller: DataverseCaller, simulator: DataverseSimulator, privilege: str, path: str
) -> None:
    rest = frozenset(PRIVILEGES) - {privilege}
    simulator.change_account(caller.account.client_id, privileges=rest)
    body = new_column("String", "hnt_Note") if path == COLUMNS else new_key("emailaddress1")
    assert code_of(caller.call("POST", path, body)) == (403, "0x80040220")
