"""cfn-lint, which `sam validate --lint` runs too, has no complaint about the templates."""

import pytest
from cfnlint.api import lint_file

from tests.support.sam_template import ROOT


@pytest.mark.parametrize("name", ["template.yaml", "waf.yaml"])
def test_a_template_is_clean(name: str) -> None:
    found = [
        f"{match.linenumber}: {match.rule.id} {match.message}" for match in lint_file(ROOT / name)
    ]

    assert found == []


def test_no_rule_is_switched_off() -> None:
    for name in ("template.yaml", "waf.yaml"):
        assert "cfn-lint:" not in (ROOT / name).read_text("utf-8")
    assert not list(ROOT.glob(".cfnlintrc*"))
