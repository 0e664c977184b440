"""The tenant's lead table out of Dataverse's metadata, and what creates a column or a key there."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from forecourt.dynamics.column_drafts import ColumnDraft, ColumnKind
from forecourt.dynamics.lead_sink import DynamicsLeadSink
from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from tests.support.dataverse_script import (
    CONNECTION,
    ScriptedDataverse,
    body_of,
    refusal,
)

TABLE = "EntityDefinitions(LogicalName='lead')"
CRM = "Microsoft.Dynamics.CRM."


def label(text: str, *others: str) -> dict[str, Any]:
    spoken = [{"Label": each, "LanguageCode": 1033 + at} for at, each in enumerate((text, *others))]
    return {"LocalizedLabels": spoken, "UserLocalizedLabel": spoken[0]}


def attribute(
    name: str,
    kind: str = "String",
    *,
    create: bool = True,
    update: bool = True,
    level: str = "None",
) -> dict[str, Any]:
    return {
        "LogicalName": name,
        "AttributeType": kind,
        "IsValidForCreate": create,
        "IsValidForUpdate": update,
        "RequiredLevel": {"Value": level, "CanBeChanged": True},
        "MetadataId": "11111111-2222-4333-8444-555555555555",
    }


def option(value: int, *texts: str) -> dict[str, Any]:
    return {"Value": value, "Label": label(*texts)}


DESCRIBED: Mapping[str, list[dict[str, Any]]] = {
    "Attributes": [
        attribute("subject", level="ApplicationRequired"),
        attribute("description", "Memo"),
        attribute("hnt_finalscore", "Integer"),
        attribute("hnt_confidence", "Decimal"),
        attribute("hnt_source", "Picklist"),
        attribute("leadqualitycode", "Picklist"),
        attribute("donotbulkemail", "Boolean"),
        attribute("hnt_lastsynctime", "DateTime"),
        attribute("leadid", "Uniqueidentifier", update=False),
        attribute("createdon", "DateTime", create=False, update=False),
        attribute("owneridname", "Virtual"),
    ],
    "StringAttributeMetadata": [{"LogicalName": "subject", "MaxLength": 300}],
    "MemoAttributeMetadata": [{"LogicalName": "description", "MaxLength": 2000}],
    "IntegerAttributeMetadata": [{"LogicalName": "hnt_finalscore", "MinValue": 0, "MaxValue": 100}],
    "DecimalAttributeMetadata": [
        {"LogicalName": "hnt_confidence", "MinValue": 0.0, "MaxValue": 1.0}
    ],
    "PicklistAttributeMetadata": [
        {
            "LogicalName": "hnt_source",
            "OptionSet": None,
            "GlobalOptionSet": {
                "Options": [option(816940000, "Partner Center", "Partnercenter"), option(3, "Two")]
            },
        },
        {
            "LogicalName": "leadqualitycode",
            "OptionSet": {"Options": [option(1, "Hot"), option(2, "Same"), option(3, "Same")]},
        },
    ],
    "Keys": [
        {
            "LogicalName": "hnt_forecourtkey",
            "KeyAttributes": ["hnt_forecourtid"],
            "EntityKeyIndexStatus": "Active",
        }
    ],
}


def describe(request: httpx.Request) -> httpx.Response:
    path = request.url.path.removeprefix(f"/api/data/v9.2/{TABLE}/")
    return httpx.Response(200, json={"value": DESCRIBED[path.rpartition(CRM)[2]]})


def described() -> ScriptedDataverse:
    dataverse = ScriptedDataverse()
    dataverse.will(*[describe] * 7)
    return dataverse


def test_the_table_is_read_as_it_is_stored() -> None:
    dataverse = described()

    told = DynamicsLeadSink(dataverse.client).read_metadata(CONNECTION, seconds=5.0)

    def column(kind: str, **more: Any) -> dict[str, Any]:
        nothing = {"maxLength": None, "min": None, "max": None, "options": None}
        can = {"create": True, "update": True, "required": "None"}
        return {"type": kind, **nothing, **can} | more

    assert told == {
        "columns": {
            "subject": column("String", maxLength=300, required="ApplicationRequired"),
            "description": column("Memo", maxLength=2000),
            "hnt_finalscore": column("Integer", min=0, max=100),
            "hnt_confidence": column("Decimal", min=0.0, max=1.0),
            "hnt_source": column(
                "Picklist",
                options={"Partner Center": 816940000, "Partnercenter": 816940000, "Two": 3},
            ),
            "leadqualitycode": column("Picklist", options={"Hot": 1}),
            "donotbulkemail": column("Boolean"),
            "hnt_lastsynctime": column("DateTime"),
            "leadid": column("Uniqueidentifier", update=False),
        },
        "keys": [{"name": "hnt_forecourtkey", "columns": ["hnt_forecourtid"], "status": "Active"}],
    }


def test_a_property_of_some_columns_is_selected_behind_a_cast_only() -> None:
    dataverse = described()

    dataverse.setup.read_metadata(CONNECTION, seconds=5.0)

    asked = {
        request.url.path.rpartition("/")[2]: parse_qs(request.url.query.decode())
        for request in dataverse.seen
    }
    assert all(request.method == "GET" for request in dataverse.seen)
    assert asked == {
        "Attributes": {
            "$select": ["LogicalName,AttributeType,IsValidForCreate,IsValidForUpdate,RequiredLevel"]
        },
        f"{CRM}StringAttributeMetadata": {"$select": ["LogicalName,MaxLength"]},
        f"{CRM}MemoAttributeMetadata": {"$select": ["LogicalName,MaxLength"]},
        **{
            f"{CRM}{kind}AttributeMetadata": {"$select": ["LogicalName,MinValue,MaxValue"]}
            for kind in ("Integer", "Decimal")
        },
        f"{CRM}PicklistAttributeMetadata": {
            "$select": ["LogicalName"],
            "$expand": ["OptionSet($select=Options),GlobalOptionSet($select=Options)"],
        },
        "Keys": {"$select": ["LogicalName,KeyAttributes,EntityKeyIndexStatus"]},
    }


def test_keys_alone_are_one_request() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(describe)

    (key,) = dataverse.setup.read_keys(CONNECTION, seconds=5.0)

    assert (key.name, key.columns, key.is_active) == (
        "hnt_forecourtkey",
        ("hnt_forecourtid",),
        True,
    )


@pytest.mark.parametrize("refused", [refusal(404), refusal(400), refusal(400, "0x80060888")])
def test_a_server_without_casts_shows_all_of_a_column_at_once(refused: httpx.Response) -> None:
    dataverse = ScriptedDataverse()
    whole = {row["LogicalName"]: row for row in DESCRIBED["Attributes"]}
    for rows in DESCRIBED.values():
        for row in rows:
            if row["LogicalName"] in whole:
                whole[row["LogicalName"]] = whole[row["LogicalName"]] | row

    def describe_all(request: httpx.Request) -> httpx.Response:
        if CRM in request.url.path:
            return refused
        if request.url.path.endswith("/Keys"):
            return describe(request)
        return httpx.Response(200, json={"value": list(whole.values())})

    dataverse.will(*[describe_all] * 7)

    table = dataverse.setup.read_metadata(CONNECTION, seconds=5.0)

    assert table == described().setup.read_metadata(CONNECTION, seconds=5.0)


ODD: dict[str, Any] = {
    "no list": {"columns": []},
    "null": {"value": None},
}


@pytest.mark.parametrize("case", ODD)
def test_a_description_that_is_none_changes_nothing(case: str) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(ODD[case])

    with pytest.raises(RetryableError, match="without value") as failure:
        dataverse.setup.read_metadata(CONNECTION, seconds=5.0)

    assert failure.value.code == "UNREADABLE_ANSWER"


ODD_ROWS: list[dict[str, list[Any]]] = [
    {"Attributes": ["no row", {"LogicalName": None}, {"LogicalName": "subject"}]},
    {"StringAttributeMetadata": [{"LogicalName": "subject", "MaxLength": "300"}]},
    {"IntegerAttributeMetadata": [{"LogicalName": "hnt_finalscore", "MinValue": "low"}]},
    {"PicklistAttributeMetadata": [{"LogicalName": "hnt_source", "OptionSet": {}}]},
    {"PicklistAttributeMetadata": [{"LogicalName": "hnt_source", "OptionSet": {"Options": None}}]},
    {
        "PicklistAttributeMetadata": [
            {"LogicalName": "hnt_source", "OptionSet": {"Options": [{"Value": "x", "Label": 7}, 8]}}
        ]
    },
    {"Keys": [{"LogicalName": "a", "KeyAttributes": None}]},
]


@pytest.mark.parametrize("odd", ODD_ROWS, ids=range(len(ODD_ROWS)))
def test_an_odd_row_costs_no_other_column(odd: dict[str, list[Any]]) -> None:
    dataverse = ScriptedDataverse()

    def describe_oddly(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2].rpartition(CRM)[2]
        return httpx.Response(200, json={"value": odd[name]}) if name in odd else describe(request)

    dataverse.will(*[describe_oddly] * 7)

    table = dataverse.setup.read_metadata(CONNECTION, seconds=5.0)

    assert "subject" in table.columns
    assert all(
        isinstance(number, int)
        for column in table.columns.values()
        for number in (column.options or {}).values()
    )


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (refusal(403, "0x80040220"), AuthenticationError, "PRIVILEGE_MISSING"),
        (refusal(404, "0x8006088a"), PermanentError, "WRONG_ADDRESS"),
        (refusal(503), RetryableError, "VENDOR_AWAY_HTTP"),
    ],
    ids=["403", "404", "503"],
)
def test_a_table_that_cannot_be_read_says_why(
    answer: httpx.Response, kind: type[ForecourtError], code: str
) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(answer)

    with pytest.raises(kind) as failure:
        dataverse.client.read_metadata(CONNECTION, seconds=5.0)

    assert failure.value.code == code


def english(text: str) -> dict[str, Any]:
    spoken = {"@odata.type": f"{CRM}LocalizedLabel", "Label": text, "LanguageCode": 1033}
    return {"@odata.type": f"{CRM}Label", "LocalizedLabels": [spoken]}


PROPERTIES: dict[ColumnKind, dict[str, Any]] = {
    ColumnKind.STRING: {"FormatName": {"Value": "Text"}, "MaxLength": 40},
    ColumnKind.MEMO: {"Format": "TextArea", "MaxLength": 40},
    ColumnKind.INTEGER: {"Format": "None", "MinValue": 1, "MaxValue": 7},
    ColumnKind.DECIMAL: {"MinValue": 1, "MaxValue": 7, "Precision": 2},
    ColumnKind.DATE_TIME: {"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}},
    ColumnKind.BOOLEAN: {
        "DefaultValue": False,
        "OptionSet": {
            "TrueOption": {"Value": 1, "Label": english("Yes")},
            "FalseOption": {"Value": 0, "Label": english("No")},
            "OptionSetType": "Boolean",
        },
    },
    ColumnKind.PICKLIST: {
        "OptionSet": {
            "@odata.type": f"{CRM}OptionSetMetadata",
            "OptionSetType": "Picklist",
            "IsGlobal": False,
            "Options": [{"Value": 816940000, "Label": english("Manual")}],
        }
    },
}


@pytest.mark.parametrize("kind", ColumnKind)
def test_a_column_is_created_optional(kind: ColumnKind) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(httpx.Response(204))
    draft = ColumnDraft(
        name="hnt_thing",
        kind=kind,
        label="Thing",
        length=40,
        minimum=1,
        maximum=7,
        options={"Manual": 816940000},
    )

    dataverse.setup.create_column(CONNECTION, draft, seconds=5.0)

    assert dataverse.paths() == [f"POST {TABLE}/Attributes"]
    assert body_of(dataverse.seen[0]) == {
        "@odata.type": f"{CRM}{kind}AttributeMetadata",
        "AttributeType": str(kind),
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "SchemaName": "hnt_thing",
        "DisplayName": english("Thing"),
        "RequiredLevel": {
            "Value": "None",
            "CanBeChanged": True,
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        **PROPERTIES[kind],
    }


def create_key(dataverse: ScriptedDataverse) -> None:
    dataverse.setup.create_key(
        CONNECTION, name="hnt_forecourtkey", label="Key", column="hnt_forecourtid", seconds=5.0
    )


def test_a_key_is_created_on_one_column() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(httpx.Response(204))

    create_key(dataverse)

    assert dataverse.paths() == [f"POST {TABLE}/Keys"]
    assert body_of(dataverse.seen[0]) == {
        "SchemaName": "hnt_forecourtkey",
        "DisplayName": english("Key"),
        "KeyAttributes": ["hnt_forecourtid"],
    }


def test_a_key_of_unknown_outcome_is_not_simply_created_again() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(httpx.ReadTimeout("slow"))

    with pytest.raises(OutcomeUnknownError, match="Creating the alternate key"):
        create_key(dataverse)

    assert len(dataverse.seen) == 1
