"""The custom columns a lead of ours can fill, as a tenant would create them (reference, 2.3, 2.5).

Lengths are the platform's defaults where the reference knows none. A choice whose integers or
labels are a tenant's own business is not drafted: an administrator creates it and names its
integers in the connection's configuration.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from forecourt.dynamics.column_drafts import ColumnDraft, ColumnKind

_FIRST_OPTION = 816_940_000
_LONGEST_MEMO = 1_048_576


def _text(name: str, label: str, length: int = 100) -> ColumnDraft:
    return ColumnDraft(name=name, kind=ColumnKind.STRING, label=label, length=length)


def _memo(name: str, label: str, length: int = 2000) -> ColumnDraft:
    return ColumnDraft(name=name, kind=ColumnKind.MEMO, label=label, length=length)


def _whole(name: str, label: str, most: int = 100) -> ColumnDraft:
    return ColumnDraft(name=name, kind=ColumnKind.INTEGER, label=label, maximum=most)


def _yes_no(name: str, label: str) -> ColumnDraft:
    return ColumnDraft(name=name, kind=ColumnKind.BOOLEAN, label=label)


def _choice(name: str, label: str, *labels: str) -> ColumnDraft:
    options = {one: _FIRST_OPTION + number for number, one in enumerate(labels)}
    return ColumnDraft(name=name, kind=ColumnKind.PICKLIST, label=label, options=options)


DRAFTS: Final[Mapping[str, ColumnDraft]] = MappingProxyType({
    draft.name: draft
    for draft in (
        _whole("hnt_finalscore", "Final score"),
        _whole("hnt_priorityscore", "Priority score", 7),
        _text("hnt_provider", "Provider"),
        _choice(
            "hnt_huntertenantsize", "Tenant size",
            "Small (1-50)", "Medium (51-250)", "Large (251-1000)", "Enterprise (1000+)",
        ),
        _memo("hnt_infrasummary", "Infrastructure summary"),
        ColumnDraft(name="hnt_confidence", kind=ColumnKind.DECIMAL, label="Confidence"),
        _text("hnt_referralid", "Referral id", 255),
        _text("hnt_tenantid", "Tenant id"),
        _choice("hnt_source", "Source", "Partner Center", "Manual", "Import", "Other"),
        _whole("hnt_m365fitscore", "M365 fit score"),
        _memo("hnt_m365matchtags", "M365 match tags"),
        _text("hnt_d365leadid", "D365 lead id"),
        ColumnDraft(name="hnt_lastsynctime", kind=ColumnKind.DATE_TIME, label="Last sync time"),
        _whole("hnt_syncattemptcount", "Sync attempt count", 1000),
        _choice(
            "hnt_processingstatus", "Processing status", "Idle", "Working", "Completed", "Error"
        ),
        _memo("hnt_syncerrormessage", "Sync error message"),
        _text("hnt_hunterautoscoreversion", "Auto score version"),
        _text("hnt_domain", "Domain", 255),
        _yes_no("hnt_isreenriched", "Is re-enriched"),
        _memo("hnt_huntermlweightjson", "ML weight JSON", _LONGEST_MEMO),
        _memo("hnt_intelligencejson", "Intelligence JSON", _LONGEST_MEMO),
        _text("hnt_prioritycategory", "Priority category", 10),
        _text("hnt_prioritylabel", "Priority label"),
        _choice("hnt_technicalheat", "Technical heat", "Hot", "Warm", "Cold"),
        _choice(
            "hnt_commercialsegment", "Commercial segment",
            "GREENFIELD", "COMPETITIVE", "WEAK_PARTNER", "RENEWAL", "LOW_INTENT", "NO_GO",
        ),
        _choice("hnt_commercialheat", "Commercial heat", "HIGH", "MEDIUM", "LOW"),
        _yes_no("hnt_ispartnercenterreferral", "Is Partner Center referral"),
    )
})  # fmt: skip

CREATED_BY_HAND: Final = ("hnt_segment", "hnt_referraltype", "hnt_pushstatus")
"""Choices whose options only the tenant knows (reference, 2.4)."""

LABELS_SENT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "hnt_huntertenantsize": ("Small (1-50)", "Medium (51-250)", "Large (251-1000)"),
    "hnt_source": ("Partner Center", "Manual"),
    "hnt_processingstatus": ("Completed",),
    "hnt_pushstatus": ("Synced",),
})  # fmt: skip
"""Which labels a lead of ours can have, per choice."""
