"""cfn-lint, which `sam validate --lint` runs too, has no complaint about the template."""

from cfnlint.api import lint_file

from tests.support.sam_template import ROOT


def test_the_template_is_clean() -> None:
    found = [
        f"{match.linenumber}: {match.rule.id} {match.message}"
        for match in lint_file(ROOT / "template.yaml")
    ]

    assert found == []


def test_no_rule_is_switched_off() -> None:
    assert "cfn-lint:" not in (ROOT / "template.yaml").read_text("utf-8")
    assert not list(ROOT.glob(".cfnlintrc*"))
