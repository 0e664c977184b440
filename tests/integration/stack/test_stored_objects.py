"""S3 objects on disk, next to moto's S3 in this process."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from local.stored_objects import StoredObjects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT = "123456789012"
RULES = [
    {"Status": "Enabled", "Prefix": "runs/", "ExpirationInDays": 1},
    {"Status": "Disabled", "Prefix": "sites/", "ExpirationInDays": 1},
]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="before")
        client.create_bucket(Bucket="after")
        yield client


def keys(s3: Any, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_an_old_object_is_given_back_unless_its_lifecycle_is_over(s3: Any, tmp_path: Path) -> None:
    stored = StoredObjects(tmp_path, account=ACCOUNT)
    for key in ("runs/old", "runs/new", "sites/old"):
        s3.put_object(Bucket="before", Key=key, Body=key.encode())
        stored.mirror("before", key)
    two_days_ago = time.time() - 2 * 86_400
    for body in (tmp_path / "before").glob("*.body"):
        if body.read_bytes().endswith(b"old"):
            os.utime(body, (two_days_ago, two_days_ago))
    (tmp_path / "before").rename(tmp_path / "after")

    stored.restore(s3, "after", RULES)

    assert keys(s3, "after") == ["runs/new", "sites/old"]
    assert len(list((tmp_path / "after").iterdir())) == 4


def test_a_request_that_deletes_several_objects_forgets_them(s3: Any, tmp_path: Path) -> None:
    stored = StoredObjects(tmp_path, account=ACCOUNT)
    for key in ("a", "b", "c"):
        s3.put_object(Bucket="before", Key=key, Body=b"x")
        stored.mirror("before", key)
    s3.delete_objects(Bucket="before", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})

    stored.mirror_bucket("before")

    stored.restore(s3, "after", [])
    assert len(list((tmp_path / "before").glob("*.body"))) == 1
