import json

import pytest

from local.backing import DatabaseAddress, web_address
from local.failures import StackError


def test_a_database_url_is_taken_apart_and_put_together() -> None:
    address = DatabaseAddress.from_url("postgresql://a%40b:p%2Fw@db.example:6543/fore%20court")

    assert address.username == "a@b"
    assert address.password == "p/w"
    assert (address.host, address.port, address.name) == ("db.example", 6543, "fore court")
    assert address.sslmode == "require"
    assert DatabaseAddress.from_url(address.url) == address
    assert json.loads(address.secret_string()) == {"username": "a@b", "password": "p/w"}


@pytest.mark.parametrize(
    ("url", "sslmode"),
    [
        ("postgres://u@localhost/d", "disable"),
        ("postgresql://u:p@127.0.0.1:5432/d", "disable"),
        ("postgresql://u:p@127.0.0.1:5432/d?sslmode=verify-full", "verify-full"),
    ],
)
def test_only_a_database_on_this_machine_is_reached_without_tls(url: str, sslmode: str) -> None:
    assert DatabaseAddress.from_url(url).sslmode == sslmode


@pytest.mark.parametrize(
    "url",
    ["mysql://u:p@h/d", "postgresql://u:p@h:port/d", "postgresql://u:p@h", "postgresql://h/d", ""],
)
def test_what_is_no_database_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(StackError, match="postgresql://user:password@host:5432/name") as refused:
        DatabaseAddress.from_url(url)

    assert refused.value.exit_code == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "https://vendor.example/TestECService/"])
def test_a_vendors_address_loses_its_last_slash(url: str) -> None:
    assert web_address(url, option="--easycars-url") == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["ftp://x", "vendor.example", "http://", "http://h:port", "http://a b", "nonsense", ""]
)
def test_what_is_no_web_address_is_refused_before_anything_starts(url: str) -> None:
    with pytest.raises(StackError, match="--easycars-url") as refused:
        web_address(url, option="--easycars-url")

    assert refused.value.exit_code == 2
