"""``forecourt token``, against a running stack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from local.cli import app
from local.failures import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.stack.running_sample import RunningSample


@pytest.mark.parametrize(
    ("arguments", "usertype", "dealership"),
    [
        ([], "Admin", None),
        (["--admin"], "Admin", None),
        (["--dealership", "7"], "DealershipOwner", "7"),
    ],
)
def test_the_printed_token_opens_the_admin_routes(
    sample: RunningSample, arguments: list[str], usertype: str, dealership: str | None
) -> None:
    printed = CliRunner().invoke(app, ["token", "--json", "--data", str(sample.data), *arguments])

    header = {"Authorization": f"Bearer {json.loads(printed.stdout)['token']}"}
    event = sample.request("GET", "/closed/x", headers=header).json()["event"]
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    assert (claims["usertype"], claims.get("dealershipid")) == (usertype, dealership)


def test_without_json_the_token_stands_alone_for_use_in_a_shell(sample: RunningSample) -> None:
    printed = CliRunner().invoke(app, ["token", "--data", str(sample.data)])

    assert printed.stdout.strip().count(".") == 2
    assert len(printed.stdout.split()) == 1


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--admin", "--dealership", "1"], "exclude each other", 2),
        (["--stack", "production"], "sign-in page", 1),
    ],
)
def test_what_cannot_be_minted_is_told(
    sample: RunningSample, arguments: list[str], said: str, code: int
) -> None:
    refused = CliRunner().invoke(app, ["token", "--data", str(sample.data), *arguments])

    assert isinstance(refused.exception, StackError)
    assert said in str(refused.exception)
    assert refused.exception.exit_code == code


def test_without_a_running_stack_the_command_says_how_to_start_one(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["token", "--data", str(tmp_path)])

    assert isinstance(refused.exception, StackError)
    assert "forecourt up" in str(refused.exception)
