"""A stack of the sample template, running in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from local.clients import local_clients
from local.data_folder import DataFolder
from local.issuer import LocalIssuer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLE = Path(__file__).with_name("sample") / "template.yaml"
NO_DATABASE = "postgresql://nobody:none@127.0.0.1:9/none"
NO_VENDOR = "http://127.0.0.1:9"
START_SECONDS = 60


@dataclass(frozen=True)
class RunningSample:
    """``ready`` is the line it printed, ``state`` its stack.json."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    state: dict[str, Any]
    data: Path

    def client(self, service: str) -> Any:
        return local_clients(self.state["aws_endpoint_url"], "ap-southeast-2")(service)

    def resource(self, logical_id: str) -> str:
        return str(self.state["resources"][logical_id])

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return httpx.request(method, f"{self.state['url']}{path}", timeout=30, **options)

    def invoke(self, function: str, event: object, **options: Any) -> dict[str, Any]:
        answer = self.client("lambda").invoke(
            FunctionName=self.resource(function), Payload=json.dumps(event).encode(), **options
        )
        return {**answer, "Payload": json.loads(answer["Payload"].read() or b"null")}

    def console(self) -> str:
        """What it wrote to standard error so far."""
        return self.data.with_suffix(".stderr").read_text()

    def issuer(self) -> LocalIssuer:
        return LocalIssuer(DataFolder(self.data), self.state["issuer_url"])

    def seen(self, name: str) -> list[dict[str, Any]]:
        """The queue records of that name the batch function has seen, oldest first."""
        s3, bucket = self.client("s3"), self.resource("Bucket")
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"seen/{name}/").get("Contents", [])
        keys = sorted(entry["Key"] for entry in listed)
        return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]

    def send(self, body: object, **options: Any) -> str:
        answer = self.client("sqs").send_message(
            QueueUrl=self.resource("WorkQueue"), MessageBody=json.dumps(body), **options
        )
        return str(answer["MessageId"])


def launch(data: Path, *arguments: str, backing: bool = False) -> subprocess.Popen[str]:
    """Start a stack; ``backing`` also starts PostgreSQL and the simulators."""
    command = [sys.executable, "-m", f"{__package__}.serve_sample"]
    command += ["--data", str(data), "--template", str(SAMPLE)]
    if not backing:
        command += ["--database-url", NO_DATABASE]
        command += ["--easycars-url", NO_VENDOR, "--dynamics-url", NO_VENDOR]
    command += arguments
    with data.with_suffix(".stderr").open("a") as errors:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)


@contextmanager
def running_sample(data: Path, *arguments: str, backing: bool = False) -> Iterator[RunningSample]:
    with launch(data, *arguments, backing=backing) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, data.with_suffix(".stderr").read_text()
            state = json.loads((data / "stack.json").read_text())
            yield RunningSample(process, json.loads(line), state, data)
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_until[T](look: Callable[[], T], *, seconds: float = 20) -> T:
    """Return the first true value that looking gives."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"not seen within {seconds} s"
        time.sleep(0.05)
    return found
