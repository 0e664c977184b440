"""Where ``image_sync`` keeps pictures is a setting of the deployment."""

import hashlib
import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from forecourt.aws.image_bucket import S3ImageStore
from forecourt.cloudinary.image_store import CloudinaryImageStore
from forecourt.errors import PermanentError
from forecourt.images.formats import PictureFormat
from forecourt.images.ports import ImageRequest
from tests.support.aws_account import REGION
from tests.support.cloudinary_server import API_KEY, API_SECRET, CLOUD, CloudinaryServer
from tests.support.handlers import new_sandbox
from tests.support.picture_server import PNG

ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:x"
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "DATABASE_HOST": "localhost",
    "DATABASE_NAME": "forecourt",
    "DATABASE_SECRET_ARN": ARN,
    "IMAGES_QUEUE_URL": "https://sqs.example/1/images",
    "IMAGE_ORIGINS": "https://a.example",
    "IMAGE_BUCKET": "pictures",
    "IMAGE_BASE_URL": "https://cdn.example",
    "CLOUDINARY_SECRET_ARN": "",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server() -> Iterator[CloudinaryServer]:
    server = CloudinaryServer()
    yield server
    server.close()


@pytest.mark.parametrize("chosen", ["", "S3"])
def test_s3_is_the_usual_place(monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    monkeypatch.setenv("IMAGE_STORE", chosen)
    assert isinstance(new_sandbox("image_sync").store(), S3ImageStore)


def test_cloudinary_gets_the_account_of_its_secret(
    monkeypatch: pytest.MonkeyPatch, server: CloudinaryServer
) -> None:
    account = {
        "cloud_name": CLOUD,
        "api_key": API_KEY,
        "api_secret": API_SECRET,
        "upload_prefix": server.prefix,
    }
    with mock_aws():
        secrets = boto3.client("secretsmanager")
        made = secrets.create_secret(Name="cloudinary", SecretString=json.dumps(account))
        monkeypatch.setenv("IMAGE_STORE", "Cloudinary")
        monkeypatch.setenv("CLOUDINARY_SECRET_ARN", made["ARN"])
        store = new_sandbox("image_sync").store()
        stored = store.put(
            ImageRequest(dealership_id=1, vehicle_id=2),
            hashlib.sha256(PNG).digest(),
            PictureFormat("image/png", "png"),
            PNG,
        )
    assert isinstance(store, CloudinaryImageStore)
    assert server.assets.keys() == {stored.key}


def test_cloudinary_without_an_account_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE_STORE", "Cloudinary")
    with pytest.raises(PermanentError, match="CLOUDINARY_SECRET_ARN is missing"):
        new_sandbox("image_sync").store()
