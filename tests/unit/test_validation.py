"""What callers are told of fields they got wrong, in our words and about what they sent."""

from collections.abc import Iterator
from typing import Any

import pytest

import forecourt.admin.api  # noqa: F401 - with it come all models of bodies
from forecourt.admin.credentials import NewCredentials
from forecourt.admin.dead_letters import Redrive
from forecourt.admin.dealerships import NewDealership
from forecourt.admin.vehicles import VehicleChange
from forecourt.problem import Problem
from forecourt.validation import RequestBody, validate_fields

ODD: list[Any] = [
    None, "", " ", 0, -1, 1.5, True, [], [""], [1], [None], [[]], {}, {"a": 1}, "x" * 20_001,
    10**30, 1e300, ["x"] * 200, "\u0001",
]  # fmt: skip


def models(root: type[RequestBody] = RequestBody) -> Iterator[type[RequestBody]]:
    for model in root.__subclasses__():
        yield model
        yield from models(model)


def complaints(model: type[RequestBody], body: dict[str, Any]) -> dict[str, str]:
    try:
        validate_fields(model, body)
    except Problem as problem:
        return {error.field: error.message for error in problem.errors}
    return {}


@pytest.mark.parametrize("model", sorted(set(models()), key=str), ids=lambda model: model.__name__)
def test_every_complaint_is_in_our_words(model: type[RequestBody]) -> None:
    said = {
        message
        for part in model.model_fields.values()
        for value in ODD
        for message in complaints(model, {part.alias or "": value}).values()
    }

    assert {message for message in said if "should" in message or "nput" in message} == set()


CREDENTIALS = {
    "clientId": "c", "clientSecret": "s", "accountNumber": "n", "accountSecret": "a",
    "environment": "Test",
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "body", "said"),
    [
        (NewCredentials, CREDENTIALS | {"clientSecret": ""}, "must not be empty"),
        (NewCredentials, CREDENTIALS | {"clientSecret": "x" * 201},
         "must have at most 200 characters"),
        (NewDealership, {"name": " "}, "must not be empty"),
        (Redrive, {"messageIds": []}, "must not be empty"),
        (Redrive, {"messageIds": ["a"] * 101}, "must have at most 100 members"),
        (VehicleChange, {"price": "9"}, "must be a number"),
    ],
)  # fmt: skip
def test_a_complaint_counts_what_the_field_holds(
    model: type[RequestBody], body: dict[str, Any], said: str
) -> None:
    assert list(complaints(model, body).values()) == [said]
