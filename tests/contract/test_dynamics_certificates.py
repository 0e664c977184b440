"""A certificate in the place of a secret: it signs, or the connection waits for a person."""

import base64
import json
from collections.abc import Callable
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from forecourt.errors import AuthenticationError
from tests.support.certificates import certificate_pem, rsa_key
from tests.support.dataverse_script import CONNECTION, TOKEN_URL, ScriptedDataverse, created

PRIVATE = "-----BEGIN PRIVATE KEY-----"


@cache
def pem_parts() -> tuple[str, str]:
    certificate, _, key = certificate_pem().partition(PRIVATE)
    return certificate, PRIVATE + key


@pytest.mark.parametrize("order", [1, -1], ids=["certificate first", "key first"])
def test_a_certificate_signs_what_asks_for_a_token(order: int) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created())
    pem = "Bag Attributes\n" + "".join(pem_parts()[::order])

    dataverse.upsert(client_secret=None, certificate=SecretStr(pem))

    (form,) = dataverse.forms()
    assert "client_secret" not in form
    assert form["client_assertion_type"].endswith("jwt-bearer")
    _, payload, _ = form["client_assertion"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert (claims["iss"], claims["aud"]) == (CONNECTION.client_id, TOKEN_URL)


UNUSABLE: dict[str, tuple[Callable[[], str], str]] = {
    "nothing": (lambda: "", "one private key and its certificate"),
    "no key": (lambda: pem_parts()[0], "one private key and its certificate"),
    "no certificate": (lambda: pem_parts()[1], "one private key and its certificate"),
    "two keys": (lambda: "".join(pem_parts()) + pem_parts()[1], "one private key"),
    "another's": (lambda: certificate_pem(shown_key=rsa_key()), "does not belong"),
    "locked": (lambda: certificate_pem(password=b"planted"), "need a password"),
    "elliptic": (
        lambda: certificate_pem(key=ec.generate_private_key(ec.SECP256R1())),
        "an RSA key",
    ),
    "too short": (lambda: certificate_pem(key=rsa_key(bits=1024)), "2048 bits or more"),
    "garbled": (
        lambda: pem_parts()[0] + f"{PRIVATE}\nAAAA\n-----END PRIVATE KEY-----\n",
        "cannot be read",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_certificate_that_cannot_sign_waits_for_a_person(case: str) -> None:
    make, said = UNUSABLE[case]
    dataverse = ScriptedDataverse()

    with pytest.raises(AuthenticationError, match=said) as failure:
        dataverse.upsert(client_secret=None, certificate=SecretStr(make()))

    assert failure.value.code == "CONNECTION_INVALID"
    assert dataverse.asked == []
