"""What the admin API answers with; times are RFC 3339 in UTC, money is AUD."""

from forecourt.openapi.shapes import list_of, or_null, record, with_members, words

_DELIVERY_STATE = words("pending", "in_progress", "unconfirmed", "delivered", "failed")

_ATTEMPT = record(
    "attemptNo:int operation:text startedAt:time finishedAt:time? outcome:text? code:text?"
    " detail:text? httpStatus:int? latencyMs:int? remoteId:text? sentVersion:int?"
)
DELIVERY = record(
    "id:int leadId:uuid dealershipId:int target:text operation:text? attempts:int"
    " nextAttemptAt:time? leaseUntil:time? claimedAt:time? wantedVersion:int"
    " deliveredVersion:int? deliveredAt:time? remoteId:text? lastErrorCode:text? lastError:text?"
    " createdAt:time updatedAt:time",
    state=_DELIVERY_STATE,
    acts=list_of(words("retry", "resolve", "resend")),
)
DELIVERY_WITH_ATTEMPTS = with_members(DELIVERY, attemptHistory=list_of(_ATTEMPT))

_LEAD_HEAD = record(
    "leadId:uuid dealershipId:int name:text email:text phone:text status:text vehicleId:int?"
    " requestedStockNumber:text? vehicleInterest:text? financeStatus:text? rating:text? spam:bool"
    " dataSource:text? version:int receivedAt:time updatedAt:time easyCarsLeadNumber:text?"
    " easyCarsCustomerNo:text? lastSyncedToEasyCars:time? d365LeadId:text? d365LeadUrl:text?"
    " d365SyncLastAt:time? d365SyncAttemptCount:int d365SyncError:text?",
    d365SyncStatus=words("not_synced", "pending", "in_progress", "synced", "error")
    | {"description": "How far the lead is on its way to Dynamics 365."},
)
LEAD_IN_LIST = with_members(
    _LEAD_HEAD, "sharesIdempotencyKey:bool", easyCarsState=or_null(_DELIVERY_STATE)
)
_CONSENT = record("marketing:bool recordedAt:time") | {
    "description": "What the visitor agreed to; null means unknown, never yes.",
}
LEAD = with_members(
    _LEAD_HEAD,
    "message:text sourcePageUrl:text? company:object? deliveryNotes:texts idempotencyKey:text?"
    " siteKeyId:text? correlationId:text? erasedAt:time? sameIdempotencyKey:uuids",
    consent=or_null(_CONSENT),
    address=record("line:text? city:text? state:text? postCode:text?"),
    deliveries=list_of(DELIVERY_WITH_ATTEMPTS),
)
CHANGED_LEAD = with_members(
    LEAD, "changed:texts", easyCarsKeeps=list_of(record("field:text message:text"))
)

DEAD_LETTER = record(
    "messageId:text queue:text sentAt:time inQueueUntil:time? reason:text? detail:text?"
    " leadId:text? dealershipId:int?"
)
WHOLE_DEAD_LETTER = with_members(DEAD_LETTER, "attributes:object body:text")

_VEHICLE_HEAD = record(
    "id:int dealershipId:int title:text? make:text? model:text? year:int? price:num? mileage:int?"
    " condition:text? status:text stockNumber:text? yardCode:text? vin:text? dataSource:text?"
    " lockedFields:texts removedFromFeedAt:time? lastSyncedFromEasyCars:time?"
)
VEHICLE = _VEHICLE_HEAD
ONE_VEHICLE = with_members(_VEHICLE_HEAD, "description:text? images:any features:any feedItem:any")

DEALERSHIP = record(
    "id:int name:text createdAt:time? hasCredentials:bool environment:text? isActive:bool?"
    " lastSyncedAt:time? holdReason:text? autoSyncEnabled:bool origins:texts"
)
SITE_KEY = record(
    "keyId:text label:text? secretVersion:int ratePerSecond:int burst:int createdAt:time"
    " revokedAt:time? isActive:bool"
)
NEW_SITE_KEY = with_members(SITE_KEY, "siteKey:text")
SITE_KEY_IN_LIST = with_members(
    SITE_KEY,
    "lastLeadAt:time? onlyFails:bool",
    refusedLast24Hours=record(
        "requests:int lastAt:time?",
        most=list_of(record("reason:text field:text? requests:int")),
    ),
)
SETTINGS = {
    "type": "object",
    "properties": {
        "system": {"type": "object", "description": "Shown to administrators."},
        "dealership": record(
            "dealershipId:int autoSyncEnabled:bool syncCron:text? syncTimezone:text?"
        ),
    },
}

_RUN = record("at:time local:text swallowed:bool")
SCHEDULE = record(
    "name:text syncType:text dealershipId:int? cron:text timezone:text enabled:bool fault:text?",
    nextRuns=list_of(_RUN),
    nextSwallowed=or_null(_RUN)
    | {"description": "A run whose local time daylight saving takes out of that day."},
)

CREDENTIALS = record(
    "id:int dealershipId:int environment:text isActive:bool yardCode:text? holdReason:text?"
    " holdUntil:time? createdAt:time updatedAt:time lastSyncedAt:time?"
)
CREDENTIALS_SHOWN = with_members(CREDENTIALS, "hasCredentials:bool configuredAt:time")

_COUNTS = "received:int created:int updated:int unchanged:int removed:int failed:int"
SYNC_LOG = record(
    "id:int dealershipId:int dealershipName:text syncType:text syncDirection:text status:text"
    " startedAt:time completedAt:time? recordsProcessed:int recordsCreated:int recordsUpdated:int"
    " recordsUnchanged:int recordsRemoved:int recordsFailed:int errorMessage:text? jobId:uuid?"
    " durationMs:int?"
)
WHOLE_SYNC_LOG = with_members(
    SYNC_LOG,
    "errorDetails:any requestPayload:any responseSummary:any",
    proposedRemovals=record(
        "total:int canBeAccepted:bool",
        vehicles=list_of(
            record(
                "stockNumber:text vehicleId:int? title:text? status:text? removedFromFeedAt:time?"
            )
        ),
    ),
)
SYNC_STATUS = record(
    "isConfigured:bool isSyncing:bool",
    lastStockSync=or_null(SYNC_LOG),
    lastLeadSync=or_null(SYNC_LOG),
    proposedRemovals=record("logId:int? total:int"),
    recentLogs=list_of(SYNC_LOG),
)
SYNC_JOB = record(
    "jobId:uuid syncType:text trigger:text status:text planned:int? succeeded:int? failed:int?"
    " concurrency:int? startedAt:time completedAt:time?",
    dealerships=list_of(
        record(
            "dealershipId:int name:text status:text error:text? logId:int startedAt:time"
            f" completedAt:time? {_COUNTS}"
        )
    ),
)
STARTED_RUN = record("jobId:uuid message:text estimatedDurationSeconds:int")
CONFLICT = record(
    "id:int dealershipId:int leadId:uuid localStatus:text? remoteStatus:int? detectedAt:time"
    " isResolved:bool resolvedAt:time? resolvedBy:text? resolution:text? remoteStatusLabel:text?"
)
