"""Pictures in an S3 bucket that a web address serves."""

from functools import cached_property
from typing import TYPE_CHECKING

from forecourt.aws.clients import AwsError, create_client, translate
from forecourt.images.formats import PictureFormat
from forecourt.images.ports import ImageRequest, Stored

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FOR_EVER = "public, max-age=31536000, immutable"
"""A key says what is under it, so nobody need ask again."""


class S3ImageStore:
    """Adapter of :class:`forecourt.images.ports.ImageStore`.

    Parameters
    ----------
    bucket
        Name of the bucket.
    base_url
        Where websites find its keys, without a trailing slash.
    """

    def __init__(self, bucket: str, base_url: str) -> None:
        self._bucket = bucket
        self._base_url = base_url.rstrip("/")

    @cached_property
    def _client(self) -> "S3Client":
        client: S3Client = create_client("s3")
        return client

    def put(
        self, request: ImageRequest, content_hash: bytes, kind: PictureFormat, body: bytes
    ) -> Stored:
        """Keep a picture under its content's hash; RetryableError when S3 is away."""
        key = f"vehicles/{request.dealership_id}/{content_hash.hex()}.{kind.extension}"
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=kind.media_type,
                CacheControl=_FOR_EVER,
            )
        except AwsError as error:
            raise translate(error, "S3") from None
        return Stored(key=key, url=f"{self._base_url}/{key}")

    def remove(self, key: str) -> None:
        """Forget a picture; RetryableError when S3 is away."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except AwsError as error:
            raise translate(error, "S3") from None
