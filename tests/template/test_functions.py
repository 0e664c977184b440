"""Every function is wired as its code expects."""

import re
from importlib import import_module
from typing import Any

import pytest

from forecourt.settings import FunctionSettings
from tests.support.sam_template import ROOT, SamTemplate

NAMES = {
    "LeadIntakeFunction": "lead_intake",
    "LeadDeliveryFunction": "lead_delivery",
    "DynamicsDeliveryFunction": "dynamics_delivery",
    "DeliverySweeperFunction": "delivery_sweeper",
    "SyncPlannerFunction": "sync_planner",
    "StockSyncFunction": "stock_sync",
    "ImageSyncFunction": "image_sync",
    "LeadRefreshFunction": "lead_refresh",
    "SyncSummaryFunction": "sync_summary",
    "AdminApiFunction": "admin_api",
    "CatchUpFunction": "catch_up",
    "MigrateFunction": "migrate",
}
WITH_SNAPSHOT = {"LeadIntakeFunction", "AdminApiFunction"}


def settings_of(logical_id: str) -> type[FunctionSettings]:
    model: type[FunctionSettings] = getattr(
        import_module("forecourt.settings"), f"{logical_id.removesuffix('Function')}Settings"
    )
    return model


def test_every_function_has_its_folder_and_every_folder_its_function(
    template: SamTemplate,
) -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}

    assert set(template.functions) == set(NAMES)
    assert folders == set(NAMES.values())
    for logical_id, name in NAMES.items():
        assert template.functions[logical_id]["CodeUri"] == f"functions/{name}/"
        assert template.environment(logical_id)["POWERTOOLS_SERVICE_NAME"] == name


@pytest.mark.parametrize("logical_id", NAMES)
def test_the_environment_is_exactly_what_the_function_reads(
    template: SamTemplate, logical_id: str
) -> None:
    read = {name.upper() for name in settings_of(logical_id).model_fields}

    assert set(template.environment(logical_id)) == read


def test_the_log_levels_of_the_template_are_those_of_the_code(template: SamTemplate) -> None:
    allowed = template.parameters["LogLevel"]["AllowedValues"]
    for level in allowed:
        described = FunctionSettings.from_environment({"LOG_LEVEL": level})
        assert described.log_level == level


def test_the_vendors_addresses_are_the_documented_ones(template: SamTemplate) -> None:
    assert template.parameters["EasyCarsTestUrl"]["Default"] == (
        "https://testmy.easycars.com.au/TestECService"
    )
    assert template.parameters["EasyCarsProductionUrl"]["Default"] == (
        "https://my.easycars.net.au/ECService"
    )


def test_all_run_on_python_3_13_on_arm_unless_told_otherwise(template: SamTemplate) -> None:
    assert template.globals["Runtime"] == "python3.13"
    assert template.globals["Architectures"] == [{"Ref": "Architecture"}]
    assert template.parameters["Architecture"]["Default"] == "arm64"
    assert template.parameters["Architecture"]["AllowedValues"] == ["arm64", "x86_64"]
    assert not any({"Runtime", "Architectures"} & set(f) for f in template.functions.values())


def test_all_log_json_and_trace(template: SamTemplate) -> None:
    assert template.globals["LoggingConfig"]["LogFormat"] == "JSON"
    assert template.globals["Tracing"] == "Active"


def test_every_log_group_forgets(template: SamTemplate) -> None:
    groups = template.of_type("AWS::Logs::LogGroup")
    used = {f["LoggingConfig"]["LogGroup"]["Ref"] for f in template.functions.values()}

    assert used <= set(groups)
    assert len(used) == len(template.functions)
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())


def test_snapshots_are_of_published_versions_of_two_functions(template: SamTemplate) -> None:
    for logical_id, function in template.functions.items():
        snap = function.get("SnapStart")
        assert (snap == {"ApplyOn": "PublishedVersions"}) == (logical_id in WITH_SNAPSHOT)
        assert function.get("AutoPublishAlias") == ("live" if snap else None)
        # Else a new setting would stay in $LATEST while the alias serves the old one.
        assert function.get("AutoPublishAliasAllProperties") is (True if snap else None)


def test_both_layers_are_built_for_the_architecture_of_the_functions(
    template: SamTemplate,
) -> None:
    layers = template.of_type("AWS::Serverless::LayerVersion")
    assert template.globals["Layers"] == [{"Ref": name} for name in layers]
    assert set(layers) == {"DependenciesLayer", "ForecourtLayer"}
    for name in layers:
        assert template.resources[name]["Metadata"] == {
            "BuildMethod": "python3.13",
            "BuildArchitecture": {"Ref": "Architecture"},
        }


def test_migrations_lie_beside_the_function_that_runs_them() -> None:
    linked = ROOT / "functions/migrate/migrations"

    assert linked.resolve() == ROOT / "migrations"


def test_migrations_go_past_a_proxy(template: SamTemplate) -> None:
    host = template.environment("MigrateFunction")["DATABASE_HOST"]

    assert host == {
        "Fn::If": ["HasDirectHost", {"Ref": "DatabaseDirectHost"}, {"Ref": "DatabaseHost"}]
    }


def routes(template: SamTemplate) -> dict[str, tuple[str, Any]]:
    """Function and authorizer by route."""
    return {
        f"{event['Properties']['Method']} {event['Properties']['Path']}": (
            logical_id,
            event["Properties"].get("Auth", {}).get("Authorizer"),
        )
        for logical_id, properties in template.functions.items()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }


def test_leads_come_in_by_site_key_and_all_but_the_document_by_jwt(template: SamTemplate) -> None:
    assert routes(template) == {
        "POST /api/leads": ("LeadIntakeFunction", None),
        "OPTIONS /api/leads": ("LeadIntakeFunction", None),
        "ANY /api/admin/{proxy+}": ("AdminApiFunction", "SignedInPerson"),
        "GET /api/openapi.json": ("AdminApiFunction", None),
    }


def test_tokens_are_checked_for_issuer_and_audience(template: SamTemplate) -> None:
    api = template.resources["HttpApi"]["Properties"]
    authorizer = api["Auth"]["Authorizers"]["SignedInPerson"]

    assert "DefaultAuthorizer" not in api["Auth"]
    assert authorizer["JwtConfiguration"] == {
        "issuer": {"Ref": "JwtIssuer"},
        "audience": {"Ref": "JwtAudience"},
    }


def test_the_gateway_answers_no_preflight_itself(template: SamTemplate) -> None:
    assert "CorsConfiguration" not in template.resources["HttpApi"]["Properties"]


def test_the_access_log_says_nothing_of_a_person(template: SamTemplate) -> None:
    written = template.resources["HttpApi"]["Properties"]["AccessLogSettings"]["Format"]
    personal = r"\$context\.(path|http\.|identity\.|authorizer\.claims|domain)"

    assert re.search(personal, written) is None
    assert "$context.requestId" in written
