"""The columns a lead's company fills: a few core ones, the 24 ``hnt_*`` ones and 6 that came later.

Sources and rules are those of the Dataverse reference, 2.1, 2.3 and 2.5. Six of the 24 tell of the
push itself: see :func:`sync_wishes`. ``hnt_confidence``, ``hnt_m365matchtags``,
``hnt_hunterautoscoreversion``, ``hnt_isreenriched`` and ``hnt_huntermlweightjson`` have no source
there; a company may name them itself.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from forecourt.dynamics.fitting import Wish
from forecourt.leads.company import company_values

OWN_ID = "hnt_d365leadid"
"""Holds the record's own GUID, which nobody knows before it was created."""

VOLATILE = frozenset({
    "hnt_lastsynctime", "hnt_syncattemptcount", "hnt_processingstatus", "hnt_pushstatus",
    "hnt_syncerrormessage", OWN_ID,
})  # fmt: skip
"""Columns that tell of the push itself: never a reason for one."""

_LOWEST_PRIORITY = 7
_PRIORITIES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "Migration": ((80, 1), (70, 2), (60, 3), (0, 4)),
    "Existing": ((70, 3), (50, 4), (30, 5), (0, 6)),
    "Cold": ((40, 5), (20, 6), (0, 7)),
}
_TENANT_SIZES = {
    "small": "Small (1-50)",
    "medium": "Medium (51-250)",
    "large": "Large (251-1000)",
    "enterprise": "Enterprise (1000+)",
}
_HOSTS = {"DCH": "DataCenter", "COM": "Commercial", "RES": "Residential", "MOB": "Mobile"}
_OUR_WORDS = frozenset({
    "co-sell", "marketplace", "solution-provider", "Migration", "Existing", "Cold", "Skip", "Hot",
    "Warm", "GREENFIELD", "COMPETITIVE", "WEAK_PARTNER", "RENEWAL", "LOW_INTENT", "NO_GO", "HIGH",
    "MEDIUM", "LOW", "P1", "P2", "P3", "P4", "P5", "P6",
})  # fmt: skip

_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_](?:[\w-]{0,61}[^\W_])?")


def priority_score(segment: str | None, readiness: int | None) -> int:
    """Return 1 (best) to 7: how soon a company is worth a call (reference, 2.1).

    Examples
    --------
    >>> priority_score("Migration", 80), priority_score("Skip", 100), priority_score("Cold", None)
    (1, 7, 7)
    """
    if readiness is None:
        return _LOWEST_PRIORITY
    steps = _PRIORITIES.get(segment or "", ())
    return next((score for least, score in steps if readiness >= least), _LOWEST_PRIORITY)


def infrastructure_summary(
    usage_type: str | None, isp: str | None, country: str | None
) -> str | None:
    """Return where a company's servers stand, in a line; None where nothing is known.

    Examples
    --------
    >>> infrastructure_summary("DCH", "Telstra", "AU")
    'hosted on DataCenter, Telstra, AU'
    """
    words = {name.casefold(): name for name in _HOSTS.values()} | {
        code.casefold(): name for code, name in _HOSTS.items()
    }
    host = words.get((usage_type or "").casefold())
    parts = (None if host is None else f"hosted on {host}", isp, country)
    return ", ".join(part for part in parts if part) or None


def normal_domain(text: str | None) -> str | None:
    """Return a domain in small letters without ``www.``; None where it is no domain name."""
    domain = (text or "").lower().rstrip(".").removeprefix("www.")
    return domain if _DOMAIN.fullmatch(domain) else None


def company_wishes(company: Mapping[str, Any]) -> list[Wish]:
    """Return what the columns are to hold that a company fills."""
    values = company_values(company)
    return [*_core_wishes(values, company), *_hunter_wishes(values, company), *_late_wishes(values)]


def company_notes(company: Mapping[str, Any]) -> list[str]:
    """Return what of a company no column can hold, a sentence each."""
    domain = company_values(company).get("domain")
    if domain is None or normal_domain(domain) is not None:
        return []
    return ["websiteurl, hnt_domain: left out, as the company's domain is no domain name."]


def sync_wishes(*, attempts: int, remote_id: UUID | None, now: datetime) -> list[Wish]:
    """Return what the columns that tell of the push will truthfully say once it succeeded."""
    sent_at = now.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    return [
        Wish(column="hnt_processingstatus", value="Completed", is_ours=True),
        Wish(column="hnt_pushstatus", value="Synced", is_ours=True),
        Wish(column="hnt_syncattemptcount", value=attempts),
        Wish(column="hnt_lastsynctime", value=sent_at),
        Wish(column="hnt_syncerrormessage", value=None),
        Wish(column=OWN_ID, value=None if remote_id is None else str(remote_id), is_whole=True),
    ]


def _core_wishes(values: Mapping[str, Any], company: Mapping[str, Any]) -> list[Wish]:
    domain = normal_domain(values.get("domain"))
    free_name = company.get("name")
    names = (
        values.get("canonical_name"),
        values.get("company_name"),
        free_name if isinstance(free_name, str) and free_name.strip() else None,
        domain,
    )
    name = next((name for name in names if name), None)
    title, country = values.get("job_title"), values.get("country")
    website = None if domain is None else f"https://{domain}"
    return [
        Wish(column="companyname", value=name, line=f"Company: {name}"),
        Wish(column="websiteurl", value=website, is_whole=True, line=f"Website: {website}"),
        Wish(column="jobtitle", value=title, line=f"Job title: {title}"),
        Wish(column="address1_country", value=country, line=f"Country: {country}"),
    ]


def _hunter_wishes(values: Mapping[str, Any], company: Mapping[str, Any]) -> list[Wish]:
    readiness = values.get("readiness_score")
    segment = values.get("segment")
    size = values.get("tenant_size")
    is_m365 = (values.get("provider") or "").casefold() == "m365"
    return [
        Wish(column="hnt_finalscore", value=readiness),
        Wish(column="hnt_priorityscore", value=priority_score(segment, readiness)),
        _choice("hnt_segment", segment, only_configured=True),
        Wish(column="hnt_provider", value=values.get("provider")),
        _tenant_size(size),
        Wish(
            column="hnt_infrasummary",
            value=infrastructure_summary(
                values.get("ip_usage_type"), values.get("ip_isp"), values.get("ip_country")
            ),
        ),
        Wish(column="hnt_confidence", value=values.get("confidence")),
        Wish(column="hnt_referralid", value=values.get("referral_id"), is_whole=True),
        _choice("hnt_referraltype", values.get("referral_type")),
        Wish(column="hnt_tenantid", value=values.get("azure_tenant_id"), is_whole=True),
        Wish(
            column="hnt_source",
            value="Partner Center" if "referral_id" in values else "Manual",
            is_ours=True,
        ),
        Wish(column="hnt_m365fitscore", value=readiness if is_m365 else None),
        Wish(column="hnt_m365matchtags", value=values.get("m365_match_tags")),
        Wish(column="hnt_hunterautoscoreversion", value=values.get("auto_score_version")),
        Wish(column="hnt_domain", value=normal_domain(values.get("domain")), is_whole=True),
        Wish(column="hnt_isreenriched", value=values.get("is_reenriched")),
        Wish(column="hnt_huntermlweightjson", value=values.get("ml_weight_json"), is_whole=True),
        Wish(
            column="hnt_intelligencejson",
            value=json.dumps(company, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
            is_whole=True,
        ),
    ]


def _late_wishes(values: Mapping[str, Any]) -> list[Wish]:
    return [
        _choice("hnt_prioritycategory", values.get("priority_category")),
        Wish(column="hnt_prioritylabel", value=values.get("priority_label")),
        _choice("hnt_technicalheat", values.get("technical_heat")),
        _choice("hnt_commercialsegment", values.get("commercial_segment")),
        _choice("hnt_commercialheat", values.get("commercial_heat")),
        Wish(column="hnt_ispartnercenterreferral", value="referral_id" in values),
    ]


def _choice(column: str, label: str | None, *, only_configured: bool = False) -> Wish:
    return Wish(
        column=column,
        value=label,
        is_ours=label in _OUR_WORDS,
        only_configured=only_configured,
    )


def _tenant_size(size: str | None) -> Wish:
    label = None if size is None else _TENANT_SIZES.get(size.casefold())
    return Wish(
        column="hnt_huntertenantsize",
        value=label or size,
        other_labels=() if label is None or size is None else (size,),
        is_ours=label is not None,
    )
