"""CloudFront stands before the API, and the functions behind it know what it sends."""

from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.support.sam_template import ROOT, SamTemplate, texts


def distribution(template: SamTemplate) -> dict[str, Any]:
    distributions = template.of_type("AWS::CloudFront::Distribution")
    config: dict[str, Any] = distributions["ApiDistribution"]["DistributionConfig"]
    return config


def test_it_sends_the_secret_that_every_function_of_the_api_checks(template: SamTemplate) -> None:
    [origin] = distribution(template)["Origins"]
    [header] = origin["OriginCustomHeaders"]
    behind = [
        logical_id
        for logical_id, function in template.functions.items()
        if any(event["Type"] == "HttpApi" for event in function.get("Events", {}).values())
    ]

    assert header["HeaderName"].lower() == "x-forecourt-edge"
    assert "secretsmanager:${EdgeSecret}" in texts(header["HeaderValue"])[0]
    assert behind
    for logical_id in behind:
        secret = template.environment(logical_id)["EDGE_SECRET_ARN"]
        assert secret == {"Fn::If": ["HasEdge", {"Ref": "EdgeSecret"}, ""]}, logical_id


def test_nothing_of_the_api_is_cached_and_every_method_goes_through(template: SamTemplate) -> None:
    behaviour = distribution(template)["DefaultCacheBehavior"]

    assert behaviour["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert {"OPTIONS", "POST", "PUT", "PATCH", "DELETE", "GET"} <= set(behaviour["AllowedMethods"])
    assert behaviour["ViewerProtocolPolicy"] == "https-only"


def test_it_waits_longer_than_the_slowest_route(template: SamTemplate) -> None:
    [origin] = distribution(template)["Origins"]
    slowest = max(
        template.functions[name]["Timeout"] for name in ("LeadIntakeFunction", "AdminApiFunction")
    )

    assert origin["CustomOriginConfig"]["OriginReadTimeout"] > slowest


def test_it_stands_there_unless_somebody_switches_it_off(template: SamTemplate) -> None:
    assert template.parameters["Edge"]["Default"] == "on"


def test_the_web_acl_counts_per_site_key_what_one_may_send() -> None:
    waf = yaml_parse((ROOT / "waf.yaml").read_text("utf-8"))
    rules = {r["Name"]: r for r in waf["Resources"]["WebAcl"]["Properties"]["Rules"]}
    per_key = rules["site-key-too-fast"]["Statement"]["RateBasedStatement"]

    assert per_key["CustomKeys"][0]["Header"]["Name"] == "x-site-key"
    # The gateway reads %6c as l, and //api as /api.
    path = per_key["ScopeDownStatement"]["ByteMatchStatement"]
    changes = sorted(path["TextTransformations"], key=lambda change: int(change["Priority"]))
    assert [change["Type"] for change in changes] == ["URL_DECODE", "NORMALIZE_PATH"]
    assert waf["Parameters"]["RequestsPerSiteKey"]["Default"] == 20 * per_key["EvaluationWindowSec"]
