"""Settings name the variable that is wrong and what it may hold."""

import pytest

from forecourt.errors import PermanentError
from forecourt.security.credentials import Environment
from forecourt.settings import (
    AdminApiSettings,
    DynamicsDeliverySettings,
    FunctionSettings,
    ImageSyncSettings,
    LeadDeliverySettings,
    LeadIntakeSettings,
    MigrateSettings,
    StockSyncSettings,
    SyncPlannerSettings,
    SyncSummarySettings,
)

ARN = "arn:aws:service:ap-southeast-2:123456789012:thing"
COMPLETE = {
    "LEADS_QUEUE_URL": "https://sqs.example/1/leads",
    "LEADS_DLQ_URL": "https://sqs.example/1/dead",
    "DYNAMICS_QUEUE_URL": "https://sqs.example/1/dynamics",
    "DYNAMICS_DLQ_URL": "https://sqs.example/1/dynamics-dead",
    "RUN_BUCKET": "runs",
    "SITE_KEY_SECRET_ARN": ARN,
    "DATABASE_HOST": "db.example",
    "DATABASE_PORT": "5433",
    "DATABASE_NAME": "forecourt",
    "DATABASE_SECRET_ARN": ARN,
    "CREDENTIALS_KEY_ARN": ARN,
    "ALERT_TOPIC_ARN": ARN,
    "LEAD_EVENTS_TOPIC_ARN": ARN,
    "STATE_MACHINE_ARN": ARN,
    "SCHEDULE_GROUP": "forecourt",
    "IMAGES_QUEUE_URL": "https://sqs.example/1/images",
    "IMAGE_ORIGINS": "https://a.example,https://b.example:8443",
    "IMAGE_BUCKET": "pictures",
    "IMAGE_BASE_URL": "https://cdn.example",
    "EASYCARS_TEST_URL": "https://test.example/TestECService/",
    "EASYCARS_PRODUCTION_URL": "https://live.example/ECService",
}
MODELS: list[type[FunctionSettings]] = [
    AdminApiSettings, DynamicsDeliverySettings, ImageSyncSettings, LeadDeliverySettings,
    LeadIntakeSettings, MigrateSettings, StockSyncSettings, SyncPlannerSettings,
    SyncSummarySettings,
]  # fmt: skip
REQUIRED = [
    (model, name.upper())
    for model in MODELS
    for name, part in model.model_fields.items()
    if part.is_required()
]


@pytest.mark.parametrize("model", MODELS)
def test_a_complete_environment_is_read(model: type[FunctionSettings]) -> None:
    settings = model.from_environment(COMPLETE)

    assert settings.log_level == "INFO"
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, "log_level", "DEBUG")  # noqa: B010 - mypy refuses the assignment


@pytest.mark.parametrize(("model", "name"), REQUIRED)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named_with_its_cure(
    model: type[FunctionSettings], name: str, value: str | None
) -> None:
    environment = {key: text for key, text in COMPLETE.items() if key != name}
    if value is not None:
        environment[name] = value

    with pytest.raises(PermanentError) as refused:
        model.from_environment(environment)

    cure = model.model_fields[name.lower()].description
    assert cure
    assert refused.value.code == "SETTINGS_INVALID"
    assert refused.value.detail == f"{name} is missing: set it to {cure}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_PORT", "0"),
        ("DATABASE_PORT", "65536"),
        ("DATABASE_PORT", "many"),
        ("DATABASE_SSLMODE", "prefer"),
        ("DATABASE_HOST", "a host"),
        ("LEADS_QUEUE_URL", "leads"),
        ("CREDENTIALS_KEY_ARN", "1234"),
        ("LOG_LEVEL", "LOUD"),
        ("EASYCARS_TEST_URL", "ftp://test.example"),
    ],
)
def test_a_bad_value_is_named_with_its_cure_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(PermanentError) as refused:
        LeadDeliverySettings.from_environment(COMPLETE | {name: value})

    assert refused.value.detail.startswith(f"{name} has a value that is not allowed: set it to ")
    assert refused.value.__cause__ is None


def test_all_bad_variables_are_named_at_once() -> None:
    with pytest.raises(PermanentError) as refused:
        LeadIntakeSettings.from_environment({"LEADS_QUEUE_URL": "x"})

    for name in ("LEADS_QUEUE_URL", "RUN_BUCKET", "SITE_KEY_SECRET_ARN"):
        assert name in refused.value.detail


def test_the_dead_letter_queue_is_another_queue() -> None:
    same = COMPLETE | {"LEADS_DLQ_URL": COMPLETE["LEADS_QUEUE_URL"]}

    with pytest.raises(PermanentError, match="LEADS_DLQ_URL equals LEADS_QUEUE_URL"):
        LeadDeliverySettings.from_environment(same)


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)

    assert SyncPlannerSettings.from_environment().database_port == 5433


def test_easycars_addresses_have_no_slash_at_the_end() -> None:
    assert StockSyncSettings.from_environment(COMPLETE).easycars_base_urls == {
        Environment.TEST: "https://test.example/TestECService",
        Environment.PRODUCTION: "https://live.example/ECService",
    }
