"""What a command works on: the stack running on this machine, or one deployed to AWS.

Both are addressed by the logical ids of ``template.yaml`` and through boto3, so every command is
written once. Administrative requests go to the ``admin_api`` function directly: whoever may invoke
it (IAM, or the owner of the data folder) acts as an administrator, and no password is involved.
"""

from __future__ import annotations

import getpass
import json
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from forecourt.http_request import COMMAND_LINE
from local.failures import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_DATA = Path(".forecourt")
LOCAL_REGION = "ap-southeast-2"
_HTTP_ERROR = 400
_CHECK_ACCOUNT = "Check --stack and that your AWS credentials and region are the stack's."


@dataclass(frozen=True, slots=True, kw_only=True)
class StackTarget:
    """One running stack.

    ``state`` is the content of the local ``stack.json``, None on AWS; ``stack_name`` is the
    CloudFormation stack's name, None locally.
    """

    state: Mapping[str, Any] | None = None
    stack_name: str | None = None

    @classmethod
    def find(cls, data: Path | None, stack: str | None) -> StackTarget:
        """Find the stack a command was asked to work on.

        Parameters
        ----------
        data
            The data folder of a stack on this machine; ``.forecourt`` when None.
        stack
            The name of a CloudFormation stack; it wins over ``data``.

        Raises
        ------
        StackError
            When nothing runs there, with the command that starts it.
        """
        if stack:
            return cls(stack_name=stack)
        folder = data or DEFAULT_DATA
        state_file = folder / "stack.json"
        try:
            state = json.loads(state_file.read_text())
        except FileNotFoundError:
            message = f"No stack runs on the data folder {folder}."
            cure = "Start one with `forecourt up`, or name its folder with --data DIR."
            raise StackError(message, cure=cure) from None
        except (OSError, ValueError) as error:
            message = f"{state_file} cannot be read: {error}."
            raise StackError(message, cure="Start the stack again with `forecourt up`.") from None
        if not _is_alive(int(state["pid"])):
            message = f"The stack on {folder} (process {state['pid']}) has ended."
            cure = "Start it again with `forecourt up`; what it had accepted is kept."
            raise StackError(message, cure=cure)
        return cls(state=state)

    def resource(self, logical_id: str) -> str:
        """Return the physical name of a resource of the template (a queue's URL, an ARN …)."""
        if self.state is not None:
            found = self.state["resources"].get(logical_id)
            if found is None:
                message = f"The running stack has no {logical_id}."
                raise StackError(message, cure="Restart it: template.yaml may have changed.")
            return str(found)
        try:
            answer = self.client("cloudformation").describe_stack_resource(
                StackName=self.stack_name, LogicalResourceId=logical_id
            )
        except (ClientError, BotoCoreError) as error:
            message = f"{logical_id} of stack {self.stack_name} was not found: {_said(error)}."
            raise StackError(message, cure=_CHECK_ACCOUNT) from None
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return a boto3 client for that service of the stack; StackError without a region."""
        if self.state is None:
            try:
                return boto3.client(service)  # type: ignore[call-overload]
            except BotoCoreError as error:
                message = f"Stack {self.stack_name} cannot be asked: {_said(error)}."
                raise StackError(message, cure=_CHECK_ACCOUNT) from None
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.state["aws_endpoint_url"],
            region_name=LOCAL_REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the embedded stack checks no signature
            config=Config(read_timeout=910, retries={"total_max_attempts": 1}),
        )

    def admin(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Send one request to the admin API as an administrator and return the decoded answer.

        Parameters
        ----------
        query
            Query parameters; those that are None are left out.
        body
            The JSON body, for methods that have one.

        Raises
        ------
        StackError
            With the title, detail and field errors of the problem document.
        """
        event = _http_event(method, path, query or {}, body)
        try:
            answer = self.client("lambda").invoke(
                FunctionName=self.resource("AdminApiFunction"), Payload=json.dumps(event).encode()
            )
            payload = json.loads(answer["Payload"].read())
        except (ClientError, BotoCoreError) as error:
            message = f"The admin API did not answer: {_said(error)}."
            raise StackError(message, cure="Look at the function's log.") from None
        if "FunctionError" in answer or "statusCode" not in payload:
            reason = payload.get("errorMessage", "no answer")
            message = f"The admin API failed: {reason}."
            raise StackError(message, cure="Look at the function's log.")
        content = json.loads(payload["body"]) if payload.get("body") else {}
        if payload["statusCode"] >= _HTTP_ERROR:
            raise StackError(_problem_sentence(payload["statusCode"], content))
        return content


def _said(error: Exception) -> str:
    return str(error).rstrip(".")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _problem_sentence(status: int, problem: Mapping[str, Any]) -> str:
    parts = [str(problem.get("title") or f"The admin API answered {status}").rstrip(".") + "."]
    if problem.get("detail"):
        parts.append(str(problem["detail"]))
    errors = [f"{e.get('field')}: {e.get('message')}" for e in problem.get("errors", [])]
    if errors:
        parts.append(f"{'; '.join(errors)}.")
    return " ".join(parts)


def _http_event(
    method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Build an HTTP API event, payload version 2.0, as the gateway does after its authorizer."""
    parameters = {key: str(value) for key, value in query.items() if value is not None}
    user = getpass.getuser()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "ANY /api/admin/{proxy+}",
        "rawPath": path,
        "rawQueryString": urlencode(parameters),
        "headers": {"content-type": "application/json"},
        "pathParameters": {"proxy": path.removeprefix("/api/admin/")},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": COMMAND_LINE,
            "authorizer": {
                "jwt": {
                    "claims": {"sub": f"operator:{user}", "username": user, "usertype": "Admin"},
                    "scopes": None,
                }
            },
            "domainName": "command-line",
            "domainPrefix": "command-line",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "forecourt",
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "ANY /api/admin/{proxy+}",
            "stage": "$default",
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": False,
    }
    if parameters:
        event["queryStringParameters"] = parameters
    if body is not None:
        event["body"] = json.dumps(body)
    return event
