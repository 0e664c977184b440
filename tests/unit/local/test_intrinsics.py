from typing import Any

import pytest

from local.failures import StackError
from local.intrinsics import Resolver


class Names:
    def ref(self, logical_id: str) -> Any:
        return f"name-of-{logical_id}"

    def attribute(self, logical_id: str, name: str) -> Any:
        return f"{name}-of-{logical_id}"


@pytest.fixture
def resolver() -> Resolver:
    return Resolver(
        parameters={"Host": "db.local", "Audience": ["a", "b"], "AWS::Region": "ap-southeast-2"},
        conditions={
            "InSydney": {"Fn::Equals": [{"Ref": "AWS::Region"}, "ap-southeast-2"]},
            "NotInSydney": {"Fn::Not": [{"Condition": "InSydney"}]},
            "Both": {"Fn::And": [{"Condition": "InSydney"}, {"Condition": "NotInSydney"}]},
            "Either": {"Fn::Or": [{"Condition": "InSydney"}, {"Condition": "NotInSydney"}]},
        },
        mappings={"Level": {"DEBUG": {"Name": "debug"}}},
        imports={"shared-Topic": "arn:topic"},
        names=Names(),
    )


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ({"Ref": "Host"}, "db.local"),
        ({"Ref": "Audience"}, ["a", "b"]),
        ({"Ref": "Queue"}, "name-of-Queue"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "Arn-of-Queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "Arn-of-Queue"),
        (
            {"Fn::Sub": "${Host}/${Queue}/${Queue.Arn}/${!Left}"},
            "db.local/name-of-Queue/Arn-of-Queue/${Left}",
        ),
        ({"Fn::Sub": ["${x}-${Host}", {"x": {"Ref": "AWS::Region"}}]}, "ap-southeast-2-db.local"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Host"}]]}, "a-db.local"),
        ({"Fn::Join": [",", {"Ref": "Audience"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Fn::Split": [".", {"Ref": "Host"}]}]}, "local"),
        ({"Fn::If": ["InSydney", "yes", "no"]}, "yes"),
        ({"Fn::If": ["NotInSydney", "yes", "no"]}, "no"),
        ({"Fn::If": ["Both", "yes", "no"]}, "no"),
        ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
        ({"Fn::FindInMap": ["Level", "DEBUG", "Name"]}, "debug"),
        ({"Fn::ImportValue": {"Fn::Sub": "shared-Topic"}}, "arn:topic"),
        ({"Fn::Base64": "forecourt"}, "Zm9yZWNvdXJ0"),
        ({"a": {"Fn::If": ["InSydney", {"Ref": "AWS::NoValue"}, 1]}, "b": 2}, {"b": 2}),
        ([1, {"Fn::If": ["InSydney", {"Ref": "AWS::NoValue"}, 1]}], [1]),
        ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
    ],
)
def test_intrinsic_functions_resolve_as_in_cloudformation(
    resolver: Resolver, fragment: Any, expected: Any
) -> None:
    assert resolver.resolve(fragment) == expected


@pytest.mark.parametrize(
    ("fragment", "named"),
    [
        ({"Fn::Transform": {}}, "Fn::Transform"),
        ({"Fn::ImportValue": "elsewhere"}, "elsewhere"),
        ({"Fn::FindInMap": ["Level", "NOISE", "Name"]}, "NOISE"),
        ({"Fn::If": ["OnMars", 1, 2]}, "OnMars"),
    ],
)
def test_what_cannot_be_resolved_is_named(resolver: Resolver, fragment: Any, named: str) -> None:
    with pytest.raises(StackError, match=named):
        resolver.resolve(fragment)
