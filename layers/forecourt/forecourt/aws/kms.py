"""Data keys from AWS KMS, bound to a dealership and environment by the encryption context."""

from functools import cached_property
from typing import TYPE_CHECKING

from forecourt.aws.clients import AwsError, create_client, error_code
from forecourt.errors import ForecourtError, PermanentError, RetryableError
from forecourt.security.data_keys import DataKey

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_UNREADABLE = frozenset({
    "InvalidCiphertextException", "IncorrectKeyException", "InvalidCiphertext",
    "ValidationException", "ParamValidationError",
})  # fmt: skip


class KmsDataKeys:
    """Adapter of :class:`forecourt.security.data_keys.DataKeys`.

    The encryption context is ``{"dealershipId": "12", "environment": "Test"}``; the key's policy
    may demand both names. It shows in CloudTrail, so it holds nothing secret.
    """

    def __init__(self, key_arn: str) -> None:
        self._key_arn = key_arn

    @cached_property
    def _client(self) -> "KMSClient":
        client: KMSClient = create_client("kms")
        return client

    def generate(self, dealership_id: int, environment: str) -> DataKey:
        """Make a new data key (KMS GenerateDataKey, AES_256)."""
        try:
            answer = self._client.generate_data_key(
                KeyId=self._key_arn,
                KeySpec="AES_256",
                EncryptionContext=_context(dealership_id, environment),
            )
        except AwsError as error:
            raise _translate(error) from None
        return DataKey(plaintext=answer["Plaintext"], encrypted=answer["CiphertextBlob"])

    def decrypt(self, encrypted: bytes, dealership_id: int, environment: str) -> bytes:
        """Open a stored data key (KMS Decrypt, with this key alone)."""
        try:
            answer = self._client.decrypt(
                KeyId=self._key_arn,
                CiphertextBlob=encrypted,
                EncryptionContext=_context(dealership_id, environment),
            )
        except AwsError as error:
            raise _translate(error) from None
        return answer["Plaintext"]


def _context(dealership_id: int, environment: str) -> dict[str, str]:
    return {"dealershipId": str(dealership_id), "environment": environment}


def _translate(error: Exception) -> ForecourtError:
    code = error_code(error)
    if code in _UNREADABLE:
        return PermanentError(
            code="CREDENTIALS_UNREADABLE",
            detail="The stored credentials cannot be decrypted for this dealership and "
            "environment; enter them again.",
            target="KMS",
        )
    # A disabled key or a missing grant says nothing about the row: somebody mends it, and what
    # waits goes on by itself.
    return RetryableError(
        code="KMS_AWAY",
        detail=f"KMS did not serve the credentials key ({code}).",
        target="KMS",
    )
