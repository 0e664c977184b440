"""The committed events of the admin API, as the gateway delivers them."""

import json

import pytest

from tests.support.admin_api import AdminClient
from tests.support.aws_account import AwsAccount
from tests.support.handlers import ROOT, read_event

EXPECTED = {
    "add_dealership": 201,
    "change_lead_with_bad_fields": 422,
    "change_unknown_lead": 404,
    "list_deliveries": 200,
    "list_status_conflicts": 200,
    "owner_asks_for_foreign_dealership": 404,
    "owner_reads_sync_logs": 200,
    "resend_unknown_delivery": 404,
    "resolve_unknown_delivery": 404,
    "save_credentials_with_missing_fields": 422,
    "unknown_lead": 404,
}


def test_every_event_has_an_expectation() -> None:
    assert {path.stem for path in (ROOT / "events/admin_api").glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("case", EXPECTED)
def test_an_event_is_answered(
    admin: AdminClient, dealership: int, account: AwsAccount, case: str
) -> None:
    answer = admin.handler(read_event("admin_api", case), None)

    assert answer["statusCode"] == EXPECTED[case]
    document = json.loads(answer["body"])
    if answer["statusCode"] >= 400:
        assert answer["headers"]["Content-Type"] == "application/problem+json"
        assert document["status"] == answer["statusCode"]
    else:
        assert answer["headers"]["Content-Type"] == "application/json"
