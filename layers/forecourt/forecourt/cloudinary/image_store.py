"""Pictures in a Cloudinary product environment, through Cloudinary's own library.

The library is imported on the first use, so that deployments with S3 never pay for it. Each call
brings its own account: the library's global configuration stays as it is.
"""

import io
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from forecourt.errors import ForecourtError, PermanentError, RetryableError, SkippableError
from forecourt.images.formats import PictureFormat
from forecourt.images.ports import ImageRequest, Stored

TARGET = "Cloudinary"

STORE_SECONDS = 25.0
"""One upload or deletion gets no longer; a connection at most 5 s of it."""

_CONNECT_SECONDS = 5.0
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_RATE_LIMITED = frozenset({420, 429})
_BAD_REQUEST = 400
_SERVER_ERROR = 500
_DONE = frozenset({"ok", "not found"})


class CloudinaryAccount(BaseModel):
    """What the secret holds; ``upload_prefix`` names the API of another region than the usual."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    cloud_name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    api_key: str = Field(pattern=r"^[A-Za-z0-9]+$")
    api_secret: SecretStr = Field(min_length=1)
    upload_prefix: str = Field(
        default="https://api.cloudinary.com",
        pattern=r"^(https://[^\s/?#@]+|http://127\.0\.0\.1:\d+)$",
    )

    @classmethod
    def from_secret(cls, secret: Mapping[str, SecretStr]) -> "CloudinaryAccount":
        """Read a secret's members.

        Raises
        ------
        PermanentError
            ``SECRET_MALFORMED``, naming the members that are missing or wrong.
        """
        try:
            return cls.model_validate(
                {name: one.get_secret_value() for name, one in secret.items()}
            )
        except ValidationError as error:
            names = sorted({str(problem["loc"][0]) for problem in error.errors()})
            detail = (
                'The secret must hold "cloud_name", "api_key" and "api_secret", and may hold'
                f' "upload_prefix"; missing or wrong: {", ".join(names)}.'
            )
            raise PermanentError(
                code="SECRET_MALFORMED", detail=detail, target="SecretsManager"
            ) from None


class CloudinaryImageStore:
    """Adapter of :class:`forecourt.images.ports.ImageStore`.

    A picture lies in the folder ``vehicles/{vehicleId}`` under its content's hash and carries the
    tags ``forecourt``, ``vehicleId:…`` and ``dealershipId:…``; its key is Cloudinary's public id.

    Parameters
    ----------
    read_secret
        Gives the account's secret; asked again after Cloudinary refused what it gave.
    """

    def __init__(self, read_secret: Callable[[], Mapping[str, SecretStr]]) -> None:
        self._read_secret = read_secret
        self._known: CloudinaryAccount | None = None

    def put(
        self, request: ImageRequest, content_hash: bytes, kind: PictureFormat, body: bytes
    ) -> Stored:
        """Keep a picture; the same content again takes its place.

        Raises
        ------
        SkippableError
            ``STORE_REFUSED``: Cloudinary does not take this picture.
        RetryableError
            ``STORE_RATE_LIMITED`` or ``STORE_AWAY``.
        PermanentError
            ``STORE_DENIED``: the account is refused.
        """
        answer = self._call(
            "upload",
            io.BytesIO(body),
            filename=f"{content_hash.hex()}.{kind.extension}",
            folder=f"vehicles/{request.vehicle_id}",
            public_id=content_hash.hex(),
            tags=[
                "forecourt",
                f"vehicleId:{request.vehicle_id}",
                f"dealershipId:{request.dealership_id}",
            ],
            allowed_formats=["jpg", "png", "gif", "webp"],
            overwrite=True,
            invalidate=True,
        )
        try:
            return Stored(key=str(answer["public_id"]), url=str(answer["secure_url"]))
        except KeyError:
            raise _away(detail="the answer to an upload does not name the picture") from None

    def remove(self, key: str) -> None:
        """Forget a picture and its copies in caches; it need not be there. Errors as :meth:`put`.

        A key of another store is nothing Cloudinary has.
        """
        answer = self._call("destroy", key, invalidate=True)
        if answer.get("result") not in _DONE:
            raise _away(detail="the answer to a deletion does not say that it was done")

    @cached_property
    def _library(self) -> tuple[Any, type[Exception]]:
        # Only deployments that keep their pictures here pay for this import.
        import cloudinary.uploader  # noqa: PLC0415
        from cloudinary.exceptions import Error  # noqa: PLC0415

        return cloudinary.uploader, Error

    @cached_property
    def _timeout(self) -> Any:  # noqa: ANN401 - urllib3's, which comes with the library
        from urllib3 import Timeout  # noqa: PLC0415

        return Timeout(connect=_CONNECT_SECONDS, total=STORE_SECONDS)

    def _call(self, what: str, subject: object, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - the library's options
        uploader, error_class = self._library
        account = self._account()
        try:
            answer: dict[str, Any] = getattr(uploader, what)(
                subject,
                **options,
                cloud_name=account.cloud_name,
                api_key=account.api_key,
                api_secret=account.api_secret.get_secret_value(),
                upload_prefix=account.upload_prefix,
                resource_type="image",
                timeout=self._timeout,
                return_error=True,
            )
        except error_class:
            answer = {}
        # Outside the handler: the library's errors quote requests, and would stay in the chain.
        if not answer:
            raise _away(detail="Cloudinary gave no answer that can be read")
        error = answer.get("error")
        if error is not None:
            raise self._translated(int(error["http_code"]))
        return answer

    def _account(self) -> CloudinaryAccount:
        if self._known is None:
            self._known = CloudinaryAccount.from_secret(self._read_secret())
        return self._known

    def _translated(self, status: int) -> ForecourtError:
        """Say a refusal in our words; Cloudinary's quote what was asked for."""
        if status in {_UNAUTHORIZED, _FORBIDDEN}:
            self._known = None
            detail = f"Cloudinary refuses the account of the secret (HTTP {status})"
            return PermanentError(code="STORE_DENIED", detail=detail, target=TARGET)
        if status in _RATE_LIMITED:
            detail = "Cloudinary takes no more pictures for now"
            return RetryableError(code="STORE_RATE_LIMITED", detail=detail, target=TARGET)
        if _BAD_REQUEST <= status < _SERVER_ERROR:
            detail = f"Cloudinary does not take the picture (HTTP {status})"
            return SkippableError(code="STORE_REFUSED", detail=detail, target=TARGET)
        return _away(detail=f"Cloudinary answered {status}")


def _away(*, detail: str) -> RetryableError:
    return RetryableError(code="STORE_AWAY", detail=detail, target=TARGET)
