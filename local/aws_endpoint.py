"""The AWS endpoint of the stack: moto's services, with our functions behind Lambda's Invoke."""

from __future__ import annotations

import base64
import json
import logging
import re
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local.functions import FunctionNotFoundError, Functions
from local.queues import Environ, OneAtATime, WsgiApp, default_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.sandbox import Answer

_INVOKE = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations/?")
_LARGEST_PAYLOAD = 6 * 1024 * 1024
_LARGEST_ASYNC_PAYLOAD = 1024 * 1024
_TAIL_BYTES = 4096
_SERVICE_IN_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")


# It writes pages about every failed state of an execution; what failed stands in the execution's
# history and in the function's log.
logging.getLogger("moto").setLevel(logging.CRITICAL)


class AfterEffects(Protocol):
    """Who wants to know what changed in moto."""

    def objects_changed(self, bucket: str, key: str) -> None:
        """Take note of an S3 object written or deleted; an empty key means several of them."""

    def secrets_changed(self) -> None:
        """Take note of a change to Secrets Manager."""

    def schedules_changed(self) -> None:
        """Take note of a change to EventBridge Scheduler."""


class AwsEndpoint:
    """A WSGI application that answers as AWS.

    Parameters
    ----------
    account, region
        Where the stack's resources are.
    effects
        Told of changes, after moto has made them and before the caller hears of them.
    """

    def __init__(self, *, account: str, region: str, effects: AfterEffects) -> None:
        BackendDict.reset()
        # Without this moto stores state machines and leaves their executions RUNNING for ever.
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self._moto: WsgiApp = DomainDispatcherApplication(create_backend_app)
        self._queues = OneAtATime(
            self._moto,
            default_wait=lambda url: default_wait(url, account=account, region=region),
        )
        self._effects = effects
        self._functions: Functions | None = None

    def serve(self, functions: Functions) -> None:
        """Put the functions behind the Invoke operation."""
        self._functions = functions

    def stop(self) -> None:
        """Let every waiting request go."""
        self._queues.stop()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's callable
        """Answer one request of an AWS SDK."""
        # moto matches S3 keys against the path before it was decoded, under this name.
        environ["RAW_URI"] = environ.get("REQUEST_URI", environ["PATH_INFO"])
        invoked = _INVOKE.fullmatch(environ["PATH_INFO"])
        if invoked and environ["REQUEST_METHOD"] == "POST":
            return self._invoke(unquote(invoked["name"]), environ, start_response)
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("AmazonSQS."):
            return self._queues(environ, start_response)
        if environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            return self._moto(environ, start_response)
        return self._change(environ, start_response)

    def _change(self, environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
        held: list[tuple[Any, ...]] = []
        body = b"".join(self._moto(environ, lambda *answer: held.append(answer)))
        if str(held[0][0]).startswith("2"):
            self._tell(environ)
        start_response(*held[0])
        return [body]

    def _tell(self, environ: Environ) -> None:
        found = _SERVICE_IN_CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        service = found[1] if found else ""
        if service == "s3":
            path = environ["PATH_INFO"].encode("latin-1").decode("utf-8")
            bucket, _, key = path.lstrip("/").partition("/")
            if bucket and (key or environ["REQUEST_METHOD"] == "POST"):
                self._effects.objects_changed(bucket, key)
        elif service == "secretsmanager":
            self._effects.secrets_changed()
        elif service == "scheduler":
            self._effects.schedules_changed()

    def _invoke(self, name: str, environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
        """Answer Invoke; source: AWS Lambda API Reference, Invoke."""
        event = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}"
        kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")
        largest = _LARGEST_ASYNC_PAYLOAD if kind == "Event" else _LARGEST_PAYLOAD
        refuse = _Refusal(start_response)
        if self._functions is None:
            return refuse("503 Service Unavailable", "ServiceException", "The stack is starting.")
        if len(event) > largest:
            text = f"{len(event)} byte payload is too large; at most {largest} are taken"
            return refuse("413 Payload Too Large", "RequestTooLargeException", text)
        try:
            text = event.decode("utf-8")
            json.loads(text)
        except ValueError:
            text = "Could not parse request body into json"
            return refuse("400 Bad Request", "InvalidRequestContentException", text)
        try:
            if kind == "Event":
                self._functions.invoke_later(name, text)
                start_response("202 Accepted", [("Content-Length", "0")])
                return [b""]
            answer = self._functions.invoke(name, text)
        except FunctionNotFoundError:
            text = f"Function not found: {name}"
            return refuse("404 Not Found", "ResourceNotFoundException", text)
        wants_log = environ.get("HTTP_X_AMZ_LOG_TYPE") == "Tail"
        return _respond(answer, start_response, wants_log=wants_log)


def _respond(
    answer: Answer,
    start_response: Any,  # noqa: ANN401 - WSGI's callable
    *,
    wants_log: bool,
) -> Iterable[bytes]:
    body = answer.payload.encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Amz-Executed-Version", "$LATEST"),
    ]
    if answer.error is not None:
        headers.append(("X-Amz-Function-Error", answer.error))
    if wants_log:
        tail = "\n".join(answer.log).encode()[-_TAIL_BYTES:]
        headers.append(("X-Amz-Log-Result", base64.b64encode(tail).decode()))
    start_response("200 OK", headers)
    return [body]


class _Refusal:
    """Answers with an error of Lambda's own API."""

    def __init__(self, start_response: Callable[..., Any]) -> None:
        self._start_response = start_response

    def __call__(self, status: str, kind: str, message: str) -> Iterable[bytes]:
        body = json.dumps({"Type": "User", "Message": message}).encode()
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Amzn-ErrorType", kind),
        ]
        self._start_response(status, headers)
        return [body]
