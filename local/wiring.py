"""Turns deployed resources of the template into what runs: functions and queue sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.event_sources import QueueSource
from local.failures import StackError
from local.function_spec import FunctionSpec

if TYPE_CHECKING:
    from local.deployment import Deployment
    from local.template import Template

_DEFAULT_TIMEOUT_SECONDS = 3
_DEFAULT_MEMORY_MB = 128
_FUNCTION_PROPERTIES = frozenset(
    {
        "Code",
        "Environment",
        "Handler",
        "Layers",
        "MemorySize",
        "ReservedConcurrentExecutions",
        "Runtime",
        "Timeout",
    }
)
"""What matters here; the rest (network, tracing, roles) may name what only a cloud has."""


def function_specs(template: Template, deployment: Deployment) -> list[FunctionSpec]:
    """Return every function of the template, its environment resolved.

    Raises
    ------
    StackError
        When a function is no Python function.
    """
    layers = {
        made.reference: template.path_of_code(made.properties["Content"])
        for made in deployment.of_type("AWS::Lambda::LayerVersion").values()
    }
    specs = []
    for logical_id, made in deployment.of_type("AWS::Lambda::Function").items():
        properties: dict[str, Any] = deployment.resolver.resolve(
            {name: made.properties[name] for name in _FUNCTION_PROPERTIES & set(made.properties)}
        )
        runtime = str(properties.get("Runtime", ""))
        if not runtime.startswith("python"):
            message = f"{logical_id} has the runtime {runtime!r}; only Python runs here."
            raise StackError(message)
        variables = properties.get("Environment", {}).get("Variables", {})
        reserved = properties.get("ReservedConcurrentExecutions")
        specs.append(
            FunctionSpec(
                logical_id=logical_id,
                name=made.reference,
                arn=made.attributes["Arn"],
                handler=str(properties["Handler"]),
                code=template.path_of_code(properties["Code"]),
                layers=tuple(layers[arn] for arn in properties.get("Layers", []) if arn in layers),
                environment={name: _text(value) for name, value in variables.items()},
                timeout=float(properties.get("Timeout", _DEFAULT_TIMEOUT_SECONDS)),
                memory=int(properties.get("MemorySize", _DEFAULT_MEMORY_MB)),
                concurrency=None if reserved is None else int(reserved),
                region=deployment.region,
            )
        )
    return specs


def queue_sources(deployment: Deployment) -> list[QueueSource]:
    """Return every queue that feeds a function."""
    url_of = {
        made.attributes["Arn"]: made.reference
        for made in deployment.of_type("AWS::SQS::Queue").values()
    }
    sources = []
    for logical_id, made in deployment.of_type("AWS::Lambda::EventSourceMapping").items():
        properties: dict[str, Any] = deployment.resolver.resolve(made.properties)
        arn = str(properties["EventSourceArn"])
        if arn not in url_of:
            message = f"{logical_id} reads from {arn}, which is no queue of template.yaml."
            raise StackError(message)
        if str(properties.get("Enabled", True)).lower() == "true":
            sources.append(
                QueueSource.from_mapping(
                    properties, queue_url=url_of[arn], region=deployment.region
                )
            )
    return sources


def _text(value: Any) -> str:  # noqa: ANN401 - a variable may be any scalar in YAML
    return str(value).lower() if isinstance(value, bool) else str(value)
