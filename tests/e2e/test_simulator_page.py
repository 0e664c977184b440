"""The simulators' pages, as a person watching a demonstration sees it."""

from __future__ import annotations

import pytest

from local.dataverse_simulator import DataverseSimulator
from local.easycars_simulator import EasyCarsSimulator
from tests.support.browser import browser_page


@pytest.mark.enable_socket
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_shows_what_the_vendor_holds_at_any_width(width: int) -> None:
    with EasyCarsSimulator() as simulator, browser_page(width) as page:
        account = simulator.accounts()[0]
        number = simulator.add_foreign_lead(account.account_number)
        simulator.add_fault("slow", operation="CreateLead", seconds=1.0)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))

        page.goto(simulator.url)

        text = page.inner_text("body")
        assert account.account_number in text
        assert number in text
        assert "CreateLead" in text
        assert account.client_secret not in page.content()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert complaints == []


@pytest.mark.enable_socket
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_shows_what_dynamics_holds_at_any_width(width: int) -> None:
    with DataverseSimulator() as simulator, browser_page(width) as page:
        simulator.add_staff_lead({"subject": "A Corolla", "hnt_forecourtid": "f" * 36})
        simulator.add_fault("http_503", operation="UpsertLead", code="0x80044150")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))

        page.goto(simulator.url)

        text = page.inner_text("body")
        for account in simulator.accounts():
            assert account.environment_url in text
            assert account.client_secret not in page.content()
        assert "A Corolla" in text
        assert "http_503 0x80044150" in text
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert complaints == []
