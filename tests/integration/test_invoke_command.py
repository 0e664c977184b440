"""``make invoke``: a built function on an event, beside a running stack or alone."""

import json
import sys
from pathlib import Path

import pytest

from local.built_functions import built_functions
from local.failures import StackError
from local.invoke import invoke
from tests.support.built import up_to_date_build
from tests.support.sam_template import ROOT

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="the emulator is a Linux program"),
]

EVENT = ROOT / "events/lead_intake/preflight.json"


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    up_to_date_build()


def test_the_function_gets_the_variables_of_the_running_stack(tmp_path: Path) -> None:
    variables = {
        "LEADS_QUEUE_URL": "http://127.0.0.1:9/leads",
        "RUN_BUCKET": "runs",
        "SITE_KEY_SECRET_ARN": "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:s",
    }
    state = {"environments": {"LeadIntakeFunction": variables}}
    (tmp_path / "stack.json").write_text(json.dumps(state))

    done = invoke("LeadIntakeFunction", EVENT, data=tmp_path)

    assert done.payload["statusCode"] == 204


def test_without_a_stack_it_says_what_it_lacks(tmp_path: Path) -> None:
    done = invoke("LeadIntakeFunction", EVENT, data=tmp_path)

    assert "LEADS_QUEUE_URL is missing" in done.payload["errorMessage"]


def test_an_unknown_function_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="Choose FUNCTION from: LeadIntakeFunction, Lead"):
        invoke("LeadIntake", EVENT, data=tmp_path)


@pytest.mark.parametrize("text", [None, "{"])
def test_an_event_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "event.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(StackError, match=r"event\.json' is no event"):
        invoke("LeadIntakeFunction", file, data=tmp_path)


def test_where_nothing_is_built_the_cure_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"Nothing is built in .* Run `make build`"):
        built_functions(tmp_path)
