"""Keeps the objects of S3 buckets on disk, because moto holds them in memory only."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from moto.s3.models import s3_backends

from local.data_folder import write_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_DAY_SECONDS = 86_400


class StoredObjects:
    """The objects of every bucket, mirrored into a folder.

    Each object is two files named by the hash of its key: ``.json`` (key, content type, metadata)
    and ``.body``.

    Parameters
    ----------
    folder
        Where to keep them, one folder per bucket.
    account
        The account whose buckets these are.
    """

    def __init__(self, folder: Path, *, account: str) -> None:
        self._folder = folder
        self._account = account
        self._lock = threading.Lock()

    def restore(self, s3: Any, bucket: str, lifecycle: Iterable[Mapping[str, Any]]) -> None:  # noqa: ANN401 - a boto3 client
        """Put the kept objects of a bucket back, without those its lifecycle rules have expired.

        Parameters
        ----------
        s3
            boto3's S3 client.
        bucket
            The bucket's name.
        lifecycle
            The ``Rules`` of the bucket's ``LifecycleConfiguration`` in the template.
        """
        for description in sorted((self._folder / bucket).glob("*.json")):
            about = json.loads(description.read_text())
            body = description.with_suffix(".body")
            if not body.exists() or _expired(about["key"], body.stat().st_mtime, lifecycle):
                description.unlink()
                body.unlink(missing_ok=True)
                continue
            s3.put_object(
                Bucket=bucket,
                Key=about["key"],
                Body=body.read_bytes(),
                ContentType=about["contentType"],
                Metadata=about["metadata"],
            )

    def mirror(self, bucket: str, key: str) -> None:
        """Bring what is kept of one object up to date with what moto holds."""
        with self._lock:
            self._mirror(bucket, key)

    def _mirror(self, bucket: str, key: str) -> None:
        held = s3_backends[self._account]["aws"].get_object(bucket, key)
        body = self._body_file(bucket, key)
        if held is None:
            body.with_suffix(".json").unlink(missing_ok=True)
            body.unlink(missing_ok=True)
            return
        body.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = body.with_suffix(".part")
        part.write_bytes(held.value)
        part.replace(body)
        headers = {name.lower(): value for name, value in dict(held.metadata or {}).items()}
        metadata = {
            name.removeprefix("x-amz-meta-"): value
            for name, value in headers.items()
            if name.startswith("x-amz-meta-")
        }
        content_type = headers.get("content-type", "binary/octet-stream")
        about = {"key": key, "contentType": content_type, "metadata": metadata}
        write_private(body.with_suffix(".json"), json.dumps(about))

    def mirror_bucket(self, bucket: str) -> None:
        """Bring every kept object of a bucket up to date (after a request naming several)."""
        for description in list((self._folder / bucket).glob("*.json")):
            self.mirror(bucket, json.loads(description.read_text())["key"])

    def _body_file(self, bucket: str, key: str) -> Path:
        return self._folder / bucket / f"{hashlib.sha256(key.encode()).hexdigest()}.body"


def _expired(key: str, modified: float, lifecycle: Iterable[Mapping[str, Any]]) -> bool:
    age_days = (time.time() - modified) / _DAY_SECONDS
    return any(
        rule.get("Status") == "Enabled"
        and "ExpirationInDays" in rule
        and key.startswith(str(rule.get("Prefix", "")))
        and age_days > float(rule["ExpirationInDays"])
        for rule in lifecycle
    )
