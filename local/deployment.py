"""Creates the template's resources in moto and knows their names, ARNs and attributes.

A resource is made the first time something refers to it, which is the order CloudFormation would
find. Types that mean nothing on one machine (roles, alarms, permissions, log groups …) get a name
and no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from local.failures import StackError
from local.intrinsics import Resolver
from local.resource_names import (
    ACCOUNT,
    QUEUE_ATTRIBUTES,
    STACK_NAME,
    Resource,
    physical_name,
    pseudo_parameters,
)

if TYPE_CHECKING:
    from local.persistence import Persistence
    from local.template import Template

type Clients = Callable[[str], Any]
"""Gives a boto3 client by service name."""


class Deployment:
    """The template, made real.

    Parameters
    ----------
    template
        What is to exist.
    clients
        boto3 clients of the stack's AWS endpoint.
    region
        The region names and ARNs carry.
    persistence
        Gives back what an earlier run of the same data folder held.
    imports
        Values for ``Fn::ImportValue``.
    """

    def __init__(
        self,
        template: Template,
        *,
        clients: Clients,
        region: str,
        persistence: Persistence,
        imports: Mapping[str, str] | None = None,
    ) -> None:
        self.region = region
        self._template = template
        self._clients = clients
        self._persistence = persistence
        self._made: dict[str, Resource] = {}
        self._being_made: list[str] = []
        self.resolver = Resolver(
            parameters={**template.parameters, **pseudo_parameters(region)},
            conditions=template.conditions,
            mappings=template.mappings,
            imports=imports or {},
            names=self,
        )
        self._makers: dict[str, Callable[[str, Mapping[str, Any]], Resource]] = {
            "AWS::SQS::Queue": self._make_queue,
            "AWS::S3::Bucket": self._make_bucket,
            "AWS::KMS::Key": self._make_key,
            "AWS::SecretsManager::Secret": self._make_secret,
            "AWS::SNS::Topic": self._make_topic,
            "AWS::StepFunctions::StateMachine": self._make_state_machine,
            "AWS::Scheduler::ScheduleGroup": self._make_schedule_group,
            "AWS::Scheduler::Schedule": self._make_schedule,
            "AWS::Lambda::Alias": self._make_function_version,
            "AWS::Lambda::Version": self._make_function_version,
        }

    def make_all(self) -> None:
        """Create every resource whose condition holds."""
        for logical_id, resource in self._template.resources.items():
            condition = resource.get("Condition")
            if condition is None or self.resolver.condition(condition):
                self.resource(logical_id)

    def resource(self, logical_id: str) -> Resource:
        """Return a resource, creating it when it does not exist yet.

        Raises
        ------
        StackError
            When the template has no such resource, or resources wait for each other.
        """
        if logical_id in self._made:
            return self._made[logical_id]
        if logical_id not in self._template.resources:
            message = f"template.yaml refers to {logical_id}, which it does not define."
            cure = "Give the parameter a default." if self._is_parameter(logical_id) else ""
            raise StackError(message, cure=cure)
        if logical_id in self._being_made:
            chain = " → ".join([*self._being_made, logical_id])
            message = f"Resources of template.yaml wait for each other: {chain}."
            raise StackError(message)
        self._being_made.append(logical_id)
        declared = self._template.resources[logical_id]
        maker = self._makers.get(declared["Type"], self._name_only)
        made = maker(logical_id, declared.get("Properties", {}))
        self._being_made.pop()
        self._made[logical_id] = made
        return made

    def ref(self, logical_id: str) -> str:
        """Return what ``Ref`` gives for a resource."""
        return self.resource(logical_id).reference

    def attribute(self, logical_id: str, name: str) -> str:
        """Return what ``Fn::GetAtt`` gives.

        Raises
        ------
        StackError
            When the resource has no such attribute here.
        """
        attributes = self.resource(logical_id).attributes
        if name not in attributes:
            kind = self._template.resources[logical_id]["Type"]
            message = f"template.yaml asks for {logical_id}.{name}, which {kind} has not here."
            raise StackError(message)
        return attributes[name]

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return the resources of a CloudFormation type by logical id."""
        return {
            logical_id: made
            for logical_id, made in self._made.items()
            if self._template.resources[logical_id]["Type"] == kind
        }

    def references(self) -> dict[str, str]:
        """Return the physical names by logical id: what ``Ref`` gives; for a key its ARN."""
        names = {logical_id: made.reference for logical_id, made in self._made.items()}
        keys = self.of_type("AWS::KMS::Key")
        return names | {logical_id: made.attributes["Arn"] for logical_id, made in keys.items()}

    def _is_parameter(self, name: str) -> bool:
        return name in self._template.declared_parameters

    def _arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{ACCOUNT}:{rest}"

    def _name_only(self, logical_id: str, properties: Mapping[str, Any]) -> Resource:
        """Give a resource that does not run here its name; its properties are not looked at."""
        kind = self._template.resources[logical_id]["Type"]
        service, noun = kind.split("::")[1:3]
        name = physical_name(logical_id)
        if kind == "AWS::Lambda::Function":
            name = str(self.resolver.resolve(properties.get("FunctionName", name)))
            arn = self._arn("lambda", f"function:{name}")
        else:
            arn = self._arn(service.lower(), f"{noun.lower()}/{name}")
        if kind == "AWS::Lambda::LayerVersion":
            return Resource(arn, {"Arn": arn}, properties)
        return Resource(name, {"Arn": arn, "Id": name, "Name": name}, properties)

    def _make_function_version(self, logical_id: str, properties: Mapping[str, Any]) -> Resource:
        """Let versions and aliases stand for the one code there is."""
        function = self.resolver.resolve(properties["FunctionName"])
        qualifier = self.resolver.resolve(properties.get("Name", "1"))
        arn = self._arn("lambda", f"function:{function}:{qualifier}")
        attributes = {"Version": "1", "FunctionArn": arn, "AliasArn": arn}
        return Resource(arn, attributes, {"LogicalId": logical_id})

    def _make_queue(self, logical_id: str, declared: Mapping[str, Any]) -> Resource:
        properties = self.resolver.resolve(declared)
        name = properties.get("QueueName", physical_name(logical_id))
        attributes = {
            key: json.dumps(value) if isinstance(value, dict) else str(value)
            for key, value in properties.items()
            if key in QUEUE_ATTRIBUTES
        }
        url = self._clients("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self._persistence.restore_queue(name)
        made = {"Arn": self._arn("sqs", name), "QueueName": name, "QueueUrl": url}
        return Resource(url, made, properties)

    def _make_bucket(self, logical_id: str, declared: Mapping[str, Any]) -> Resource:
        properties = self.resolver.resolve(declared)
        name = str(properties.get("BucketName", physical_name(logical_id))).lower()
        s3 = self._clients("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": self.region})
        rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
        self._persistence.objects.restore(s3, name, rules)
        domain = f"{name}.s3.{self.region}.amazonaws.com"
        attributes = {"Arn": f"arn:aws:s3:::{name}", "RegionalDomainName": domain}
        return Resource(name, attributes, properties)

    def _make_key(self, logical_id: str, declared: Mapping[str, Any]) -> Resource:
        # The key policy refers to roles and accounts that mean nothing here.
        description = str(self.resolver.resolve(declared.get("Description", "")))
        key = self._clients("kms").create_key(Description=description)["KeyMetadata"]["KeyId"]
        key = self._persistence.restore_key(logical_id, key)
        return Resource(key, {"Arn": self._arn("kms", f"key/{key}"), "KeyId": key}, declared)

    def _make_secret(self, logical_id: str, declared: Mapping[str, Any]) -> Resource:
        properties = self.resolver.resolve(declared)
        name = properties.get("Name", physical_name(logical_id))
        value = self._persistence.kept_secret(name)
        if value is None:
            value = self._first_secret_value(properties)
        made = self._clients("secretsmanager").create_secret(Name=name, SecretString=value)
        return Resource(made["ARN"], {"Id": made["ARN"], "Arn": made["ARN"]}, properties)

    def _first_secret_value(self, properties: Mapping[str, Any]) -> str:
        wanted = properties.get("GenerateSecretString")
        if wanted is None:
            return str(properties.get("SecretString", ""))
        own = {"SecretStringTemplate", "GenerateStringKey"}
        options = {key: value for key, value in wanted.items() if key not in own}
        password = self._clients("secretsmanager").get_random_password(**options)["RandomPassword"]
        if "GenerateStringKey" not in wanted:
            return str(password)
        content = json.loads(wanted.get("SecretStringTemplate", "{}"))
        return json.dumps({**content, wanted["GenerateStringKey"]: password})

    def _make_topic(self, logical_id: str, declared: Mapping[str, Any]) -> Resource:
        properties = self.resolver.resolve(declared)
        name = properties.get("TopicName", physical_name(logical_id))
        arn = self._clients("sns").create_topic(Name=name)["TopicArn"]
        return Resource(arn, {"TopicArn": arn, "TopicName": name}, properties)

    def _make_state_machine(self, logical_id: str, declared: Mapping[str, Any]) -> Resource:
        name = str(
            self.resolver.resolve(declared.get("StateMachineName", physical_name(logical_id)))
        )
        definition = self.resolver.resolve(
            declared.get("DefinitionString", declared.get("Definition"))
        )
        text = definition if isinstance(definition, str) else json.dumps(definition)
        for key, value in self.resolver.resolve(
            declared.get("DefinitionSubstitutions", {})
        ).items():
            text = text.replace(f"${{{key}}}", str(value))
        made = self._clients("stepfunctions").create_state_machine(
            name=name,
            definition=text,
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/{STACK_NAME}",
            type=declared.get("StateMachineType", "STANDARD"),
        )
        arn = made["stateMachineArn"]
        return Resource(arn, {"Arn": arn, "Name": name}, {"Definition": text})

    def _make_schedule_group(self, logical_id: str, declared: Mapping[str, Any]) -> Resource:
        name = str(self.resolver.resolve(declared.get("Name", physical_name(logical_id))))
        arn = self._clients("scheduler").create_schedule_group(Name=name)["ScheduleGroupArn"]
        return Resource(name, {"Arn": arn}, declared)

    def _make_schedule(self, logical_id: str, declared: Mapping[str, Any]) -> Resource:
        properties = self.resolver.resolve(declared)
        name = properties.pop("Name", physical_name(logical_id))
        target = dict(properties["Target"])
        for number in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts"):
            if number in target.get("RetryPolicy", {}):
                target["RetryPolicy"][number] = int(target["RetryPolicy"][number])
        made = self._clients("scheduler").create_schedule(
            **{**properties, "Name": name, "Target": target}
        )
        return Resource(name, {"Arn": made["ScheduleArn"]}, properties)
