"""Leads for Dynamics 365, drawn by Hypothesis: every kind that intake accepts, and older ones."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from forecourt.leads.lead import (
    FinanceStatus,
    Lead,
    LeadAddress,
    LeadStatus,
    LeadVehicle,
    Rating,
    VehicleInterest,
)
from forecourt.leads.submission import read_submission
from forecourt.problem import Problem

_ID = UUID("0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11")

letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


def texts(limit: int) -> st.SearchStrategy[str]:
    """Texts of any letters, of which some are as long as they may be."""
    long = st.builds(
        lambda text, length: (text * length)[:length], st.text(letters, min_size=1, max_size=3),
        st.integers(max(1, limit - 3), limit),
    )  # fmt: skip
    return st.text(letters, max_size=min(limit, 60)) | long


_scores = st.integers(0, 100)
_words = {
    "provider": ["M365", "Google", "Yandex", "Local", "Unknown"],
    "tenant_size": ["small", "Medium", "LARGE", "enterprise", "Small (1-50)", "huge"],
    "segment": ["Migration", "Existing", "Cold", "Skip", "SMB", "else"],
    "technical_heat": ["Hot", "Warm", "Cold", "Tepid"],
    "commercial_segment": ["GREENFIELD", "WEAK_PARTNER", "weak partner", "NONE"],
    "commercial_heat": ["HIGH", "MEDIUM", "LOW", "high"],
    "priority_category": ["P1", "P6", "P7"],
    "priority_label": ["P1 High Potential Greenfield", "P6 No-Go / Archive"],
    "referral_type": ["co-sell", "marketplace", "solution-provider", "Co-Sell"],
    "ip_usage_type": ["DCH", "Mobile", "XXX"],
    "domain": ["acme.example", "www.Acme.Example.", "müller.example", "evil.example/?q=&a='"],
}
_limits = {
    "canonical_name": 255, "company_name": 255, "name": 500, "country": 80, "job_title": 255,
    "linkedin_pattern": 255, "referral_id": 255, "azure_tenant_id": 255, "ip_isp": 255,
    "ip_country": 80, "m365_match_tags": 500, "auto_score_version": 100, "ml_weight_json": 500,
    "reason": 500, "domain": 255, "provider": 50, "tenant_size": 50, "priority_label": 100,
}  # fmt: skip
_members: dict[str, st.SearchStrategy[Any]] = {
    **{name: texts(limit) for name, limit in _limits.items()},
    **{
        name: st.sampled_from(words) | texts(min(_limits.get(name, 10), 10))
        for name, words in _words.items()
    },
    "readiness_score": _scores | _scores.map(float),
    "contact_quality_score": _scores,
    "confidence": st.floats(-2.0, 2.0),
    "is_reenriched": st.booleans(),
    "contact_emails": st.lists(
        st.just("a@acme.example") | st.fixed_dictionaries({"email": texts(60)}), max_size=3
    ),
}

companies = st.fixed_dictionaries({}, optional=_members)
"""Companies as intake accepts them."""

_emails = st.sampled_from(
    ["a@b.co", "o'brien+test@mail.example.com.au", "jörg@müller.example", "a" * 64 + "@" + "b" * 31
     + ".com"]
)  # fmt: skip


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


submissions = st.fixed_dictionaries(
    {"name": texts(255), "email": _emails},
    optional={
        "phone": texts(20) | st.sampled_from(["0412 345 678", "+61 (0)2 9999 1234", "ext. 5"]),
        "message": texts(10_000),
        "stockNumber": texts(100),
        "vehicleInterest": _maybe(st.sampled_from([one.value for one in VehicleInterest])),
        "financeStatus": _maybe(st.sampled_from([one.value for one in FinanceStatus])),
        "rating": _maybe(st.sampled_from([one.value for one in Rating])),
        "sourcePageUrl": st.sampled_from(["https://a.example/x", "http://a/" + "x" * 1900]),
        "address": _maybe(
            st.fixed_dictionaries(
                {},
                optional={
                    "line": texts(200), "city": texts(50), "state": texts(50), "postCode": texts(10)
                },
            )
        ),
        "consent": _maybe(st.fixed_dictionaries({"marketing": st.booleans()})),
        "company": _maybe(companies),
    },
)  # fmt: skip
"""Bodies of ``POST /api/leads``; a few are refused, as a text of blanks alone is none."""

_vehicles = st.builds(
    LeadVehicle,
    vehicle_id=st.integers(1),
    stock_number=_maybe(texts(100)),
    make=texts(100),
    model=texts(100),
    year=st.integers(1900, 2100),
    price=st.decimals(0, 10**8, places=2),
    is_new=st.booleans(),
    stock_type=st.none() | st.sampled_from("ABCHMT"),
)


def _lead(body: dict[str, Any], vehicle: LeadVehicle | None, notes: list[str]) -> Lead | None:
    try:
        sent = read_submission(body)
    except Problem:
        return None
    address = sent.address
    return Lead(
        lead_id=7,
        external_id=_ID,
        dealership_id=1,
        name=sent.name,
        email=sent.email,
        phone=sent.phone or "",
        message=sent.message or "",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        vehicle=vehicle,
        stock_number=sent.stock_number,
        vehicle_interest=sent.vehicle_interest,
        finance_status=sent.finance_status,
        rating=sent.rating,
        source_page_url=sent.source_page_url,
        address=LeadAddress() if address is None else LeadAddress(**address.model_dump()),
        company=sent.company,
        consent=None if sent.consent is None else sent.consent.model_dump(mode="json"),
        delivery_notes=tuple(notes),
    )


accepted_leads: st.SearchStrategy[Lead] = st.builds(
    _lead, submissions, st.none() | _vehicles, st.lists(texts(200), max_size=2)
).filter(bool)  # type: ignore[assignment]
"""Leads as delivery reads them after intake accepted them."""

older_leads = st.builds(
    Lead,
    lead_id=st.integers(1),
    external_id=st.uuids(),
    dealership_id=st.just(1),
    name=st.text(letters, max_size=300),
    email=st.text(letters, max_size=300),
    phone=st.text(letters, max_size=60),
    message=st.text(letters, max_size=500),
    received_at=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    version=st.integers(1, 5),
    status=st.sampled_from(LeadStatus),
    vehicle=st.none() | _vehicles,
    company=st.none() | st.dictionaries(
        st.sampled_from([*_members, "canonicalName", "colour"]),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(letters) | st.lists(st.text(letters), max_size=2),
        max_size=6,
    ),
    consent=st.none() | st.dictionaries(st.sampled_from(["marketing", "text"]), st.booleans()),
)  # fmt: skip
"""Leads as another system may have left them in the database."""
