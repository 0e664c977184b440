"""Reads at EasyCars that tell what became of a lead: the port ``LeadProbe`` over the client."""

import time
from collections.abc import Mapping
from typing import Any

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.codes import LeadStatusCode
from forecourt.easycars.lead_mapping import update_lead_fields
from forecourt.easycars.lead_messages import LeadDetail
from forecourt.easycars.sydney_time import latest_sydney_time
from forecourt.leads.lead import Lead
from forecourt.leads.probe_ports import ContactKeys, FoundLead
from forecourt.security.credentials import EasyCarsCredentials

_CUSTOMER_FIELDS = {
    "Name": "customer_name",
    "Email": "customer_email",
    "Address": "customer_address",
    "City": "customer_city",
    "State": "customer_state",
    "PostCode": "customer_post_code",
    "Fax": "customer_fax",
    "Phone": "customer_phone",
    "Mobile": "customer_mobile",
}
_LEAD_FIELDS = {
    "VehicleInterest": "vehicle_interest",
    "Notes": "notes",
    "VehicleSourcePageURL": "vehicle_source_page_url",
    "FinanceStatus": "finance_status",
    "Rating": "rating",
}


class EasyCarsLeadProbe:
    """Reads leads and contacts; safe for threads."""

    def __init__(self, client: EasyCarsClient) -> None:
        self._client = client

    def read_lead(
        self, credentials: EasyCarsCredentials, number: str, *, seconds: float = 30.0
    ) -> FoundLead | None:
        """Read one lead of this client's source; None where EasyCars clearly shows none.

        Raises
        ------
        ForecourtError
            Whether there is such a lead is not known.
        """
        detail = self._client.find_lead(credentials, number, deadline=time.monotonic() + seconds)
        if detail is None:
            return None
        return FoundLead(
            number=detail.lead_number or number,
            external_id=detail.external_id,
            created_at=latest_sydney_time(detail.created_date_time),
            customer_no=detail.customer_no,
            confirmed=confirmed_fields(detail),
        )

    def has_no_contact(
        self,
        credentials: EasyCarsCredentials,
        *,
        email: str | None = None,
        phone: str | None = None,
        seconds: float = 30.0,
    ) -> bool:
        """Tell whether EasyCars said with Code 0 and an empty list that nobody is of that name."""
        return self._client.has_no_contact(
            credentials, email=email, phone=phone, deadline=time.monotonic() + seconds
        )

    def contact_keys(self, lead: Lead) -> ContactKeys:
        """Say what CreateLead carries of this version's customer."""
        customer = update_lead_fields(lead)["LeadCustomer"]
        email = customer["Email"]
        return ContactKeys(
            emails=tuple(dict.fromkeys((email, email.lower()))),
            phone=customer.get("Phone") or customer.get("Mobile"),
        )


def confirmed_fields(detail: LeadDetail) -> Mapping[str, Any]:
    """Return what EasyCars holds of a lead by UpdateLead's names, ready for JSON.

    It is the base of the next difference, so what a later edit does not change is not sent. The
    status is New unless the answer has one: v1.05 has none, and a create carries none.
    """
    fields: dict[str, Any] = {
        name: value
        for name, attribute in _LEAD_FIELDS.items()
        if (value := getattr(detail, attribute)) is not None
    }
    price = detail.vehicle_price
    if price is not None:
        fields["VehiclePrice"] = int(price) if price == int(price) else float(price)
    fields["LeadCustomer"] = {
        name: text
        for name, attribute in _CUSTOMER_FIELDS.items()
        if (text := getattr(detail, attribute)) is not None
    }
    status = detail.lead_status
    fields["LeadStatus"] = int(LeadStatusCode.NEW) if status is None else status
    return fields
