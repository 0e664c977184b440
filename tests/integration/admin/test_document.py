"""The OpenAPI document beside the routes there are."""

import re
from typing import Any

from forecourt.openapi.admin_operations import ADMIN_OPERATIONS
from tests.support.admin_api import AdminClient
from tests.support.aws_account import AwsAccount
from tests.support.handlers import new_sandbox


def test_every_route_is_in_the_document_and_no_other(account: AwsAccount) -> None:
    routes: list[Any] = new_sandbox("admin_api").api()._router._routes

    routed = {(method, pattern.pattern) for method, pattern, _ in routes}
    named = {
        (one.method, re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", one.path)) for one in ADMIN_OPERATIONS
    }
    assert named == routed


def test_whoever_has_no_token_may_read_the_document(admin: AdminClient) -> None:
    answer = admin("GET", "/api/openapi.json", claims=None)

    assert answer.status == 200
    assert answer.body["openapi"] == "3.1.0"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert admin("POST", "/api/openapi.json", claims=None).status == 401
