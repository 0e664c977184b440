import json
from decimal import Decimal
from typing import Any

import pytest

from local.easycars_simulator.request_tables import (
    CREATE_LEAD,
    CREATE_QUOTATION,
    CUSTOMER_MODEL,
    FINANCE_COMPANY,
    GET_LEAD_DETAIL,
    OPERATIONS,
    QUOTATION_EXTRA,
    QUOTATION_RECEIPT,
    QUOTATION_TRADEIN,
    SEARCH_CONTACTS,
    UPDATE_LEAD,
)
from local.easycars_simulator.schema import Field, Kind, Table, faults_of, read_object

SAMPLES: dict[Kind, Any] = {
    Kind.TEXT: "x",
    Kind.INTEGER: 2020,
    Kind.DECIMAL: Decimal("10.5"),
    Kind.FLAG: True,
    Kind.DATE: "28/11/2024",
    Kind.MONTH: "11/24",
}
WRONG: dict[Kind, tuple[Any, ...]] = {
    Kind.TEXT: (1, True, ["x"], {}),
    Kind.INTEGER: ("2020", True, Decimal("2020.0"), 2**31, -(2**31) - 1, []),
    Kind.DECIMAL: ("10.5", False, [], 10**24, Decimal("1E+30"), Decimal("0." + "1" * 29)),
    Kind.FLAG: ("true", 1, 0, Decimal(1)),
    Kind.DATE: ("2024-11-28", "31/02/2024", "1/1/2024", "28/11/24", "٢٨/11/2024", 20241128),
    Kind.MONTH: ("13/24", "00/24", "1/24", "11/2024", 1124),
    Kind.OBJECT: ("x", [], 1),
    Kind.LIST: ({}, "x", [1], [None]),
}
TABLES = (
    *(table for tables in OPERATIONS.values() for table in tables.values()),
    *(CUSTOMER_MODEL, FINANCE_COMPANY, QUOTATION_RECEIPT, QUOTATION_TRADEIN, QUOTATION_EXTRA),
)
FIELDS = [(table, field) for table in TABLES for field in table.fields]


def sample(field: Field) -> Any:
    if field.kind is Kind.OBJECT and field.table:
        return full_body(field.table)
    if field.kind is Kind.LIST and field.table:
        return [full_body(field.table)]
    return min(field.choices) if field.choices else SAMPLES[field.kind]


def full_body(table: Table) -> dict[str, Any]:
    return {field.name: sample(field) for field in table.fields}


def name_of(value: object) -> str:
    return str(getattr(value, "name", value))


@pytest.mark.parametrize("table", TABLES, ids=name_of)
def test_a_body_with_every_field_is_right(table: Table) -> None:
    assert faults_of(full_body(table), table) == ()


@pytest.mark.parametrize(("table", "field"), FIELDS, ids=name_of)
def test_every_field_refuses_another_type(table: Table, field: Field) -> None:
    for wrong in WRONG[field.kind]:
        body = full_body(table) | {field.name: wrong}
        assert any(
            fault.startswith(f"{field.name} must be {field.kind.value}.")
            for fault in faults_of(body, table)
        ), wrong


@pytest.mark.parametrize(
    ("table", "field"), [each for each in FIELDS if each[1].required], ids=name_of
)
def test_every_required_field_is_missed(table: Table, field: Field) -> None:
    left_out = {name: value for name, value in full_body(table).items() if name != field.name}
    nulled = full_body(table) | {field.name: None}
    for body in (left_out, nulled):
        assert faults_of(body, table) == (f"{field.name} is required.",)


@pytest.mark.parametrize(
    ("table", "field"),
    [(table, field) for table, field in FIELDS if field.required and field.kind is Kind.TEXT],
    ids=name_of,
)
def test_a_blank_text_does_not_satisfy_required(table: Table, field: Field) -> None:
    assert faults_of(full_body(table) | {field.name: " "}, table) == (f"{field.name} is required.",)


@pytest.mark.parametrize(
    ("table", "field"), [each for each in FIELDS if each[1].limit], ids=name_of
)
def test_every_length_is_kept_to_the_letter(table: Table, field: Field) -> None:
    assert field.limit
    fits = full_body(table) | {field.name: "ü" * field.limit}
    over = full_body(table) | {field.name: "ü" * (field.limit + 1)}
    sentence = f"{field.name} must be at most {field.limit} characters."
    assert faults_of(fits, table) == ()
    assert faults_of(over, table) == (sentence,)


def test_a_letter_outside_the_basic_plane_counts_two() -> None:
    body = full_body(CUSTOMER_MODEL)
    assert faults_of(body | {"Name": "🚗" * 50}, CUSTOMER_MODEL) == ()
    assert faults_of(body | {"Name": "🚗" * 50 + "x"}, CUSTOMER_MODEL) == (
        "Name must be at most 100 characters.",
    )


def test_half_a_surrogate_pair_is_refused() -> None:
    body = full_body(CREATE_LEAD) | {"Notes": json.loads('"\\ud83d"')}
    assert faults_of(body, CREATE_LEAD) == ("Notes holds half a character.",)


@pytest.mark.parametrize(
    ("table", "field"), [each for each in FIELDS if each[1].choices], ids=name_of
)
def test_every_enumeration_refuses_other_numbers(table: Table, field: Field) -> None:
    assert field.choices
    for allowed in field.choices:
        assert faults_of(full_body(table) | {field.name: allowed}, table) == ()
    for other in {0, -1, 20, 99} - field.choices:
        assert len(faults_of(full_body(table) | {field.name: other}, table)) == 1


@pytest.mark.parametrize("table", TABLES, ids=name_of)
def test_unknown_fields_are_refused_by_name(table: Table) -> None:
    body = full_body(table) | {"Comments": "x"}
    assert faults_of(body, table) == (f"Comments is not a field of {table.name}.",)


def test_an_unknown_key_that_may_be_data_is_not_repeated() -> None:
    body = full_body(CREATE_LEAD) | {"ann@example.com": 1}
    assert faults_of(body, CREATE_LEAD) == ("Unknown key 1 is not a field of CreateLead.",)


@pytest.mark.parametrize(
    "name",
    ["StockNumber", "VehicleMake", "VehicleModel", "VehicleType", "VehicleYear", "IsVehicleNew"],
)
def test_update_lead_refuses_what_cannot_change(name: str) -> None:
    body = full_body(UPDATE_LEAD) | {name: full_body(CREATE_LEAD)[name]}
    assert faults_of(body, UPDATE_LEAD) == (f"{name} is not a field of UpdateLead.",)


def test_optional_fields_may_be_null_except_in_update_lead() -> None:
    assert faults_of(full_body(CREATE_LEAD) | {"Notes": None}, CREATE_LEAD) == ()
    assert faults_of(full_body(UPDATE_LEAD) | {"Notes": None}, UPDATE_LEAD) == (
        "Notes must be left out rather than null.",
    )
    customer = {"Name": "Ann", "Email": "ann@example.com", "Phone": None}
    assert faults_of(full_body(UPDATE_LEAD) | {"LeadCustomer": customer}, UPDATE_LEAD) == (
        "LeadCustomer.Phone must be left out rather than null.",
    )


@pytest.mark.parametrize(
    "customer",
    [{}, {"Name": "Ann"}, {"Email": "ann@example.com"}, {"Name": " ", "Email": "ann@example.com"}],
)
def test_a_customer_needs_a_number_or_name_and_email(customer: dict[str, Any]) -> None:
    assert faults_of(customer, CUSTOMER_MODEL) == (
        "CustomerModel needs CustomerNo, or Name and Email.",
    )
    body = full_body(CREATE_LEAD) | {"LeadCustomer": customer}
    assert faults_of(body, CREATE_LEAD) == ("LeadCustomer needs CustomerNo, or Name and Email.",)


@pytest.mark.parametrize("given", [{"CustomerNo": "00001"}, {"Name": "Ann", "Email": "a@x.au"}])
def test_either_way_to_name_a_customer_is_enough(given: dict[str, Any]) -> None:
    assert faults_of(given, CUSTOMER_MODEL) == ()


def test_search_contacts_needs_something_to_look_for() -> None:
    pair = {"AccountNumber": "EC1", "AccountSecret": "s"}
    assert faults_of(pair, SEARCH_CONTACTS) == ("SearchContacts needs Name, or Email, or Phone.",)
    assert faults_of(pair | {"Email": ""}, SEARCH_CONTACTS) != ()
    assert faults_of(pair | {"Phone": "0400"}, SEARCH_CONTACTS) == ()


def test_faults_of_nested_lists_name_the_place() -> None:
    extras = [full_body(QUOTATION_EXTRA), {"ExtraType": 2, "Amount": "1"}]
    body = full_body(CREATE_QUOTATION) | {"QuotationExtras": extras}
    assert faults_of(body, CREATE_QUOTATION) == (
        "QuotationExtras[1].ExtraType must be one of 1, 4, 5, 6, 7, 8, 9.",
        "QuotationExtras[1].Amount must be a number.",
    )


def test_every_fault_is_told_at_once_and_none_of_the_values() -> None:
    body = {"AccountNumber": "EC-secret-number-too-long", "LeadNumber": 17, "Extra": "private"}
    told = faults_of(body, GET_LEAD_DETAIL)
    assert len(told) == 4
    assert not any(value in " ".join(told) for value in ("EC-secret", "17", "private"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": "\xff"}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_not_one_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any reading error will do
        read_object(raw)


def test_numbers_with_a_point_keep_every_digit() -> None:
    assert read_object(b'{"Price": 25990.1234}') == {"Price": Decimal("25990.1234")}
