"""The credential envelope: only the right row opens, and only unchanged."""

import base64
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from forecourt.errors import PermanentError, RetryableError
from forecourt.security.credentials import Environment
from forecourt.security.data_keys import DataKey, RememberedDataKeys
from forecourt.security.envelope import (
    CredentialSecrets,
    SealedFields,
    SealedSecrets,
    open_fields,
    open_secrets,
    seal_fields,
    seal_secrets,
)
from tests.support.data_keys import BlindDataKeys, MemoryDataKeys

VALUES = CredentialSecrets(
    client_id=SecretStr("3d4c7a44-2c11-4d0f-9d55-0a4b1a6e7f01"),
    client_secret=SecretStr("geheim-über-Ümläut"),
    account_number=SecretStr("EC900001"),
    account_secret=SecretStr("6f2b1f0a-70a9-4a34-9d36-b2a3f4a90b11"),
)
CIPHER_COLUMNS = [f"{part.name}_encrypted" for part in fields(CredentialSecrets)]
TEXT_COLUMNS = [*CIPHER_COLUMNS, "encryption_iv", "data_key_encrypted"]

texts = st.text(st.characters(codec="utf-8"), max_size=200).map(SecretStr)


def assert_unreadable(sealed: SealedSecrets, keys: MemoryDataKeys, dealership: int = 7) -> None:
    with pytest.raises(PermanentError) as refused:
        open_secrets(sealed, dealership, Environment.TEST, keys)
    assert refused.value.code == "CREDENTIALS_UNREADABLE"
    assert refused.value.__cause__ is None


def with_column(sealed: SealedSecrets, column: str, text: str) -> SealedSecrets:
    return SealedSecrets(**{**asdict(sealed), column: text})


@given(st.builds(CredentialSecrets, client_id=texts, client_secret=texts, account_number=texts,
                 account_secret=texts))  # fmt: skip
def test_what_was_sealed_opens_again(values: CredentialSecrets) -> None:
    keys = MemoryDataKeys()
    sealed = seal_secrets(values, 7, Environment.TEST, keys)

    assert open_secrets(sealed, 7, Environment.TEST, keys) == values


@pytest.mark.parametrize("column", TEXT_COLUMNS)
def test_a_change_of_any_byte_is_noticed(column: str) -> None:
    keys = MemoryDataKeys()
    sealed = seal_secrets(VALUES, 7, Environment.TEST, keys)
    raw = base64.b64decode(getattr(sealed, column))

    for index in range(len(raw)):
        changed = bytearray(raw)
        changed[index] ^= 0x01
        text = base64.b64encode(changed).decode()
        assert_unreadable(with_column(sealed, column, text), keys)


@pytest.mark.parametrize("column", TEXT_COLUMNS)
def test_a_change_of_any_letter_is_noticed(column: str) -> None:
    keys = MemoryDataKeys()
    sealed = seal_secrets(VALUES, 7, Environment.TEST, keys)
    text = getattr(sealed, column)

    for index, letter in enumerate(text):
        other = "B" if letter == "A" else "A"
        assert_unreadable(
            with_column(sealed, column, text[:index] + other + text[index + 1 :]), keys
        )


@pytest.mark.parametrize("text", ["", "=", "not base64!", "QUJD"])
@pytest.mark.parametrize("column", TEXT_COLUMNS)
def test_a_cut_or_foreign_value_is_unreadable(column: str, text: str) -> None:
    keys = MemoryDataKeys()
    sealed = seal_secrets(VALUES, 7, Environment.TEST, keys)

    assert_unreadable(with_column(sealed, column, text), keys)


def test_another_key_version_does_not_open() -> None:
    keys = MemoryDataKeys()
    sealed = seal_secrets(VALUES, 7, Environment.TEST, keys)

    assert_unreadable(replace(sealed, key_version=2), keys)


@pytest.mark.parametrize("keys_class", [MemoryDataKeys, BlindDataKeys])
def test_a_row_copied_to_another_dealership_does_not_open(
    keys_class: type[MemoryDataKeys],
) -> None:
    keys = keys_class()
    sealed = seal_secrets(VALUES, 8, Environment.TEST, keys)

    assert_unreadable(sealed, keys, dealership=7)


@pytest.mark.parametrize("keys_class", [MemoryDataKeys, BlindDataKeys])
def test_a_row_moved_to_another_environment_does_not_open(
    keys_class: type[MemoryDataKeys],
) -> None:
    keys = keys_class()
    sealed = seal_secrets(VALUES, 7, Environment.PRODUCTION, keys)

    assert_unreadable(sealed, keys)


def test_a_value_copied_to_another_column_does_not_open() -> None:
    keys = MemoryDataKeys()
    sealed = seal_secrets(VALUES, 7, Environment.TEST, keys)

    for source in CIPHER_COLUMNS:
        for target in CIPHER_COLUMNS:
            if source != target:
                assert_unreadable(with_column(sealed, target, getattr(sealed, source)), keys)


def test_the_same_value_in_two_columns_looks_different() -> None:
    same = SecretStr("the same text")
    values = CredentialSecrets(
        client_id=same, client_secret=same, account_number=same, account_secret=same
    )
    sealed = seal_secrets(values, 7, Environment.TEST, MemoryDataKeys())

    assert len({getattr(sealed, column) for column in CIPHER_COLUMNS}) == len(CIPHER_COLUMNS)


def test_every_write_has_a_new_data_key_and_nonce() -> None:
    keys = MemoryDataKeys()
    writes = [seal_secrets(VALUES, 7, Environment.TEST, keys) for _ in range(20)]

    for column in TEXT_COLUMNS:
        assert len({getattr(write, column) for write in writes}) == len(writes)


def test_the_nonce_has_96_bits() -> None:
    sealed = seal_secrets(VALUES, 7, Environment.TEST, MemoryDataKeys())

    assert len(base64.b64decode(sealed.encryption_iv)) == 12


def test_no_repr_and_no_error_shows_a_secret() -> None:
    keys = MemoryDataKeys()
    sealed = seal_secrets(VALUES, 7, Environment.TEST, keys)
    shown = repr(VALUES) + repr(sealed) + repr(keys.generate(7, Environment.TEST))

    for secret in asdict(VALUES).values():
        assert secret.get_secret_value() not in shown
    assert "plaintext" not in shown


def test_a_data_key_is_opened_once_per_sandbox() -> None:
    service = MemoryDataKeys()
    sealed = seal_secrets(VALUES, 7, Environment.TEST, service)
    keys = RememberedDataKeys(service)

    for _ in range(5):
        open_secrets(sealed, 7, Environment.TEST, keys)

    assert service.calls["decrypt"] == 1


def test_a_remembered_data_key_serves_no_other_dealership() -> None:
    service = MemoryDataKeys()
    keys = RememberedDataKeys(service)
    key = keys.generate(8, Environment.TEST)

    with pytest.raises(PermanentError):
        keys.decrypt(key.encrypted, 7, Environment.TEST)


def test_a_key_service_that_was_away_is_asked_again() -> None:
    service = MemoryDataKeys()
    sealed = seal_secrets(VALUES, 7, Environment.TEST, service)
    keys = RememberedDataKeys(service)
    service.away = True
    with pytest.raises(RetryableError):
        open_secrets(sealed, 7, Environment.TEST, keys)

    service.away = False

    assert open_secrets(sealed, 7, Environment.TEST, keys) == VALUES


def test_only_so_many_data_keys_are_remembered() -> None:
    service = MemoryDataKeys()
    keys = RememberedDataKeys(service, capacity=2)
    made = [keys.generate(dealership, Environment.TEST) for dealership in (1, 2, 3)]

    keys.decrypt(made[2].encrypted, 3, Environment.TEST)
    assert service.calls["decrypt"] == 0
    keys.decrypt(made[0].encrypted, 1, Environment.TEST)
    assert service.calls["decrypt"] == 1


class OneDataKey:
    """A key service whose only key is known."""

    def generate(self, _dealership_id: int, _environment: str) -> DataKey:
        return DataKey(plaintext=bytes(range(32)), encrypted=b"stored key")

    def decrypt(self, _encrypted: bytes, _dealership_id: int, _environment: str) -> bytes:
        return bytes(range(32))


def test_a_row_that_an_earlier_release_stored_opens() -> None:
    stored = SealedSecrets(
        client_id_encrypted="/oILz4SECGVVcNiMtSf6BcX5GTJp",
        client_secret_encrypted="5uzGne/UIUr5JpYa/rMmfT7rGdNrkA==",
        account_number_encrypted="j2i9T2aEFgm9lVshOJaTOE14bdypbgEz",
        account_secret_encrypted="clICyUnveAZtsSyXVwQaXiA=",
        encryption_iv="6AGKokMFjzISzk3M",
        data_key_encrypted="c3RvcmVkIGtleQ==",
        key_version=1,
    )

    opened = open_secrets(stored, 7, Environment.TEST, OneDataKey())

    texts = [secret.get_secret_value() for secret in asdict(opened).values()]
    assert texts == ["an id", "geheim", "EC900001", "x"]


DYNAMICS = {"client_secret": SecretStr("q8~geheim"), "certificate": SecretStr("-----BEGIN")}


def test_any_fields_can_be_sealed_for_another_system() -> None:
    keys = MemoryDataKeys()
    sealed = seal_fields(DYNAMICS, 7, "Dynamics", keys)

    assert open_fields(sealed, 7, "Dynamics", keys) == DYNAMICS
    assert "geheim" not in repr(sealed)


@pytest.mark.parametrize(("dealership", "system"), [(8, "Dynamics"), (7, "Test")])
def test_fields_open_for_their_dealership_and_system_only(dealership: int, system: str) -> None:
    keys = BlindDataKeys()
    sealed = seal_fields(DYNAMICS, dealership, system, keys)

    with pytest.raises(PermanentError):
        open_fields(sealed, 7, "Dynamics", keys)


def test_a_field_does_not_open_under_the_name_of_another() -> None:
    keys = MemoryDataKeys()
    sealed = seal_fields({"client_secret": SecretStr("x")}, 7, "Dynamics", keys)
    renamed = SealedFields(
        texts={"certificate": sealed.texts["client_secret"]},
        encryption_iv=sealed.encryption_iv,
        data_key_encrypted=sealed.data_key_encrypted,
        key_version=sealed.key_version,
    )

    with pytest.raises(PermanentError):
        open_fields(renamed, 7, "Dynamics", keys)
