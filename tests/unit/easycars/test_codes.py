from enum import Enum

import pytest

from forecourt.easycars import codes
from forecourt.leads.lead import FinanceStatus, LeadStatus, Rating, VehicleInterest
from forecourt.leads.status import STATUS_OF_NUMBER


@pytest.mark.parametrize(
    ("ours", "there", "back"),
    [
        (VehicleInterest, codes.INTEREST_CODES, codes.INTEREST_OF_CODE),
        (FinanceStatus, codes.FINANCE_CODES, codes.FINANCE_OF_CODE),
        (Rating, codes.RATING_CODES, codes.RATING_OF_CODE),
    ],
)
def test_every_value_goes_there_and_back(
    ours: type[Enum], there: dict[Enum, int], back: dict[int, Enum]
) -> None:
    assert {value: back[there[value]] for value in ours} == {value: value for value in ours}
    assert len(back) == len(ours)


def test_the_numbers_are_the_vendors() -> None:
    assert {value.value: int(code) for value, code in codes.RATING_CODES.items()} == {
        "Cold": 1, "Warm": 2, "Hot": 3,
    }  # fmt: skip
    assert {value.value: int(code) for value, code in codes.FINANCE_CODES.items()} == {
        "Yes": 1, "No": 2, "Maybe": 3,
    }  # fmt: skip
    assert {value.value: int(code) for value, code in codes.INTEREST_CODES.items()} == {
        "Buy": 1, "Lease": 2, "Sell": 3, "TestDrive": 4, "Service": 5,
    }  # fmt: skip
    assert {value.value: int(code) for value, code in codes.STATUS_CODES.items()} == {
        "received": 10, "in progress": 30, "won": 50, "done": 50, "lost": 60, "deleted": 90,
    }  # fmt: skip
    assert {letter: int(code) for letter, code in codes.VEHICLE_TYPE_OF_STOCK_TYPE.items()} == {
        "A": 1,
        "M": 2,
        "B": 3,
        "C": 4,
        "H": 5,
        "T": 6,
    }


def test_a_status_comes_back_as_itself_and_done_as_won() -> None:
    back = {status: STATUS_OF_NUMBER[codes.STATUS_CODES[status]] for status in LeadStatus}

    assert back == {status: status for status in LeadStatus} | {LeadStatus.DONE: LeadStatus.WON}
