"""Columns and keys to be created, as Dataverse's metadata takes them (reference, 1.4 and 2.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from forecourt.dynamics.odata import checked_column

_ENGLISH = 1033
_CRM = "Microsoft.Dynamics.CRM"


class ColumnKind(StrEnum):
    """``AttributeType`` of what can be created."""

    STRING = "String"
    MEMO = "Memo"
    INTEGER = "Integer"
    DECIMAL = "Decimal"
    BOOLEAN = "Boolean"
    DATE_TIME = "DateTime"
    PICKLIST = "Picklist"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDraft:
    """A column to create.

    Parameters
    ----------
    name
        Logical name with the publisher's prefix, e.g. ``hnt_domain``.
    label
        What people read.
    length
        Of a String or Memo, in characters.
    minimum, maximum
        Of an Integer or Decimal.
    options
        Integer of each label of a Picklist.
    """

    name: str
    kind: ColumnKind
    label: str
    length: int = 100
    minimum: int = 0
    maximum: int = 100
    options: Mapping[str, int] | None = None


def column_body(draft: ColumnDraft) -> dict[str, Any]:
    """Describe a column, optional like all of ours (reference, 2.3)."""
    return {
        "@odata.type": f"{_CRM}.{draft.kind}AttributeMetadata",
        "AttributeType": str(draft.kind),
        "AttributeTypeName": {"Value": f"{draft.kind}Type"},
        "SchemaName": checked_column(draft.name),
        "DisplayName": _label(draft.label),
        "RequiredLevel": {
            "Value": "None",
            "CanBeChanged": True,
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        **_properties(draft),
    }


def key_body(name: str, label: str, column: str) -> dict[str, Any]:
    """Describe an alternate key on one column."""
    return {
        "SchemaName": checked_column(name),
        "DisplayName": _label(label),
        "KeyAttributes": [checked_column(column)],
    }


def _properties(draft: ColumnDraft) -> dict[str, Any]:
    options = [_option(label, number) for label, number in (draft.options or {}).items()]
    properties: dict[ColumnKind, dict[str, Any]] = {
        ColumnKind.STRING: {"FormatName": {"Value": "Text"}, "MaxLength": draft.length},
        ColumnKind.MEMO: {"Format": "TextArea", "MaxLength": draft.length},
        ColumnKind.INTEGER: {
            "Format": "None",
            "MinValue": draft.minimum,
            "MaxValue": draft.maximum,
        },
        ColumnKind.DECIMAL: {
            "MinValue": draft.minimum,
            "MaxValue": draft.maximum,
            "Precision": 2,
        },
        ColumnKind.BOOLEAN: {
            "DefaultValue": False,
            "OptionSet": {
                "TrueOption": _option("Yes", 1),
                "FalseOption": _option("No", 0),
                "OptionSetType": "Boolean",
            },
        },
        ColumnKind.DATE_TIME: {
            "Format": "DateAndTime",
            "DateTimeBehavior": {"Value": "UserLocal"},
        },
        ColumnKind.PICKLIST: {
            "OptionSet": {
                "@odata.type": f"{_CRM}.OptionSetMetadata",
                "OptionSetType": "Picklist",
                "IsGlobal": False,
                "Options": options,
            }
        },
    }
    return properties[draft.kind]


def _option(label: str, number: int) -> dict[str, Any]:
    return {"Value": number, "Label": _label(label)}


def _label(text: str) -> dict[str, Any]:
    return {
        "@odata.type": f"{_CRM}.Label",
        "LocalizedLabels": [
            {
                "@odata.type": f"{_CRM}.LocalizedLabel",
                "Label": text,
                "LanguageCode": _ENGLISH,
            }
        ],
    }
