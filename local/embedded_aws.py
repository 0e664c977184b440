"""The AWS half of the stack: moto's services, the template's resources and functions in them."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import moto.stepfunctions.parser.models  # noqa: F401 - takes two seconds, best while others start

from local.aws_endpoint import AwsEndpoint
from local.clients import local_clients
from local.deployment import Deployment
from local.event_sources import QueuePoller
from local.failures import StackError
from local.functions import Functions
from local.gateway import Gateway, routes_of
from local.handler_logs import HandlerLogs
from local.http_server import HttpServer
from local.parameters import template_parameters
from local.persistence import Persistence
from local.pictures import Pictures
from local.resource_names import ACCOUNT
from local.scheduler import Scheduler
from local.template import read_template
from local.wiring import function_specs, queue_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from local.backing import Backing
    from local.data_folder import DataFolder
    from local.function_spec import FunctionSpec
    from local.sandbox import Answer
    from local.stack_options import StackOptions

REGION = "ap-southeast-2"
_SERVICES = ("kms", "s3", "scheduler", "secretsmanager", "sns", "sqs", "stepfunctions")
"""Clients made while PostgreSQL starts, as each takes a moment."""


class EmbeddedAws:
    """moto behind one port, with the template deployed to it; running inside ``with``.

    Parameters
    ----------
    folder
        The opened data folder.
    warn
        Called with a function's logical id and each log record of level WARNING or above.

    Attributes
    ----------
    url
        Where AWS's services answer.
    functions
        The template's functions, once it is deployed.
    """

    def __init__(self, folder: DataFolder, *, warn: Callable[[str, dict[str, Any]], None]) -> None:
        self._folder = folder
        self._warn = warn
        self._cleanup = ExitStack()
        self._pollers: list[QueuePoller] = []
        self.functions = Functions([], environment={}, logs=self._logs())

    def __enter__(self) -> Self:
        """Start moto behind a free port."""
        self._persistence = Persistence(self._folder, account=ACCOUNT, region=REGION)
        self._cleanup.callback(self._persistence.close)
        self._endpoint = AwsEndpoint(account=ACCOUNT, region=REGION, effects=self)
        server = HttpServer(0)
        self._cleanup.callback(server.stop)
        # Last, batches are settled: their functions have ended, their receivers been let go.
        self._cleanup.callback(self._drain_queues)
        self._cleanup.callback(self._endpoint.stop)
        server.serve(self._endpoint)
        # moto's Step Functions calls Lambda and S3 at this port of localhost.
        os.environ["MOTO_PORT"] = str(server.port)
        self.url = server.url
        self._clients = local_clients(server.url, REGION)
        self._scheduler = Scheduler(self._clients)
        for service in _SERVICES:
            self._clients(service)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop pollers, schedules, sandboxes and the port."""
        self._cleanup.close()

    def deploy(
        self, options: StackOptions, backing: Backing, *, issuer_url: str, pictures_url: str
    ) -> None:
        """Create the template's resources and make its functions callable.

        Raises
        ------
        StackError
            When the template asks for something that cannot be had here.
        """
        secret = self._clients("secretsmanager").create_secret(
            Name="forecourt-local/database", SecretString=backing.database.secret_string()
        )
        parameters = template_parameters(
            database=backing.database,
            database_secret_arn=secret["ARN"],
            easycars_url=backing.easycars_url,
            dynamics_url=backing.dynamics_url,
            issuer_url=issuer_url,
            pictures_url=pictures_url,
        )
        template = read_template(options.template, parameters=parameters, region=REGION)
        self._deployment = Deployment(
            template, clients=self._clients, region=REGION, persistence=self._persistence
        )
        self._deployment.make_all()
        self._persistence.secrets_changed()
        self.functions = Functions(
            function_specs(template, self._deployment),
            environment=self._sandbox_environment(),
            logs=self._logs(),
            at_most=options.sandboxes,
        )
        self._cleanup.callback(self.functions.stop)
        self._endpoint.serve(self.functions)

    def connect(self) -> None:
        """Let queues feed functions and schedules fire."""
        for source in queue_sources(self._deployment):
            poller = QueuePoller(source, functions=self.functions, sqs=self._clients("sqs"))
            self._cleanup.callback(poller.stop)
            self._pollers.append(poller)
            poller.start()
        self._cleanup.callback(self._scheduler.stop)
        self._scheduler.start()

    def gateway(self) -> Gateway:
        """Return the HTTP API of the template.

        Raises
        ------
        StackError
            When the template has none or several.
        """
        apis = list(self._deployment.of_type("AWS::ApiGatewayV2::Api").values())
        if len(apis) != 1:
            message = f"template.yaml has {len(apis)} HTTP APIs; one port serves exactly one."
            raise StackError(message)
        document = self._deployment.resolver.resolve(apis[0].properties["Body"])
        return Gateway(
            routes_of(document), self.functions, api_id=apis[0].reference, account=ACCOUNT
        )

    def pictures(self) -> Pictures:
        """Return what serves the template's ``ImageBucket``."""
        return Pictures(self._clients("s3"), lambda: self.references().get("ImageBucket", "-"))

    def references(self) -> dict[str, str]:
        """Return the physical names of resources by logical id."""
        return self._deployment.references()

    def environments(self) -> dict[str, dict[str, str]]:
        """Return every function's variables by logical id, for runs of it beside the stack."""
        shared = self._sandbox_environment()
        return {spec.logical_id: {**shared, **spec.environment} for spec in self.functions.specs}

    def broken_handlers(self) -> Iterator[tuple[FunctionSpec, Answer]]:
        """Load every handler once; yield each that does not load, with its error."""
        yield from self.functions.check_loading()

    def objects_changed(self, bucket: str, key: str) -> None:
        """Keep an S3 object on disk."""
        self._persistence.objects_changed(bucket, key)

    def secrets_changed(self) -> None:
        """Keep secrets on disk."""
        self._persistence.secrets_changed()

    def schedules_changed(self) -> None:
        """Let the scheduler look again."""
        self._scheduler.schedules_changed()

    def _drain_queues(self) -> None:
        for poller in self._pollers:
            poller.drain()

    def _logs(self) -> HandlerLogs:
        return HandlerLogs(self._folder.logs, on_warning=self._warn)

    def _sandbox_environment(self) -> Mapping[str, str]:
        home = self._folder.root / "home"
        home.mkdir(exist_ok=True)
        return {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "local",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "HOME": str(home),
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TZ": "UTC",
        }
