"""The few requests of AWS a worker makes, answered from memory, with trouble on demand.

moto's queue is slow when it is deep and never misbehaves; here SQS is a :class:`StandardQueue`.
One address serves all services, as ``AWS_ENDPOINT_URL`` takes it.
"""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl
from uuid import uuid4

from forecourt.errors import ForecourtError
from forecourt.leads.wake_ups import DYNAMICS, EASYCARS
from tests.chaos.standard_queue import StandardQueue
from tests.support.data_keys import MemoryDataKeys

ARN = "arn:aws:{service}:ap-southeast-2:123456789012:{name}"
_NAMES = {EASYCARS: "leads", DYNAMICS: "dynamics"}
_DEAD_LETTERS = "-dlq"

_XML_ERROR = (
    b'<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Receiver</Type>'
    b"<Code>ServiceUnavailable</Code><Message>Try later.</Message></Error></ErrorResponse>"
)

type Given = Mapping[str, Any]


@dataclass(slots=True)
class Trouble:
    """What is wrong with an action, and for how many requests.

    ``refused``: HTTP 503 and nothing done. ``unheard``: done, and HTTP 503 all the same.
    ``partly``: every other entry of a batch fails.
    """

    action: str
    manner: str
    times: int


class AwsEndpoint:
    """Serves SQS, SNS, KMS and Secrets Manager to the workers of one run.

    Parameters
    ----------
    queues
        By the CRM whose deliveries their messages are about.
    keys
        What KMS decrypts with.
    login
        User and password of the database, which the one secret holds.
    """

    def __init__(
        self,
        queues: Mapping[str, StandardQueue],
        keys: MemoryDataKeys,
        login: Mapping[str, str],
    ) -> None:
        self.queues = queues
        self.buried: list[str] = []
        self.published: list[str] = []
        self.met_trouble = 0
        self.keys = keys
        self._login = login
        self._lock = threading.Lock()
        self._troubles: list[Trouble] = []
        self._server = _Server(("127.0.0.1", 0), _Handler, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="aws", daemon=True
        )
        self._json_actions: dict[str, Callable[[Given], Any]] = {
            "AmazonSQS.SendMessage": self._send,
            "AmazonSQS.SendMessageBatch": self._send_batch,
            "AmazonSQS.ChangeMessageVisibility": self._change_visibility,
            "secretsmanager.GetSecretValue": self._secret,
            "TrentService.Decrypt": self._decrypt,
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Address of all services."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def queue_url(self, target: str) -> str:
        """Address of the queue of one CRM's deliveries."""
        return f"{self.url}/123456789012/{_NAMES[target]}"

    def environment(self) -> dict[str, str]:
        """Name what the workers find here, as the template names it to functions."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": "ap-southeast-2",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "DATABASE_SECRET_ARN": ARN.format(service="secretsmanager", name="database"),
            "LEADS_QUEUE_URL": self.queue_url(EASYCARS),
            "LEADS_DLQ_URL": self.queue_url(EASYCARS) + _DEAD_LETTERS,
            "DYNAMICS_QUEUE_URL": self.queue_url(DYNAMICS),
            "DYNAMICS_DLQ_URL": self.queue_url(DYNAMICS) + _DEAD_LETTERS,
            "CREDENTIALS_KEY_ARN": ARN.format(service="kms", name="key/credentials"),
            "ALERT_TOPIC_ARN": ARN.format(service="sns", name="alerts"),
            "RUN_BUCKET": "forecourt-runs",
            "LEAD_EVENTS_TOPIC_ARN": ARN.format(service="sns", name="lead-events"),
        }

    def trouble(self, action: str, manner: str, times: int) -> None:
        """Let the next requests of an action fail."""
        with self._lock:
            self._troubles.append(Trouble(action, manner, times))

    def calm(self) -> None:
        """Fail no more."""
        with self._lock:
            self._troubles.clear()

    def answer(self, target: str, body: bytes) -> tuple[int, str, bytes]:
        """Answer a request: status, content type, body."""
        if target:
            action = target.partition(".")[2]
            manner = self._manner(action)
            if manner == "refused":
                return _unavailable()
            given = json.loads(body)
            if manner == "partly":
                return _json(self._send_batch(given, failing=True))
            done = self._json_actions[target](given)
            return _unavailable() if manner == "unheard" else _json(done)
        form = dict(parse_qsl(body.decode()))
        if self._manner(form["Action"]) is not None:
            return 503, "text/xml", _XML_ERROR
        return 200, "text/xml", self._publish(form)

    def _manner(self, action: str) -> str | None:
        with self._lock:
            for trouble in self._troubles:
                if trouble.action == action:
                    trouble.times -= 1
                    self.met_trouble += 1
                    if trouble.times == 0:
                        self._troubles.remove(trouble)
                    return trouble.manner
        return None

    def _send(self, given: Given) -> Any:
        if given["QueueUrl"].endswith(_DEAD_LETTERS):
            self.buried.append(given["MessageBody"])
            return {"MessageId": str(uuid4())}
        queue = self._queue_at(given["QueueUrl"])
        return {"MessageId": queue.send(given["MessageBody"], given.get("DelaySeconds", 0))}

    def _queue_at(self, url: str) -> StandardQueue:
        (target,) = (target for target in self.queues if url == self.queue_url(target))
        return self.queues[target]

    def _send_batch(self, given: Given, *, failing: bool = False) -> Any:
        sent, failed = [], []
        for index, entry in enumerate(given["Entries"]):
            if failing and index % 2 == 0:
                failed.append({"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"})
            else:
                sent.append({"Id": entry["Id"], **self._send({**entry, **_queue_of(given)})})
        return {"Successful": sent, "Failed": failed}

    def _change_visibility(self, given: Given) -> Any:
        queue = self._queue_at(given["QueueUrl"])
        queue.change_visibility(given["ReceiptHandle"], given["VisibilityTimeout"])
        return {}

    def _secret(self, _given: Given) -> Any:
        return {"SecretString": json.dumps(dict(self._login))}

    def _decrypt(self, given: Given) -> Any:
        context = given["EncryptionContext"]
        plaintext = self.keys.decrypt(
            base64.b64decode(given["CiphertextBlob"]),
            int(context["dealershipId"]),
            context["environment"],
        )
        return {"Plaintext": base64.b64encode(plaintext).decode(), "KeyId": given["KeyId"]}

    def _publish(self, form: Mapping[str, str]) -> bytes:
        if form["Action"] == "Publish":
            self.published.append(form["Message"])
            return _xml("Publish", f"<MessageId>{uuid4()}</MessageId>")
        members = []
        for key, name in form.items():
            if key.startswith("PublishBatchRequestEntries.") and key.endswith(".Id"):
                self.published.append(form[f"{key.removesuffix('.Id')}.Message"])
                members.append(f"<member><Id>{name}</Id><MessageId>{uuid4()}</MessageId></member>")
        return _xml("PublishBatch", f"<Failed/><Successful>{''.join(members)}</Successful>")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], aws: AwsEndpoint
    ) -> None:
        super().__init__(address, handler)
        self.aws = aws

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over workers that were killed while they asked."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            answer = self.server.aws.answer(self.headers.get("X-Amz-Target", ""), body)
        except ForecourtError as error:
            answer = 400, "application/x-amz-json-1.1", json.dumps({"__type": error.code}).encode()
        status, content_type, content = answer
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
        """Print nothing."""


def _queue_of(given: Given) -> dict[str, str]:
    return {"QueueUrl": given["QueueUrl"]}


def _json(value: object) -> tuple[int, str, bytes]:
    return 200, "application/x-amz-json-1.1", json.dumps(value).encode()


def _unavailable() -> tuple[int, str, bytes]:
    body = json.dumps({"__type": "ServiceUnavailable", "message": "Try later."})
    return 503, "application/x-amz-json-1.1", body.encode()


def _xml(action: str, result: str) -> bytes:
    return (
        f'<{action}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
        f"<{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>r</RequestId>"
        f"</ResponseMetadata></{action}Response>"
    ).encode()
