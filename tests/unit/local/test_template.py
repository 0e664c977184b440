from pathlib import Path

import pytest

from local.failures import StackError
from local.stack_options import PROJECT
from local.template import read_template

SAMPLE = PROJECT / "tests" / "integration" / "stack" / "sample" / "template.yaml"


def test_sam_resources_become_cloudformation_with_their_folders_kept() -> None:
    template = read_template(SAMPLE, parameters={"JwtAudience": "x"}, region="ap-southeast-2")

    function = template.resources["EchoFunction"]
    assert function["Type"] == "AWS::Lambda::Function"
    folder = template.path_of_code(function["Properties"]["Code"])
    assert (folder / "app.py").is_file()
    mapping = template.resources["BatchFunctionWork"]["Properties"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert "${EchoFunctionArn}" in str(template.resources["Machine"]["Properties"])


def test_parameters_take_given_values_over_defaults_and_lists_are_lists(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(
        "Parameters:\n"
        "  Level: {Type: String, Default: INFO}\n"
        "  Port: {Type: Number, Default: 5432}\n"
        "  Audience: {Type: CommaDelimitedList}\n"
        "  Missing: {Type: String}\n"
        "Resources:\n"
        "  Topic: {Type: AWS::SNS::Topic}\n"
    )

    template = read_template(
        path, parameters={"Level": "DEBUG", "Audience": "a, b", "Unknown": 1}, region="us-east-1"
    )

    assert template.parameters == {"Level": "DEBUG", "Port": 5432, "Audience": ["a", "b"]}
    assert "Missing" in template.declared_parameters


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Resources: [", "not valid YAML"),
        (
            (
                "Transform: AWS::Serverless-2016-10-31\n"
                "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: a}}"
            ),
            "not a valid SAM template",
        ),
    ],
)
def test_a_bad_template_is_told_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(text)

    with pytest.raises(StackError, match=said):
        read_template(path, parameters={}, region="us-east-1")


def test_a_missing_template_says_where_to_run_the_command(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"does not exist.*clone of the project"):
        read_template(tmp_path / "template.yaml", parameters={}, region="us-east-1")
