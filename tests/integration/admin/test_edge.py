"""With CloudFront before it the admin API takes its requests and operators' commands only."""

from collections.abc import Iterator

import pytest

from forecourt.http_request import COMMAND_LINE
from tests.support.admin_api import AdminClient
from tests.support.aws_account import EDGE_VALUE, AwsAccount
from tests.support.handlers import new_sandbox


@pytest.fixture
def admin(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> Iterator[AdminClient]:
    monkeypatch.setenv("EDGE_SECRET_ARN", account.store_edge_secret())
    sandbox = new_sandbox("admin_api")
    yield AdminClient(sandbox.handler)
    for connection in sandbox.connections():
        connection.close()


@pytest.mark.parametrize("path", ["/api/admin/dealerships", "/api/openapi.json"])
def test_only_what_came_through_it_is_answered(admin: AdminClient, path: str) -> None:
    assert admin("GET", path, headers={"x-forecourt-edge": EDGE_VALUE}).status == 200

    refused = admin("GET", path)
    assert (refused.status, refused.body["type"].rsplit(":", 1)[-1]) == (403, "past-the-edge")


def test_an_operators_command_goes_past_it(admin: AdminClient) -> None:
    assert admin("GET", "/api/admin/dealerships", api_id=COMMAND_LINE).status == 200
