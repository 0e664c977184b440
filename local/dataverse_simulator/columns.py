"""Columns of the lead table: Microsoft's own and the tenant's 24 (reference, 1.10, 2.2 to 2.4)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Types of a column, as ``AttributeType`` names them."""

    STRING = "String"
    MEMO = "Memo"
    INTEGER = "Integer"
    BIG_INTEGER = "BigInt"
    DECIMAL = "Decimal"
    MONEY = "Money"
    PICKLIST = "Picklist"
    STATE = "State"
    STATUS = "Status"
    BOOLEAN = "Boolean"
    DATE_TIME = "DateTime"
    UNIQUE_ID = "Uniqueidentifier"
    LOOKUP = "Lookup"
    OWNER = "Owner"


OPTION_KINDS = frozenset({Kind.PICKLIST, Kind.STATE, Kind.STATUS})
LOOKUP_KINDS = frozenset({Kind.LOOKUP, Kind.OWNER})
KEY_KINDS = frozenset(
    {Kind.STRING, Kind.INTEGER, Kind.DECIMAL, Kind.DATE_TIME, Kind.LOOKUP, Kind.PICKLIST}
)
"""Types an alternate key may be made of (reference, 1.4)."""

MAX_INT32 = 2_147_483_647


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table.

    Parameters
    ----------
    max_length
        UTF-16 units a text may have.
    minimum, maximum
        Bounds of a number, both allowed.
    precision
        Decimal places of a decimal or money column.
    options
        Labels and integers of a choice; False and True of a yes/no column.
    create, update, read
        Whether a caller may set it on create, set it on update, and read it.
    required
        ``None``, ``Recommended``, ``ApplicationRequired`` or ``SystemRequired``.
    schema_name
        The name with capitals; None is the logical name.
    """

    name: str
    kind: Kind
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    precision: int = 2
    options: Mapping[str, int] | None = None
    create: bool = True
    update: bool = True
    read: bool = True
    required: str = "None"
    custom: bool = False
    schema_name: str | None = None
    label: str | None = None

    @property
    def property_name(self) -> str:
        """What the column is called in the JSON of a record that is read."""
        return f"_{self.name}_value" if self.kind in LOOKUP_KINDS else self.name

    def as_json(self) -> dict[str, Any]:
        """Write it for the control API and the journal."""
        return {
            "name": self.name,
            "type": self.kind.value,
            "maxLength": self.max_length,
            "min": self.minimum,
            "max": self.maximum,
            "precision": self.precision,
            "options": None if self.options is None else dict(self.options),
            "create": self.create,
            "update": self.update,
            "read": self.read,
            "required": self.required,
            "custom": self.custom,
            "schemaName": self.schema_name,
            "label": self.label,
        }


_ATTRIBUTES = {
    "type": "kind",
    "maxLength": "max_length",
    "min": "minimum",
    "max": "maximum",
    "schemaName": "schema_name",
    **{
        name: name
        for name in (
            *("name", "precision", "options", "create", "update", "read", "required"),
            *("custom", "label"),
        )
    },
}


def column_from_json(given: Mapping[str, Any], known: Column | None = None) -> Column:
    """Read a column, or the changes to one that is known.

    Raises
    ------
    ValueError
        Names what is unknown or missing.
    """
    unknown = sorted(given.keys() - _ATTRIBUTES.keys())
    if unknown or (known is None and not {"name", "type"} <= given.keys()):
        message = f"A column has {', '.join(_ATTRIBUTES)}; name and type are needed. {unknown}"
        raise ValueError(message)
    values = {_ATTRIBUTES[key]: value for key, value in given.items()}
    if "kind" in values:
        values["kind"] = Kind(values["kind"])
    return replace(known, **values) if known is not None else Column(**values)


def _texts(*columns: tuple[str, int]) -> Iterable[Column]:
    return (Column(name, Kind.STRING, max_length=length) for name, length in columns)


def _choice(name: str, options: Mapping[str, int], kind: Kind = Kind.PICKLIST) -> Column:
    return Column(name, kind, options=options)


def _yes_no(name: str, no: str, yes: str) -> Column:
    return Column(name, Kind.BOOLEAN, options={no: 0, yes: 1})


def _read_only(name: str, kind: Kind) -> Column:
    return Column(name, kind, create=False, update=False)


STATES = {"Open": 0, "Qualified": 1, "Disqualified": 2}
STATUSES = {
    "New": 1,
    "Contacted": 2,
    "Qualified": 3,
    "Lost": 4,
    "Cannot Contact": 5,
    "No Longer Interested": 6,
    "Canceled": 7,
}
STATUSES_OF_STATE = {0: (1, 2), 1: (3,), 2: (4, 5, 6, 7)}
"""Which statuscode goes with which statecode; the first is the default (reference, 1.10)."""

_SOURCES = (
    *("Advertisement", "Employee Referral", "External Referral", "Partner", "Public Relations"),
    *("Seminar", "Trade Show", "Web", "Word of Mouth", "Other"),
)


def stock_columns() -> list[Column]:
    """Give the columns every environment has, with Microsoft's own lengths."""
    return [
        Column("leadid", Kind.UNIQUE_ID, update=False, required="SystemRequired"),
        Column("subject", Kind.STRING, max_length=300, required="ApplicationRequired"),
        Column("firstname", Kind.STRING, max_length=50, required="Recommended"),
        Column("lastname", Kind.STRING, max_length=50, required="ApplicationRequired"),
        Column("fullname", Kind.STRING, max_length=160, create=False, update=False),
        Column("companyname", Kind.STRING, max_length=100, required="Recommended"),
        *_texts(
            ("salutation", 100),
            ("middlename", 50),
            ("jobtitle", 100),
            ("emailaddress1", 100),
            ("emailaddress2", 100),
            ("emailaddress3", 100),
            ("websiteurl", 200),
            ("telephone1", 50),
            ("telephone2", 50),
            ("telephone3", 50),
            ("mobilephone", 20),
            ("fax", 50),
            ("address1_line1", 250),
            ("address1_line2", 250),
            ("address1_line3", 250),
            ("address1_city", 80),
            ("address1_stateorprovince", 50),
            ("address1_postalcode", 20),
            ("address1_country", 80),
        ),
        Column("description", Kind.MEMO, max_length=2000),
        Column("numberofemployees", Kind.INTEGER, minimum=0, maximum=1_000_000),
        Column("revenue", Kind.MONEY, minimum=0, maximum=100_000_000_000),
        _yes_no("donotbulkemail", "Allow", "Do Not Allow"),
        _yes_no("donotbulkpostalmail", "No", "Yes"),
        _yes_no("donotemail", "Allow", "Do Not Allow"),
        _yes_no("donotfax", "Allow", "Do Not Allow"),
        _yes_no("donotphone", "Allow", "Do Not Allow"),
        _yes_no("donotpostalmail", "Allow", "Do Not Allow"),
        _yes_no("donotsendmm", "Send", "Do Not Send"),
        _choice("leadqualitycode", {"Hot": 1, "Warm": 2, "Cold": 3}),
        _choice("leadsourcecode", {label: place + 1 for place, label in enumerate(_SOURCES)}),
        replace(_choice("statecode", STATES, Kind.STATE), create=False, required="SystemRequired"),
        _choice("statuscode", STATUSES, Kind.STATUS),
        Column("ownerid", Kind.OWNER, required="SystemRequired"),
        _read_only("createdby", Kind.LOOKUP),
        _read_only("modifiedby", Kind.LOOKUP),
        _read_only("createdon", Kind.DATE_TIME),
        _read_only("modifiedon", Kind.DATE_TIME),
        _read_only("versionnumber", Kind.BIG_INTEGER),
    ]


PUBLISHER_START = 816_940_000
"""Where the option integers of the tenant's publisher start (reference, 2.4)."""


def _numbered(*labels: str) -> dict[str, int]:
    return {label: PUBLISHER_START + place for place, label in enumerate(labels)}


def hunter_columns() -> list[Column]:
    """Give the tenant's 24 ``hnt_*`` columns (reference, 2.3) and the text column of its key."""
    text_length, memo_length = 100, 2000
    columns = [
        Column("hnt_finalscore", Kind.INTEGER, minimum=0, maximum=100),
        Column("hnt_priorityscore", Kind.INTEGER, minimum=1, maximum=7),
        _choice("hnt_segment", _numbered("SMB", "MidMarket", "Enterprise")),
        _choice(
            "hnt_huntertenantsize",
            _numbered(
                *("Small (1-50)", "Medium (51-250)", "Large (251-1000)", "Enterprise (1000+)"),
            ),
        ),
        Column("hnt_confidence", Kind.DECIMAL, minimum=0, maximum=100),
        _choice("hnt_referraltype", _numbered("co-sell", "marketplace", "solution-provider")),
        _choice("hnt_source", _numbered("Partner Center", "Manual", "Import", "Other")),
        Column("hnt_m365fitscore", Kind.INTEGER, minimum=0, maximum=100),
        Column("hnt_lastsynctime", Kind.DATE_TIME),
        Column("hnt_syncattemptcount", Kind.INTEGER, minimum=0, maximum=MAX_INT32),
        _choice("hnt_processingstatus", _numbered("Idle", "Working", "Completed", "Error")),
        _choice("hnt_pushstatus", _numbered("Synced", "Not Synced", "Error")),
        _yes_no("hnt_isreenriched", "No", "Yes"),
        *_texts(
            ("hnt_provider", text_length),
            ("hnt_referralid", text_length),
            ("hnt_tenantid", text_length),
            ("hnt_d365leadid", text_length),
            ("hnt_hunterautoscoreversion", text_length),
            ("hnt_domain", text_length),
            (KEY_COLUMN, text_length),
        ),
        *(
            Column(name, Kind.MEMO, max_length=memo_length)
            for name in (
                *("hnt_infrasummary", "hnt_m365matchtags", "hnt_syncerrormessage"),
                *("hnt_huntermlweightjson", "hnt_intelligencejson"),
            )
        ),
    ]
    return [replace(column, custom=True) for column in columns]


def later_columns() -> list[Column]:
    """Give the six columns that came after the first 24 (reference, 2.5)."""
    columns = [
        *_texts(("hnt_prioritycategory", 10), ("hnt_prioritylabel", 100)),
        _choice("hnt_technicalheat", _numbered("Hot", "Warm", "Cold")),
        _choice(
            "hnt_commercialsegment",
            _numbered(
                *("GREENFIELD", "COMPETITIVE", "WEAK_PARTNER", "RENEWAL", "LOW_INTENT", "NO_GO"),
            ),
        ),
        _choice("hnt_commercialheat", _numbered("HIGH", "MEDIUM", "LOW")),
        _yes_no("hnt_ispartnercenterreferral", "No", "Yes"),
    ]
    return [replace(column, custom=True) for column in columns]


KEY_COLUMN = "hnt_forecourtid"

COLUMN_SETS: Mapping[str, Callable[[], list[Column]]] = {
    "stock": stock_columns,
    "hunter": lambda: [*stock_columns(), *hunter_columns()],
    "all": lambda: [*stock_columns(), *hunter_columns(), *later_columns()],
}
"""Column sets by the name the control API gives them."""
