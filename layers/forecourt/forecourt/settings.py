"""What each function reads from its environment; ``template.yaml`` writes the same names.

One frozen model per function. A field's environment variable is its name in capitals, and its
description is the cure an operator reads when the value is missing or wrong.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from forecourt.errors import PermanentError
from forecourt.security.credentials import Environment

Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
Arn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:[a-z0-9-]+:[^\s]+$")]
Origins = Annotated[str, Field(pattern=r"^https?://[^\s/,]+(,https?://[^\s/,]+)*$")]
Name = Annotated[str, Field(min_length=1, pattern=r"^\S+$")]

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
SslMode = Literal["disable", "require", "verify-ca", "verify-full"]


class FunctionSettings(BaseModel):
    """What every function reads; the settings of one function extend it."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    log_level: LogLevel = Field(
        default="INFO", description="one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
    )
    powertools_service_name: Name = Field(
        default="forecourt", description="the function's name in snake case"
    )
    powertools_metrics_namespace: Name = Field(
        default="Forecourt", description="the CloudWatch namespace, normally Forecourt"
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read this model's variables.

        An empty variable counts as missing, because CloudFormation writes ``""`` for a parameter
        that was left out.

        Parameters
        ----------
        environment
            Where to read; the process environment by default.

        Raises
        ------
        PermanentError
            ``SETTINGS_INVALID``; the detail names every bad variable and what it may hold.
        """
        source = os.environ if environment is None else environment
        values = {
            name: source[name.upper()] for name in cls.model_fields if source.get(name.upper())
        }
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            detail = "; ".join(
                sorted({cls._complaint(e["loc"], e["type"]) for e in error.errors()})
            )
            raise PermanentError(
                code="SETTINGS_INVALID", detail=detail, target="Settings"
            ) from None

    @classmethod
    def _complaint(cls, location: tuple[int | str, ...], kind: str) -> str:
        if not location:
            return cls._combination_rule()
        name = str(location[0])
        state = "is missing" if kind == "missing" else "has a value that is not allowed"
        return f"{name.upper()} {state}: set it to {cls.model_fields[name].description}"

    @classmethod
    def _combination_rule(cls) -> str:
        return "the variables contradict each other"


class _Database(FunctionSettings):
    database_host: Name = Field(description="the host name of the PostgreSQL server")
    database_port: int = Field(
        default=5432, ge=1, le=65535, description="a whole number from 1 to 65535, normally 5432"
    )
    database_name: Name = Field(description="the name of the database, normally forecourt")
    database_secret_arn: Arn = Field(
        description='the ARN of a secret that holds {"username", "password"}'
    )
    database_sslmode: SslMode = Field(
        default="verify-full", description="one of disable, require, verify-ca, verify-full"
    )


class _LeadsQueue(FunctionSettings):
    leads_queue_url: Url = Field(description="the https address of the leads queue")


class _LeadsQueues(_LeadsQueue):
    leads_dlq_url: Url = Field(description="the https address of the leads dead-letter queue")

    @model_validator(mode="after")
    def _queues_differ(self) -> Self:
        if self.leads_dlq_url == self.leads_queue_url:
            raise ValueError
        return self

    @classmethod
    def _combination_rule(cls) -> str:
        return (
            "LEADS_DLQ_URL equals LEADS_QUEUE_URL: set it to the address of the "
            "dead-letter queue, or parked messages come straight back"
        )


class _DynamicsQueue(FunctionSettings):
    dynamics_queue_url: Url = Field(description="the https address of the Dynamics queue")


class _DynamicsQueues(_DynamicsQueue):
    dynamics_dlq_url: Url = Field(description="the https address of the Dynamics dead-letter queue")


class _Dynamics(FunctionSettings):
    dynamics_url: Url | None = Field(
        default=None,
        description="the address that answers in place of every Dynamics 365, or nothing",
    )


class _RunBucket(FunctionSettings):
    run_bucket: Name = Field(description="the name of the bucket for plans and site files")


class _SyncCapacity(FunctionSettings):
    stock_sync_reserved_concurrency: int = Field(
        default=1000, ge=1, description="a whole number from 1, as the functions reserve it"
    )


class _CredentialsKey(FunctionSettings):
    credentials_key_arn: Arn = Field(
        description="the ARN of the KMS key that wraps the credentials' data keys"
    )


class _ScheduleGroup(FunctionSettings):
    schedule_group: Name = Field(description="the name of the stack's schedule group")


class _SiteKeySecret(FunctionSettings):
    site_key_secret_arn: Arn = Field(
        description='the ARN of a secret that holds {"1": "<random>", …}, version to secret'
    )


class _Edge(FunctionSettings):
    edge_secret_arn: Arn | None = Field(
        default=None,
        description='the ARN of a secret that holds {"1": "<random>", …}, as CloudFront sends it, '
        "or nothing where no CloudFront stands before the API",
    )


class _AlertTopic(FunctionSettings):
    alert_topic_arn: Arn = Field(description="the ARN of the SNS topic for alerts")


class _LeadEventsTopic(FunctionSettings):
    lead_events_topic_arn: Arn = Field(
        description="the ARN of the SNS topic for events of leads, e.g. lead.accepted"
    )


class _EasyCars(FunctionSettings):
    easycars_test_url: Url = Field(
        description="the address of EasyCars' test system, without the service name"
    )
    easycars_production_url: Url = Field(
        description="the address of EasyCars' production system, without the service name"
    )

    @property
    def easycars_base_urls(self) -> dict[Environment, str]:
        """Address per vendor system, as :class:`EasyCarsClient` takes it."""
        return {
            Environment.TEST: self.easycars_test_url.rstrip("/"),
            Environment.PRODUCTION: self.easycars_production_url.rstrip("/"),
        }


class LeadIntakeSettings(_LeadsQueue, _RunBucket, _SiteKeySecret, _Edge):
    """Settings of ``lead_intake``; it knows no database."""


class LeadDeliverySettings(
    _Database,
    _LeadsQueues,
    _DynamicsQueue,
    _CredentialsKey,
    _EasyCars,
    _AlertTopic,
    _LeadEventsTopic,
):
    """Settings of ``lead_delivery``."""


class DeliverySweeperSettings(
    _Database, _LeadsQueues, _DynamicsQueues, _RunBucket, _LeadEventsTopic
):
    """Settings of ``delivery_sweeper``."""


class DynamicsDeliverySettings(_Database, _DynamicsQueues, _Dynamics, _CredentialsKey, _AlertTopic):
    """Settings of ``dynamics_delivery``."""


class SyncPlannerSettings(_Database, _RunBucket, _SyncCapacity):
    """Settings of ``sync_planner``."""


class StockSyncSettings(_Database, _CredentialsKey, _EasyCars):
    """Settings of ``stock_sync``."""

    images_queue_url: Url = Field(description="the https address of the images queue")
    database_pipeline: bool = Field(
        default=True,
        description="true, or false where a database proxy does not stand pipeline mode",
    )


class LeadRefreshSettings(_Database, _CredentialsKey, _EasyCars):
    """Settings of ``lead_refresh``; EasyCars states no limit on calls, so ours is a guess."""

    lead_refresh_calls_per_second: float = Field(
        default=5.0, ge=0.1, le=50.0, description="a number from 0.1 to 50, normally 5"
    )
    lead_refresh_leads_per_run: int = Field(
        default=200, ge=1, le=1000, description="a whole number from 1 to 1000, normally 200"
    )


class ImageSyncSettings(_Database):
    """Settings of ``image_sync``."""

    images_queue_url: Url = Field(description="the https address of the images queue")
    image_origins: Origins = Field(
        description="the web origins pictures may come from, with commas between them"
    )
    image_store: Literal["S3", "Cloudinary"] = Field(
        default="S3", description="one of S3, Cloudinary"
    )
    image_bucket: Name = Field(description="the name of the bucket for pictures")
    image_base_url: Url = Field(description="the address under which websites find that bucket")
    cloudinary_secret_arn: Arn | None = Field(
        default=None,
        description='the ARN of a secret that holds {"cloud_name", "api_key", "api_secret"}',
    )

    @model_validator(mode="after")
    def _has_an_account(self) -> Self:
        if self.image_store == "Cloudinary" and self.cloudinary_secret_arn is None:
            raise ValueError
        return self

    @classmethod
    def _combination_rule(cls) -> str:
        return "IMAGE_STORE is Cloudinary and CLOUDINARY_SECRET_ARN is missing: set it"


class SyncSummarySettings(_Database, _RunBucket, _AlertTopic):
    """Settings of ``sync_summary``."""


class AdminApiSettings(
    _Database,
    _LeadsQueues,
    _DynamicsQueues,
    _Dynamics,
    _RunBucket,
    _CredentialsKey,
    _SiteKeySecret,
    _EasyCars,
    _ScheduleGroup,
    _Edge,
    _SyncCapacity,
):
    """Settings of ``admin_api``; EasyCars is called by "test connection" alone."""

    state_machine_arn: Arn = Field(description="the ARN of the sync state machine")


class CatchUpSettings(_Database, _ScheduleGroup):
    """Settings of ``catch_up``."""

    state_machine_arn: Arn = Field(description="the ARN of the sync state machine")


class MigrateSettings(_Database, _ScheduleGroup):
    """Settings of ``migrate``; its connection goes past any proxy."""
