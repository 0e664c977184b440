"""How vehicles' pictures reach browsers: they are other people's bytes."""

from tests.support.sam_template import SamTemplate

AWS_SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
"""AWS' own policy "SecurityHeadersPolicy", with X-Content-Type-Options: nosniff."""


def test_five_vehicles_at_once_are_fetched_one_message_each(template: SamTemplate) -> None:
    [event] = template.functions["ImageSyncFunction"]["Events"].values()
    limit = event["Properties"]["ScalingConfig"]["MaximumConcurrency"]["Ref"]

    assert template.parameters[limit]["Default"] == 5
    assert event["Properties"]["BatchSize"] == 1


def test_pictures_come_from_the_vendors_hosts_over_https(template: SamTemplate) -> None:
    origins = template.parameters["ImageOrigins"]["Default"].split(",")

    assert origins == ["https://testmy.easycars.net.au", "https://my.easycars.net.au"]


def test_s3_keeps_them_unless_cloudinary_is_chosen(template: SamTemplate) -> None:
    assert template.parameters["ImageStore"]["Default"] == "S3"
    assert template.parameters["ImageStore"]["AllowedValues"] == ["S3", "Cloudinary"]
    [policy] = template.functions["ImageSyncFunction"]["Policies"]
    conditional = [one["Fn::If"] for one in policy["Statement"] if "Fn::If" in one]
    [(condition, statement, otherwise)] = conditional
    assert condition == "UsesCloudinary"
    assert statement["Resource"] == {"Ref": "CloudinarySecretArn"}
    assert otherwise == {"Ref": "AWS::NoValue"}


def test_no_browser_takes_a_picture_for_anything_else(template: SamTemplate) -> None:
    config = template.resources["ImageDistribution"]["Properties"]["DistributionConfig"]
    behaviors = [config["DefaultCacheBehavior"], *config.get("CacheBehaviors", [])]

    assert {one.get("ResponseHeadersPolicyId") for one in behaviors} == {AWS_SECURITY_HEADERS}
