"""What the answers of KMS mean: a row nobody can open, or a service that is away for now."""

from collections.abc import Callable, Iterator

import pytest
from botocore.stub import Stubber

from forecourt.aws.kms import KmsDataKeys
from forecourt.errors import ForecourtError, PermanentError, RetryableError
from forecourt.security.credentials import Environment

KEY_ARN = "arn:aws:kms:ap-southeast-2:123456789012:key/1"
CONTEXT = {"dealershipId": "12", "environment": "Test"}
SAID_BY_KMS = "planted-words of the service about planted-ciphertext"

type Ask = Callable[[KmsDataKeys], object]


def generate(keys: KmsDataKeys) -> object:
    return keys.generate(12, Environment.TEST)


def decrypt(keys: KmsDataKeys) -> object:
    return keys.decrypt(b"sealed", 12, Environment.TEST)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> KmsDataKeys:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    return KmsDataKeys(KEY_ARN)


@pytest.fixture
def kms(keys: KmsDataKeys) -> Iterator[Stubber]:
    with Stubber(keys._client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def failure(keys: KmsDataKeys, ask: Ask) -> ForecourtError:
    with pytest.raises(ForecourtError) as raised:
        ask(keys)
    return raised.value


@pytest.mark.parametrize(
    ("operation", "ask"), [("generate_data_key", generate), ("decrypt", decrypt)]
)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 400),
        ("ThrottlingException", 400),
        ("DisabledException", 400),
        ("KMSInvalidStateException", 400),
        ("NotFoundException", 400),
        ("KMSInternalException", 500),
        ("DependencyTimeoutException", 503),
    ],
)
def test_a_key_that_is_not_served_says_nothing_about_the_row(
    keys: KmsDataKeys, kms: Stubber, operation: str, ask: Ask, code: str, status: int
) -> None:
    kms.add_client_error(operation, code, SAID_BY_KMS, status)

    error = failure(keys, ask)

    assert type(error) is RetryableError
    assert (error.code, error.target) == ("KMS_AWAY", "KMS")
    assert code in error.detail


@pytest.mark.parametrize(
    "code", ["InvalidCiphertextException", "IncorrectKeyException", "ValidationException"]
)
def test_a_data_key_of_somebody_else_is_unreadable(
    keys: KmsDataKeys, kms: Stubber, code: str
) -> None:
    kms.add_client_error("decrypt", code, SAID_BY_KMS, 400)

    error = failure(keys, decrypt)

    assert type(error) is PermanentError
    assert error.code == "CREDENTIALS_UNREADABLE"


def test_a_service_that_cannot_be_reached_is_away(
    keys: KmsDataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert failure(keys, decrypt).code == "KMS_AWAY"


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidCiphertextException"])
def test_no_error_carries_what_the_service_said(keys: KmsDataKeys, kms: Stubber, code: str) -> None:
    kms.add_client_error("decrypt", code, SAID_BY_KMS, 400)

    error = failure(keys, decrypt)

    assert "planted" not in f"{error} {error.detail}"
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_both_ways_name_the_key_and_the_dealership(keys: KmsDataKeys, kms: Stubber) -> None:
    kms.add_response(
        "generate_data_key",
        {"Plaintext": b"p" * 32, "CiphertextBlob": b"sealed"},
        {"KeyId": KEY_ARN, "KeySpec": "AES_256", "EncryptionContext": CONTEXT},
    )
    kms.add_response(
        "decrypt",
        {"Plaintext": b"p" * 32},
        {"KeyId": KEY_ARN, "CiphertextBlob": b"sealed", "EncryptionContext": CONTEXT},
    )

    made = keys.generate(12, Environment.TEST)

    assert keys.decrypt(made.encrypted, 12, Environment.TEST) == made.plaintext
    assert "ppp" not in repr(made)
