"""What `sam build` made: each function's folder, its layers, and how Lambda would start it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.failures import StackError

BUILD_FOLDER = Path(".aws-sam/build")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltFunction:
    """One function as it would be uploaded.

    Attributes
    ----------
    logical_id
        Its name in ``template.yaml``.
    code, layers
        Folders with what would lie under ``/var/task`` and ``/opt``.
    handler
        Module and function, like ``app.handler``.
    timeout, memory
        Seconds and megabytes.
    """

    logical_id: str
    code: Path
    layers: tuple[Path, ...]
    handler: str
    timeout: int
    memory: int

    @property
    def import_path(self) -> tuple[Path, ...]:
        """Where Lambda's Python looks for modules, apart from Lambda's own."""
        return (self.code, *(layer / "python" for layer in self.layers))


def built_functions(folder: Path = BUILD_FOLDER) -> dict[str, BuiltFunction]:
    """Read what was built, by logical id.

    Raises
    ------
    StackError
        When nothing was built there.
    """
    template = folder / "template.yaml"
    if not template.is_file():
        message = f"Nothing is built in {folder}."
        raise StackError(message, cure="Run `make build`.")
    document: dict[str, Any] = yaml_parse(template.read_text("utf-8"))
    for_all: dict[str, Any] = document.get("Globals", {}).get("Function", {})
    resources: dict[str, Any] = document["Resources"]
    found = {}
    for logical_id, resource in resources.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = {**for_all, **resource["Properties"]}
        found[logical_id] = BuiltFunction(
            logical_id=logical_id,
            code=(folder / properties["CodeUri"]).resolve(),
            layers=tuple(
                (folder / resources[layer["Ref"]]["Properties"]["ContentUri"]).resolve()
                for layer in properties.get("Layers", [])
            ),
            handler=properties["Handler"],
            timeout=int(properties["Timeout"]),
            memory=int(properties["MemorySize"]),
        )
    return found
