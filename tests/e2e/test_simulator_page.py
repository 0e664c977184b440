"""The simulator's page, as a person watching a demonstration sees it."""

from __future__ import annotations

import pytest

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
