import json
from typing import Any
from uuid import UUID

import pytest

from forecourt.errors import SkippableError
from forecourt.leads.lead import Rating, VehicleInterest
from forecourt.leads.message import LeadMessage, WakeUpMessage, parse_message
from forecourt.leads.submission import LeadSubmission

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


def body(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "leadId": LEAD,
        "dealershipId": 7,
        "receivedAt": "2026-11-20T22:15:00.123Z",
        "spam": False,
        "lead": {"name": "Zoë", "email": "zoe@mail.example"},
        **changes,
    }


def test_everything_intake_can_send_is_understood() -> None:
    submission = LeadSubmission.model_validate(
        {
            "name": "Zoë Nguyen",
            "email": "zoe@mail.example",
            "phone": "0412 345 678",
            "message": "Hello",
            "vehicleId": 12,
            "vehicleInterest": "TestDrive",
            "financeStatus": "Maybe",
            "rating": "Hot",
            "sourcePageUrl": "https://bayside.example/12",
            "address": {"line": "1 Pier Rd", "city": "B", "state": "VIC", "postCode": "3186"},
            "consent": {"marketing": True, "text": "Yes", "version": "2"},
            "company": {"name": "Nguyen Pty Ltd"},
            "website": "http://robot.example",
        }
    )

    message = parse_message(json.dumps(body(lead=submission.to_wire(), spam=True)))

    assert isinstance(message, LeadMessage)
    assert message.spam
    lead = message.lead
    assert lead.model_dump(mode="json", by_alias=True, exclude_none=True) == submission.to_wire()
    assert (lead.vehicle_interest, lead.rating) == (VehicleInterest.TEST_DRIVE, Rating.HOT)


def test_a_wake_up_is_told_by_its_delivery() -> None:
    message = parse_message(
        json.dumps({"schema": 1, "leadId": LEAD, "dealershipId": 7, "deliveryId": 12})
    )

    assert isinstance(message, WakeUpMessage)
    assert (message.lead_id, message.dealership_id, message.delivery_id) == (UUID(LEAD), 7, 12)


def test_a_later_intake_may_add_to_the_envelope() -> None:
    assert isinstance(parse_message(json.dumps(body(traceId="x"))), LeadMessage)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("not json", "(whole)"),
        ("null", "(whole)"),
        (json.dumps(body(schema=2)), "schema"),
        (json.dumps(body(leadId="12")), "leadId"),
        (json.dumps(body(dealershipId=0)), "dealershipId"),
        (json.dumps(body(dealershipId=2**31)), "dealershipId"),
        (json.dumps(body(lead={"name": "Zoë"})), "lead.email"),
        (json.dumps(body(lead={"name": "Z", "email": "e", "shoeSize": 43})), "lead.shoeSize"),
        (json.dumps(body(lead={"name": "Z", "email": "e", "rating": "Boiling"})), "lead.rating"),
        (json.dumps(body()).replace("Zo\\u00eb", "Zo\\ud83d"), "(whole)"),
        (json.dumps({"schema": 1, "leadId": LEAD, "deliveryId": 1}), "dealershipId"),
    ],
)
def test_what_cannot_be_read_is_named_without_its_values(text: str, place: str) -> None:
    with pytest.raises(SkippableError) as caught:
        parse_message(text)

    assert caught.value.code == "MALFORMED_MESSAGE"
    assert place in caught.value.detail
    for value in ("Zoë", "zoe@", "43", "Boiling"):
        assert value not in str(caught.value)
