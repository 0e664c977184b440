"""The embedded stack: the whole of ``template.yaml`` on this machine, with no container."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from local.aws_endpoint import AwsEndpoint
from local.backing import Backing, start_backing
from local.clients import local_clients
from local.data_folder import DataFolder
from local.deployment import ACCOUNT, Deployment
from local.event_sources import QueuePoller
from local.failures import StackError
from local.functions import Functions
from local.gateway import Gateway, routes_of
from local.handler_logs import HandlerLogs
from local.http_server import HttpServer
from local.issuer import ISSUER_PATH, LocalIssuer
from local.migration import migrate
from local.parameters import template_parameters
from local.persistence import Persistence
from local.scheduler import Scheduler
from local.stack_options import StackOptions
from local.template import read_template
from local.wiring import function_specs, queue_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from local.queues import Environ

__all__ = ["Stack", "StackOptions"]

REGION = "ap-southeast-2"
_SERVICES = ("kms", "s3", "scheduler", "secretsmanager", "sns", "sqs", "stepfunctions")
"""Clients made while PostgreSQL starts, as each takes a moment."""

_one_at_a_time = threading.Lock()
"""moto keeps its state per process, so one process runs one stack."""


class Stack:
    """A stack, running from entering the ``with`` block to leaving it.

    Parameters
    ----------
    options
        How it is to run.
    report
        Called with a sentence for each step of starting.
    warn
        Called with a function's logical id and each log record of level WARNING or above.

    Attributes
    ----------
    url
        Where the HTTP API answers.
    aws_endpoint_url
        Where AWS's services answer.
    database_url, easycars_url
        The database and the EasyCars in use.
    issuer
        Signs tokens for the HTTP API.
    data
        The data folder.
    """

    def __init__(
        self,
        options: StackOptions,
        *,
        report: Callable[[str], None] = lambda _sentence: None,
        warn: Callable[[str, dict[str, Any]], None] = lambda _function, _record: None,
    ) -> None:
        self._options = options
        self._report = report
        self._warn = warn
        self._cleanup = ExitStack()
        self._folder = DataFolder(options.data)
        self.data = self._folder.root

    def __enter__(self) -> Self:
        """Start everything; on failure end what was started.

        Raises
        ------
        StackError
            When something on this machine is in the way, with what to do about it.
        """
        if not _one_at_a_time.acquire(blocking=False):
            message = "This process already runs a stack."
            raise StackError(message, cure="Start the second one with `forecourt up`.")
        self._cleanup.callback(_one_at_a_time.release)
        try:
            self._start()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything, leaving no process and no port."""
        self._cleanup.close()

    def check_handlers(self) -> list[str]:
        """Load every handler once; return a sentence for each that does not load."""
        return [
            f"{spec.logical_id} does not load: {failure.error_message}. "
            f"Mend {spec.code / spec.handler.split('.')[0]}.py; the next request tries again."
            for spec, failure in self._functions.check_loading()
        ]

    def state(self) -> dict[str, Any]:
        """Return what ``stack.json`` holds."""
        return {
            "pid": os.getpid(),
            "url": self.url,
            "dashboard_url": None,
            "database_url": self.database_url,
            "aws_endpoint_url": self.aws_endpoint_url,
            "easycars_url": self.easycars_url,
            "dynamics_url": self._options.dynamics_url,
            "issuer_url": self.issuer.url,
            "data": str(self.data),
            "resources": self._deployment.references(),
        }

    def _start(self) -> None:
        opened = self._cleanup
        front = HttpServer(self._options.port)
        opened.callback(front.stop)
        self._folder.open()
        opened.callback(self._folder.close)
        self.url = front.url
        self.issuer = LocalIssuer(self._folder, f"{front.url}{ISSUER_PATH}")
        self._report("Starting PostgreSQL and the EasyCars simulator")
        backing_to_be = start_backing(
            self._folder,
            database_url=self._options.database_url,
            easycars_url=self._options.easycars_url,
        )
        with ThreadPoolExecutor(1) as starter:
            pending = starter.submit(opened.enter_context, backing_to_be)
            endpoint = self._start_aws()
            backing = pending.result()
        self.database_url = backing.database.url
        self.easycars_url = backing.easycars_url
        self._report("Creating the resources of template.yaml")
        self._deploy(backing)
        functions = self._start_functions(endpoint)
        self._report("Bringing the database up to date")
        migrate(functions)
        self._report("Connecting queues, routes and schedules")
        self._connect(front, functions)
        self._folder.write_state(self.state())

    def _start_aws(self) -> AwsEndpoint:
        persistence = Persistence(self._folder, account=ACCOUNT, region=REGION)
        self._cleanup.callback(persistence.close)
        self._persistence = persistence
        endpoint = AwsEndpoint(account=ACCOUNT, region=REGION, effects=self)
        server = HttpServer(0)
        self._cleanup.callback(server.stop)
        self._cleanup.callback(endpoint.stop)
        server.serve(endpoint)
        # moto's Step Functions calls Lambda and S3 at this port of localhost.
        os.environ["MOTO_PORT"] = str(server.port)
        self.aws_endpoint_url = server.url
        self._clients = local_clients(server.url, REGION)
        self._scheduler = Scheduler(self._clients)
        for service in _SERVICES:
            self._clients(service)
        return endpoint

    def _deploy(self, backing: Backing) -> None:
        secret = self._clients("secretsmanager").create_secret(
            Name="forecourt-local/database", SecretString=backing.database.secret_string()
        )
        parameters = template_parameters(
            database=backing.database,
            database_secret_arn=secret["ARN"],
            easycars_url=backing.easycars_url,
            dynamics_url=self._options.dynamics_url,
            issuer_url=self.issuer.url,
        )
        template = read_template(self._options.template, parameters=parameters, region=REGION)
        self._deployment = Deployment(
            template, clients=self._clients, region=REGION, persistence=self._persistence
        )
        self._deployment.make_all()
        self._persistence.secrets_changed()
        self._template = template

    def _start_functions(self, endpoint: AwsEndpoint) -> Functions:
        logs = HandlerLogs(self._folder.logs, on_warning=self._warn)
        functions = Functions(
            function_specs(self._template, self._deployment),
            environment=self._sandbox_environment(),
            logs=logs,
        )
        self._cleanup.callback(functions.stop)
        endpoint.serve(functions)
        self._functions = functions
        return functions

    def _connect(self, front: HttpServer, functions: Functions) -> None:
        for source in queue_sources(self._deployment):
            poller = QueuePoller(source, functions=functions, sqs=self._clients("sqs"))
            self._cleanup.callback(poller.stop)
            poller.start()
        self._cleanup.callback(self._scheduler.stop)
        self._scheduler.start()
        front.serve(self._front_door(functions))

    def _front_door(self, functions: Functions) -> Callable[[Environ, Any], Any]:
        gateways = [
            Gateway(
                routes_of(self._deployment.resolver.resolve(api.properties["Body"])),
                functions,
                api_id=api.reference,
                account=ACCOUNT,
            )
            for api in self._deployment.of_type("AWS::ApiGatewayV2::Api").values()
        ]
        if len(gateways) != 1:
            message = f"template.yaml has {len(gateways)} HTTP APIs; one port serves exactly one."
            raise StackError(message)

        def answer(environ: Environ, start_response: Any) -> Any:  # noqa: ANN401 - WSGI
            if environ["PATH_INFO"].startswith(f"{ISSUER_PATH}/"):
                return self.issuer(environ, start_response)
            return gateways[0](environ, start_response)

        return answer

    def _sandbox_environment(self) -> Mapping[str, str]:
        home = self.data / "home"
        home.mkdir(exist_ok=True)
        return {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "local",
            "AWS_ENDPOINT_URL": self.aws_endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "HOME": str(home),
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TZ": "UTC",
        }

    def objects_changed(self, bucket: str, key: str) -> None:
        """Keep an S3 object on disk."""
        self._persistence.objects_changed(bucket, key)

    def secrets_changed(self) -> None:
        """Keep secrets on disk."""
        self._persistence.secrets_changed()

    def schedules_changed(self) -> None:
        """Let the scheduler look again."""
        self._scheduler.schedules_changed()
