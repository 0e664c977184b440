"""What the template's parameters are on this machine."""

import pytest

from local.backing import DatabaseAddress
from local.parameters import template_parameters


@pytest.mark.parametrize(
    ("vendor", "origin"),
    [
        ("http://127.0.0.1:4711", "http://127.0.0.1:4711"),
        ("http://127.0.0.1:4711/TestECService", "http://127.0.0.1:4711"),
        ("https://vendor.example", "https://vendor.example"),
    ],
)
def test_pictures_come_from_exactly_the_vendor_s_host_and_port(vendor: str, origin: str) -> None:
    parameters = template_parameters(
        database=DatabaseAddress(
            host="127.0.0.1",
            port=5432,
            name="x",
            username="x",
            password="x",
            sslmode="disable",
        ),
        database_secret_arn="arn:aws:secretsmanager:ap-southeast-2:1:secret:x",
        easycars_url=vendor,
        dynamics_url="http://127.0.0.1:1",
        issuer_url="http://127.0.0.1:1/issuer",
        pictures_url="http://127.0.0.1:1/pictures",
    )
    assert parameters["ImageOrigins"] == origin
