"""How vehicles' pictures reach browsers: they are other people's bytes."""

from tests.support.sam_template import SamTemplate

AWS_SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
"""AWS' own policy "SecurityHeadersPolicy", with X-Content-Type-Options: nosniff."""


def test_no_browser_takes_a_picture_for_anything_else(template: SamTemplate) -> None:
    config = template.resources["ImageDistribution"]["Properties"]["DistributionConfig"]
    behaviors = [config["DefaultCacheBehavior"], *config.get("CacheBehaviors", [])]

    assert {one.get("ResponseHeadersPolicyId") for one in behaviors} == {AWS_SECURITY_HEADERS}
