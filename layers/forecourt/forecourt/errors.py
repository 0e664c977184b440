"""What can go wrong, named by how one recovers.

::

    ForecourtError
    ├── RetryableError       nothing was done: try again later
    ├── OutcomeUnknownError  it may have been done: look before trying again
    ├── PermanentError       will fail the same way again: park it for a person
    │   └── AuthenticationError  the credentials are refused: hold the dealership
    └── SkippableError       this one item cannot be used: record it and go on

Adapters (``easycars``, ``dynamics``, ``storage``, ``aws``) alone turn a vendor's or a library's
error into one of these; logic decides by class and ``code``, never by searching message text.
``detail`` has been through :mod:`forecourt.security.redaction` before it gets here, so it can be
stored and shown.
"""


class ForecourtError(Exception):
    """Root of every error Forecourt raises on purpose.

    Parameters
    ----------
    code
        Stable upper-case name of the reason, e.g. ``TIMEOUT`` or ``VENDOR_REFUSED``.
    detail
        One redacted sentence for a person, without secrets or personal data.
    target
        Which system said no: ``EasyCars``, ``Dynamics``, ``PostgreSQL``, ``KMS`` …
    retry_after
        Seconds the target asked us to wait, where it did.
    """

    def __init__(
        self, code: str, detail: str, *, target: str, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{target} {code}: {detail}")
        self.code = code
        self.detail = detail
        self.target = target
        self.retry_after = retry_after


class RetryableError(ForecourtError):
    """Nothing was done and a later try may succeed."""


class OutcomeUnknownError(ForecourtError):
    """The request was sent and its effect is not known; repeating it blindly may double it."""


class PermanentError(ForecourtError):
    """The same request will be refused again; a person has to act."""


class AuthenticationError(PermanentError):
    """The target refuses the credentials, also with a fresh token."""


class SkippableError(ForecourtError):
    """One item of many cannot be used; the others go on."""
