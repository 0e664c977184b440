"""Leads out of EasyCars: the port ``LeadSource`` over the client and the mapping."""

from collections.abc import Mapping
from typing import Any

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.inbound_lead import confirmed_choices, lead_from_detail
from forecourt.leads.inbound import ConfirmedChoices, InboundLead
from forecourt.security.credentials import EasyCarsCredentials


class EasyCarsLeadSource:
    """Adapter of :class:`forecourt.leads.refresh_ports.LeadSource`."""

    def __init__(self, client: EasyCarsClient) -> None:
        self._client = client

    def read_lead(
        self, credentials: EasyCarsCredentials, lead_number: str, *, deadline: float
    ) -> InboundLead:
        """Read one lead; `deadline` is in seconds of ``time.monotonic()``."""
        return lead_from_detail(
            self._client.get_lead_detail(credentials, lead_number, deadline=deadline)
        )

    def confirmed_choices(self, delivered_fields: Mapping[str, Any] | None) -> ConfirmedChoices:
        """Read the choices out of what EasyCars last confirmed."""
        return confirmed_choices(delivered_fields)
