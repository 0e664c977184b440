"""What a command says when it cannot reach the stack it was pointed at."""

from pathlib import Path

import pytest

from local.commands.target import StackTarget
from local.failures import StackError


@pytest.fixture
def aws_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An AWS account nobody has set up on this machine."""
    for name in (
        "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.mark.usefixtures("aws_without")
def test_a_missing_region_is_no_matter_of_the_functions_log() -> None:
    with pytest.raises(StackError) as refused:
        StackTarget.find(None, "forecourt-dev").admin("GET", "/api/admin/dealerships")

    assert "region" in str(refused.value)
    assert "AWS credentials" in str(refused.value)
    assert "log" not in str(refused.value)
    assert ".." not in str(refused.value)


def test_missing_credentials_are_named_with_the_stack(aws_without: pytest.MonkeyPatch) -> None:
    aws_without.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")

    with pytest.raises(StackError) as refused:
        StackTarget.find(None, "forecourt-dev").admin("GET", "/api/admin/dealerships")

    assert "forecourt-dev" in str(refused.value)
    assert "AWS credentials" in str(refused.value)
    assert ".." not in str(refused.value)
