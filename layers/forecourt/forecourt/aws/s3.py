"""JSON documents in an S3 bucket."""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from forecourt.aws.clients import USUAL, AwsError, Patience, create_client, error_code, translate
from forecourt.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_THERE_ALREADY = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""S3's answers to a conditional write that another one was before (S3 guide, "Conditional
writes")."""


class JsonBucket:
    """One bucket; a key names one JSON document in UTF-8."""

    def __init__(self, bucket: str, patience: Patience = USUAL) -> None:
        self.bucket = bucket
        self._patience = patience

    @cached_property
    def _client(self) -> "S3Client":
        client: S3Client = create_client("s3", self._patience)
        return client

    def get(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return a document, or None where there is none.

        Raises
        ------
        RetryableError
            ``AWS_AWAY``.
        PermanentError
            ``AWS_REFUSED``, or ``DOCUMENT_MALFORMED`` where it is not JSON.
        """
        try:
            body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except AwsError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise translate(error, "S3") from None
        try:
            return json.loads(body)
        except ValueError:
            raise PermanentError(
                code="DOCUMENT_MALFORMED", detail=f"{key} is not JSON.", target="S3"
            ) from None

    def put(self, key: str, document: Any) -> None:  # noqa: ANN401 - any JSON value
        """Write a document in place of what was there; errors as :meth:`get`."""
        try:
            self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=_written(document),
                ContentType="application/json",
            )
        except AwsError as error:
            raise translate(error, "S3") from None

    def put_new(self, key: str, document: Any) -> bool:  # noqa: ANN401 - any JSON value
        """Write a document unless there is one; False where there is. Errors as :meth:`get`."""
        try:
            self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=_written(document),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except AwsError as error:
            if error_code(error) in _THERE_ALREADY:
                return False
            raise translate(error, "S3") from None
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """List the keys that begin so, in order; errors as :meth:`get`."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        try:
            for page in pages:
                yield from (found["Key"] for found in page.get("Contents", []))
        except AwsError as error:
            raise translate(error, "S3") from None

    def delete(self, key: str) -> None:
        """Delete a document; it need not be there. Errors as :meth:`get`."""
        try:
            self._client.delete_object(Bucket=self.bucket, Key=key)
        except AwsError as error:
            raise translate(error, "S3") from None


def _written(document: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
