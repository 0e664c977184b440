"""The address of a lead's page in Dynamics (Dataverse reference, 1.10)."""

from uuid import UUID

import pytest

from forecourt.leads.dynamics.deep_link import lead_url

LEAD = UUID("0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11")
PAGE = f"https://org.crm6.dynamics.com/main.aspx?pagetype=entityrecord&etn=lead&id={LEAD}"


@pytest.mark.parametrize(
    ("environment_url", "app_id", "expected"),
    [
        ("https://org.crm6.dynamics.com", None, PAGE),
        ("https://org.crm6.dynamics.com/", None, PAGE),
        ("https://org.crm6.dynamics.com", "5f3c-app", f"{PAGE}&appid=5f3c-app"),
        ("https://org.crm6.dynamics.com", "a&b=c#", f"{PAGE}&appid=a%26b%3Dc%23"),
        ("https://org.crm6.dynamics.com", "", PAGE),
    ],
)
def test_a_lead_has_a_page(environment_url: str, app_id: str | None, expected: str) -> None:
    assert lead_url(environment_url, LEAD, app_id) == expected
