"""Serves vehicles' pictures out of the embedded S3, as the distribution does on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.queues import Environ

PICTURES_PATH = "/pictures"


class Pictures:
    """A WSGI application for ``GET /pictures/{key}``.

    Parameters
    ----------
    client
        The embedded S3.
    bucket
        Gives the bucket's name, once the template's resources exist.
    """

    def __init__(self, client: Any, bucket: Callable[[], str]) -> None:  # noqa: ANN401 - boto3
        self._client = client
        self._bucket = bucket

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI
        """Answer one request."""
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            start_response("405 Method Not Allowed", [("Allow", "GET, HEAD")])
            return []
        key = environ["PATH_INFO"].removeprefix(f"{PICTURES_PATH}/")
        try:
            found = self._client.get_object(Bucket=self._bucket(), Key=key)
            body: bytes = found["Body"].read()
        except (ClientError, BotoCoreError):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"No such picture."]
        headers = [
            ("Content-Type", found["ContentType"]),
            ("Content-Length", str(len(body))),
            ("Cache-Control", found.get("CacheControl", "no-store")),
        ]
        start_response("200 OK", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
