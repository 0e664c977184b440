"""What docs/dynamics.md says of Dynamics' answers is what the judge has in its tables."""

import pytest

from forecourt.dynamics.verdict import BY_CODE, BY_STATUS, Ruling
from forecourt.leads.dynamics.reasons import DynamicsReason
from tests.support.sam_template import ROOT

PAGE = (ROOT / "docs/dynamics.md").read_text("utf-8")
ROWS = [line for line in PAGE.partition("## How a push ends")[2].splitlines() if line[:1] == "|"]


@pytest.mark.parametrize(
    ("answer", "ruling"),
    [
        *((f"`{code}`", ruling) for code, ruling in BY_CODE.items()),
        *((str(status), BY_STATUS[status]) for status in sorted(BY_STATUS.keys() - {500})),
    ],
)
def test_every_answer_the_judge_knows_is_told(answer: str, ruling: Ruling) -> None:
    assert any(answer in row and f"`{ruling.reason}`" in row for row in ROWS)


@pytest.mark.parametrize("reason", DynamicsReason)
def test_every_reason_is_told(reason: DynamicsReason) -> None:
    assert f"`{reason}`" in PAGE
