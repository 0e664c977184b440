"""The port to a CRM that takes leads, and what travels through it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from forecourt.leads.lead import Lead
from forecourt.security.credentials import EasyCarsCredentials

WRITE_WINDOW_CLOSED = "WRITE_WINDOW_CLOSED"
"""Code of the RetryableError for a request that would have been written too late."""


class Operation(StrEnum):
    """How a lead gets to the CRM."""

    CREATE = "create"
    UPDATE = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What one claim is going to send.

    Parameters
    ----------
    operation
        Create or update.
    lead_number
        Which lead an update changes; None for a create.
    fields
        What travels, in the CRM's own names. An update without any has nothing to do.
    confirmed
        What is known to be in the CRM once it has accepted: the base of the next difference.
    complete
        False where a further update is needed even then: a create cannot carry every field.
    loggable
        ``fields`` without secrets and personal data.
    """

    operation: Operation
    lead_number: str | None
    fields: Mapping[str, Any]
    confirmed: Mapping[str, Any]
    complete: bool
    loggable: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the CRM answered to an accepted push; ``warning`` is already redacted."""

    lead_number: str | None
    customer_no: str | None = None
    warning: str | None = None


class LeadSink(Protocol):
    """A CRM. Both methods are called from several threads at once."""

    def prepare(self, lead: Lead, delivered: Mapping[str, Any] | None) -> Push:
        """Say what to send so that the CRM shows this version of the lead; calls nobody.

        A lead with a number is updated by what differs from `delivered`, the state last
        confirmed; one without is created.

        Raises
        ------
        PermanentError
            The lead cannot be sent as it is, e.g. ``INVALID_EMAIL``.
        """
        ...

    def send(
        self, push: Push, credentials: EasyCarsCredentials, *, write_by: float, seconds: float
    ) -> Receipt:
        """Send it, once.

        Parameters
        ----------
        write_by
            Wall-clock seconds since the epoch after which the request may not be written.
        seconds
            Time for the whole call.

        Raises
        ------
        RetryableError
            Nothing was done; code ``WRITE_WINDOW_CLOSED`` where `write_by` had passed.
        OutcomeUnknownError, PermanentError, AuthenticationError
            As :mod:`forecourt.errors` says.
        """
        ...
