"""``template.yaml`` as it is written, and what tests ask of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]


class SamTemplate:
    """The template before the SAM transform, with Globals merged into functions."""

    def __init__(self) -> None:
        document: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text("utf-8"))
        self.globals: dict[str, Any] = document["Globals"]["Function"]
        self.parameters: dict[str, Any] = document["Parameters"]
        self.resources: dict[str, Any] = document["Resources"]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties by logical id."""
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in self.resources.items()
            if resource["Type"] == kind
        }

    @property
    def functions(self) -> dict[str, dict[str, Any]]:
        return self.of_type("AWS::Serverless::Function")

    def environment(self, logical_id: str) -> dict[str, Any]:
        own: dict[str, Any] = self.functions[logical_id]["Environment"]["Variables"]
        return {**self.globals["Environment"]["Variables"], **own}

    def statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every policy statement, with the logical id of the resource that holds it."""
        for logical_id, resource in self.resources.items():
            yield from ((logical_id, found) for found in _statements(resource))


def _statements(fragment: object) -> Iterator[dict[str, Any]]:
    if isinstance(fragment, dict):
        if "Effect" in fragment and ("Action" in fragment or "NotAction" in fragment):
            yield fragment
        for value in fragment.values():
            yield from _statements(value)
    elif isinstance(fragment, list):
        for value in fragment:
            yield from _statements(value)


def texts(value: object) -> list[str]:
    """The texts in a fragment of a policy, those within intrinsic functions included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return []
