"""What resources are called on this machine, and what is known of one that exists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT = "123456789012"
STACK_NAME = "forecourt-local"


@dataclass(frozen=True)
class Resource:
    """One resource that exists.

    Attributes
    ----------
    reference
        What ``Ref`` gives.
    attributes
        What ``Fn::GetAtt`` gives, by name.
    properties
        Its properties, resolved.
    """

    reference: str
    attributes: Mapping[str, str]
    properties: Mapping[str, Any]


QUEUE_ATTRIBUTES = frozenset(
    {
        "DelaySeconds",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "RedrivePolicy",
        "VisibilityTimeout",
    }
)


def physical_name(logical_id: str) -> str:
    """Return the name of a resource that the template gives none."""
    return f"{STACK_NAME}-{re.sub(r'[^A-Za-z0-9-]', '', logical_id)}"[:64]


def pseudo_parameters(region: str) -> dict[str, Any]:
    """Return CloudFormation's pseudo parameters for this machine."""
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": region,
        "AWS::StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{STACK_NAME}/local",
        "AWS::StackName": STACK_NAME,
        "AWS::URLSuffix": "amazonaws.com",
    }
