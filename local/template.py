"""Reads ``template.yaml``, the one place where wiring is written, as plain CloudFormation.

The SAM transform is AWS's own (aws-sam-translator), so what runs here is what would be deployed.
Paths of code, layers and state machines stay readable: they travel through the transform as
locations in an imaginary bucket.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from local.failures import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_BUCKET = "code-on-this-machine"
_PATH_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}


@dataclass(frozen=True)
class Template:
    """A template after the SAM transform.

    Attributes
    ----------
    root
        The folder the template's paths are relative to.
    resources
        CloudFormation resources by logical id, intrinsic functions still in them.
    parameters
        Default values of parameters by name; parameters without a default are absent.
    declared_parameters
        Names of all parameters.
    conditions, mappings
        The sections of that name.
    """

    root: Path
    resources: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Any]
    declared_parameters: frozenset[str]
    conditions: Mapping[str, Any]
    mappings: Mapping[str, Any]

    def path_of_code(self, location: Mapping[str, Any]) -> Path:
        """Return the folder a function's ``Code`` or a layer's ``Content`` came from."""
        return self.root / str(location["S3Key"])


def read_template(path: Path, *, parameters: Mapping[str, Any], region: str) -> Template:
    """Read a SAM template and apply the SAM transform.

    Parameters
    ----------
    path
        The template file.
    parameters
        Values that take the place of parameter defaults.
    region
        The region the transform writes names for.

    Raises
    ------
    StackError
        When the file is missing or is no valid template.
    """
    try:
        source: dict[str, Any] = yaml_parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"{path} does not exist."
        raise StackError(message, cure="Run the command in a clone of the project.") from None
    except Exception as error:
        message = f"{path} is not valid YAML: {error}"
        raise StackError(message) from error
    declared = source.get("Parameters", {})
    values = {name: spec["Default"] for name, spec in declared.items() if "Default" in spec}
    values |= {name: value for name, value in parameters.items() if name in declared}
    values = {name: _typed(value, declared[name]["Type"]) for name, value in values.items()}
    _keep_paths_readable(source, path.parent)
    try:
        translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=region))
        transformed = translator.translate(sam_template=source, parameter_values=dict(values))
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes) or error.message
        message = f"{path} is not a valid SAM template: {causes}"
        raise StackError(message) from error
    return Template(
        root=path.resolve().parent,
        resources=transformed["Resources"],
        parameters=values,
        declared_parameters=frozenset(declared),
        conditions=transformed.get("Conditions", {}),
        mappings=transformed.get("Mappings", {}),
    )


def _typed(value: Any, kind: str) -> Any:  # noqa: ANN401 - a scalar, or a list of them
    """Return a parameter as ``Ref`` gives it: a comma-delimited list is a list."""
    is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
    return [part.strip() for part in str(value).split(",")] if is_list else value


def _keep_paths_readable(source: dict[str, Any], root: Path) -> None:
    for resource in source.get("Resources", {}).values():
        properties = resource.get("Properties", {})
        path_property = _PATH_PROPERTIES.get(resource.get("Type"))
        if path_property and isinstance(properties.get(path_property), str):
            properties[path_property] = f"s3://{_BUCKET}/{properties[path_property]}"
        if resource.get("Type") == "AWS::Serverless::StateMachine":
            definition = properties.pop("DefinitionUri", None)
            if definition is not None:
                properties["Definition"] = json.loads((root / definition).read_text("utf-8"))
