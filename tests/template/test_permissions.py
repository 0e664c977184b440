"""Each function may do what it needs and nothing else."""

from typing import Any

from forecourt.security.credentials import Environment
from tests.support.sam_template import SamTemplate, texts


def is_wildcard(statement: dict[str, Any]) -> bool:
    """Whether a statement allows an action by pattern, or an action on every resource."""
    return any("*" in action for action in texts(statement["Action"])) or any(
        resource == "*" for resource in texts(statement.get("Resource", []))
    )


def allowed(template: SamTemplate, logical_id: str) -> set[str]:
    return {
        action
        for owner, statement in template.statements()
        if owner == logical_id and statement["Effect"] == "Allow"
        for action in texts(statement["Action"])
    }


def test_no_wildcard_without_a_written_reason(template: SamTemplate) -> None:
    unexplained = [
        (owner, statement.get("Sid"))
        for owner, statement in template.statements()
        if statement["Effect"] == "Allow"
        and is_wildcard(statement)
        and len(
            template.resources[owner]
            .get("Metadata", {})
            .get("WildcardReasons", {})
            .get(statement.get("Sid"), "")
        )
        < 20
    ]

    assert unexplained == []


def test_no_reason_stands_for_a_wildcard_that_is_gone(template: SamTemplate) -> None:
    wild = {
        (owner, statement["Sid"])
        for owner, statement in template.statements()
        if statement["Effect"] == "Allow" and is_wildcard(statement)
    }
    reasons = {
        (owner, sid)
        for owner, resource in template.resources.items()
        for sid in resource.get("Metadata", {}).get("WildcardReasons", {})
    }

    assert reasons == wild


def test_every_statement_has_a_name(template: SamTemplate) -> None:
    unnamed = [
        owner
        for owner, statement in template.statements()
        if "Sid" not in statement and statement["Action"] != "sts:AssumeRole"
    ]

    assert unnamed == []


def test_objects_are_reached_by_prefix(template: SamTemplate) -> None:
    for owner, statement in template.statements():
        actions = texts(statement["Action"])
        if statement["Effect"] == "Allow" and any(a.endswith("Object") for a in actions):
            [resource] = texts(statement["Resource"])
            assert resource in {
                "${ImageBucket.Arn}/vehicles/*",
                *(f"${{RunBucket.Arn}}/{prefix}/*" for prefix in ("runs", "sites", "dead-letters")),
            }, owner


def test_credentials_open_only_for_a_named_dealership(template: SamTemplate) -> None:
    uses = [
        statement
        for owner, statement in template.statements()
        if owner.endswith("Function")
        and any(action.startswith("kms:") for action in texts(statement["Action"]))
    ]
    assert len(uses) == 5
    for statement in uses:
        assert set(texts(statement["Action"])) <= {"kms:Decrypt", "kms:GenerateDataKey"}
        assert statement["Resource"] == {"Fn::GetAtt": ["CredentialsKey", "Arn"]}
        condition = statement["Condition"]
        names = condition["ForAllValues:StringEquals"]["kms:EncryptionContextKeys"]
        assert names == ["dealershipId", "environment"]
        # ForAllValues holds for an empty context too.
        assert condition["Null"] == {
            f"kms:EncryptionContext:{name}": "false" for name in ("dealershipId", "environment")
        }


def test_who_calls_one_vendor_opens_nothing_of_the_other(template: SamTemplate) -> None:
    opened = {
        owner: statement["Condition"].get("StringEquals")
        for owner, statement in template.statements()
        if owner in template.functions and "kms:Decrypt" in texts(statement["Action"])
    }

    name = "kms:EncryptionContext:environment"
    easycars = {name: [environment.value for environment in Environment]}
    assert opened == {
        "AdminApiFunction": None,
        "DynamicsDeliveryFunction": {name: "Dynamics"},
        "LeadDeliveryFunction": easycars,
        "LeadRefreshFunction": easycars,
        "StockSyncFunction": easycars,
    }


def test_the_key_itself_refuses_a_call_without_its_context(
    template: SamTemplate,
) -> None:
    policy = template.resources["CredentialsKey"]["Properties"]["KeyPolicy"]["Statement"]
    refusals = [statement for statement in policy if statement["Effect"] == "Deny"]

    assert [refusal["Condition"] for refusal in refusals] == [
        {"Null": {f"kms:EncryptionContext:{name}": "true"}}
        for name in ("dealershipId", "environment")
    ]
    for refusal in refusals:
        assert {"kms:Decrypt", "kms:GenerateDataKey*"} <= set(refusal["Action"])


def test_only_the_admin_api_makes_data_keys(template: SamTemplate) -> None:
    makers = {
        owner for owner in template.functions if "kms:GenerateDataKey" in allowed(template, owner)
    }

    assert makers == {"AdminApiFunction"}


def test_intake_reaches_neither_database_nor_credentials(template: SamTemplate) -> None:
    intake = template.functions["LeadIntakeFunction"]

    assert "VpcConfig" not in intake
    assert not any(name.startswith("DATABASE") for name in intake["Environment"]["Variables"])
    assert allowed(template, "LeadIntakeFunction") == {
        "sqs:SendMessage",
        "s3:GetObject",
        "s3:ListBucket",
        "secretsmanager:GetSecretValue",
    }


def test_functions_with_a_database_are_in_its_network_and_may_read_its_login(
    template: SamTemplate,
) -> None:
    for logical_id, properties in template.functions.items():
        if "DATABASE_HOST" in properties["Environment"]["Variables"]:
            assert set(properties["VpcConfig"]) == {"SubnetIds", "SecurityGroupIds"}
            assert "secretsmanager:GetSecretValue" in allowed(template, logical_id)


def test_queues_bucket_and_topic_refuse_plain_text(template: SamTemplate) -> None:
    refusing = {
        owner
        for owner, statement in template.statements()
        if statement["Effect"] == "Deny"
        and statement.get("Condition", {}).get("Bool") == {"aws:SecureTransport": "false"}
    }

    assert refusing == {
        "LeadsQueuesPolicy",
        "RunBucketPolicy",
        "ImageBucketPolicy",
        "AlertTopicPolicy",
        "LeadEventsTopicPolicy",
    }
    [queues] = template.of_type("AWS::SQS::QueuePolicy").values()
    assert {queue["Ref"] for queue in queues["Queues"]} == set(template.of_type("AWS::SQS::Queue"))


def test_pictures_are_read_through_the_distribution_alone(template: SamTemplate) -> None:
    bucket = template.resources["ImageBucket"]["Properties"]
    [grant] = [
        statement
        for owner, statement in template.statements()
        if owner == "ImageBucketPolicy" and statement["Effect"] == "Allow"
    ]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert grant["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    [source] = texts(grant["Condition"]["StringEquals"]["aws:SourceArn"])
    assert source.endswith("distribution/${ImageDistribution}")


def test_the_bucket_is_private_encrypted_and_forgets_old_runs(template: SamTemplate) -> None:
    bucket = template.resources["RunBucket"]["Properties"]
    rules = bucket["LifecycleConfiguration"]["Rules"]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    forgets = {r.get("Prefix"): r["ExpirationInDays"] for r in rules if "ExpirationInDays" in r}
    assert forgets == {"runs/": 90, "dead-letters/": 90}


def test_what_cannot_be_made_again_outlives_the_stack(template: SamTemplate) -> None:
    kept = {
        logical_id
        for logical_id, resource in template.resources.items()
        if resource.get("DeletionPolicy") == resource.get("UpdateReplacePolicy") == "Retain"
    }

    assert kept == {
        "CredentialsKey",
        "SiteKeySecret",
        "RunBucket",
        "ImageBucket",
        "LeadsQueue",
        "LeadsDeadLetterQueue",
    }


def test_schedules_are_changed_by_name_and_started_by_their_own_role_alone(
    template: SamTemplate,
) -> None:
    users = [
        (owner, statement)
        for owner, statement in template.statements()
        if any(action.startswith("scheduler:") for action in texts(statement["Action"]))
        and any(action != "scheduler:ListSchedules" for action in texts(statement["Action"]))
    ]
    for _, statement in users:
        for resource in texts(statement["Resource"]):
            _, _, name = resource.partition(":schedule/${ScheduleGroup}/")
            assert name in {"nightly-stock", "hourly-leads", "stock-dealership-*"}
    passes = [
        (owner, statement)
        for owner, statement in template.statements()
        if "iam:PassRole" in texts(statement["Action"])
    ]
    assert {owner for owner, _ in passes} == {
        owner
        for owner, statement in users
        if texts(statement["Action"]) != ["scheduler:GetSchedule"]
    }
    for _, statement in passes:
        assert statement["Resource"] == {"Fn::GetAtt": ["SyncScheduleRole", "Arn"]}
        assert statement["Condition"] == {
            "StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}
        }
