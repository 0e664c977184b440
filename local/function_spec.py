"""A Lambda function as the template describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class FunctionSpec:
    """A Lambda function as the template describes it.

    Attributes
    ----------
    logical_id, name, arn
        What the template, the API and other resources call it.
    handler
        ``module.function``.
    code
        The folder of its code.
    layers
        Folders of its layers.
    environment
        Variables of the template, resolved.
    timeout
        Seconds an invocation may take.
    memory
        Megabytes; told to the handler, not enforced here.
    concurrency
        How many invocations may run at once; None when the template sets no limit.
    region
        The region the handler believes to be in.
    """

    logical_id: str
    name: str
    arn: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    environment: Mapping[str, str]
    timeout: float
    memory: int
    concurrency: int | None
    region: str
