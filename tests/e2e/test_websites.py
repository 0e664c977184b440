"""What a website meets, on a stack of its own: keys, origins, repeats, and the form in `docs/`."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.e2e.running_stack import RunningStack, running_stack
from tests.support.browser import browser_page

if TYPE_CHECKING:
    from collections.abc import Iterator

FORM = Path(__file__).parents[2] / "docs/lead-form.html"
LEAD: dict[str, Any] = {"name": "Aoife", "email": "aoife@example.com", "phone": "0412 345 678"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("websites") / "data") as running:
        yield running


@pytest.fixture
def dealership(stack: RunningStack) -> dict[str, Any]:
    added: dict[str, Any] = stack.json("dealership", "add", "--name", "O'Brien Motors")
    return added


@cache
def token_at(data: Path) -> str:
    """An administrator's token of the stack on that folder; it lasts longer than these tests."""
    finished = RunningStack.run_anywhere("token", "--admin", "--json", "--data", data)
    token: str = json.loads(finished.stdout)["token"]
    return token


def admin(stack: RunningStack, path: str) -> Any:
    answer = httpx.get(
        f"{stack.ready['url']}/api/admin{path}",
        headers={"Authorization": f"Bearer {token_at(stack.data)}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def stored(stack: RunningStack, dealership: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """The dealership's leads as staff see them, once there are so many, oldest first."""
    deadline = time.monotonic() + 30
    while True:
        leads: list[dict[str, Any]] = admin(stack, f"/leads?dealershipId={dealership['id']}")[
            "leads"
        ]
        if len(leads) >= count or time.monotonic() > deadline:
            return leads[::-1]
        time.sleep(0.3)


def test_the_same_key_and_body_is_one_lead_and_another_body_a_second_one_marked(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    key = dealership["siteKey"]
    bodies = [LEAD, {**LEAD, "phone": " 0412 345 678 "}, LEAD | {"message": "And the red one?"}]
    answers = [
        stack.post_lead(key, body, **{"Idempotency-Key": "form-1"}).json() for body in bodies
    ]
    plain = [stack.post_lead(key, LEAD).json() for _ in range(2)]

    ids = [answer["leadId"] for answer in answers]
    assert ids[0] == ids[1]
    assert len({*ids, *(answer["leadId"] for answer in plain)}) == 4
    leads = stored(stack, dealership, 4)
    assert len(leads) == 4
    marked = {lead["leadId"] for lead in leads if lead["sharesIdempotencyKey"]}
    assert marked == set(ids)
    second = admin(stack, f"/leads/{ids[2]}?dealershipId={dealership['id']}")
    assert second["sameIdempotencyKey"] == [ids[0]]


def test_a_robots_lead_is_accepted_shown_as_spam_and_delivered_nowhere(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    robot = LEAD | {"website": "https://spam.example"}
    assert stack.post_lead(dealership["siteKey"], robot).status_code == 202

    (lead,) = stored(stack, dealership, 1)

    assert lead["spam"] is True
    assert (
        admin(stack, f"/leads/{lead['leadId']}?dealershipId={dealership['id']}")["deliveries"] == []
    )


def test_a_consent_is_kept_as_it_was_sent_with_when_and_where(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    page = "https://www.obrien.example/contact"
    consent = {"marketing": True, "text": " Send me offers.\n", "version": "3"}
    stack.post_lead(dealership["siteKey"], LEAD | {"consent": consent, "sourcePageUrl": page})
    stack.post_lead(dealership["siteKey"], LEAD)

    leads = stored(stack, dealership, 2)
    shown = [
        admin(stack, f"/leads/{lead['leadId']}?dealershipId={dealership['id']}")["consent"]
        for lead in leads
    ]
    (given,) = [one for one in shown if one]
    assert given.pop("recordedAt").startswith("20")
    assert given == {**consent, "pageUrl": page}
    assert None in shown


def test_a_key_is_made_listed_changed_and_revoked_by_commands(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    number = dealership["id"]
    made = stack.json("site-key", "new", number, "--label", "new site")
    assert stack.post_lead(made["siteKey"], LEAD).status_code == 202
    changed = stack.json("site-key", "change", number, made["keyId"], "--rate", 5, "--burst", 7)
    assert (changed["ratePerSecond"], changed["burst"], changed["label"]) == (5, 7, "new site")

    revoked = stack.run("site-key", "revoke", number, made["keyId"])
    assert revoked.returncode == 0, revoked.stderr

    states = {
        key["keyId"]: key["isActive"] for key in stack.json("site-key", "list", number)["siteKeys"]
    }
    assert states[made["keyId"]] is False
    assert sorted(states.values()) == [False, True]
    nothing = stack.run("site-key", "change", number, made["keyId"])
    assert nothing.returncode == 2
    assert "--rate" in nothing.stderr
    unknown = stack.run("site-key", "revoke", number, "nobody")
    assert unknown.returncode == 1
    assert "no such site key" in unknown.stderr


def test_the_list_of_keys_tells_what_a_website_is_refused_for(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    assert stack.post_lead(dealership["siteKey"], {"name": "Aoife"}).status_code == 422
    deadline = time.monotonic() + 30
    while True:
        listed = stack.run("site-key", "list", dealership["id"])
        if "refused:" in listed.stdout or time.monotonic() > deadline:
            break
        time.sleep(0.5)

    assert "1 invalid-fields (email)" in listed.stdout.replace("\n", " ")


def test_origins_are_shown_set_and_opened_again_by_commands(
    stack: RunningStack, dealership: dict[str, Any]
) -> None:
    number = dealership["id"]
    assert "any website" in stack.run("dealership", "origins", number).stdout
    two = ["--set", "https://a.example/", "--set", "https://b.example"]

    changed = stack.json("dealership", "origins", number, *two)

    assert changed["origins"] == ["https://a.example", "https://b.example"]
    assert stack.run("dealership", "origins", number).stdout.split() == changed["origins"]
    bad = stack.run("dealership", "origins", number, "--set", "a.example")
    assert bad.returncode == 1
    assert "https://www.dealer.example" in bad.stderr
    both = stack.run("dealership", "origins", number, "--any", *two)
    assert both.returncode == 2
    assert stack.json("dealership", "origins", number, "--any")["origins"] == []


@contextmanager
def website(folder: Path, api: str, site_key: str) -> Iterator[str]:
    """Serve the form of `docs/` as a dealer would, with address and key put in; its address."""
    text = FORM.read_text("utf-8")
    assert "http://127.0.0.1:3000/api/leads" in text
    assert "YOUR-SITE-KEY" in text
    page = text.replace("http://127.0.0.1:3000/api/leads", api).replace("YOUR-SITE-KEY", site_key)
    (folder / "contact.html").write_text(page, "utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def send(url: str, **fields: str) -> str:
    """Fill the form in, send it, and read what it says; ``offers`` ticks the box."""
    with browser_page(800) as page:
        page.goto(f"{url}/contact.html")
        for name, value in fields.items():
            page.fill(f"[name={name}]", value)
        page.check("[name=marketing]")
        page.click("button")
        page.wait_for_function("document.querySelector('output').textContent")
        said: str = page.inner_text("output")
        return said


def test_the_form_in_docs_sends_a_lead_from_another_origin(
    stack: RunningStack, dealership: dict[str, Any], tmp_path: Path
) -> None:
    api = f"{stack.ready['url']}/api/leads"
    with website(tmp_path, api, dealership["siteKey"]) as url:
        stack.json("dealership", "origins", dealership["id"], "--set", url)

        said = send(url, name="Zoë", email="zoe@example.com", message="Still there?")

    assert said == "Thank you, we will be in touch."
    (lead,) = stored(stack, dealership, 1)
    assert (lead["name"], lead["spam"]) == ("Zoë", False)
    whole = admin(stack, f"/leads/{lead['leadId']}?dealershipId={dealership['id']}")
    assert whole["sourcePageUrl"] == f"{url}/contact.html"
    assert whole["consent"]["marketing"] is True
    assert whole["consent"]["text"] == "Send me offers by e-mail."


def test_the_form_in_docs_shows_why_it_was_refused(
    stack: RunningStack, dealership: dict[str, Any], tmp_path: Path
) -> None:
    api = f"{stack.ready['url']}/api/leads"
    with website(tmp_path, api, dealership["siteKey"]) as url:
        stack.json("dealership", "origins", dealership["id"], "--set", "https://other.example")
        refused = send(url, name="Zoë", email="zoe@example.com")
        stack.json("dealership", "origins", dealership["id"], "--set", url)
        time.sleep(5)  # a sandbox looks for newly allowed origins five seconds after the last look
        unusable = send(url, name="Zoë", email="zoe@localhost")

    assert "Pages of this origin may not send leads" in refused
    assert unusable == "email must be an e-mail address like sam@example.org"
    assert stored(stack, dealership, 0) == []
