"""Two tenants of Dynamics 365 as their metadata tells: a stock one, and one with every column.

Lengths of core columns are Microsoft's, of custom ones the platform's defaults (Dataverse
reference, 2.2 and 2.3); the integers are those of the reference's tenant (2.4).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from forecourt.dynamics.metadata import AlternateKey, Column, TenantMetadata
from forecourt.leads.dynamics.sink import Standing
from forecourt.security.dynamics_connections import DEFAULT_KEY_COLUMN, DynamicsConnection

RECORD = UUID("8b1a2c3d-58c6-4a6e-9a51-00000000d365")


def _text(length: int, **more: Any) -> Column:
    return Column(type="String", max_length=length, **more)


def _choice(*labels: str, first: int = 816_940_000) -> Column:
    return Column(type="Picklist", options={label: first + at for at, label in enumerate(labels)})


_SOURCES = (
    "Advertisement", "Employee Referral", "External Referral", "Partner", "Public Relations",
    "Seminar", "Trade Show", "Web", "Word of Mouth", "Other",
)  # fmt: skip

CORE_COLUMNS: Mapping[str, Column] = {
    "subject": _text(300, required="ApplicationRequired"),
    "companyname": _text(100, required="Recommended"),
    "emailaddress1": _text(100),
    "websiteurl": _text(200),
    "telephone1": _text(50),
    "mobilephone": _text(20),
    "firstname": _text(50, required="Recommended"),
    "lastname": _text(50, required="ApplicationRequired"),
    "jobtitle": _text(100),
    "address1_line1": _text(250),
    "address1_city": _text(80),
    "address1_stateorprovince": _text(50),
    "address1_postalcode": _text(20),
    "address1_country": _text(80),
    "description": Column(type="Memo", max_length=2000),
    "leadsourcecode": _choice(*_SOURCES, first=1),
    "leadqualitycode": _choice("Hot", "Warm", "Cold", first=1),
    "donotbulkemail": Column(type="Boolean"),
    "donotsendmm": Column(type="Boolean"),
    "donotemail": Column(type="Boolean"),
    "donotphone": Column(type="Boolean"),
    "statecode": Column(type="State", options={"Open": 0, "Qualified": 1, "Disqualified": 2}),
    "statuscode": Column(type="Status", options={"New": 1, "Contacted": 2}),
    DEFAULT_KEY_COLUMN: _text(100),
}

HUNTER_COLUMNS: Mapping[str, Column] = {
    "hnt_finalscore": Column(type="Integer", minimum=0, maximum=100),
    "hnt_priorityscore": Column(type="Integer", minimum=1, maximum=7),
    "hnt_segment": _choice("SMB", "MidMarket", "Enterprise"),
    "hnt_provider": _text(100),
    "hnt_huntertenantsize": _choice(
        "Small (1-50)", "Medium (51-250)", "Large (251-1000)", "Enterprise (1000+)"
    ),
    "hnt_infrasummary": Column(type="Memo", max_length=2000),
    "hnt_confidence": Column(type="Decimal", minimum=0, maximum=1),
    "hnt_referralid": _text(100),
    "hnt_referraltype": _choice("Co-sell", "Marketplace", "Solution Workspace"),
    "hnt_tenantid": _text(100),
    "hnt_source": _choice("Partner Center", "Manual", "Import", "Other"),
    "hnt_m365fitscore": Column(type="Integer", minimum=0, maximum=100),
    "hnt_m365matchtags": Column(type="Memo", max_length=2000),
    "hnt_d365leadid": _text(100),
    "hnt_lastsynctime": Column(type="DateTime"),
    "hnt_syncattemptcount": Column(type="Integer", minimum=0, maximum=2**31 - 1),
    "hnt_processingstatus": _choice("Idle", "Working", "Completed", "Error"),
    "hnt_syncerrormessage": Column(type="Memo", max_length=2000),
    "hnt_pushstatus": _choice("Synced", "Not Synced", "Error"),
    "hnt_hunterautoscoreversion": _text(100),
    "hnt_domain": _text(100),
    "hnt_isreenriched": Column(type="Boolean"),
    "hnt_huntermlweightjson": Column(type="Memo", max_length=2000),
    "hnt_intelligencejson": Column(type="Memo", max_length=2000),
}

LATER_COLUMNS: Mapping[str, Column] = {
    "hnt_prioritycategory": _text(10),
    "hnt_prioritylabel": _text(100),
    "hnt_technicalheat": _choice("Hot", "Warm", "Cold"),
    "hnt_commercialsegment": _choice(
        "GREENFIELD", "COMPETITIVE", "WEAK_PARTNER", "RENEWAL", "LOW_INTENT", "NO_GO"
    ),
    "hnt_commercialheat": _choice("HIGH", "MEDIUM", "LOW"),
    "hnt_ispartnercenterreferral": Column(type="Boolean"),
}

KEY = AlternateKey(name=DEFAULT_KEY_COLUMN, columns=(DEFAULT_KEY_COLUMN,), status="Active")
STOCK_TENANT = TenantMetadata(columns=CORE_COLUMNS, keys=(KEY,))
FULL_TENANT = TenantMetadata(
    columns={**CORE_COLUMNS, **HUNTER_COLUMNS, **LATER_COLUMNS}, keys=(KEY,)
)

CONNECTION = DynamicsConnection(
    connection_id=1,
    dealership_id=1,
    environment_url="https://bayside.crm6.dynamics.com",
    tenant_id="5b1f9a8e-0000-4000-8000-00000000e7a1",
    client_id="0a3c52de-0000-4000-8000-0000000c11e7",
    client_secret=SecretStr("planted-dynamics-secret"),
    metadata=FULL_TENANT.to_json(),
)

COMPANY: Mapping[str, Any] = {
    "canonical_name": "Acme Pty Ltd", "company_name": "Acme", "domain": "acme.example",
    "country": "AU", "job_title": "Fleet manager", "provider": "M365", "tenant_size": "small",
    "contact_emails": ["a@acme.example", {"email": "b@acme.example"}, {"value": "c@acme.example"}],
    "contact_quality_score": 0, "linkedin_pattern": "{first}.{last}", "readiness_score": 100,
    "nameservers": ["ns1.acme.example"],
    "segment": "Migration", "technical_heat": "Hot", "commercial_segment": "GREENFIELD",
    "commercial_heat": "HIGH", "priority_category": "P1",
    "priority_label": "P1 High Potential Greenfield", "referral_id": "r-1",
    "azure_tenant_id": "72f988bf-86f1-41af-91ab-2d7cd011db47", "referral_type": "co-sell",
    "ip_usage_type": "DCH", "ip_isp": "Telstra", "ip_country": "AU", "confidence": 0.75,
    "m365_match_tags": "exchange, teams", "auto_score_version": "3.1", "is_reenriched": True,
    "ml_weight_json": "{}",
}  # fmt: skip
"""A lead's company with every member the reference knows."""

FIRST_TRY = Standing(remote_id=None, delivered_fields=None, payload_hash=None, attempts=1)


def connection_to(
    tenant: TenantMetadata = FULL_TENANT,
    *,
    without: tuple[str, ...] = (),
    columns: Mapping[str, bool] | None = None,
    options: Mapping[str, Mapping[str, int]] | None = None,
    key_column: str = DEFAULT_KEY_COLUMN,
    **changed: Column,
) -> DynamicsConnection:
    """Make a connection to a tenant that differs in some columns from one of those above."""
    table = {
        name: column
        for name, column in {**tenant.columns, **changed}.items()
        if name not in without
    }
    return replace(
        CONNECTION,
        metadata=TenantMetadata(columns=table, keys=tenant.keys).to_json(),
        columns=columns or {},
        option_sets=options or {},
        key_column=key_column,
    )
