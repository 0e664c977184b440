"""The document's part for signed-in people: everything under ``/api/admin/easycars/``."""

from http import HTTPStatus

from forecourt.admin.conflicts import ResolveBody
from forecourt.admin.credentials import ChangedCredentials, CredentialTest, NewCredentials
from forecourt.admin.sync_starts import LeadRunBody, StockRunBody
from forecourt.openapi import admin_records as records
from forecourt.openapi.admin_routes import EASYCARS, FLAG, PAGE, WHOSE, choice, describe
from forecourt.openapi.shapes import page_of, record

_NOT_STARTED = (
    "switched-off: syncs are off for the whole system;"
    " already-running: a run holds the dealership; still-running, nothing-failed, other-kind,"
    " too-many: what failed in the named job cannot be run."
)
_ONCE_A_MINUTE = "started-just-now: a dealership's run may be started once a minute."

EASYCARS_OPERATIONS = (
    describe(
        "GET",
        f"{EASYCARS}/credentials",
        "Describe a dealership's credentials without them",
        records.CREDENTIALS_SHOWN,
        WHOSE,
    ),
    describe(
        "POST",
        f"{EASYCARS}/credentials",
        "Store a dealership's first credentials",
        records.CREDENTIALS,
        WHOSE,
        status=HTTPStatus.CREATED,
        body=(NewCredentials,),
        conflict="credentials-exist: change those that are there.",
    ),
    describe(
        "POST",
        f"{EASYCARS}/credentials/test-connection",
        "Ask EasyCars whether it takes credentials, without storing them",
        record("environment:text success:bool message:text"),
        WHOSE,
        body=(CredentialTest,),
    ),
    describe(
        "PUT",
        f"{EASYCARS}/credentials/{{credentialId}}",
        "Change some of the values",
        records.CREDENTIALS,
        WHOSE,
        body=(ChangedCredentials,),
        conflict="credentials-unreadable: what is stored cannot be read; give all four values.",
    ),
    describe(
        "DELETE",
        f"{EASYCARS}/credentials/{{credentialId}}",
        "Remove a dealership's credentials",
        None,
        WHOSE,
        status=HTTPStatus.NO_CONTENT,
    ),
    describe(
        "GET",
        f"{EASYCARS}/schedules",
        "List when runs start, with the next runs in UTC and in local time",
        page_of("schedules", records.SCHEDULE),
        WHOSE,
        *PAGE,
    ),
    describe(
        "POST",
        f"{EASYCARS}/sync/stock",
        "Start a stock run of one dealership, or of those that failed in an earlier one",
        records.STARTED_RUN,
        WHOSE,
        status=HTTPStatus.ACCEPTED,
        body=(StockRunBody,),
        body_required=False,
        conflict=f"{_NOT_STARTED} nothing-proposed: there are no removals to accept;"
        " proposal-changed: a later run than that of logId proposed others.",
        limited=_ONCE_A_MINUTE,
    ),
    describe(
        "POST",
        f"{EASYCARS}/sync/leads",
        "Start a refresh of one dealership's open leads, or of those that failed in an earlier one",
        records.STARTED_RUN,
        WHOSE,
        status=HTTPStatus.ACCEPTED,
        body=(LeadRunBody,),
        body_required=False,
        conflict=_NOT_STARTED,
        limited=_ONCE_A_MINUTE,
    ),
    describe(
        "GET",
        f"{EASYCARS}/sync/status",
        "Show whether a dealership is set up and how its last runs went",
        records.SYNC_STATUS,
        WHOSE,
    ),
    describe(
        "GET",
        f"{EASYCARS}/sync/logs",
        "List runs, newest first",
        page_of("logs", records.SYNC_LOG),
        WHOSE,
        *PAGE,
        choice("syncType", "Stock", "Lead"),
        choice("direction", "Inbound", "Outbound"),
        choice("status", "Success", "Failed", "Warning", "InProgress"),
    ),
    describe(
        "GET",
        f"{EASYCARS}/sync/logs/{{logId}}",
        "Show one run with its errors and redacted payloads",
        records.WHOLE_SYNC_LOG,
        WHOSE,
    ),
    describe(
        "GET",
        f"{EASYCARS}/sync/jobs/{{jobId}}",
        "Show one run over many dealerships",
        records.SYNC_JOB,
        WHOSE,
    ),
    describe(
        "GET",
        f"{EASYCARS}/lead-sync-conflicts",
        "List status conflicts, newest first",
        page_of("conflicts", records.CONFLICT),
        WHOSE,
        *PAGE,
        choice("resolved", *FLAG),
    ),
    describe(
        "POST",
        f"{EASYCARS}/lead-sync-conflicts/{{conflictId}}/resolve",
        "Settle a status conflict by our status or theirs",
        records.CONFLICT,
        WHOSE,
        body=(ResolveBody,),
        conflict="It is settled already, or a deleted lead would have to come back.",
    ),
)
